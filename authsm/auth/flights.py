"""Single flight: sign-outs of one session at the same time share one run, or stand in a queue.

Callers that ask for the same thing wait for one flight. Others wait until the local clear of the one before has an
outcome: from then on the session is settled, and the next one sees how. For the same reason nobody joins a flight that
has come so far.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias

from authsm.core.drive import Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from authsm.auth.sign_out import SignOutRun
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Notice

Listener: TypeAlias = "Callable[[Transition[SignOutContext]], None]"


class Flight:
    """One run that any number of callers wait for, from any thread or event loop.

    Attributes:
        run: What is run.
        result: What it ends in.
        turn: Done when its turn has come: the flight before it has settled the session.
        settled: Done when this flight has settled the session.
        called_off: Whether every caller left before its turn had come: then nothing is done at all.
    """

    def __init__(self, run: SignOutRun, before: Flight | None) -> None:
        self.run = run
        self.result: Future[SignOutResult] = Future()
        self.result.set_running_or_notify_cancel()
        self.turn: Future[None] = Future()
        self.settled: Future[None] = Future()
        self.called_off = False
        self._before = before
        self._lock = threading.Lock()
        self._callers = 1
        self._settling = False
        self._ended = False
        self._keepers: list[Callable[[SignOutResult], None]] = []
        self._interrupt: Callable[[], None] | None = None
        self._interrupted = 0
        self._transitions: list[Transition[SignOutContext]] = []
        self._listeners: list[Listener] = []
        run.cleared = self.settle
        run.audience.add([self._note])
        if before is None:
            self.turn.set_result(None)
        else:
            before.settled.add_done_callback(lambda _: self._take_turn())

    def _take_turn(self) -> None:
        with self._lock:
            if not self.turn.done():
                self.turn.set_result(None)

    def settle(self) -> None:
        """Say that this flight has settled the session. One that was called off says so after the one before it."""
        before = self._before
        if before is not None and not before.settled.done():
            before.settled.add_done_callback(lambda _: self.settle())
            return
        self._before = None  # so that a long queue does not keep all that went before
        with self._lock:
            settles, self._settling = not self._settling, True
        if settles:
            self.settled.set_result(None)

    def keep(self, keeper: Callable[[SignOutResult], None]) -> None:
        """Hand the result to a keeper before anybody who waits for it wakes up."""
        with self._lock:
            if not self._ended:
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

    def fail(self, error: BaseException) -> None:
        """Say that this flight broke, to be raised to whoever waits."""
        if self._ends():
            self.settle()
            self.result.set_exception(error)

    def _ends(self) -> bool:
        with self._lock:
            ends, self._ended = not self._ended, True
        return ends

    def join(self) -> bool:
        """Count one more caller, unless the session is settled, or the last caller has left and interrupted.

        Returns:
            Whether the caller was counted.
        """
        with self._lock:
            joins = self._callers > 0 and not self._settling
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
        self._take_turn()

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


class Flights:
    """Every flight in this process, by whose session it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, list[tuple[Any, Flight]]] = {}

    def board(self, whose: Hashable, request: object, make: Callable[[], SignOutRun]) -> tuple[Flight, bool]:
        """Join the flight for a request, or begin a new one behind the last.

        Args:
            whose: Names the session: its store and key.
            request: What is asked for; equal requests share a flight.
            make: Makes the run of a new flight.

        Returns:
            The flight, and whether it is new: then the caller has to start it.
        """
        with self._lock:
            flights = self._flights.get(whose, [])
            for each, flight in flights:
                if each == request and flight.join():
                    return flight, False
            flight = Flight(make(), flights[-1][1] if flights else None)
            self._flights[whose] = [*flights, (request, flight)]
        flight.settled.add_done_callback(lambda _: self._remove(whose, flight))
        return flight, True

    def _remove(self, whose: Hashable, flight: Flight) -> None:
        with self._lock:
            left = [each for each in self._flights.get(whose, []) if each[1] is not flight]
            if left:
                self._flights[whose] = left
            else:
                self._flights.pop(whose, None)

    def close(self, whose: Hashable, epoch: int) -> None:
        """Let nobody join the flights of a session any more, and keep those that have not begun from the new one.

        Args:
            whose: Names the session.
            epoch: Of the sign-in that stands in its place now.
        """
        with self._lock:
            for number, (_, flight) in enumerate(flights := self._flights.get(whose, [])):
                flight.run.newer_epoch = min(epoch, flight.run.newer_epoch)
                flights[number] = (_Closed(), flight)

    def busy(self, whose: Hashable) -> bool:
        """Tell whether a sign-out of this session is under way."""
        with self._lock:
            return whose in self._flights


class _Closed:
    """A request that equals no other."""


FLIGHTS = Flights()
"""The flights of this process."""
