"""An SQLite file: how it is opened, by how many at a time, and what goes wrong with it.

POSIX drops the locks of a whole process when any handle of the file is closed in it, and a forked process believes that
it has those of its parent (https://www.sqlite.org/howtocorrupt.html, sections 2.2 and 2.6). So nothing here opens the
file but SQLite, and nothing is open while the process forks.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import weakref
from typing import TYPE_CHECKING, Final

from authsm._forks import ForkSafeLock
from authsm.stores._store import gone, unavailable
from authsm.stores.contract import StoreCorruptError, StoreUnavailableError

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator
    from pathlib import Path

_APPLICATION_ID: Final = 0x61757468
"""Says in the file's header whose it is: "auth" (https://www.sqlite.org/pragma.html#pragma_application_id)."""

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE sessions (key TEXT PRIMARY KEY, in_progress INTEGER NOT NULL, record BLOB NOT NULL)",
    "CREATE INDEX sessions_in_progress ON sessions (key) WHERE in_progress",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)

PAGE_BYTES: Final = 4096

_SETTINGS: Final = (
    f"page_size = {PAGE_BYTES}",  # of a file that is made
    "secure_delete = ON",
    "synchronous = FULL",
    "fullfsync = ON",  # of macOS; elsewhere it changes nothing (https://www.sqlite.org/pragma.html#pragma_fullfsync)
    "checkpoint_fullfsync = ON",  # the same
    "trusted_schema = OFF",
)

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """One file, with a connection for those who read, one for those who write, and one for a fresh look.

    Args:
        path: The file.
        lock_seconds: How long to wait for other threads and processes, in seconds.
    """

    def __init__(self, path: Path, lock_seconds: float) -> None:
        self.path = path
        self._lock_seconds = lock_seconds
        self._lanes = {use: _Lane() for use in ("reading", "writing", "fresh")}
        self._seen = False

    def close(self) -> None:
        """Close every connection. They are opened again when they are needed."""
        for lane in self._lanes.values():
            with lane.lock:
                lane.close()

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection | None]:
        """Give a connection to read with; None where there is no database, and never was."""
        with self._in("reading") as database:
            yield database

    @contextlib.contextmanager
    def reading_afresh(self) -> Generator[sqlite3.Connection | None]:
        """Give a connection that knows of nothing before it; None where there is no database, and never was."""
        with self._in("fresh") as database:
            yield database

    @contextlib.contextmanager
    def writing(self, *, makes: bool = False) -> Generator[sqlite3.Connection | None]:
        """Give a connection to write with; None where there is no database, never was, and none is to be made."""
        with self._in("writing", makes=makes) as database:
            yield database

    @contextlib.contextmanager
    def _in(self, use: str, *, makes: bool = False) -> Generator[sqlite3.Connection | None]:
        lane, ends = self._lanes[use], time.monotonic() + self._lock_seconds
        lock = lane.lock
        if not lock.acquire(timeout=self._lock_seconds):
            # A signal handler that raises between the lines here leaves it locked for ever. The next call gets another.
            self._lanes[use] = _Lane()
            raise StoreUnavailableError(f"Other threads have kept {self.path} for more than {self._lock_seconds:g} s.")
        try:
            with self._explained():
                database = self._opened(lane, makes=makes)
                if database is not None:
                    database.execute(f"PRAGMA busy_timeout = {max(0, round(1000 * (ends - time.monotonic())))}")
                yield database
        finally:
            if use == "fresh" or lane.is_torn:
                lane.close()
            lock.release()

    def _opened(self, lane: _Lane, *, makes: bool) -> sqlite3.Connection | None:
        if lane.connection is not None and not lane.connection.is_of(self.path):
            lane.close()  # the file was removed or replaced
        if lane.connection is None:
            if not makes and _identity(self.path) is None:
                self._refuse_gone(f"{self.path}")
                return None
            connection = _Connection(self.path, self._lock_seconds, makes=makes)
            if not connection.is_made:
                connection.close()
                self._refuse_gone(f"What was in {self.path}")
                return None
            lane.connection = connection
            self._seen = True
        return lane.connection.database

    def _refuse_gone(self, place: str) -> None:
        if self._seen:
            raise gone(place)

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code: int = getattr(error, "sqlite_errorcode", 0)  # which those of the module itself have not
            damaged = code & 0xFF in _DAMAGED
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
                f"The database {self.path} is damaged, or none ({what}). Move it away (it may hold live tokens), "
                "then sign in."
            )
        raise unavailable(self.path, what)


