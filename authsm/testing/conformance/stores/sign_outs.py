"""Whole sign-outs over a store, with a crash before and after each of its operations."""

from __future__ import annotations

import contextlib
import functools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from authsm.auth.blocking import Auth
from authsm.auth.session import AuthState
from authsm.auth.sign_out import Journal
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.effects import GlobalSignOut, RevokeToken, SignOutEffect
from authsm.flows.sign_out.results import CompleteSignOut
from authsm.runners.handlers import Runner
from authsm.stores.contract import Cleared, EntryState
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.stores.crashes import Crash
from authsm.testing.conformance.stores.trial import OPERATIONS, StoreSuite
from authsm.testing.conformance.suite import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.runners.handlers import Call
    from authsm.stores.contract import CredentialStore
    from authsm.testing.conformance.trial import Trial

_MOST_OPERATIONS: Final = 100
"""How often a sign-out asks its store for something at the most: a bound for the tests."""


@dataclass
class Process:
    """Something that lives until it dies, and then does nothing more, whatever thread asks.

    Attributes:
        dies_at: At which operation of the store, counted from 1; the first is the look at what there is.
        after: Whether that operation is still done.
        journal: The last journal that it has written.
        asked: What its handlers were asked for: the effect, and which attempt it is.
        is_dead: Whether it has died.
    """

    dies_at: int = _MOST_OPERATIONS
    after: bool = False
    journal: str = ""
    asked: list[tuple[type[SignOutEffect], int]] = field(default_factory=list[tuple[type[SignOutEffect], int]])
    is_dead: bool = False

    def __post_init__(self) -> None:
        self._operations = 0
        self._lock = threading.Lock()

    def runner(self) -> Runner:
        """Give handlers that succeed, while it lives."""
        return Runner(handlers={RevokeToken: self._handle, GlobalSignOut: self._handle})

    def _handle(self, effect: SignOutEffect, _: Call) -> None:
        with self._lock:
            self._live()
            self.asked.append((type(effect), effect.attempt))

    def carry_out(self, act: Any, *arguments: Any, **named: Any) -> Any:
        """Carry out an operation of the store, and die at the one that it is to die at."""
        with self._lock:
            self._live()
            self._operations += 1
            dies = self._operations == self.dies_at
            if dies and not self.after:
                self._die()
            answer = act(*arguments, **named)
            self.journal = named.get("journal", self.journal)
            if dies:
                self._die()
            return answer

    def _live(self) -> None:
        if self.is_dead:
            raise Crash

    def _die(self) -> None:
        self.is_dead = True
        raise Crash


class _Mortal:
    """A store as a process sees it that is going to die."""

    def __init__(self, store: CredentialStore, process: Process) -> None:
        self._store = store
        self._process = process

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if name not in OPERATIONS:
            return value
        return functools.partial(self._process.carry_out, value)


class CrashedSignOuts(StoreSuite):
    """`Auth.sign_out` over your store, everywhere: two remote steps, a journal entry before each, and the clear."""

    def test_a_sign_out_that_died_anywhere_can_be_ended(self) -> None:
        """Complete, nothing left, and no remote step that was written down as done is done again."""
        with self._trial() as trial:
            trial.needs_to_outlive_its_object()
            crashes = 0
            for dies_at, after in _moments():
                if not self._crash_a_sign_out(trial, dies_at, after=after):
                    break
                crashes += 1
            expect(crashes, "a sign-out uses its store")

    def crash_a_sign_out(self, *, dies_at: int, after: bool) -> bool:
        """Sign out, die at one operation of the store, and end it as the next process would.

        Args:
            dies_at: At which operation, counted from 1.
            after: Whether that operation is still done.

        Returns:
            Whether it came to that operation.

        Raises:
            AssertionError: The sign-out could not be ended, or something is left.
        """
        with self._trial() as trial:
            return self._crash_a_sign_out(trial, dies_at, after=after)

    def _crash_a_sign_out(self, trial: Trial, dies_at: int, *, after: bool) -> bool:
        key = f"sign-out-{dies_at}-{'after' if after else 'before'}"
        trial.script.begin_anew(f"suite.crash_a_sign_out(dies_at={dies_at}, after={after})  # which does this:")
        with trial.script.within("# {}"):
            begun = trial.store.begin(key, session_data("1"))
            died = Process(dies_at, after)
            # Whatever comes of it is seen by nobody.
            with contextlib.suppress(Crash):
                store = cast("CredentialStore", _Mortal(trial.store, died))
                Auth(store, died.runner(), key=key).sign_out(global_sign_out=True)
            if not died.is_dead:
                return False
            trial.crash()
            heir = Process()
            auth = Auth(trial.store, heir.runner(), key=key)
            result = auth.resume() or auth.sign_out(global_sign_out=True)
            expect(isinstance(result, CompleteSignOut), f"the sign-out ends as CompleteSignOut, not {result!r}")
            _expect_nothing_left(trial, auth, key, begun.epoch)
            _expect_nothing_done_twice(died, heir)
        return True


def _moments() -> Iterator[tuple[int, bool]]:
    # Not at the first look: nothing has happened before it, and until the next operation nothing does.
    return ((number, after) for number in range(2, _MOST_OPERATIONS) for after in (False, True))


def _expect_nothing_left(trial: Trial, auth: Auth, key: str, epoch: int) -> None:
    entry = trial.store.load(key)
    expect(
        (entry.state, entry.epoch, entry.data) == (EntryState.TOMBSTONE, epoch, None),
        f"a tombstone of that session is left, without data; found {entry!r}",
    )
    expect(trial.store.read_journal(key) is None, "no journal is left")
    expect(key not in trial.store.journals(), "the sign-out is not in progress any more")
    trial.same(trial.store.verify_cleared(key, epoch=epoch), Cleared())
    expect(auth.state is AuthState.SIGNED_OUT, f"nobody is signed in; found {auth.state}")
    expect(auth.credentials() is None, "no credentials are handed out")


def _expect_nothing_done_twice(died: Process, heir: Process) -> None:
    """Judge by what went into the journal, as whoever wrote it knows, not by what the store made of it."""
    if not died.journal:
        return
    written = SIGN_OUT.from_json(msgspec.json.decode(died.journal, type=Journal).snapshot)
    pending = SIGN_OUT.table.states[written.state].effect
    for effect, attempt in heir.asked:
        expect(
            getattr(written.context, effect.step) is None,
            f"{effect.__name__} is not done again: the journal said that it was done",
        )
        expect(
            effect is not pending or attempt > 1,
            f"{effect.__name__} is asked for as attempt 2 or more: its outcome was lost",
        )
