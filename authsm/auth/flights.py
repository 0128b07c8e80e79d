"""Single flight: sign-outs of one session at the same time share one run, or stand in a queue.

Callers that ask for the same thing wait for one flight. Others wait until the local clear of the one before has an
outcome: from then on the session is settled, and the next one sees how. For the same reason nobody joins a flight that
has come so far.

A flight is boarded, flies in a thread or an event loop, settles the session, and ends. Whatever becomes of those who
wait for it or run it (interrupted, cancelled, their event loop closed under them, their process forked), it ends, or is
ended by whoever comes across it: nobody waits for a flight that nobody flies.
"""

from __future__ import annotations

import atexit
import os
import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

from authsm.core.drive import Transition
from authsm.errors import InvalidStateException

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from authsm.auth.sign_out import SignOutRun
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Notice

Listener: TypeAlias = "Callable[[Transition[SignOutContext]], None]"


class Stage(Enum):
    """How far a flight has come."""

    BOARDED = auto()
    FLYING = auto()
    ENDED = auto()


class Flight:
    """One run that any number of callers wait for, from any thread or event loop.

    Args:
        run: What is run.
        flights: Where it stands in a queue; nowhere if not given.
        whose: Names its session there.

    Attributes:
        run: What is run.
        result: What it ends in.
        landed: Done when everybody who waited for the result has been called.
        turn: Done when its turn has come: the flight before it has settled the session.
        settled: Done when this flight, and all before it, have settled the session.
        called_off: Whether every caller left before its turn had come: then nothing is done at all.
        is_orphaned: Tells whether those who fly it are gone: their event loop was closed.
        thread: Which thread flies it; None before.
    """

    def __init__(self, run: SignOutRun, flights: Flights | None = None, whose: Hashable = None) -> None:
        self.run = run
        self.result: Future[SignOutResult] = Future()
        self.result.set_running_or_notify_cancel()
        self.landed: Future[None] = Future()
        self.turn: Future[None] = Future()
        self.settled: Future[None] = Future()
        self.called_off = False
        self.is_orphaned: Callable[[], bool] = _never
        self.thread: int | None = None
        self._flights = flights
        self._whose = whose
        self._lock = threading.Lock()
        self._stage = Stage.BOARDED
        self._callers = 1
        self._has_settled = False
        self._keepers: list[Callable[[SignOutResult], None]] = []
        self._interrupt: Callable[[], None] | None = None
        self._interrupted = 0
        self._transitions: list[Transition[SignOutContext]] = []
        self._listeners: list[Listener] = []
        run.cleared = self.settle
        run.audience.add([self._note])
        if flights is None:
            self.take_turn()

    def take_turn(self) -> None:
        """Say that its turn has come."""
        with self._lock:
            if not self.turn.done():
                self.turn.set_result(None)

    def take_off(self) -> bool:
        """Begin to fly, in this thread.

        Returns:
            False where it was given up before: then nothing must be done.
        """
        with self._lock:
            takes_off = self._stage is Stage.BOARDED
            if takes_off:
                self._stage = Stage.FLYING
                self.thread = threading.get_ident()
        return takes_off

    def give_up(self, error: BaseException) -> None:
        """Say that nobody will fly it, because starting it failed; or interrupt it, if somebody flies it already."""
        with self._lock:
            grounded = self._stage is Stage.BOARDED
            if grounded:
                self._stage = Stage.FLYING  # nobody else takes off
        if grounded:
            self.fail(error)
        elif self.leave():
            self.interrupt()

    @property
    def has_settled(self) -> bool:
        """Whether it has settled the session; flights before it may not have."""
        return self._has_settled

    def settle(self) -> None:
        """Say that this flight has settled the session."""
        with self._lock:
            settles, self._has_settled = not self._has_settled, True
        if settles:
            if self._flights is None:
                self.settled.set_result(None)
            else:
                self._flights.move_up(self._whose)

    def keep(self, keeper: Callable[[SignOutResult], None]) -> None:
        """Hand the result to a keeper before anybody who waits for it wakes up."""
        with self._lock:
            if self._stage is not Stage.ENDED:
                self._keepers.append(keeper)
                return
        if self.result.exception() is None:
            keeper(self.result.result())

    def end(self, result: SignOutResult) -> None:
        """Say what this flight ended in. The first end counts."""
        if self._ends():
            self.settle()
            for keeper in self._keepers:
                keeper(result)
            self.result.set_result(result)
            self.landed.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Say that this flight broke, to be raised to whoever waits."""
        if self._ends():
            self.settle()
            self.result.set_exception(error)
            self.landed.set_result(None)

    def _ends(self) -> bool:
        with self._lock:
            ends = self._stage is not Stage.ENDED
            self._stage = Stage.ENDED
        return ends

    def look_after(self) -> None:
        """End this flight, and those it stands behind, where those who fly them are gone. Waiters call it often."""
        self.end_if_orphaned()
        if self._flights is not None:
            self._flights.look_after(self._whose)

    def end_if_orphaned(self) -> None:
        """End it where those who fly it are gone."""
        if self._stage is not Stage.ENDED and self.is_orphaned():
            self.fail(RuntimeError(LOOP_BROKE))

    def join(self) -> bool:
        """Count one more caller, unless the session is settled, or the last caller has left and interrupted.

        Returns:
            Whether the caller was counted.
        """
        with self._lock:
            joins = self._callers > 0 and not self._has_settled
            self._callers += joins
        return joins

    def leave(self) -> bool:
        """Count one caller less.

        Returns:
            Whether that was the last one: it has to interrupt the flight, and to wait for its end.
        """
        with self._lock:
            self._callers -= 1
            return self._callers == 0

    def interrupt(self) -> None:
        """Interrupt the run: see `authsm.core.drive.Interrupt`. From any thread."""
        with self._lock:
            self._interrupted += 1
            interrupt = self._interrupt
            self.called_off = self.called_off or not self.turn.done()
        if interrupt is not None:
            interrupt()
        self.take_turn()

    def interrupted_by(self, interrupt: Callable[[], None]) -> None:
        """Say how the run is interrupted, once it has an inbox; interruptions so far are delivered."""
        with self._lock:
            self._interrupt = interrupt
            missed = self._interrupted
        for _ in range(missed):
            interrupt()

    def listen(self, listener: Listener) -> None:
        """Hear every transition, those that have happened first. From any thread."""
        with self._lock:
            for transition in self._transitions:
                listener(transition)
            self._listeners.append(listener)

    def _note(self, notice: Notice) -> None:
        if not isinstance(notice, Transition):
            return
        with self._lock:
            self._transitions.append(notice)
            for listener in self._listeners:
                listener(notice)


_LOOK_UP_SECONDS = 1.0

_LANDING_SECONDS = 10.0
"""How long a program that ends waits for those who were told of a result."""

LOOP_BROKE = "The event loop that ran this sign-out broke down before its end. Call `resume`."


def _never() -> bool:
    return False


class Flights:
    """Every flight in this process, by whose session it is."""

    def __init__(self) -> None:
        # Reentrant: an event loop with eager tasks begins to fly while the flight is boarded.
        self._lock = threading.RLock()
        self._flights: dict[Hashable, list[tuple[Any, Flight]]] = {}
        self._in_the_air: set[Flight] = set()

    def board(
        self,
        whose: Hashable,
        request: object,
        make: Callable[[], SignOutRun],
        start: Callable[[Flight], None],
        *,
        joined: Callable[[Flight], None],
    ) -> Flight:
        """Join the flight for a request, or begin a new one behind the last.

        Args:
            whose: Names the session: its store and key.
            request: What is asked for; equal requests share a flight.
            make: Makes the run of a new flight.
            start: Has a new flight flown.
            joined: Called with the flight, new or not, before a new one is started.

        Returns:
            The flight.
        """
        with self._lock:
            self.look_after(whose)
            for each, flight in self._flights.get(whose, []):
                if each == request and flight.join():
                    joined(flight)
                    return flight
            flight = Flight(make(), self, whose)
            try:
                self._flights.setdefault(whose, []).append((request, flight))
                self._in_the_air.add(flight)
                flight.landed.add_done_callback(lambda _: self._in_the_air.discard(flight))
                joined(flight)
                self.move_up(whose)
                start(flight)
            except BaseException as error:
                flight.give_up(error)
                raise
        return flight

    def move_up(self, whose: Hashable) -> None:
        """Let the first flight that has not settled have its turn; those before it are over."""
        over: list[Flight] = []
        with self._lock:
            queue = self._flights.get(whose, [])
            while queue and queue[0][1].has_settled:
                over.append(queue.pop(0)[1])
            first = queue[0][1] if queue else None
            if not queue:
                self._flights.pop(whose, None)
        for flight in over:
            flight.settled.set_result(None)
        if first is not None:
            first.take_turn()

    def look_after(self, whose: Hashable) -> None:
        """End the flights of a session that nobody flies any more."""
        with self._lock:
            flights = [flight for _, flight in self._flights.get(whose, [])]
        for flight in flights:
            flight.end_if_orphaned()

    def close(self, whose: Hashable) -> list[Flight]:
        """Let nobody join the flights of a session any more, because another sign-in is about to take its place.

        Returns:
            Those flights. If the sign-in succeeds, they have to be told of it: see `SignOutRun.newer_epoch`.
        """
        with self._lock:
            queue = self._flights.get(whose, [])
            queue[:] = [(_Closed(), flight) for _, flight in queue]
            return [flight for _, flight in queue]

    def busy(self, whose: Hashable) -> bool:
        """Tell whether a sign-out of this session is under way."""
        with self._lock:
            self.look_after(whose)
            return whose in self._flights

    def refuse_in_own_thread(self, whose: Hashable) -> None:
        """Refuse to wait for what cannot go on before this very thread does.

        Args:
            whose: Names the session.

        Raises:
            InvalidStateException: A flight of this session flies in this thread: an observer, or something else that
                its event loop calls, wants to wait for it.
        """
        with self._lock:
            flies_here = any(flight.thread == threading.get_ident() for _, flight in self._flights.get(whose, []))
        if flies_here:
            raise InvalidStateException(
                "A sign-out of this session runs in this very thread, and could not go on while it is waited for here.",
                "Call sign_out_future, or wait for it in another thread.",
            )

    def wait_for_all(self) -> None:
        """Wait until no flight is in the air: the program ends, and would end them with it.

        Who was told of the last ones has some time left: a result may be all that holds a live token.
        """
        while flights := [flight for flight in tuple(self._in_the_air) if not flight.result.done()]:
            for flight in flights:
                flight.look_after()
            wait_for([flight.result for flight in flights], _LOOK_UP_SECONDS)
        wait_for([flight.landed for flight in tuple(self._in_the_air)], _LANDING_SECONDS)

    def forget(self) -> None:
        """Forget everything: after a fork, those who fly are in the other process."""
        self._lock = threading.RLock()
        self._flights = {}
        self._in_the_air = set()


class _Closed:
    """A request that equals no other."""


FLIGHTS = Flights()
"""The flights of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FLIGHTS.forget)
atexit.register(FLIGHTS.wait_for_all)
