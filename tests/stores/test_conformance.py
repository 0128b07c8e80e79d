"""Every store that ships passes the suite that is there for everybody's, and careless stores do not."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from authsm import CredentialStore, FileCredentialStore, MemoryCredentialStore, SignedInData, SQLiteCredentialStore
from authsm.stores._record import Record
from authsm.stores.contract import Capabilities, Cleared, Left, Refused, Saved, Superseded
from authsm.testing import StoreConformance
from tests.auth.world import SOON
from tests.stores.kinds import ENCRYPTION_KEY

Answer = TypeVar("Answer")


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
    assert len(passed) == 18


class _Careless(MemoryCredentialStore):
    """Looks, and writes what follows from that, whatever has happened meanwhile."""

    def _look_then_write(self, key: str, change: Callable[[Record], tuple[Record, Answer]]) -> Answer:
        changed, answer = change(self._read(key))
        time.sleep(SOON)
        return self._change(key, lambda _: (changed, answer))


class _CarelessClear(_Careless):
    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        return self._look_then_write(key, lambda record: record.clear(epoch))


class _CarelessLeave(_Careless):
    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        return self._look_then_write(key, lambda record: record.leave(epoch, journal))


class _CarelessSave(_Careless):
    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        return self._look_then_write(key, lambda record: record.save(data, epoch, generation))


class _Boastful(MemoryCredentialStore):
    """Declares what nothing in memory can do."""

    def __init__(self, said: Capabilities) -> None:
        super().__init__()
        self._said = said

    @property
    def capabilities(self) -> Capabilities:
        return self._said


class _Yours(StoreConformance):
    def __init__(self, make: Callable[[], CredentialStore]) -> None:
        self._make = make

    def make(self) -> CredentialStore:
        return self._make()


@pytest.mark.parametrize(
    ("make", "test"),
    [
        (_CarelessClear, "test_a_save_that_races_a_clear_never_lands_after_it"),
        (_CarelessClear, "test_a_sign_in_that_races_a_clear_stands"),
        (_CarelessLeave, "test_a_save_that_races_a_leave_never_lands_after_it"),
        (_CarelessSave, "test_a_save_that_races_a_clear_never_lands_after_it"),
        (_CarelessSave, "test_a_save_that_races_a_leave_never_lands_after_it"),
    ],
)
def test_a_store_that_does_not_compare_and_set_is_rejected(make: Callable[[], CredentialStore], test: str) -> None:
    with pytest.raises(AssertionError, match=r"expected .*, found "):
        getattr(_Yours(make), test)()


@pytest.mark.parametrize("said", [Capabilities(durable_clear=True), Capabilities(cross_process=True)])
def test_a_store_that_declares_what_nobody_could_see_is_rejected(said: Capabilities) -> None:
    with pytest.raises(AssertionError, match=r"`reopen` gives another object, .*: write one that opens"):
        _Yours(lambda: _Boastful(said)).check()


def test_a_store_without_compare_and_set_may_say_so() -> None:
    class Honest(_CarelessClear):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities(atomic_cas=False)

    suite = _Yours(Honest)
    suite.test_a_save_that_races_a_clear_never_lands_after_it()
    suite.test_a_sign_in_that_races_a_clear_stands()