class _Lane:
    """A connection that one thread at a time uses, and that is closed while the process forks."""

    def __init__(self) -> None:
        self.connection: _Connection | None = None
        self._safe = ForkSafeLock(self.close)

    @property
    def lock(self) -> threading.Lock:
        """Who has it may use the connection."""
        return self._safe.lock

    @property
    def is_torn(self) -> bool:
        """Whether something has ended in the middle of a transaction."""
        return self.connection is not None and self.connection.database.in_transaction

    def close(self) -> None:
        """Close the connection. Only under the lock."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class _Connection:
    """An open database.

    Attributes:
        database: The connection.
        is_made: Whether there is anything in it.
    """

    def __init__(self, path: Path, lock_seconds: float, *, makes: bool) -> None:
        if makes:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite makes files that everybody may read; its -wal and -shm files get the mode of this one. A file that
            # is there is not opened: closing it would take the locks of every other connection in this process away.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
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
            self.is_made = self._prepare(path, makes=makes, ends=time.monotonic() + lock_seconds)
        except BaseException:
            self.close()
            raise

    def _prepare(self, path: Path, *, makes: bool, ends: float) -> bool:
        for setting in _SETTINGS:
            self.database.execute(f"PRAGMA {setting}")
        if not self._is_ours(path):  # which is asked before its header is changed
            if not makes:
                return False
            self._make(ends)
        version = self._number("user_version")
        if version != _SCHEMA_VERSION:
            raise StoreCorruptError(
                f"The database {path} has the format {version}; this version of authsm reads {_SCHEMA_VERSION}. "
                "Use the version that wrote it."
            )
        return True

    def _make(self, ends: float) -> None:
        while True:
            try:
                self.database.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:  # another process makes it, too: this one statement does not wait
                if time.monotonic() > ends:
                    raise
                time.sleep(_MOMENT)
        with transaction(self.database):
            if self._number("application_id") == _APPLICATION_ID:
                return  # another process has just made it
            for statement in _SCHEMA:
                self.database.execute(statement)

    def _is_ours(self, path: Path) -> bool:
        """Tell whether it is made; refuse one of another program. It may be made by another process just now."""
        self.database.execute("BEGIN")  # so that both are of one moment
        try:
            is_ours = self._number("application_id") == _APPLICATION_ID
            (tables,) = self.database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            self.database.execute("COMMIT")
        if not is_ours and tables:
            raise StoreCorruptError(f"The database {path} belongs to another program. Give authsm a file of its own.")
        return is_ours

    def _number(self, pragma: str) -> int:
        return int(self.database.execute(f"PRAGMA {pragma}").fetchone()[0])

    def is_of(self, path: Path) -> bool:
        """Tell whether this is still the file at a path.

        Raises:
            StoreUnavailableError: Another process opened it, which forked in a way that Python did not see.
        """
        if self._process != os.getpid():
            raise StoreUnavailableError(
                f"{path} was opened before this process was forked, which SQLite does not survive. "
                "Close the store before such a fork."
            )
        return self._file == _identity(path)

    def close(self) -> None:
        """Close it, unless it came along in a fork: SQLite would tidy up files that the parent uses."""
        if self._process == os.getpid():
            self._closing()
        else:
            self._closing.detach()
            _INHERITED.append(self.database)


_INHERITED: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process, of a fork that Python did not see: never used, never closed."""

_MOMENT: Final = 0.01
"""How long to wait before another attempt, in seconds."""


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None]:
    """Commit what happens within, or nothing of it; others wait from its beginning.

    Args:
        database: What it happens in.
    """
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
