"""Credentials in a file: one session a file, readable by its owner only, replaced as a whole.

The file is **not encrypted**: whoever can read it as its owner, or reads the disk or a backup of it, has the tokens.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import unquote

import filelock

from authsm.stores._record import Record, from_text, to_text
from authsm.stores.contract import (
    Capabilities,
    Entry,
    EntryState,
    StoreCorruptError,
    StoreUnavailableError,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from authsm.credentials import SignedInData
    from authsm.stores.contract import Cleared, Left, Refused, Saved, Superseded, Verified

Answer = TypeVar("Answer")


class FileCredentialStore:
    """Credentials in a folder, one file a key, mode 0600 in a folder of mode 0700.

    Each write goes to a new file, which replaces the old one once it is safely on the disk; a reader sees the one or
    the other. A lock file keeps processes from writing over each other. Keys become file names, with everything but
    small letters, digits, ``-`` and ``_`` spelt as ``%xx``.

    Args:
        folder: Where the files go; made when first needed, with its parents.
        lock_seconds: How long to wait for another process that writes, in seconds.
    """

    def __init__(self, folder: str | os.PathLike[str], *, lock_seconds: float = 5.0) -> None:
        self._folder = Path(folder).absolute()  # now: a program may change its directory later
        self._lock_seconds = lock_seconds

    def __repr__(self) -> str:
        return f"FileCredentialStore({str(self._folder)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileCredentialStore) and self._folder == other._folder

    def __hash__(self) -> int:
        return hash(self._folder)

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities(durable_clear=True, cross_process=True)

    def load(self, key: str) -> Entry:
        """Give what is stored under a key; see `CredentialStore.load`."""
        try:
            return self._read(key).entry
        except StoreCorruptError as error:
            return Entry(EntryState.CORRUPT, reason=str(error))

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        """Store a new sign-in; see `CredentialStore.begin`."""

        def change(record: Record) -> tuple[Record, Entry]:
            begun = record.begin(key, data, replace_it=replace)
            return begun, begun.entry

        return self._change(key, change, over_corrupt=replace)

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        """Compare and set; see `CredentialStore.save`."""
        return self._change(key, lambda record: record.save(data, epoch, generation))

    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Commit LEAVING; see `CredentialStore.leave`."""
        return self._change(key, lambda record: record.leave(epoch, journal))

    def write_journal(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Replace the journal; see `CredentialStore.write_journal`."""
        return self._change(key, lambda record: record.write_journal(epoch, journal))

    def read_journal(self, key: str) -> str | None:
        """Give the journal; see `CredentialStore.read_journal`."""
        return self._read(key).journal

    def erase_journal(self, key: str, *, epoch: int) -> None:
        """Forget the journal; see `CredentialStore.erase_journal`."""
        self._change(key, lambda record: (record.erase_journal(epoch), None))

    def journals(self) -> tuple[str, ...]:
        """Give the keys under which a sign-out is in progress; see `CredentialStore.journals`."""
        with _unavailable(self._folder):
            try:
                names = sorted(path.name for path in self._folder.iterdir())
            except FileNotFoundError:
                names = []
        keys = [key for name in names if (key := _key_of(name)) is not None]
        return tuple(key for key in keys if isinstance(found := _read(self._path(key)), Record) and found.in_progress)

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        """Become a tombstone; see `CredentialStore.clear`."""
        # The tombstone replaces the file that held the data, so committing the one destroys the other.
        return self._change(key, lambda record: record.clear(epoch))

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        """Look afresh; see `CredentialStore.verify_cleared`."""
        try:
            return self._read(key).verified(epoch)
        except (StoreUnavailableError, StoreCorruptError) as error:
            return Unknown(str(error))

    def _path(self, key: str) -> Path:
        return self._folder / f"{_name_of(key)}{_ENDING}"

    def _read(self, key: str) -> Record:
        path = self._path(key)
        record = _read(path)
        if isinstance(record, str):
            raise StoreCorruptError(f"The file {path} {record}")
        return record

    def _change(
        self, key: str, change: Callable[[Record], tuple[Record, Answer]], *, over_corrupt: bool = False
    ) -> Answer:
        path = self._path(key)
        with _unavailable(path):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(path):
            try:
                record = self._read(key)
            except StoreCorruptError:
                if not over_corrupt:
                    raise
                record = Record()
            changed, answer = change(record)
            if changed is not record:
                with _unavailable(path):
                    _replace(path, to_text(changed))
        return answer

    @contextlib.contextmanager
    def _locked(self, path: Path) -> Generator[None]:
        lock = filelock.FileLock(path.with_suffix(".lock"), timeout=self._lock_seconds, mode=0o600)
        with _unavailable(path):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise StoreUnavailableError(
                    f"Another process has kept {path.with_suffix('.lock')} for more than {self._lock_seconds:g} s."
                ) from None
        try:
            yield
        finally:
            lock.release()


_ENDING: Final = ".credentials"
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
"""No capitals: on macOS and Windows, `Ada` and `ada` would be one file."""


def _name_of(key: str) -> str:
    """Give the file name of a key: never a path, never hidden, and different for different keys."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02x}" for byte in key.encode()) or "%"


def _key_of(name: str) -> str | None:
    """Give the key that a file name spells; None where it is none of ours."""
    spelt = name.removesuffix(_ENDING)
    key = unquote("" if spelt == "%" else spelt, errors="replace")
    return key if f"{_name_of(key)}{_ENDING}" == name else None


def _read(path: Path) -> Record | str:
    with _unavailable(path):
        try:
            return from_text(path.read_bytes())
        except FileNotFoundError:
            return Record()


@contextlib.contextmanager
def _unavailable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        # Without its cause, whose traceback leads through frames that hold what was to be written.
        raise StoreUnavailableError(
            f"{path} could not be read or written: {error.strerror or type(error).__name__}. "
            "Check that its folder exists and belongs to this user, and that the disk is not full."
        ) from None


def _replace(path: Path, text: bytes) -> None:
    """Put a text in the place of a file so that a reader, or a crash, sees the old one or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be opened, and the rename is durable without it
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
