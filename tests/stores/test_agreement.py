"""The stores do the same, whatever is asked of them."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsm import CredentialStore, FileCredentialStore, MemoryCredentialStore, SignedInData
from authsm.stores import _record
from authsm.stores.contract import Entry, EntryState, SessionExistsError, Superseded
from tests.auth.world import pool_tokens, session
from tests.stores.kinds import IN_FILES

KEYS = ("ada", "Ada", "", "../ada", "ada%2f", "ädä", "a" * 60)


@dataclass(frozen=True)
class Operation:
    """One operation of a store, on the epoch and generation that are there, or on others."""

    name: str
    key: str
    off: tuple[int, int]
    data: SignedInData
    journal: str
    replace: bool

    def on(self, store: CredentialStore, entry: Entry) -> object:
        epoch, generation = entry.epoch + self.off[0], entry.generation + self.off[1]
        operation = getattr(store, self.name)
        match self.name:
            case "begin":
                return operation(self.key, self.data, replace=self.replace)
            case "save":
                return operation(self.key, self.data, epoch=epoch, generation=generation)
            case "leave" | "write_journal":
                return operation(self.key, epoch=epoch, journal=self.journal)
            case _:
                return operation(self.key, epoch=epoch)


_NAMES = [
    "begin",
    "begin",
    "save",
    "leave",
    "leave",
    "clear",
    "clear",
    "write_journal",
    "erase_journal",
    "verify_cleared",
]
_OFF = st.sampled_from([0] * 12 + [-1, 1])
_OPERATIONS = st.builds(
    Operation,
    name=st.sampled_from(_NAMES),
    key=st.sampled_from([KEYS[0]] * 20 + list(KEYS)),
    off=st.tuples(_OFF, _OFF),
    data=st.sampled_from(["1", "2"]).map(lambda edition: session(tokens=pool_tokens(edition))),
    journal=st.sampled_from(["{}", "a journal\n"]),
    replace=st.booleans(),
)


def _answer(store: CredentialStore, operation: Operation, entry: Entry) -> object:
    try:
        return operation.on(store, entry)
    except SessionExistsError as error:
        return str(error)


def _everything_in(store: CredentialStore) -> list[Any]:
    return [sorted(store.journals()), *((store.load(key), store.read_journal(key)) for key in KEYS)]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("make", IN_FILES.values(), ids=IN_FILES)
@settings(max_examples=100, deadline=None)
@given(operations=st.lists(_OPERATIONS, min_size=10, max_size=15))
def test_every_store_keeps_what_memory_keeps(
    make: Callable[[Path], CredentialStore], operations: list[Operation]
) -> None:
    with _folder() as folder:
        memory = MemoryCredentialStore()
        for operation in operations:
            file = make(folder)  # a fresh one each time: nothing may live in the object
            entry = memory.load(operation.key)
            assert _answer(file, operation, entry) == _answer(memory, operation, entry)
            assert _everything_in(file) == _everything_in(memory)


@pytest.mark.usefixtures("epochs_by_the_clock")
@pytest.mark.parametrize("make", IN_FILES.values(), ids=IN_FILES)
def test_no_epoch_is_given_twice_even_where_the_old_record_is_lost(
    make: Callable[[Path], CredentialStore], tmp_path: Path
) -> None:
    """An old sign-out that still runs must not take the new session for its own."""
    old = make(tmp_path / "old").begin("ada", session())
    (tmp_path / "old").rename(tmp_path / "moved away by hand")
    store = make(tmp_path / "old")
    new = store.begin("ada", session())
    assert new.epoch > old.epoch
    assert store.clear("ada", epoch=old.epoch) == Superseded()
    assert store.load("ada") == new


def test_epochs_rise_even_where_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryCredentialStore()
    clock = iter([2_000, 1_000, 3_000])
    monkeypatch.setattr(_record, "_microseconds", lambda: next(clock))
    assert [store.begin("ada", session(), replace=True).epoch for _ in range(3)] == [2_000, 2_001, 3_000]


@pytest.mark.usefixtures("epochs_by_the_clock")
@pytest.mark.parametrize("make", [*IN_FILES.values(), lambda _: MemoryCredentialStore()], ids=[*IN_FILES, "memory"])
def test_old_tombstones_are_forgotten_and_nothing_else(make: Callable[[Path], CredentialStore], tmp_path: Path) -> None:
    store: Any = make(tmp_path / "credentials")
    assert store.forget_cleared(before=datetime.now(UTC)) == 0
    old = {key: store.begin(key, session()).epoch for key in ("live", "leaving", "unfinished", "cleared")}
    for key in ("leaving", "unfinished", "cleared"):
        store.leave(key, epoch=old[key], journal="{}")
    for key in ("unfinished", "cleared"):
        store.clear(key, epoch=old[key])
    store.erase_journal("cleared", epoch=old["cleared"])
    before = datetime.now(UTC)
    new = store.begin("new", session()).epoch
    store.clear("new", epoch=new)
    states = {key: store.load(key).state for key in (*old, "new")}
    assert store.forget_cleared(before=before - timedelta(days=1)) == 0
    assert store.forget_cleared(before=before) == 1
    assert {key: store.load(key).state for key in states} == {**states, "cleared": EntryState.ABSENT}
    assert store.begin("cleared", session()).epoch > old["cleared"]
    with pytest.raises(ValueError, match="time zone"):
        store.forget_cleared(before=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake


@pytest.mark.parametrize("operation", ["clear", "erase_journal"])
def test_a_key_that_was_never_used_stays_absent(operation: str, tmp_path: Path) -> None:
    store = FileCredentialStore(tmp_path)
    getattr(store, operation)("ada", epoch=0)
    assert store.load("ada").state is EntryState.ABSENT
    store.begin("ada", session())
