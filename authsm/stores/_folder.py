"""Records in a folder: one file a key, readable by its owner only, replaced as a whole, locked between processes."""

from __future__ import annotations

import contextlib
import errno
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import filelock

from authsm.credentials import SignedInData
from authsm.stores._files import read, remove, replace_by, temporary_of
from authsm.stores._record import Record, Sealed, data_from_text, data_to_text, from_text, to_text
from authsm.stores._store import Answer, Change, RecordStore, gone, unavailable
from authsm.stores.contract import StoreCorruptError, StoreUnavailableError

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterable

    from authsm.stores._sealing import Seal


class FolderStore(RecordStore):
    """What `FileCredentialStore` and `KeyringCredentialStore` have in common.

    Args:
        folder: Where the files go; made at the first sign-in, with its parents.
        seal: Encrypts the data of each record; None where it stands in the file as it is.
        lock_seconds: How long to wait for another process that writes, in seconds.
    """

    def __init__(self, folder: str | os.PathLike[str], seal: Seal | None, *, lock_seconds: float) -> None:
        self._folder = Path(folder).absolute()  # now: a program may change its directory later
        self._seal = seal
        self._lock_seconds = lock_seconds
        self._seen = False

    def _path(self, key: str) -> Path:
        return self._folder / f"{file_name_of(key)}{_ENDING}"

    def _read(self, key: str) -> Record:
        path = self._path(key)
        with explained(path):
            try:
                text = read(path)
            except FileNotFoundError:
                self._refuse_gone()
                return Record()
        self._seen = True
        record = from_text(text)
        if isinstance(record, str):
            raise StoreCorruptError(f"The file {path} {record}")
        return record

    def _unsealed(self, key: str, record: Record) -> Record:
        if not isinstance(record.data, Sealed):
            return record
        if self._seal is None:
            raise StoreCorruptError(f"The file {self._path(key)} is encrypted. Give the store the key that sealed it.")
        text = self._seal.unseal(key, record.epoch, record.data.text)
        data = text if isinstance(text, str) else data_from_text(text)
        if isinstance(data, SignedInData):
            return replace(record, data=data)
        raise StoreCorruptError(f"The file {self._path(key)} {data or 'is damaged. Move it away, then sign in.'}")

    def _sealed(self, key: str, record: Record, *, over: Record) -> Record:
        if self._seal is None or not isinstance(record.data, SignedInData):
            return record
        over_epoch = over.epoch if isinstance(over.data, Sealed) else None
        sealed = self._seal.seal(key, record.epoch, data_to_text(record.data), over=over_epoch)
        if isinstance(sealed, str):
            raise StoreCorruptError(f"The file {self._path(key)} {sealed}")
        return replace(record, data=Sealed(sealed))

    def _is_missing(self) -> bool:
        with explained(self._folder):
            try:
                self._folder.stat()
            except FileNotFoundError:
                self._refuse_gone()
                return True
        return False

    def _refuse_gone(self) -> None:
        """Refuse to take a folder that has gone, with a disk perhaps, for one that was never there."""
        if self._seen and not self._folder.is_dir():
            raise gone(f"The folder {self._folder}")

    def _change(self, key: str, change: Change[Answer], *, begins: bool = False, replaces: bool = False) -> Answer:
        path = self._path(key)
        if begins:
            with explained(path):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif self._is_missing():
            return change(Record())[1]
        with self._locked(path):
            try:
                record = self._read(key)
            except StoreCorruptError:
                if not replaces:
                    raise
                record = Record()
            changed, answer = change(record)
            if changed is not record:
                try:
                    text = to_text(self._sealed(key, changed, over=record))
                    with explained(path):
                        replace_by(text, path)
                except StoreUnavailableError:
                    if changed.epoch != record.epoch:
                        self._take_back(key)
                    raise
                self._seen = True
        return answer

    def _keys(self) -> Iterable[str]:
        with explained(self._folder):
            try:
                names = [path.name for path in self._folder.iterdir()]
            except FileNotFoundError:
                self._refuse_gone()
                names = []
        return [key for key in map(_key_of, names) if key is not None]

    def _in_progress(self) -> Iterable[str]:
        return [key for key in self._keys() if self._may_be_in_progress(key)]

    def _may_be_in_progress(self, key: str) -> bool:
        try:
            return self._read(key).in_progress
        except (StoreUnavailableError, StoreCorruptError):
            return True  # left out, a sign-out that a crash interrupted would be taken for one that has ended

    def _forget(self, before: int) -> int:
        forgotten = 0
        for key in self._keys():
            path = self._path(key)
            with contextlib.suppress(StoreCorruptError), self._locked(path):
                if self._read(key).is_spent(before):
                    with explained(path):
                        remove(path)  # its lock stays: whoever waits for it would hold it beside who makes a new one
                    forgotten += 1
        return forgotten

    def _take_back(self, key: str) -> None:
        """Destroy what a sign-in that could not be written was sealed with."""
        with contextlib.suppress(StoreUnavailableError, StoreCorruptError):
            self._destroy_seals(key)  # as far as the file is not there after all, if not durably

    def _destroy_seals(self, key: str) -> tuple[str, ...]:
        if self._seal is None:
            return ()
        record = self._read(key)
        return self._seal.destroy(key, record.epoch, is_over=record.data is None)

    def _destroy(self, key: str) -> tuple[str, ...]:
        # The tombstone has replaced the file that held the data. What a killed writer left beside it may hold it still.
        if self._is_missing():
            return ()
        path = self._path(key)
        with self._locked(path):
            with explained(path):
                remove(temporary_of(path))
            return self._destroy_seals(key)

    def _look_for_residue(self, key: str, epoch: int) -> tuple[str, ...]:
        stray = temporary_of(self._path(key))
        strays = (f"the file {stray}",) if stray.exists() else ()
        return (*strays, *(self._seal.residue(key, epoch) if self._seal is not None else ()))

    @contextlib.contextmanager
    def _locked(self, path: Path) -> Generator[None]:
        lock = filelock.FileLock(path.with_suffix(".lock"), timeout=self._lock_seconds, mode=0o600)
        with explained(path):
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


_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)
"""What Windows takes for devices, whatever their ending
(https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions)."""


def file_name_of(key: str) -> str:
    """Give the file name of a key, without an ending: never a path, a device or hidden, and different for each key.

    Args:
        key: Any text.

    Returns:
        The name.
    """
    if key in _DEVICES:
        return f"%{ord(key[0]):02x}{key[1:]}"
    return (
        "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02x}" for byte in key.encode("utf-8", "surrogatepass"))
        or "%"
    )


def _key_of(name: str) -> str | None:
    """Give the key that a file name spells; None where it is none of ours."""
    spelt = name.removesuffix(_ENDING)
    key = unquote("" if spelt == "%" else spelt, errors="replace")
    return key if f"{file_name_of(key)}{_ENDING}" == name else None


@contextlib.contextmanager
def explained(path: Path) -> Generator[None]:
    """Turn what the system says of a file into `StoreUnavailableError`.

    Args:
        path: Which file.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise StoreUnavailableError(
                f"The key is too long for the file name {path.name[:20]}...: use a hash of it."
            ) from None
        # Without its cause, whose traceback leads through frames that hold what was to be written.
        raise unavailable(path, error.strerror or type(error).__name__) from None
