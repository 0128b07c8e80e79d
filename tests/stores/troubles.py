"""What goes wrong where sessions are kept: each trouble is real, and so is its end."""

import contextlib
import gc
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import keyring
import keyring.backends.fail

from authsm.stores._record import FORMAT
from authsm.stores.contract import EntryState
from tests.stores.kinds import ON_DISK
from tests.stores.places import (
    FILES,
    KEY,
    Place,
    any_room,
    close,
    mount,
    room_of_a_plain_user,
    small_disk,
)


@contextlib.contextmanager
def full_disk(place: Place, *, but_for: int = 0) -> Generator[None]:
    """Fill the disk, but for so many bytes."""
    filler = place.folder.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        file.truncate(max(0, file.tell() - but_for))
    yield
    filler.unlink()


@contextlib.contextmanager
def read_only_disk(place: Place) -> Generator[None]:
    close(place.store)  # a disk with a file that is open for writing cannot become read-only
    mount("-o", "remount,ro", str(place.folder.parent))
    yield
    mount("-o", "remount,rw", str(place.folder.parent))


@contextlib.contextmanager
def folder_gone(place: Place) -> Generator[None]:
    aside = place.folder.rename(place.folder.with_name("aside"))
    yield
    aside.rename(place.folder)


def forbidden(path_of: Callable[[Place], Path]) -> "Strikes":
    @contextlib.contextmanager
    def strikes(place: Place) -> Generator[None]:
        path = path_of(place)
        mode = path.stat().st_mode
        path.chmod(0)
        yield
        path.chmod(mode)

    return strikes


@contextlib.contextmanager
def _connections_left_open() -> Generator[None]:
    """What the package keyring cannot use, it does not close: collect that here, not in the middle of another test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@contextlib.contextmanager
def locked_keyring(place: Place) -> Generator[None]:
    with _connections_left_open():
        place.keyring_service().lock()
        try:
            yield
        finally:
            place.keyring_service().unlock()


@contextlib.contextmanager
def no_keyring(place: Place) -> Generator[None]:
    with _connections_left_open():
        place.keyring_service().end()
        try:
            yield
        finally:
            place.keyring_service().start()


@contextlib.contextmanager
def no_keyring_yet(place: Place) -> Generator[None]:
    """What the package keyring chooses in a program that is up before its keyring."""
    with no_keyring(place):
        keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]  # it has no types here
        yield


def keyring_has(change: Callable[[str], str]) -> "Strikes":
    @contextlib.contextmanager
    def strikes(place: Place) -> Generator[None]:
        service, name = str(place.folder), f"{KEY} #{place.look().epoch}"
        true = keyring.get_password(service, name)
        assert true
        keyring.set_password(service, name, change(true))
        yield
        if place.look().state is not EntryState.TOMBSTONE:  # nobody puts back the key of what is cleared
            keyring.set_password(service, name, true)

    return strikes


def damaged(damage: Callable[[bytes], bytes]) -> "Strikes":
    """Put a damaged file in the place of the true one."""

    @contextlib.contextmanager
    def strikes(place: Place) -> Generator[None]:
        if place.kind == "sqlite":  # everything in one file, not in its log
            with contextlib.closing(sqlite3.connect(place.file)) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        true, wrong = place.file.with_name("true"), place.file.with_name("wrong")
        shutil.copy(place.file, true)
        wrong.write_bytes(damage(true.read_bytes()))
        wrong.replace(place.file)
        yield
        true.replace(place.file)

    return strikes


_RECORD: Final = b'{"authsm":%d,'


def changed_in_the_middle(text: bytes) -> bytes:
    middle = text.index(_RECORD % FORMAT) + 300
    return text[:middle] + bytes(8) + text[middle + 8 :]


def cut_in_half(text: bytes) -> bytes:
    return text[: len(text) // 2]


def emptied(_: bytes) -> bytes:
    return b""


def all_but_its_header(text: bytes) -> bytes:
    return text[:100] + bytes(len(text) - 100)


def of_another_program(text: bytes) -> bytes:
    if not text.startswith(b"SQLite format 3"):
        return b'{"token": "of another program"}'
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
        return database.serialize()


def of_format(number: int) -> Callable[[bytes], bytes]:
    return lambda text: text.replace(_RECORD % FORMAT, _RECORD % number)


def of_schema(number: int) -> Callable[[bytes], bytes]:
    """Change what `PRAGMA user_version` says."""
    return lambda text: text[:60] + number.to_bytes(4, "big") + text[64:]


class Outcome(StrEnum):
    """What a sign-out ends in while the trouble lasts."""

    KEPT = "it failed, says that the session is still there, and that is true"
    UNKNOWN = "it failed, and says that it does not know whether the session is cleared"
    CLEARED = "it succeeded, and the session is cleared in truth"


@dataclass(frozen=True)
class Cell:
    """What one trouble does to one store.

    Attributes:
        works: What can be done all the same, in truth.
        before: What a sign-out ends in that begins after it.
        midway: What a sign-out ends in during which it strikes, once the store is LEAVING.
    """

    works: frozenset[str] = frozenset()
    before: Outcome = Outcome.KEPT
    midway: Outcome = Outcome.UNKNOWN


Strikes = Callable[[Place], AbstractContextManager[None]]


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong, and is put right again.

    Attributes:
        strikes: Its beginning, and its end.
        says: What every message says: the cause, and what to do.
        cells: What it does to each store that can have it.
        room: Where it can happen.
        replaces: Whether a sign-in is asked to replace the session; None where a sign-in would rightly begin a new one.
    """

    strikes: Strikes
    says: str
    cells: Mapping[str, Cell] = field(default_factory=lambda: dict.fromkeys(ON_DISK, Cell()))
    room: Callable[[Path], AbstractContextManager[Path]] = any_room
    replaces: bool | None = True


