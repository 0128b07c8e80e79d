"""Every script, with a crash before and after every operation; and within one, where writes can be told."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authsm.stores.contract import Cleared, StoreUnavailableError
from authsm.stores.memory import MemoryCredentialStore
from authsm.testing.conformance.stores.operations import (
    EVERY_OPERATION,
    SCRIPTS,
    Session,
    clear,
    difference,
    tell,
)
from authsm.testing.conformance.stores.trial import StoreSuite
from authsm.testing.conformance.suite import expect
from authsm.testing.conformance.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authsm.stores.contract import CredentialStore
    from authsm.testing.conformance.stores.operations import Operation

_MOST_WRITES: Final = 100
"""How often an operation may write at the most: a bound for the tests."""


class Crash(BaseException):
    """The process ends here. No ``except Exception`` may hold it up."""


class _Countdown:
    """Goes off at the write with this number, and from then on at each."""

    def __init__(self, at: int, error: Callable[[], BaseException], *, stays: bool) -> None:
        self._left = at
        self._error = error
        self._stays = stays
        self.went_off = False

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0 or (self.went_off and self._stays):
            self.went_off = True
            raise self._error()


def while_writing(
    suite: StoreSuite, store: CredentialStore, act: Callable[[], object], about_to_write: Callable[[], None]
) -> tuple[object, BaseException | None]:
    """Do something to a store, and have something called before each of its writes.

    Args:
        suite: Says when the store writes.
        store: The store.
        act: What to do.
        about_to_write: To be called.

    Returns:
        What it returned, and what it raised: nothing is raised into a hook, which may not clean up after itself then.
    """
    with suite.on_write(store, about_to_write):
        try:
            return act(), None
        except BaseException as error:  # noqa: BLE001 - the caller raises it again
            return None, error


def crash_within(suite: StoreSuite, store: CredentialStore, act: Callable[[], object], *, at: int) -> bool:
    """Do something to a store, and have the process end right before one of its writes.

    Args:
        suite: Says when the store writes.
        store: The store.
        act: What to do.
        at: Before which write, counted from 1. None comes after it.

    Returns:
        Whether it came to that write.
    """
    countdown = _Countdown(at, Crash, stays=True)
    _, error = while_writing(suite, store, act, countdown)
    if error is not None and not countdown.went_off:
        raise error
    return countdown.went_off


def fail_within(suite: StoreSuite, store: CredentialStore, act: Callable[[], object], *, at: int) -> tuple[bool, bool]:
    """Do something to a store, and have one of its writes fail as on a full disk.

    Args:
        suite: Says when the store writes.
        store: The store.
        act: What to do.
        at: Which write, counted from 1.

    Returns:
        Whether it came to that write, and whether the store said so: by `StoreUnavailableError`, or by naming residue.
    """
    countdown = _Countdown(at, lambda: OSError(errno.ENOSPC, "No space left on device"), stays=False)
    answer, error = while_writing(suite, store, act, countdown)
    if error is not None and not isinstance(error, StoreUnavailableError):
        raise error
    return countdown.went_off, error is not None or (isinstance(answer, Cleared) and bool(answer.residue))


class Crashes(StoreSuite):
    """A crash: the store object is left as it is, and whoever comes next looks through another.

    What is expected is what `authsm.MemoryCredentialStore` gives for the same operations: the contract itself.
    """

    def test_what_has_happened_before_a_crash_has_happened_after_it(self) -> None:
        """And nothing else has: each script, with a crash before and after each of its operations."""
        with self._trial() as trial:
            trial.needs_to_outlive_its_object()
            for number, (name, script) in enumerate(SCRIPTS.items()):
                trial.begin_script(f"# {name}; the process ends after each operation, and the next one goes on")
                _run(trial, script, f"crash-{number}", Trial.crash)

    def test_nothing_is_kept_for_later(self) -> None:
        """Each script by one process, which may end after any operation: whoever looks then sees all that it did."""
        with self._trial() as trial:
            trial.needs_to_outlive_its_object()
            for number, (name, script) in enumerate(SCRIPTS.items()):
                trial.begin_script(f"# {name}; it is looked at as by the next process")
                _run(trial, script, f"later-{number}", lambda _: None)

    def test_a_crash_within_a_clear_leaves_the_session_or_its_tombstone(self) -> None:
        """Never something between the two; and clearing again finishes it."""
        self._within_each(self._crash_at, (clear,), "what a crash within a clear leaves")

    def test_a_crash_within_an_operation_leaves_it_done_or_not_done(self) -> None:
        """Sign-in, refresh, journal: each is one step."""
        others = tuple(each for each in EVERY_OPERATION if each is not clear)
        self._within_each(self._crash_at, others, "what a crash within an operation leaves")

    def test_a_write_that_fails_is_told(self) -> None:
        """An operation that answers has done what it says; what was cleared, not destroyed, may be told as residue."""
        self._within_each(self._fail_at, EVERY_OPERATION, "whether a write that fails is told")

    def _within_each(self, try_at: Callable[[Trial, int, int], bool], meant: tuple[Operation, ...], what: str) -> None:
        """Let something happen at each write of each operation that is meant."""
        self._needs("on_write", what)
        with self._trial() as trial:
            trial.needs_to_outlive_its_object()
            writes = 0
            for number, operation in enumerate(EVERY_OPERATION):
                if operation in meant:
                    writes += next(at for at in range(_MOST_WRITES) if not try_at(trial, number, at + 1))
            expect(writes, "`on_write` tells of writes; none was seen")

    def _crash_at(self, trial: Trial, number: int, at: int) -> bool:
        """Crash within one operation of the script, right before one of its writes; tell whether it came to it."""
        trial.begin_script("# the process ends within an operation")
        found, expected = _beginning(trial, EVERY_OPERATION[:number], key=f"within-{number}-{at}")
        operation, store = EVERY_OPERATION[number], trial.store.true
        with trial.script.within(f"crash_within(suite, store, lambda: {{}}, at={at})"):
            if not crash_within(self, store, lambda: operation(found), at=at):
                return False
        trial.crash()
        found.store = trial.store
        not_done = difference(found, expected)
        if not_done is not None:
            operation(expected)
            if len(found.stored) < len(expected.stored):  # nobody was told how the store numbers it
                found.stored.append(trial.store.load(found.key))
            done = difference(found, expected)
            if done is not None:
                tell(trial, found.key, not_done, done)
        if operation is not clear:
            _tidy_up(found)
        else:
            trial.is_a(clear(found), Cleared, "clearing again finishes a clear that was interrupted")
            trial.same(trial.store.verify_cleared(found.key, epoch=found.epoch), Cleared())
            if self._offers("written", StoreSuite) and self._medium_shows(trial.store.true, len(found.stored)):
                trial.fail("expected that no token is left on the medium once the clear is finished, found one")
        return True

    def _fail_at(self, trial: Trial, number: int, at: int) -> bool:
        """Let one write of an operation fail; tell whether it came to it."""
        trial.begin_script("# a write fails")
        found, expected = _beginning(trial, EVERY_OPERATION[:number], key=f"fails-{number}-{at}")
        operation = EVERY_OPERATION[number]
        trial.script.excuse("told")
        with trial.script.within(f"_, told = fail_within(suite, store, lambda: {{}}, at={at})"):
            came_to_it, told = fail_within(self, trial.store.true, lambda: operation(found), at=at)
        if came_to_it and not told:
            trial.crash()
            found.store = trial.store
            operation(expected)  # it answered, so it was done
            wrong = difference(found, expected)
            if wrong is not None:
                tell(trial, found.key, wrong)
        _tidy_up(found)
        return came_to_it


def _beginning(trial: Trial, operations: Iterable[Operation], *, key: str) -> tuple[Session, Session]:
    """Do the same to the store under test and to the one that gives the example."""
    found, expected = Session(trial.store, key), Session(MemoryCredentialStore(), key)
    _do(trial, operations, found, expected)
    return found, expected


def _do(trial: Trial, operations: Iterable[Operation], found: Session, expected: Session) -> None:
    for operation in operations:
        answer, example = operation(found), operation(expected)
        trial.is_a(answer, type(example), f"the answer is {type(example).__name__}")


def _run(trial: Trial, script: Iterable[Operation], key: str, then: Callable[[Trial], None]) -> None:
    """Do a script, and look through another object before and after each operation."""
    found, expected = _beginning(trial, (), key=key)
    for operation in (None, *script):
        if operation is not None:
            _do(trial, (operation,), found, expected)
        then(trial)
        found.store = trial.store
        wrong = difference(replace(found, store=trial.reopened()), expected)
        if wrong is not None:
            trial.look_through_another()
            tell(trial, key, wrong)
    _tidy_up(found)


def _tidy_up(session: Session) -> None:
    """Leave nothing in progress: some stores take longer the more there is."""
    store = session.store.true
    for epoch in session.epochs:
        store.clear(session.key, epoch=epoch)
        store.erase_journal(session.key, epoch=epoch)
