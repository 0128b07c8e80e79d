"""Credentials in an SQLite database: many sessions in one file, for servers.

The database is **not encrypted**: whoever can read the file as its owner, or reads the disk or a backup of it, has the
tokens of every session in it.

SQLite leaves copies of what was deleted in three places: in pages that became free, in the write-ahead log, and in
rollback journals. So `secure_delete` overwrites the first, a clear empties the second
(https://www.sqlite.org/pragma.html#pragma_wal_checkpoint), and the third are not used.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from authsm.stores._record import Record, from_text, to_text
from authsm.stores._store import Answer, Change, RecordStore, gone, unavailable
from authsm.stores.contract import Capabilities, StoreCorruptError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_APPLICATION_ID: Final = 0x61757468
"""Says in the file's header whose it is: "auth" (https://www.sqlite.org/pragma.html#pragma_application_id)."""

_SCHEMA_VERSION: Final = 1

_SETTINGS: Final = (
    "secure_delete = ON",
    "synchronous = FULL",
    "fullfsync = ON",  # of macOS; elsewhere it changes nothing (https://www.sqlite.org/pragma.html#pragma_fullfsync)
    "checkpoint_fullfsync = ON",  # the same
    "trusted_schema = OFF",
)

_FORGET: Final = """
    DELETE FROM sessions WHERE NOT in_progress AND CASE WHEN json_valid(CAST(record AS TEXT)) THEN
        json_extract(CAST(record AS TEXT), '$.state') = 'tombstone'
        AND json_extract(CAST(record AS TEXT), '$.epoch') < ?
    END
"""
"""What `Record.is_spent` says, where the records are: there may be millions."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SQLiteCredentialStore(RecordStore):
    """Credentials in one SQLite file, mode 0600, safe between threads and processes.

    Every change is one transaction that is on the disk when it returns (WAL, ``synchronous=FULL``). The write-ahead log
    needs a file system of this machine: put the file on no network share
    (https://www.sqlite.org/wal.html#disadvantages).

    Args:
        path: The file; made at the first sign-in, with its folders.
        lock_seconds: How long to wait for another process that writes, in seconds.
    """

    def __init__(self, path: str | os.PathLike[str], *, lock_seconds: float = 5.0) -> None:
        self._path = Path(path).absolute()  # now: a program may change its directory later
        self._lock_seconds = lock_seconds
        self._lock = threading.Lock()
        self._open: _Connection | None = None
        self._seen = False

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
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities(durable_clear=True, cross_process=True, sweeps_residue=True)

    def _read(self, key: str) -> Record:
        with self._connected() as database:
            return Record() if database is None else self._select(database, key)

    def _read_afresh(self, key: str) -> Record:
        with self._lock, self._explained():
            if not self._exists():
                return Record()
            with contextlib.closing(_Connection(self._path, self._lock_seconds, was_seen=self._seen)) as connection:
                return self._select(connection.database, key)

    def _select(self, database: sqlite3.Connection, key: str) -> Record:
        record = _read_row(database, key)
        if isinstance(record, str):
            raise StoreCorruptError(f"The session {key!r} in {self._path} {record}")
        return record

    def _change(self, key: str, change: Change[Answer], *, begins: bool = False, replaces: bool = False) -> Answer:
        with self._connected(makes=begins) as database:
            if database is None:
                return change(Record())[1]
            with _transaction(database):
                try:
                    record = self._select(database, key)
                except StoreCorruptError:
                    if not replaces:
                        raise
                    record = Record()
                changed, answer = change(record)
                if changed is not record:
                    database.execute(
                        "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)",
                        (key, changed.in_progress, to_text(changed)),
                    )
        return answer

    def _in_progress(self) -> Iterable[str]:
        with self._connected() as database:
            if database is None:
                return []
            return [str(row[0]) for row in database.execute("SELECT key FROM sessions WHERE in_progress")]

    def _forget(self, before: int) -> int:
        with self._connected() as database:
            return 0 if database is None else database.execute(_FORGET, (before,)).rowcount

    def _destroy(self, key: str, epoch: int) -> tuple[str, ...]:
        del key, epoch
        with self._connected() as database:
            if database is None:
                return ()
            try:
                busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:  # a full disk: the tombstone stands, and that much is to be told
                return (f"copies in {self._path} and {self._path}-wal ({error})",)
            return (f"copies in {self._path}-wal, while another program reads it",) if busy else ()

    @contextlib.contextmanager
    def _connected(self, *, makes: bool = False) -> Generator[sqlite3.Connection | None]:
        """Give the open database, for one thread at a time; None where there is none, and none is to be made."""
        with self._lock, self._explained():
            if self._open is not None and not self._open.is_of(self._path):
                self._close()  # the file was removed or replaced, or this is another process after a fork
            if self._open is None:
                if not makes and not self._exists():
                    yield None
                    return
                self._open = _Connection(self._path, self._lock_seconds, makes=makes, was_seen=self._seen)
                self._seen = True
            yield self._open.database

    def _exists(self) -> bool:
        if _identity(self._path) is not None:
            return True
        if self._seen:
            raise gone(self._path)
        return False

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            damaged = error.sqlite_errorcode & 0xFF in _DAMAGED
            what = str(error)
        except UnicodeEncodeError as error:
            damaged = False
            what = f"a key that is no text ({error.reason})"
        except OSError as error:
            damaged = False
            what = error.strerror or type(error).__name__
        else:
            return
        # Raised outside of the handlers: their tracebacks lead through frames that hold what was to be written.
        if damaged:
            raise StoreCorruptError(
                f"The database {self._path} is damaged, or none ({what}). Move it away (it may hold live tokens), "
                "then sign in."
            )
        raise unavailable(self._path, what)


def _read_row(database: sqlite3.Connection, key: str) -> Record | str:
    """Read a record; raises nothing of its own, because a traceback from here would show the tokens."""
    row = database.execute("SELECT record FROM sessions WHERE key = ?", (key,)).fetchone()
    if row is None:
        return Record()
    return from_text(row[0]) if isinstance(row[0], bytes) else "was not written by authsm."


class _Connection:
    """An open database, of the process that opened it."""

    def __init__(self, path: Path, lock_seconds: float, *, makes: bool = False, was_seen: bool = False) -> None:
        if makes:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite makes files that everybody may read; its -wal and -shm files get the mode of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._process = os.getpid()
        self._file = _identity(path)
        self.database = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=lock_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        self._closing = weakref.finalize(self, self.database.close)
        try:
            self._prepare(path, may_make=makes or not was_seen)
        except BaseException:
            self.close()
            raise

    def _prepare(self, path: Path, *, may_make: bool) -> None:
        for setting in _SETTINGS:
            self.database.execute(f"PRAGMA {setting}")
        if self._number("application_id") != _APPLICATION_ID:
            self._make(path, may_make=may_make)
        version = self._number("user_version")
        if version != _SCHEMA_VERSION:
            raise StoreCorruptError(
                f"The database {path} has the format {version}; this version of authsm reads {_SCHEMA_VERSION}. "
                "Use the version that wrote it."
            )

    def _make(self, path: Path, *, may_make: bool) -> None:
        self._refuse_foreign(path)  # before its header is changed
        if not may_make:
            raise gone(f"What was in {path}")
        self.database.execute("PRAGMA journal_mode = WAL")
        with _transaction(self.database):
            if self._number("application_id") == _APPLICATION_ID:
                return  # another process has just made it
            self.database.execute(
                "CREATE TABLE sessions (key TEXT PRIMARY KEY, in_progress INTEGER NOT NULL, record BLOB NOT NULL)"
            )
            self.database.execute("CREATE INDEX sessions_in_progress ON sessions (key) WHERE in_progress")
            self.database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self.database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def _refuse_foreign(self, path: Path) -> None:
        ours = self._number("application_id") == _APPLICATION_ID
        if not ours and self.database.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
            raise StoreCorruptError(f"The database {path} belongs to another program. Give authsm a file of its own.")

    def _number(self, pragma: str) -> int:
        return int(self.database.execute(f"PRAGMA {pragma}").fetchone()[0])

    def is_of(self, path: Path) -> bool:
        """Tell whether this is still the file at a path, and this the process that opened it."""
        return self._process == os.getpid() and self._file == _identity(path)

    def close(self) -> None:
        """Close it, unless it came along in a fork: closing it there would take the locks of the parent away."""
        if self._process == os.getpid():
            self._closing()
        else:
            self._closing.detach()
            _INHERITED.append(self.database)


_INHERITED: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process (https://www.sqlite.org/howtocorrupt.html, section 2.6): never used, never closed."""


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Generator[None]:
    """Commit what happens within, or nothing of it; others wait from its beginning."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
