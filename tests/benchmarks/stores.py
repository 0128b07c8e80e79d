"""What each store costs beside the same writes without it, and how often it waits for the disk.

A life is what a store sees of one session: a sign-in, then a sign-out with its journal.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import keyring
import pytest

from authsm import (
    Auth,
    FileCredentialStore,
    KeyringCredentialStore,
    MemoryCredentialStore,
    RevokeToken,
    Secret,
    SQLiteCredentialStore,
    UserPoolTokens,
)
from authsm.stores.contract import Saved
from tests.auth.world import session
from tests.benchmarks.measure import compare
from tests.stores.secret_service import secret_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from authsm.stores.contract import CredentialStore
    from tests.benchmarks.measure import Measured

KEY: Final = "life"
PROGRAM: Final = "authsm-benchmarks"
LIVES: Final = 10
"""How many lives are counted."""

DATA: Final = session(
    tokens=UserPoolTokens(  # about as long as those of Cognito
        access_token=Secret("a" * 1_100), id_token=Secret("i" * 1_200), refresh_token=Secret("r" * 1_800)
    )
)


@dataclass(frozen=True, slots=True)
class Contender:
    """What is measured.

    Attributes:
        load: Reads a session.
        save: Writes one.
        live: Takes one through its life.
    """

    load: Callable[[], object]
    save: Callable[[], object]
    live: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Written:
    """What a life asks of the disk.

    Attributes:
        syncs: How often it waits until something is on it: fsync, fdatasync and msync.
        size: How many bytes it writes to files; what goes through mapped memory is not seen.
    """

    syncs: float
    size: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a contender costs; its ratios are to the first contender of its kind.

    Attributes:
        load: Of a load.
        save: Of a save.
        life: Of a life.
        written: By a life; or why it was not counted.
    """

    load: Measured
    save: Measured
    life: Measured
    written: Written | str


