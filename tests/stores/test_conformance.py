"""Every store that ships passes the suite that is there for everybody's."""

from pathlib import Path

import pytest

from authsm import CredentialStore, FileCredentialStore, MemoryCredentialStore, SQLiteCredentialStore
from authsm.testing import StoreConformance
from tests.stores.kinds import ENCRYPTION_KEY


class TestMemory(StoreConformance):
    def make(self) -> CredentialStore:
        return MemoryCredentialStore()


class _InFolder(StoreConformance):
    folder: Path

    @pytest.fixture(autouse=True)
    def _in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "credentials"


class TestFile(_InFolder):
    def make(self) -> CredentialStore:
        return FileCredentialStore(self.folder)

    def reopen(self, store: CredentialStore) -> CredentialStore:
        del store
        return FileCredentialStore(self.folder)


class TestEncryptedFile(_InFolder):
    def make(self) -> CredentialStore:
        return FileCredentialStore(self.folder, encryption_key=ENCRYPTION_KEY)

    def reopen(self, store: CredentialStore) -> CredentialStore:
        del store
        return FileCredentialStore(self.folder, encryption_key=ENCRYPTION_KEY)


class TestSQLite(_InFolder):
    def make(self) -> CredentialStore:
        return SQLiteCredentialStore(self.folder / "sessions.db")

    def reopen(self, store: CredentialStore) -> CredentialStore:
        del store
        return SQLiteCredentialStore(self.folder / "sessions.db")


def test_the_suite_runs_without_pytest() -> None:
    passed = TestMemory().check()
    assert len(passed) == 14
