"""Credentials in an SQLite database: many sessions in one file, for servers.

The database is **not encrypted**: whoever can read the file as its owner, or reads the disk or a backup of it, has the
tokens of every session in it.

SQLite leaves copies of what was deleted in four places: in pages that became free, which `secure_delete` overwrites; in
the write-ahead log, which a clear empties (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint); in rollback
journals, which are not used; and in the unallocated parts of pages of a B-tree that was balanced, which nothing
overwrites. What SQLite keeps in such pages is the beginning of a row, at most a page
(https://www.sqlite.org/fileformat2.html#b_tree_pages), so rows that hold tokens begin with a page of blanks.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from authsm.stores._database import PAGE_BYTES, Database, transaction
from authsm.stores._record import Record, from_text, to_text
from authsm.stores._store import LOCK_SECONDS, Answer, Change, RecordStore
from authsm.stores.contract import Capabilities, StoreCorruptError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_BLANKS: Final = b" " * PAGE_BYTES

_FORGET: Final = """
    DELETE FROM sessions WHERE rowid BETWEEN ? AND ? AND NOT in_progress
    AND CASE WHEN json_valid(CAST(record AS TEXT)) THEN
        json_extract(CAST(record AS TEXT), '$.state') = 'tombstone'
        AND json_extract(CAST(record AS TEXT), '$.epoch') < ?
    END
"""
"""What `Record.is_spent` says, where the records are: there may be millions."""

_PORTION: Final = 5_000
"""How many rows are looked at before others may write."""


class SQLiteCredentialStore(RecordStore):
    """Credentials in one SQLite file, mode 0600, safe between threads and processes, and over `os.fork`.

    Every change is one transaction that is on the disk when it returns (WAL, ``synchronous=FULL``). The write-ahead log
    needs a file system of this machine: put the file on no network share
    (https://www.sqlite.org/wal.html#disadvantages). Do not open the file otherwise in a process that uses the store:
    closing it takes the locks of SQLite away (https://www.sqlite.org/howtocorrupt.html, section 2.2).

    Args:
        path: The file; made at the first sign-in, with its folders.
        lock_seconds: How long to wait for other threads and processes that write, in seconds.
    """

    def __init__(self, path: str | os.PathLike[str], *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._path = Path(path).absolute()  # now: a program may change its directory later
        self._database = Database(self._path, lock_seconds)

    def __repr__(self) -> str:
        return f"SQLiteCredentialStore({str(self._path)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SQLiteCredentialStore) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The store can still be used: it opens the file again."""
        self._database.close()

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities(durable_clear=True, cross_process=True, sweeps_residue=True)

    def _read(self, key: str) -> Record:
        with self._database.reading() as database:
            return self._select(database, key)

    def _read_afresh(self, key: str) -> Record:
        with self._database.reading_afresh() as database:
            return self._select(database, key)

    def _select(self, database: sqlite3.Connection | None, key: str) -> Record:
        record = Record() if database is None else _read_row(database, key)
        if isinstance(record, str):
            raise StoreCorruptError(f"The session {key!r} in {self._path} {record}")
        return record

    def _change(self, key: str, change: Change[Answer], *, begins: bool = False, replaces: bool = False) -> Answer:
        with self._database.writing(makes=begins) as database:
            if database is None:
                return change(Record())[1]
            with transaction(database):
                try:
                    record = self._select(database, key)
                except StoreCorruptError:
                    if not replaces:
                        raise
                    record = Record()
                changed, answer = change(record)
                if changed is not record:
                    blanks = _BLANKS if changed.data is not None else b""
                    database.execute(
                        "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)",
                        (key, changed.in_progress, blanks + to_text(changed)),
                    )
        return answer

    def _in_progress(self) -> Iterable[str]:
        with self._database.reading() as database:
            if database is None:
                return []
            return [str(row[0]) for row in database.execute("SELECT key FROM sessions WHERE in_progress")]

    def _forget(self, before: int) -> int:
        with self._database.reading() as database:
            last = database.execute("SELECT max(rowid) FROM sessions").fetchone()[0] if database is not None else None
        forgotten = 0
        for first in range(0, (last or 0) + 1, _PORTION):
            with self._database.writing() as database:
                if database is not None:
                    portion = (first, first + _PORTION - 1, before)
                    forgotten += database.execute(_FORGET, portion).rowcount
            time.sleep(0)  # whoever waits has its turn
        return forgotten

    def _destroy(self, key: str) -> tuple[str, ...]:
        del key
        with self._database.writing() as database:
            if database is None:
                return ()
            try:
                busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.DatabaseError as error:  # a full disk: the tombstone stands, and that much is to be told
                return (f"copies in {self._path} and {self._path}-wal ({error})",)
            return (f"copies in {self._path}-wal, while another program reads it",) if busy else ()


def _read_row(database: sqlite3.Connection, key: str) -> Record | str:
    """Read a record; raises nothing of its own, because a traceback from here would show the tokens."""
    row = database.execute("SELECT record FROM sessions WHERE key = ?", (key,)).fetchone()
    if row is None:
        return Record()
    return from_text(row[0]) if isinstance(row[0], bytes) else "was not written by authsm."
