"""Two that use a store at once."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from authsm.stores.contract import Cleared, Entry, EntryState, Left, Refused, Saved
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.stores.crashes import while_writing
from authsm.testing.conformance.stores.trial import StoreSuite
from authsm.testing.conformance.suite import expect, leave_out, refute

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from authsm.stores.contract import CredentialStore, Superseded
    from authsm.testing.conformance.trial import Trial

One = TypeVar("One")
Other = TypeVar("Other")

_ROUNDS: Final = 8
"""How often two things are done at once."""

_BARRIER_SECONDS: Final = 30.0
_BLOCKED_SECONDS: Final = {True: 0.1, False: 2.0}
"""How long one who writes is held up, to see whether another has to wait for it; by what the store declares.

Whoever denies ``atomic_cas`` must not be contradicted because a machine is slow, so that takes longer than any write.
"""


class Races(StoreSuite):
    """`Capabilities.atomic_cas`: among threads at least, and among processes where ``cross_process`` says so.

    Without it nothing here is asked, but that a save between another's look and its write is not noticed. That is asked
    where `StoreSuite.on_write` tells when a write is about to happen: then it can be brought about. That nothing lost a
    race in a few rounds would say nothing.
    """

    def test_of_many_saves_at_once_one_wins(self) -> None:
        """The others are told that they lost."""
        with self._trial() as trial:
            _needs_atomic_cas(trial)
            begun = trial.store.begin("ada", session_data("0"))
            start = threading.Barrier(4)
            stores = [self._another(trial) for _ in range(4)]

            def save(number: int) -> bool:
                start.wait(_BARRIER_SECONDS)
                data = session_data(str(number))
                return isinstance(stores[number - 1].save("ada", data, epoch=begun.epoch, generation=1), Saved)

            with ThreadPoolExecutor(4) as pool:
                won = list(pool.map(save, range(1, 5)))
            trial.same(won.count(True), 1)
            trial.same(trial.store.load("ada").data, session_data(str(won.index(True) + 1)))

    def test_a_save_that_races_a_leave_never_lands_after_it(self) -> None:
        """And one that came before it is kept: its refresh token is the one to be revoked."""
        with self._races(_save, _leave) as (trial, rounds):
            for begun, saved, left in rounds:
                trial.same(left, Left())
                kept = saved.entry if isinstance(saved, Saved) else begun
                trial.same(trial.store.load("ada"), replace(kept, state=EntryState.LEAVING))
                trial.same(trial.store.read_journal("ada"), "one")

    def test_a_save_that_races_a_clear_never_lands_after_it(self) -> None:
        """Whichever came first, the tombstone stands, with the generation that was saved last."""
        with self._races(_save, _clear) as (trial, rounds):
            for begun, saved, cleared in rounds:
                trial.is_a(cleared, Cleared, "a clear that races a save answers Cleared")
                kept = saved.entry if isinstance(saved, Saved) else begun
                trial.same(trial.store.load("ada"), replace(kept, state=EntryState.TOMBSTONE, data=None))

    def test_a_sign_in_that_races_a_clear_stands(self) -> None:
        """Whichever came first, the old sign-out does not clear the new session."""
        with self._races(_begin_anew, _clear) as (trial, rounds):
            for _, begun, _ in rounds:
                trial.same(trial.store.load("ada"), begun)

    def test_a_save_between_the_look_and_the_write_of_another_is_noticed(self) -> None:
        """Brought about, not waited for; where ``atomic_cas`` is denied, that it is not noticed."""
        with self._trial() as trial:
            _, ours, theirs = self._interfere(trial, _save)
            both_saved = isinstance(ours, Saved) and isinstance(theirs, Saved)
            if trial.store.capabilities.atomic_cas:
                expect(not both_saved, "of two saves of one generation one is Refused; both answered Saved")
            elif not both_saved:
                refute("atomic_cas=False", "of two saves of one generation, one was Refused")

    def test_a_save_never_lands_on_a_sign_out_that_began_before_it_wrote(self) -> None:
        """Brought about, not waited for: the refresh that brings a session back to life."""
        with self._trial() as trial:
            _needs_atomic_cas(trial)
            begun, ours, theirs = self._interfere(trial, _leave)
            trial.same(theirs, Left())
            kept = ours.entry if isinstance(ours, Saved) else begun
            trial.same(trial.store.load("ada"), replace(kept, state=EntryState.LEAVING))

    def _interfere(
        self, trial: Trial, rival: Callable[[CredentialStore, Entry], object]
    ) -> tuple[Entry, object, object]:
        """Save, and have somebody else do something right before this is written.

        Returns:
            The session, what the save answered, and what the rival was answered.
        """
        self._needs("on_write", "what may come between the look and the write of a save")
        store = trial.store
        begun: Entry = store.begin("ada", session_data("0"))
        theirs: list[object] = []
        other = self._another(trial)
        seconds = _BLOCKED_SECONDS[store.capabilities.atomic_cas]  # it has to wait where both are one step
        meanwhile = threading.Thread(target=lambda: theirs.append(rival(other, begun)), daemon=True)

        def come_between() -> None:
            if meanwhile.ident is None:
                meanwhile.start()
                meanwhile.join(seconds)

        trial.script.say("# somebody else does something right before this writes")
        data, now = session_data("1"), {"epoch": begun.epoch, "generation": begun.generation}
        ours, error = while_writing(self, store.true, lambda: store.save("ada", data, **now), come_between)
        if error is not None:
            raise error
        expect(meanwhile.ident is not None, "`on_write` tells of the write of a save")
        meanwhile.join(_BARRIER_SECONDS)
        expect(theirs, "the other one ends, and raises nothing")
        return begun, ours, theirs[0]

    def _another(self, trial: Trial) -> Any:
        """Give the store as another process would have it, where it is for several."""
        return trial.reopened() if trial.store.capabilities.cross_process else trial.store

    @contextlib.contextmanager
    def _races(
        self, one: Callable[[CredentialStore, Entry], One], other: Callable[[CredentialStore, Entry], Other]
    ) -> Generator[tuple[Trial, Generator[tuple[Entry, One, Other]]]]:
        """Do two things to a session at once, again and again; and as two processes, where the store is for several."""
        with self._trial() as trial, ThreadPoolExecutor(2) as pool:
            _needs_atomic_cas(trial)

            def rounds() -> Generator[tuple[Entry, One, Other]]:
                for turn in range(_ROUNDS):
                    begun = trial.store.begin("ada", session_data("1"), replace=True)
                    start = threading.Barrier(2)
                    ours, theirs = self._another(trial), self._another(trial)
                    # Whoever is last at a barrier is the first to leave it: each is so as often.
                    early = pool.submit(_at, start, one, ours, begun) if turn % 2 else None
                    second = pool.submit(_at, start, other, theirs, begun)
                    first = early or pool.submit(_at, start, one, ours, begun)
                    yield begun, first.result(), second.result()

            yield trial, rounds()


def _needs_atomic_cas(trial: Trial) -> None:
    if not trial.store.capabilities.atomic_cas:
        leave_out("races were not asked about: the store declares atomic_cas=False")


def _save(store: CredentialStore, begun: Entry) -> Saved | Refused:
    return store.save("ada", session_data("2"), epoch=begun.epoch, generation=begun.generation)


def _leave(store: CredentialStore, begun: Entry) -> Left | Superseded:
    return store.leave("ada", epoch=begun.epoch, journal="one")


def _clear(store: CredentialStore, begun: Entry) -> Cleared | Superseded:
    return store.clear("ada", epoch=begun.epoch)


def _begin_anew(store: CredentialStore, _: Entry) -> Entry:
    return store.begin("ada", session_data("2"), replace=True)


def _at(
    start: threading.Barrier, act: Callable[[CredentialStore, Entry], One], store: CredentialStore, begun: Entry
) -> One:
    start.wait(_BARRIER_SECONDS)
    return act(store, begun)