READING: Final = frozenset({"state", "credentials", "resume"})
EVERYTHING: Final = READING | {"save_refreshed", "sign_in"}
READS: Final = Cell(READING, Outcome.KEPT, Outcome.KEPT)
NEEDS_NO_KEY: Final = Cell(midway=Outcome.CLEARED)
"""A tombstone is written without a key. What is left is a key for which there is nothing to open."""
IS_OPEN: Final = Cell(EVERYTHING, Outcome.UNKNOWN, Outcome.UNKNOWN)
"""What is open stays open; but for a fresh look, the file has to be opened again."""

_CHECK: Final = "Check that its folder exists, that this user may write there, and that the disk is not full"
_MOVE: Final = "Move it away"
_VERSION: Final = "this version of authsm reads 1. Use the version that wrote it"

TROUBLES: Final[Mapping[str, Trouble]] = {
    "full disk": Trouble(full_disk, f"(No space left|is full).*{_CHECK}", dict.fromkeys(ON_DISK, READS), small_disk),
    "read-only disk": Trouble(
        read_only_disk,
        f"(Read-only file system|unable to open database file).*{_CHECK}",
        {**dict.fromkeys(FILES, READS), "sqlite": Cell()},
        small_disk,
    ),
    "folder gone": Trouble(folder_gone, "is gone.*Put it back, or sign in again", replaces=None),
    "forbidden folder": Trouble(
        forbidden(lambda place: place.folder), f"Permission denied.*{_CHECK}", room=room_of_a_plain_user
    ),
    "forbidden file": Trouble(
        forbidden(lambda place: place.file),
        f"(Permission denied|unable to open database file).*{_CHECK}",
        {**dict.fromkeys(FILES, Cell()), "sqlite": IS_OPEN},
        room_of_a_plain_user,
    ),
    "locked keyring": Trouble(locked_keyring, "Failed to unlock.*Unlock it, then", {"keyring": NEEDS_NO_KEY}),
    "no keyring": Trouble(no_keyring, "See that it runs and is unlocked", {"keyring": NEEDS_NO_KEY}),
    "no keyring yet": Trouble(no_keyring_yet, "Install and start one", {"keyring": NEEDS_NO_KEY}),
    "lost key": Trouble(
        keyring_has(lambda _: "lost"),
        "its key is not in the keyring. Sign in again",
        {"keyring": NEEDS_NO_KEY},
        replaces=False,
    ),
    "corrupt file": Trouble(damaged(changed_in_the_middle), _MOVE, replaces=False),
    "corrupt database": Trouble(damaged(all_but_its_header), _MOVE, {"sqlite": Cell()}, replaces=False),
    "truncated file": Trouble(damaged(cut_in_half), _MOVE, replaces=False),
    "emptied file": Trouble(damaged(emptied), f"{_MOVE}|is gone.*Put it back", replaces=None),
    "foreign file": Trouble(damaged(of_another_program), f"{_MOVE}|Give authsm a file of its own", replaces=False),
    "older format": Trouble(damaged(of_format(FORMAT - 1)), f"the format 0; {_VERSION}", replaces=False),
    "newer format": Trouble(damaged(of_format(FORMAT + 1)), f"the format 2; {_VERSION}", replaces=False),
    "older database": Trouble(damaged(of_schema(0)), f"the format 0; {_VERSION}", {"sqlite": Cell()}, replaces=False),
    "newer database": Trouble(damaged(of_schema(2)), f"the format 2; {_VERSION}", {"sqlite": Cell()}, replaces=False),
}
