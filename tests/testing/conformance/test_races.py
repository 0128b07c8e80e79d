"""Stores that look, and write what follows from that: whether they say so or not."""

import time
import unittest
from collections.abc import Callable
from typing import TypeVar

import pytest

from authsm import CredentialStore, MemoryCredentialStore, SignedInData
from authsm.stores._record import Record
from authsm.stores.contract import Capabilities, Cleared, Left, Refused, Saved, Superseded
from authsm.testing import StoreConformance
from tests.auth.world import SOON

Answer = TypeVar("Answer")


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


class _Declares(MemoryCredentialStore):
    """Declares what nothing in memory can do, or less than it does."""

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
        (_CarelessSave, "test_of_many_saves_at_once_one_wins"),
    ],
)
def test_a_store_that_does_not_compare_and_set_is_rejected(make: Callable[[], CredentialStore], test: str) -> None:
    with pytest.raises(AssertionError, match=r"expected .*, found "):
        getattr(_Yours(make), test)()


@pytest.mark.parametrize("said", [Capabilities(durable_clear=True), Capabilities(cross_process=True)])
def test_a_store_that_declares_what_nobody_could_see_is_rejected(said: Capabilities) -> None:
    with pytest.raises(AssertionError, match=r"`reopen` gives another object, .*: write one that opens"):
        _Yours(lambda: _Declares(said)).test_what_outlives_its_object_is_looked_at_through_another()


def test_a_store_without_compare_and_set_may_say_so_and_is_asked_for_no_race() -> None:
    suite = _Yours(lambda: _Declares(Capabilities(atomic_cas=False)))
    for test in (
        suite.test_of_many_saves_at_once_one_wins,
        suite.test_a_save_that_races_a_clear_never_lands_after_it,
        suite.test_a_save_that_races_a_leave_never_lands_after_it,
        suite.test_a_sign_in_that_races_a_clear_stands,
    ):
        with pytest.raises(unittest.SkipTest, match="the store declares atomic_cas=False"):
            test()
