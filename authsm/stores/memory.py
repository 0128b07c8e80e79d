"""Credentials in the memory of this process: for tests, and for sessions that need not outlive it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsm._forks import ForkSafeLock
from authsm.stores._record import Record
from authsm.stores._store import Answer, Change, RecordStore
from authsm.stores.contract import Capabilities

if TYPE_CHECKING:
    from collections.abc import Iterable


class MemoryCredentialStore(RecordStore):
    """Credentials in memory, gone with the process. Safe to share between threads and event loops."""

    def __init__(self) -> None:
        self._safe = ForkSafeLock()
        self._records: dict[str, Record] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities()

    def _read(self, key: str) -> Record:
        return self._records.get(key, _NOTHING)

    def _change(self, key: str, change: Change[Answer], *, begins: bool = False, replaces: bool = False) -> Answer:
        del begins, replaces
        with self._safe.lock:
            record = self._read(key)
            changed, answer = change(record)
            if changed is not record:
                self._records[key] = changed
        return answer

    def _forget(self, before: int) -> int:
        with self._safe.lock:
            spent = [key for key, record in self._records.items() if record.is_spent(before)]
            for key in spent:
                del self._records[key]
        return len(spent)

    def _in_progress(self) -> Iterable[str]:
        with self._safe.lock:
            return [key for key, record in self._records.items() if record.in_progress]


_NOTHING = Record()
