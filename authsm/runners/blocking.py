"""The blocking loop: handlers run in threads of their own, so that one that hangs can be left behind."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from authsm.core.drive import Answer, Ask, Interrupt, LateAnswer, Message
from authsm.core.vocabulary import Context
from authsm.runners.carrying import Reply, handler_of, refuse_given_up
from authsm.runners.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from authsm.core.machine import Snapshot
    from authsm.core.vocabulary import Event
    from authsm.runners.carrying import Carrier

C = TypeVar("C", bound=Context)


class Inbox:
    """Where answers and interruptions arrive, from any thread.

    Args:
        late: Called with each answer that arrives after the loop has ended.
    """

    def __init__(self, late: Callable[[Answer], None]) -> None:
        self._late = late
        self._lock = threading.Lock()
        self._closed = False
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Deliver a message."""
        with self._lock:
            if not self._closed:
                self._queue.put(message)
                return
        if isinstance(message, Answer):
            self._late(message)

    def interrupt(self) -> None:
        """Deliver an interruption."""
        self.put(Interrupt())

    def get(self, seconds: float) -> Message | None:
        """Wait for the next message, for at most so many seconds."""
        try:
            return self._queue.get(timeout=min(seconds, threading.TIMEOUT_MAX))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Deliver nothing any more; what is left was too late."""
        with self._lock:
            self._closed = True
        while (message := self.get(0)) is not None:
            if isinstance(message, Answer):
                self._late(message)


def run(driver: Generator[Ask[C], Message | None, Snapshot[C]], carrier: Carrier, inbox: Inbox) -> Snapshot[C]:
    """Run a driver to its end in this thread.

    Args:
        driver: What `drive` gave.
        carrier: Who carries the effects out.
        inbox: Where the answers, and interruptions from outside, arrive.

    Returns:
        The snapshot in which the machine rests.
    """
    worker: _Worker | None = None
    try:
        ask = next(driver)
        while True:
            if worker is None or worker.left_behind(ask):
                worker = _Worker(carrier, inbox)
            worker.begin(ask)
            ask = driver.send(inbox.get(ask.seconds))
    except StopIteration as stop:
        rest: Snapshot[C] = stop.value
        return rest
    finally:
        inbox.close()
        if worker is not None:
            worker.end()


class _Worker:
    """One thread that carries effects out, one after the other, until one of them is given up."""

    def __init__(self, carrier: Carrier, inbox: Inbox) -> None:
        self._carrier = carrier
        self._inbox = inbox
        self._asks: queue.SimpleQueue[tuple[Ask[Any], threading.Event] | None] = queue.SimpleQueue()
        self._number = 0
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        start_thread("authsm-effect", self._work)

    def begin(self, ask: Ask[Any]) -> None:
        """Carry an effect out, unless it was begun before."""
        if ask.id == self._number:
            return
        self._number = ask.id
        self._stop = threading.Event()
        self._idle.clear()
        self._asks.put((ask, self._stop))

    def left_behind(self, ask: Ask[Any]) -> bool:
        """Tell whether this worker still hangs at an earlier effect; if so, it is told to stop, and left."""
        if ask.id == self._number or self._idle.is_set():
            return False
        self.end()
        return True

    def end(self) -> None:
        """Tell the thread to end, and what it is at, that nobody waits for it."""
        self._stop.set()
        self._asks.put(None)

    def _work(self) -> None:
        while (work := self._asks.get()) is not None:
            ask, stop = work
            event = carry_out(self._carrier, ask, stop)
            self._idle.set()
            self._inbox.put(Answer(ask.id, event))


def carry_out(carrier: Carrier, ask: Ask[Any], stop: threading.Event) -> Event:
    """Carry one effect out in this thread.

    Args:
        carrier: Who carries it out.
        ask: The effect.
        stop: Set when nobody waits for the answer any more.

    Returns:
        The reply, whatever the handler did.
    """
    effect = ask.effect
    with Reply(effect, carrier) as reply:
        handler = handler_of(carrier, effect)
        call = carrier.call(ask, stop)  # first: what comes before the effect takes from its time
        carrier.before(ask)
        refuse_given_up(stop)
        reply.value = handler(effect, call)
    return reply.event


def late_answer(run_id: str, observe: Callable[[Any], None]) -> Callable[[Answer], None]:
    """Make what an inbox calls with answers that arrive after the end: observers see them, too."""
    return lambda answer: observe(LateAnswer(run_id, answer.ask, answer.event))
