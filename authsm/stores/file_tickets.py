"""Tickets of suspended sign-outs in a file beside the credentials, for programs that keep those in files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import filelock
import msgspec

from authsm.stores._files import read, replace_by
from authsm.stores._folder import explained
from authsm.stores._record import MALFORMED
from authsm.stores._store import LOCK_SECONDS
from authsm.stores.contract import StoreCorruptError, StoreUnavailableError
from authsm.stores.tickets import BookOfTickets, Ticket

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Mapping

_NAME: Final = "suspended-sign-outs"


class FileTicketStore(BookOfTickets):
    """Tickets in one file, mode 0600, safe between threads and processes of this machine.

    Every change writes the whole file anew: it is for some hundred sign-outs at a time. Servers have
    `authsm.stores.sqlite_tickets.SQLiteTicketStore`.

    Args:
        folder: Where the file goes, that of a `FileCredentialStore` for example; made when it is needed.
        lock_seconds: How long to wait for others that write, in seconds.
    """

    def __init__(self, folder: str | os.PathLike[str], *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._path = Path(folder).absolute() / f"{_NAME}.json"  # now: a program may change its directory later
        self._lock_seconds = lock_seconds

    def __repr__(self) -> str:
        return f"FileTicketStore({str(self._path.parent)!r})"

    @contextlib.contextmanager
    def _opened(self) -> Generator[dict[str, Ticket]]:
        with explained(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            tickets = self._read()
            before = tickets.copy()
            yield tickets
            if tickets != before:
                with explained(self._path):
                    replace_by(msgspec.json.encode(tickets), self._path)

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        place = self._path.with_suffix(".lock")
        lock = filelock.FileLock(place, timeout=self._lock_seconds, mode=0o600)
        with explained(self._path):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise StoreUnavailableError(
                    f"Another process has kept {place} for more than {self._lock_seconds:g} s."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def _seen(self) -> Mapping[str, Ticket]:
        return self._read()

    def _read(self) -> dict[str, Ticket]:
        with explained(self._path):
            try:
                text = read(self._path)
            except FileNotFoundError:
                return {}
        try:
            return msgspec.json.decode(text, type=dict[str, Ticket])
        except MALFORMED:
            raise StoreCorruptError(
                f"The file {self._path} is damaged. Move it away: the sign-outs in it are done, but for their browsers."
            ) from None
