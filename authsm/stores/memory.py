"""Credentials in the memory of this process: for tests, and for sessions that need not outlive it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from authsm.stores._record import Record
from authsm.stores.contract import Capabilities

if TYPE_CHECKING:
    from authsm.credentials import SignedInData
    from authsm.stores.contract import Cleared, Entry, Left, Refused, Saved, Superseded, Verified


class MemoryCredentialStore:
    """Credentials in memory, gone with the process. Safe to share between threads and event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities()

    def _get(self, key: str) -> Record:
        return self._records.get(key, Record())

    def load(self, key: str) -> Entry:
        """Give what is stored under a key; see `CredentialStore.load`."""
        return self._get(key).entry

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        """Store a new sign-in; see `CredentialStore.begin`."""
        with self._lock:
            record = self._records[key] = self._get(key).begin(key, data, replace_it=replace)
        return record.entry

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        """Compare and set; see `CredentialStore.save`."""
        with self._lock:
            self._records[key], answer = self._get(key).save(data, epoch, generation)
        return answer

    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Commit LEAVING; see `CredentialStore.leave`."""
        with self._lock:
            self._records[key], answer = self._get(key).leave(epoch, journal)
        return answer

    def write_journal(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Replace the journal; see `CredentialStore.write_journal`."""
        with self._lock:
            self._records[key], answer = self._get(key).write_journal(epoch, journal)
        return answer

    def read_journal(self, key: str) -> str | None:
        """Give the journal; see `CredentialStore.read_journal`."""
        return self._get(key).journal

    def erase_journal(self, key: str, *, epoch: int) -> None:
        """Forget the journal; see `CredentialStore.erase_journal`."""
        with self._lock:
            self._records[key] = self._get(key).erase_journal(epoch)

    def journals(self) -> tuple[str, ...]:
        """Give the keys under which a sign-out is in progress; see `CredentialStore.journals`."""
        with self._lock:
            return tuple(key for key, record in self._records.items() if record.in_progress)

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        """Become a tombstone; see `CredentialStore.clear`."""
        with self._lock:
            self._records[key], answer = self._get(key).clear(epoch)
        return answer

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        """Look afresh; see `CredentialStore.verify_cleared`."""
        return self._get(key).verified(epoch)