def costs(kind: str) -> dict[str, Cost] | str:
    """Measure a kind of store.

    Args:
        kind: One of `KINDS`.

    Returns:
        What each contender costs, by name; or why this kind is left out.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if kind == "keyring":
            try:
                stack.enter_context(secret_service(folder))
            except (pytest.skip.Exception, pytest.fail.Exception) as missing:
                return str(missing)
        contenders = KINDS[kind](folder)
        load, save, life = (
            compare({name: getattr(each, act) for name, each in contenders.items()}, turns=21, times=times)
            for act, times in (("load", 5), ("save", 3), ("live", 3))
        )
        written = _written(kind)
    return {
        name: Cost(load[name], save[name], life[name], written if isinstance(written, str) else written[name])
        for name in contenders
    }


def _life(store: CredentialStore) -> Iterator[None]:
    """Take a session through its life, and stop after each step."""
    epoch = store.begin(KEY, DATA).epoch
    yield
    store.leave(KEY, epoch=epoch, journal=JOURNAL)
    yield
    store.write_journal(KEY, epoch=epoch, journal=f"{JOURNAL} ")  # one more step of the sign-out
    yield
    store.clear(KEY, epoch=epoch)
    yield
    store.verify_cleared(KEY, epoch=epoch)
    yield
    store.erase_journal(KEY, epoch=epoch)
    yield


def _journal() -> str:
    """Give what a real sign-out writes down."""
    store, seen = MemoryCredentialStore(), list[str | None]()
    auth = Auth(store, {RevokeToken: lambda *_: seen.append(store.read_journal("default"))})
    auth.sign_in(session())
    auth.sign_out()
    return str(*seen)


JOURNAL: Final = _journal()


def _of_store(store: CredentialStore) -> Contender:
    entry = store.begin("signed in", DATA)

    def save() -> None:
        nonlocal entry
        saved = store.save("signed in", DATA, epoch=entry.epoch, generation=entry.generation)
        assert isinstance(saved, Saved), saved
        entry = saved.entry

    return Contender(lambda: store.load("signed in"), save, lambda: deque(_life(store), maxlen=0))


def _records(store: CredentialStore, read: Callable[[], bytes]) -> list[bytes]:
    """Give each record that a life writes, the first of which is that of a session."""
    records: list[bytes] = []
    for _ in _life(store):
        if [read()] != records[-1:]:
            records.append(read())
    return records


def _memory(_: Path) -> dict[str, Contender]:
    return {"store": _of_store(MemoryCredentialStore())}


def _file(folder: Path) -> dict[str, Contender]:
    store = FileCredentialStore(folder / "store")
    return {"bare files": _bare_files(folder, store), "store": _of_store(store)}


def _encrypted_file(folder: Path) -> dict[str, Contender]:
    store = FileCredentialStore(folder / "store", encryption_key=Secret(base64.b64encode(os.urandom(32)).decode()))
    return {"bare files": _bare_files(folder, store), "store": _of_store(store)}


def _bare_files(folder: Path, store: CredentialStore) -> Contender:
    records = _records(store, (folder / "store" / f"{KEY}.credentials").read_bytes)
    path = folder / "bare"

    def live() -> None:
        for record in records:
            _replace(path, record)

    live()
    return Contender(path.read_bytes, lambda: _replace(path, records[0]), live)


def _replace(path: Path, text: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _sqlite(folder: Path) -> dict[str, Contender]:
    path = folder / "store.db"
    store = SQLiteCredentialStore(path)

    def record() -> bytes:
        with contextlib.closing(sqlite3.connect(path)) as database:
            return bytes(database.execute("SELECT record FROM sessions WHERE key = ?", (KEY,)).fetchone()[0])

    return {"bare sqlite3": _bare_sqlite(folder / "bare.db", _records(store, record)), "store": _of_store(store)}


def _bare_sqlite(path: Path, records: Sequence[bytes]) -> Contender:
    database = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        database.execute(f"PRAGMA {setting}")
    database.execute("CREATE TABLE sessions (key TEXT PRIMARY KEY, in_progress INTEGER NOT NULL, record BLOB NOT NULL)")

    def load() -> object:
        return database.execute("SELECT record FROM sessions WHERE key = ?", (KEY,)).fetchone()

    def save(record: bytes = records[0]) -> None:
        database.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", (KEY, False, record))

    def live() -> None:
        for record in records:
            save(record)

    live()
    return Contender(load, save, live)


def _keyring(folder: Path) -> dict[str, Contender]:
    store = KeyringCredentialStore(PROGRAM, folder / "store")
    return {"bare keyring and files": _bare_keyring(_bare_files(folder, store)), "store": _of_store(store)}


def _bare_keyring(files: Contender) -> Contender:
    """Add to bare files what the keyring must do at least: keep a key, give it for each session, and delete it."""
    key = base64.b64encode(os.urandom(32)).decode()
    keyring.set_password(PROGRAM, "bare signed in", key)

    def get(name: str = "bare signed in") -> object:
        return keyring.get_password(PROGRAM, name)

    def live() -> None:
        keyring.set_password(PROGRAM, "bare life", key)
        get("bare life")
        files.live()
        keyring.delete_password(PROGRAM, "bare life")

    return Contender(lambda: (get(), files.load()), lambda: (get(), files.save()), live)


KINDS: Final[dict[str, Callable[[Path], dict[str, Contender]]]] = {
    "memory": _memory,
    "file": _file,
    "encrypted file": _encrypted_file,
    "sqlite": _sqlite,
    "keyring": _keyring,
}


_FROM_HERE: Final = re.compile(r'"counted from here: ([^"\\]+)')
_SYNC: Final = re.compile(r"\b(?:fsync|fdatasync|msync)\(")
_WRITE: Final = re.compile(r"\b(?:write|pwrite64)\(\d+<(?P<path>/[^>]*)>.* = (?P<size>\d+)$", re.MULTILINE)


def _written(kind: str) -> dict[str, Written] | str:
    """Count what lives ask of the disk, by watching the system calls of a process of its own.

    Args:
        kind: One of `KINDS`.

    Returns:
        What a life of each contender asks, by name; or why nobody knows.
    """
    strace = shutil.which("strace")
    if strace is None:
        return "no strace"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        how = ["-f", "-y", "-s", "80", "-e", "trace=fsync,fdatasync,msync,write,pwrite64", "-o", str(log)]
        watched = [sys.executable, "-m", "tests.benchmarks.stores", kind, folder]
        ran = subprocess.run([strace, *how, *watched], check=False, capture_output=True, text=True)  # noqa: S603 - ours
        if ran.returncode:
            return "strace failed"
        _, *parts = _FROM_HERE.split(log.read_text(errors="replace"))
    return {name: _a_life(calls, folder) for name, calls in zip(parts[::2], parts[1::2], strict=True)}


def _a_life(calls: str, folder: str) -> Written:
    sizes = [int(call["size"]) for call in _WRITE.finditer(calls) if call["path"].startswith(folder)]
    return Written(len(_SYNC.findall(calls)) / LIVES, sum(sizes) / LIVES)


def _be_watched(kind: str, folder: str) -> None:
    contenders = KINDS[kind](Path(folder))
    for contender in contenders.values():
        contender.live()  # the first one makes what the others use
    for name, contender in contenders.items():
        print(f"counted from here: {name}", flush=True)  # noqa: T201 - to be found among the system calls
        for _ in range(LIVES):
            contender.live()


if __name__ == "__main__":
    _be_watched(*sys.argv[1:])
