"""The stores that ship, plugged into their suites with everything that those can ask."""

import contextlib
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest import mock

import keyring
import pytest

from authsm import CredentialStore, MemoryCredentialStore
from authsm.stores import _database as database
from authsm.stores import sqlite
from authsm.stores.file_tickets import FileTicketStore
from authsm.stores.sqlite_tickets import SQLiteTicketStore
from authsm.stores.tickets import MemoryTicketStore, TicketStore
from authsm.testing import StoreConformance, TicketStoreConformance
from tests.leaks import written_in
from tests.stores.kinds import ON_DISK
from tests.stores.places import close

_FILES: Final = ((os, "replace"), (os, "unlink"), (os, "fsync"))


class Memory(StoreConformance):
    def make(self) -> CredentialStore:
        return MemoryCredentialStore()


class OnDisk(StoreConformance):
    """In a folder of its own."""

    kind: ClassVar[str]
    folder: Path

    @pytest.fixture(autouse=True)
    def _in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "credentials"

    def make(self) -> CredentialStore:
        return ON_DISK[self.kind](self.folder)

    def reopen(self, store: CredentialStore) -> CredentialStore:
        another = self.make()
        assert store == another
        return another

    def dispose(self, store: CredentialStore) -> None:
        close(store)

    @contextlib.contextmanager
    def break_it(self, store: CredentialStore) -> Generator[None]:
        """Something else stands where the folder was. (Root may read and write whatever it likes.)"""
        del store
        aside = self.folder.rename(self.folder.with_name("aside"))
        self.folder.touch()
        yield
        self.folder.unlink()
        aside.rename(self.folder)

    @contextlib.contextmanager
    def on_write(self, store: CredentialStore, about_to_write: Callable[[], None]) -> Generator[None]:
        del store
        with contextlib.ExitStack() as patched:
            for owner, name in self.writes():
                patched.enter_context(_before(owner, name, about_to_write))
            yield

    def writes(self) -> tuple[tuple[Any, str], ...]:
        return _FILES

    def written(self, store: CredentialStore) -> bytes:
        del store
        return written_in(self.folder)


class File(OnDisk):
    kind = "file"


class EncryptedFile(OnDisk):
    kind = "encrypted file"


class SQLite(OnDisk):
    kind = "sqlite"

    @contextlib.contextmanager
    def break_it(self, store: CredentialStore) -> Generator[None]:
        """A database that is open stays open; but one that is another's is not used."""
        close(store)
        with super().break_it(store):
            yield

    @contextlib.contextmanager
    def on_write(self, store: CredentialStore, about_to_write: Callable[[], None]) -> Generator[None]:
        del store
        true = database.transaction

        @contextlib.contextmanager
        def watched(connection: Any) -> Generator[None]:
            with true(connection):
                yield
                about_to_write()

        with mock.patch.object(sqlite, "transaction", watched):
            yield


class Keyring(OnDisk):
    kind = "keyring"

    def writes(self) -> tuple[tuple[Any, str], ...]:
        backend = type(keyring.get_keyring())
        return ((os, "replace"), (os, "unlink"), (backend, "set_password"), (backend, "delete_password"))


class MemoryTickets(TicketStoreConformance):
    def make(self) -> TicketStore:
        return MemoryTicketStore()


class TicketsOnDisk(TicketStoreConformance):
    """In a folder of their own."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "tickets"

    def reopen(self, store: TicketStore) -> TicketStore:
        del store
        return self.make()


class FileTickets(TicketsOnDisk):
    def make(self) -> TicketStore:
        return FileTicketStore(self.folder)


class SQLiteTickets(TicketsOnDisk):
    def make(self) -> TicketStore:
        return SQLiteTicketStore(self.folder / "sessions.db")

    def dispose(self, store: TicketStore) -> None:
        assert isinstance(store, SQLiteTicketStore)
        store.close()


@contextlib.contextmanager
def _before(owner: Any, name: str, act: Callable[[], None]) -> Generator[None]:
    true = getattr(owner, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        act()
        return true(*arguments, **named)

    with mock.patch.object(owner, name, watched):
        yield
