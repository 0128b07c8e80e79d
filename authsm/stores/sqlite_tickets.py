"""Tickets of suspended sign-outs in an SQLite database: the one that the credentials are in, in a table of their own.

That table is made with the first ticket. Versions of authsm that know nothing of it leave it alone.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from authsm.stores._database import Database, transaction
from authsm.stores._store import LOCK_SECONDS
from authsm.stores.tickets import Ticket

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Generator, Iterable

_COLUMNS: Final = (
    "digest TEXT PRIMARY KEY, key TEXT NOT NULL, expires REAL NOT NULL, suspended TEXT NOT NULL, ending TEXT NOT NULL"
)
_SCHEMA: Final = (
    f"CREATE TABLE IF NOT EXISTS tickets ({_COLUMNS}) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS tickets_expires ON tickets (expires)",
    "CREATE INDEX IF NOT EXISTS tickets_waiting ON tickets (key) WHERE ending = ''",
)
_IS_MADE: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'tickets'"
_RENEW: Final = """
    UPDATE tickets SET digest = ?, expires = ? WHERE digest =
        (SELECT digest FROM tickets WHERE key = ? AND ending = '' ORDER BY expires DESC LIMIT 1)
"""


class SQLiteTicketStore:
    """Tickets in an SQLite file, mode 0600, safe between threads and processes, and over `os.fork`.

    Every change is one transaction that is on the disk when it returns; see
    `authsm.stores.sqlite.SQLiteCredentialStore`, whose file this may be, and should be: one file to keep and to guard.

    Args:
        path: The file; made with the first ticket, with its folders, where it is not there.
        lock_seconds: How long to wait for other threads and processes that write, in seconds.
    """

    def __init__(self, path: str | os.PathLike[str], *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._path = Path(path).absolute()  # now: a program may change its directory later
        self._database = Database(self._path, lock_seconds)

    def __repr__(self) -> str:
        return f"SQLiteTicketStore({str(self._path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The store can still be used: it opens the file again."""
        self._database.close()

    @contextlib.contextmanager
    def _reading(self) -> Generator[sqlite3.Connection | None]:
        """Give a connection to read with; None where no ticket was ever put."""
        with self._database.reading() as database:
            yield database if database is not None and database.execute(_IS_MADE).fetchone() else None

    @contextlib.contextmanager
    def _writing(self, *, makes: bool = False) -> Generator[sqlite3.Connection | None]:
        """Give a connection within a transaction; None where no ticket was ever put, and none is now."""
        with self._database.writing(makes=makes) as database:
            if database is None:
                yield None
                return
            with transaction(database):
                if makes:
                    for statement in _SCHEMA:
                        database.execute(statement)
                yield database if database.execute(_IS_MADE).fetchone() else None

    def put(self, digest: str, ticket: Ticket) -> None:
        """Keep a ticket; see `TicketStore.put`."""
        row = (digest, ticket.key, ticket.expires, ticket.suspended, ticket.ending)
        with self._writing(makes=True) as database:
            if database is not None:  # pragma: no branch - it was just made
                database.execute("INSERT OR REPLACE INTO tickets VALUES (?, ?, ?, ?, ?)", row)

    def read(self, digest: str) -> Ticket | None:
        """Give a ticket; see `TicketStore.read`."""
        with self._reading() as database:
            if database is None:
                return None
            row = database.execute(
                "SELECT key, expires, suspended, ending FROM tickets WHERE digest = ?", (digest,)
            ).fetchone()
        return Ticket(key=row[0], expires=row[1], suspended=row[2], ending=row[3]) if row else None

    def end(self, digest: str, ending: str) -> bool:
        """Compare and delete; see `TicketStore.end`."""
        change = "UPDATE tickets SET suspended = '', ending = ? WHERE digest = ? AND ending = ''"
        return self._changed(change, ending, digest) == 1

    def renew(self, key: str, digest: str, *, expires: float) -> bool:
        """Let it be found under another digest; see `TicketStore.renew`."""
        return self._changed(_RENEW, digest, expires, key) == 1

    def expired(self, now: float) -> Iterable[str]:
        """Give the digests of tickets whose time is over; see `TicketStore.expired`."""
        with self._reading() as database:
            if database is None:
                return []
            rows = database.execute("SELECT digest FROM tickets WHERE expires <= ? AND ending = ''", (now,))
            return [str(digest) for (digest,) in rows]

    def forget(self, before: float) -> int:
        """Remove tickets that have ended; see `TicketStore.forget`."""
        return self._changed("DELETE FROM tickets WHERE expires < ? AND ending != ''", before)

    def _changed(self, change: str, *values: str | float) -> int:
        """Make a change; tell how many tickets it has changed."""
        with self._writing() as database:
            return 0 if database is None else database.execute(change, values).rowcount
