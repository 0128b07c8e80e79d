"""Where the stores under test keep their sessions: folders, disks and keyrings that can have trouble."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsm import CredentialStore, SQLiteCredentialStore
from authsm.stores.contract import Entry
from tests.left_out import left_out
from tests.stores.kinds import ON_DISK
from tests.stores.secret_service import SecretService

KEY: Final = "ada"

FILES: Final = ("file", "encrypted file", "keyring")
"""Those that keep each session in a file. What is in memory has no such trouble: it is there while the process is."""


@dataclass
class Place:
    """Where the store under test keeps its sessions.

    Attributes:
        kind: Which of `ON_DISK` it is.
        folder: Where its files are.
        secret_service: Where its keys are; None where it has none.
    """

    kind: str
    folder: Path
    secret_service: SecretService | None

    def __post_init__(self) -> None:
        self.store = ON_DISK[self.kind](self.folder)

    @property
    def file(self) -> Path:
        """The file with the session in it."""
        return self.folder / ("sessions.db" if self.kind == "sqlite" else f"{KEY}.credentials")

    @contextlib.contextmanager
    def anew(self) -> Generator[CredentialStore]:
        """A store that has seen nothing yet, as another process would make it."""
        store = ON_DISK[self.kind](self.folder)
        yield store
        close(store)

    def look(self) -> Entry:
        """What another process sees."""
        with self.anew() as store:
            return store.load(KEY)

    def keyring_service(self) -> SecretService:
        assert self.secret_service is not None
        return self.secret_service


def close(store: CredentialStore) -> None:
    """Let go of what a store keeps open."""
    if isinstance(store, SQLiteCredentialStore):
        store.close()


@contextlib.contextmanager
def any_room(path: Path) -> Generator[Path]:
    """An ordinary folder."""
    path.mkdir()
    yield path


@contextlib.contextmanager
def small_disk(path: Path) -> Generator[Path]:
    """A file system of its own, which is soon full."""
    path.mkdir()
    mount("-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(path))
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)  # noqa: S603, S607 - as mount


def mount(*arguments: str) -> None:
    """Mount a file system, or mount it otherwise."""
    try:
        ran = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the system's own program, wherever it is
    except FileNotFoundError as error:
        left_out("a disk of its own", str(error))
    else:
        if ran.returncode:
            left_out("a disk of its own", ran.stderr.strip().splitlines()[0].rpartition(": ")[2])


_NOBODY: Final = 65534


@contextlib.contextmanager
def room_of_a_plain_user(path: Path) -> Generator[Path]:
    """A folder of a user who can lose a permission. Root cannot, so root becomes another user meanwhile."""
    if os.name == "nt":
        left_out("lost permissions", "modes are of POSIX")
    if os.geteuid() != 0:
        path.mkdir()
        yield path
        return
    with tempfile.TemporaryDirectory() as made:  # that user cannot enter the folders that pytest makes for root
        try:
            os.chown(made, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
        except OSError as error:
            left_out("lost permissions", f"this root cannot become another user: {error.strerror}")
        try:
            yield Path(made)
        finally:
            os.seteuid(0)
