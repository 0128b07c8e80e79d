"""What every ticket store has to do: a suite for your own.

::

    class TestMyTickets(TicketStoreConformance):
        def make(self):
            return MyTicketStore(...)    # a new one, empty

        def reopen(self, store):
            return MyTicketStore(...)    # the same tickets, as another process would see them

Where ``reopen`` gives another object, two things more are asked: that whoever opens the tickets later finds what was
done to them, and that of many who end one through objects of their own, one does. Servers with several processes need
both. Without it nothing outlives the object, so far as the suite can tell, and both are left out by name.

Power cuts are yours to test; and whether your medium still shows the text of a sign-out that has ended, which holds no
token.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from authsm.stores.tickets import Ticket
from authsm.testing.conformance.suite import expect
from authsm.testing.conformance.trial import Trial, TrialSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.stores.tickets import TicketStore

_KEYS: Final = (
    "ada",
    "Ada",
    "ada ",
    "",
    "a_a",
    "%",
    "*",
    "ada/../grace",
    "ada:grace",
    "ädä \n",
    "a\u0308da\u0308 \n",
    "'; DROP TABLE tickets; --",
    '"{ada}"',
    "k" * 500,
)
"""Keys that must not be mistaken for each other, nor for anything else."""

_ROUNDS: Final = 8
"""How often several do something at once."""

_THREADS: Final = 8
_BARRIER_SECONDS: Final = 30.0

_TIME: Final = 1_800_000_000.25
"""A time as clocks tell it: it has fractions, and is long over or far away, as you like."""


class TicketStoreConformance(TrialSuite):
    """The tests of `TicketStore`, each a method whose name begins with ``test``, and none needs another."""

    operations = ("put", "read", "end", "renew", "expired", "forget")
    imports = "from authsm.stores.tickets import Ticket\n"

    def make(self) -> TicketStore:
        """Make a new, empty store. A plain function: stores are used from threads."""
        raise NotImplementedError("Say how a new, empty ticket store is made.")

    def test_its_operations_are_plain_functions(self) -> None:
        """They are called from threads, and nobody awaits them."""
        with self._trial():
            pass  # a trial does not begin otherwise

    def test_where_nothing_was_put_nothing_is_found(self) -> None:
        """Whatever is asked; and asking leaves nothing behind."""
        with self._trial() as trial:
            store, unknown = trial.store, _digest("unknown")
            for _ in range(2):
                trial.same(store.read(unknown), None)
                _not_done(trial, store.end(unknown, "signed_out"))
                _not_done(trial, store.renew("ada", unknown, expires=_TIME))
                trial.same(_expired(trial, _TIME), [])
                trial.same(store.forget(_TIME), 0)

    def test_a_ticket_is_found_as_it_was_put(self) -> None:
        """To the fraction of a second, in any alphabet, and beside others of its session; even if its time is over."""
        with self._trial() as trial:
            tickets = {
                "first": Ticket(key="ada", expires=_TIME, suspended='{"username": "ädä \\" 日本"}'),
                "second": Ticket(key="ada", expires=0.5, suspended="as long as it takes " * 200),
                "of grace": Ticket(key="grace", expires=_TIME + 0.125, suspended="\n"),
            }
            for name, ticket in tickets.items():
                trial.store.put(_digest(name), ticket)
            for name, ticket in tickets.items():
                trial.same(trial.store.read(_digest(name)), ticket)
            trial.same(trial.store.read(_digest("unknown")), None)

    def test_every_text_is_a_key(self) -> None:
        """And no other text is the same key."""
        with self._trial() as trial:
            store = trial.store
            for key in _KEYS:
                store.put(_digest(key), _ticket(key))
            for key in _KEYS:
                _done(trial, store.renew(key, _digest(f"renewed {key}"), expires=_TIME + 1))
                trial.same(store.read(_digest(f"renewed {key}")), _ticket(key, expires=_TIME + 1))

    def test_a_ticket_ends_once(self) -> None:
        """The first who ends it is told so, and how it ended stays what they said."""
        with self._trial() as trial:
            store, digest = trial.store, _digest("ada")
            store.put(digest, _ticket())
            for ending, ends in (("refused", True), ("signed_out", False), ("refused", False)):
                trial.same(store.end(digest, ending), ends)
                trial.same(_ending(store.read(digest)), "refused")

    def test_the_text_of_a_ticket_that_has_ended_is_gone(self) -> None:
        """And the rest of it is there, for pages that are loaded again."""
        with self._trial() as trial:
            store, digest = trial.store, _digest("ada")
            store.put(digest, _ticket())
            store.end(digest, "signed_out")
            trial.same(store.read(digest), _ticket().ended("signed_out"))

    def test_the_end_of_a_ticket_is_not_that_of_another(self) -> None:
        """Each is ended by its own digest, and no other ticket of the session with it."""
        with self._trial() as trial:
            store = trial.store
            for name in ("first", "second"):
                store.put(_digest(name), _ticket())
            _done(trial, store.end(_digest("first"), "signed_out"))
            _not_done(trial, store.end(_digest("unknown"), "signed_out"))
            trial.same(store.read(_digest("second")), _ticket())

    def test_what_has_waited_until_its_time_has_expired(self) -> None:
        """Not what has still time, and not what has ended."""
        with self._trial() as trial:
            times = {"early": _TIME - 600, "just now": _TIME, "soon": _TIME + 0.25, "ended": _TIME - 900}
            for name, expires in times.items():
                trial.store.put(_digest(name), _ticket(expires=expires))
            trial.store.end(_digest("ended"), "signed_out")
            trial.same(_expired(trial, _TIME), sorted(map(_digest, ("early", "just now"))))
            trial.same(_expired(trial, _TIME - 601), [])

    def test_what_has_expired_can_be_ended_while_it_is_looked_through(self) -> None:
        """As a sweeper does it: one after the other, each as it comes."""
        with self._trial() as trial:
            store, names = trial.store, ("first", "second", "third")
            for name in names:
                store.put(_digest(name), _ticket())
            for digest in store.expired(_TIME):
                _done(trial, store.end(digest, "expired"))
            for name in names:
                trial.same(_ending(store.read(_digest(name))), "expired")

    def test_only_what_has_ended_is_forgotten_and_only_after_its_time(self) -> None:
        """What waits stays, however long: the sweeper has to tell somebody of it."""
        with self._trial() as trial:
            store = trial.store
            times = {"waits": _TIME - 9000, "old": _TIME - 900, "older": _TIME - 901, "just now": _TIME}
            for name, expires in times.items():
                store.put(_digest(name), _ticket(expires=expires))
                if name != "waits":
                    store.end(_digest(name), "expired")
            trial.same(store.forget(_TIME), 2)
            trial.same(store.forget(_TIME), 0)
            trial.same(store.read(_digest("waits")), _ticket(expires=_TIME - 9000))
            trial.same(_ending(store.read(_digest("just now"))), "expired")
            for name in ("old", "older"):
                trial.same(store.read(_digest(name)), None)
                _not_done(trial, store.end(_digest(name), "signed_out"))

    def test_a_renewed_ticket_is_found_under_its_new_digest_alone(self) -> None:
        """With its text, and with its new time: whoever has the old digest has nothing any more."""
        with self._trial() as trial:
            store, old, new = trial.store, _digest("old"), _digest("new")
            store.put(old, _ticket())
            _done(trial, store.renew("ada", new, expires=_TIME + 900))
            trial.same(store.read(old), None)
            _not_done(trial, store.end(old, "signed_out"))
            trial.same(store.read(new), _ticket(expires=_TIME + 900))
            trial.same(_expired(trial, _TIME + 899), [])
            trial.same(_expired(trial, _TIME + 900), [new])
            _done(trial, store.end(new, "signed_out"))

    def test_the_newest_ticket_of_a_session_that_waits_is_renewed(self) -> None:
        """Not an older one, not one that has ended, and nobody else's."""
        with self._trial() as trial:
            store = trial.store
            store.put(_digest("ended"), _ticket(expires=_TIME + 30))
            store.end(_digest("ended"), "refused")
            _not_done(trial, store.renew("ada", _digest("none"), expires=_TIME + 60))
            others = {
                "first": _ticket(expires=_TIME),
                "third": _ticket(expires=_TIME + 10),
                "of grace": _ticket("grace", expires=_TIME + 40),
            }
            store.put(_digest("first"), others["first"])
            store.put(_digest("second"), _ticket(expires=_TIME + 20))
            store.put(_digest("third"), others["third"])
            store.put(_digest("of grace"), others["of grace"])
            _done(trial, store.renew("ada", _digest("new"), expires=_TIME + 60))
            trial.same(store.read(_digest("new")), _ticket(expires=_TIME + 60))
            trial.same(store.read(_digest("second")), None)
            for name, ticket in others.items():
                trial.same(store.read(_digest(name)), ticket)
            trial.same(store.read(_digest("ended")), _ticket(expires=_TIME + 30).ended("refused"))

    def test_of_many_threads_one_ends_a_ticket(self) -> None:
        """Callbacks, replays and a sweeper, at the same time."""
        with self._trial() as trial:
            self._race(trial, [trial.store] * _THREADS)

    def test_of_many_processes_one_ends_a_ticket(self) -> None:
        """As far as that can be seen here: each through an object of its own."""
        with self._trial() as trial:
            trial.needs_to_outlive_its_object("other processes")
            self._race(trial, [trial.reopened() for _ in range(_THREADS)])

    def _race(self, trial: Trial, stores: list[Any]) -> None:
        """Have each end a ticket at the same time, again and again."""
        for turn in range(_ROUNDS):
            digest = _digest(f"{turn}")
            trial.store.put(digest, _ticket())
            told = _at_once([functools.partial(store.end, digest, f"by {each}") for each, store in enumerate(stores)])
            ended = [f"by {each}" for each, was_told in enumerate(told) if was_told]
            expect(len(ended) == 1, f"of {len(stores)} who end a ticket at once, one is told True; {len(ended)} were")
            trial.same(trial.store.read(digest), _ticket().ended(ended[0]))

    def test_of_an_end_and_a_renewal_at_once_one_happens(self) -> None:
        """Otherwise the sign-out would wait on under the new digest, and end twice."""
        with self._trial() as trial:
            for turn in range(_ROUNDS):
                key, old, new = f"ada {turn}", _digest(f"old {turn}"), _digest(f"new {turn}")
                trial.store.put(old, _ticket(key))
                both: list[Callable[[], bool]] = [
                    functools.partial(trial.store.end, old, "signed_out"),
                    functools.partial(trial.store.renew, key, new, expires=_TIME + 900),
                ]
                # Whoever is last at a barrier is the first to leave it: each is so as often.
                told = _at_once(both if turn % 2 else both[::-1])
                ended, renewed = told if turn % 2 else told[::-1]
                expect(ended != renewed, f"one of the two is told True; end gave {ended!r}, and renew {renewed!r}")
                trial.same(trial.store.read(old), _ticket(key).ended("signed_out") if ended else None)
                trial.same(trial.store.read(new), _ticket(key, expires=_TIME + 900) if renewed else None)

    def test_whoever_opens_it_later_finds_what_was_done(self) -> None:
        """After each operation, through another object: a restart loses nothing and brings nothing back."""
        with self._trial() as trial:
            trial.needs_to_outlive_its_object("restarts")
            store, old, new = trial.store, _digest("old"), _digest("new")
            store.put(old, _ticket())
            trial.same(trial.reopened().read(old), _ticket())
            store.renew("ada", new, expires=_TIME + 900)
            trial.same(trial.reopened().read(old), None)
            trial.same(trial.reopened().read(new), _ticket(expires=_TIME + 900))
            store.end(new, "signed_out")
            trial.same(trial.reopened().read(new), _ticket(expires=_TIME + 900).ended("signed_out"))
            _not_done(trial, trial.reopened().end(new, "refused"))
            store.forget(_TIME + 901)
            trial.same(trial.reopened().read(new), None)


def _digest(name: str) -> str:
    """Give a digest as `authsm.web` has them."""
    return hashlib.sha256(name.encode()).hexdigest()


def _ticket(key: str = "ada", *, expires: float = _TIME) -> Ticket:
    return Ticket(key=key, expires=expires, suspended=f"where {key} stands")


def _done(trial: Trial, answer: object) -> None:
    trial.same(answer, expected=True)


def _not_done(trial: Trial, answer: object) -> None:
    trial.same(answer, expected=False)


def _ending(ticket: Ticket | None) -> str | None:
    return ticket.ending if ticket else None


def _expired(trial: Trial, now: float) -> list[str]:
    """Give what has expired, in an order of its own: the store may give it in any."""
    with trial.script.within("sorted({})"):
        found: list[str] = trial.script.did("store", "expired", functools.partial(_sorted, trial.store.true), now)
    return found


def _sorted(store: TicketStore, now: float) -> list[str]:
    return sorted(store.expired(now))


def _at_once(acts: list[Callable[[], bool]]) -> list[bool]:
    """Do all of this at the same time; give the answers in the same order."""
    start = threading.Barrier(len(acts))

    def do(act: Callable[[], bool]) -> bool:
        start.wait(_BARRIER_SECONDS)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))
