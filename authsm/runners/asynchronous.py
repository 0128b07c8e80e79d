"""The async loop, on asyncio and on trio: plain handlers run in threads, async ones in the event loop."""

from __future__ import annotations

import math
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from authsm.core.drive import Answer, Interrupt, Message
from authsm.core.vocabulary import Context, Failure, FailureKind
from authsm.runners.blocking import carry_out
from authsm.runners.carrying import Reply, refuse_given_up
from authsm.runners.handlers import is_async
from authsm.runners.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from authsm.core.drive import Ask
    from authsm.core.machine import Snapshot
    from authsm.core.vocabulary import Event
    from authsm.credentials import UserPoolTokens
    from authsm.runners.carrying import Carrier
    from authsm.runners.event_loop import EventLoop
    from authsm.runners.handlers import Call

C = TypeVar("C", bound=Context)
T = TypeVar("T")

_LOOK_UP_SECONDS: Final = 1.0
"""How often a wait looks up: a Ctrl-C that comes just as asyncio falls asleep is not seen before it wakes."""


class AsyncInbox:
    """Where answers and interruptions arrive; interruptions from any thread.

    Args:
        loop: The event loop that the messages are read in.
        late: Called with each answer that arrives after the end.
    """

    def __init__(self, loop: EventLoop, late: Callable[[Answer], None]) -> None:
        self._loop = loop
        self._late = late
        self._closed = False
        self._messages: deque[Message] = deque()
        self._news = anyio.Event()
        self._cancelled = anyio.get_cancelled_exc_class()
        self._loop_ends = False

    def put(self, message: Message) -> None:
        """Deliver a message, from within the loop."""
        if not self._closed:
            self._messages.append(message)
            self._news.set()
        elif isinstance(message, Answer):
            self._late(message)

    def interrupt(self) -> None:
        """Deliver an interruption, from any thread."""
        self._loop.call_soon(lambda: self.put(Interrupt()))

    async def get(self, seconds: float) -> Message | None:
        """Wait for the next message, for at most so many seconds, and often less.

        Nobody cancels the task that waits here but the event loop itself, when it ends. That interrupts, too; what is
        left to do is then shielded, and bounded by the time of grace.
        """
        try:
            with anyio.move_on_after(min(seconds, _LOOK_UP_SECONDS), shield=self._loop_ends):
                while not self._messages:
                    self._news = anyio.Event()
                    await self._news.wait()
        except self._cancelled:
            self._loop_ends = True
            return Interrupt()
        return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        """Deliver nothing any more; what is left was too late."""
        self._closed = True
        while self._messages:
            self.put(self._messages.popleft())


async def run(
    driver: Generator[Ask[C], Message | None, Snapshot[C]],
    carrier: Carrier,
    inbox: AsyncInbox,
    loop: EventLoop,
    limiter: anyio.CapacityLimiter,
) -> Snapshot[C]:
    """Run a driver to its end in this task.

    Args:
        driver: What `drive` gave.
        carrier: Who carries the effects out.
        inbox: Where the answers, and interruptions from outside, arrive.
        loop: The event loop that this task runs in.
        limiter: How many threads plain handlers may take at a time, not counting those that were left behind.

    Returns:
        The snapshot in which the machine rests.
    """
    carrying: _Carrying | None = None
    try:
        ask = next(driver)
        while True:
            if carrying is None or carrying.ask.id != ask.id:
                if carrying is not None:
                    carrying.give_up()
                carrying = _Carrying(ask, carrier, inbox, loop, limiter)
                loop.spawn(carrying.carry_out, carrying.loop_ends)
            ask = driver.send(await inbox.get(ask.seconds))
    except StopIteration as stop:
        rest: Snapshot[C] = stop.value
        return rest
    finally:
        inbox.close()
        if carrying is not None:
            carrying.give_up()


async def done(future: Future[Any], loop: EventLoop, look: Callable[[], None] = lambda: None) -> None:
    """Wait until a future is done, without blocking the event loop.

    Args:
        future: What may be fulfilled in any thread.
        loop: The event loop that this task runs in.
        look: Called now and then while it waits: it may find that nobody is left who could fulfil the future.
    """
    is_done = anyio.Event()
    future.add_done_callback(lambda _: loop.call_soon(is_done.set))
    while not is_done.is_set():
        with anyio.move_on_after(_LOOK_UP_SECONDS):
            await is_done.wait()
        if not is_done.is_set():
            look()


async def in_thread(
    function: Callable[[], T],
    loop: EventLoop,
    limiter: anyio.CapacityLimiter,
    *,
    seconds: float = math.inf,
    undo: Callable[[T], object] | None = None,
) -> T:
    """Call a function in a thread of its own, and leave it behind if the wait is cancelled.

    Not with anyio's own threads: on asyncio they are no daemons, so one that hangs would keep the process from ending.

    Args:
        function: What blocks.
        loop: The event loop that this task runs in.
        limiter: How many threads may be waited for at a time.
        seconds: How long to wait for the function; standing in the queue of a busy process does not count.
        undo: Called in the thread with what the function returned, where nobody waits for it any more by then.

    Returns:
        What the function returned.

    Raises:
        TimeoutError: It takes longer.
    """
    future: Future[T] = Future()
    left = threading.Lock()  # held by whoever comes first: the answer, or the end of the wait

    def work() -> None:
        try:
            answer = function()
        except BaseException as error:  # noqa: BLE001 - raised again to the task that waits
            future.set_exception(error)
            return
        if left.acquire(blocking=False):
            future.set_result(answer)
        elif undo is not None:
            undo(answer)

    async with limiter:
        start_thread("authsm-call", work)
        try:
            with anyio.fail_after(seconds):
                await done(future, loop)
        except BaseException:
            left.acquire(blocking=False)
            raise
    return future.result()


class _Carrying:
    """One effect that is carried out in a task of its own, and can be left behind."""

    def __init__(
        self, ask: Ask[Any], carrier: Carrier, inbox: AsyncInbox, loop: EventLoop, limiter: anyio.CapacityLimiter
    ) -> None:
        self.ask = ask
        self._carrier = carrier
        self._inbox = inbox
        self._loop = loop
        self._limiter = limiter
        self._handler: Callable[..., Any] | None = carrier.handlers.get(type(ask.effect))
        self._stop = threading.Event()
        self._scope = anyio.CancelScope(shield=True)  # it ends when it is given up, not when the event loop ends
        self._cancelled = anyio.get_cancelled_exc_class()
        self._answered: Future[None] | None = None

    def give_up(self) -> None:
        """Tell the handler that nobody waits for it."""
        self._stop.set()
        self._scope.cancel()

    async def carry_out(self) -> None:
        """Carry the effect out, and deliver the answer."""
        with self._scope:
            try:
                handler = self._handler
                if handler is not None and is_async(handler):
                    self._answer(await self._await(handler))
                elif self.ask.effect.always:
                    self._begin_thread()  # it must not stand in a queue behind what hangs
                else:
                    async with self._limiter:
                        await done(self._begin_thread(), self._loop)
            except self._cancelled:
                self.loop_ends()
                raise

    def loop_ends(self) -> None:
        """See to it that there is an answer although the event loop cancelled this task, or never began it."""
        if self._stop.is_set():
            return
        if self._handler is None or not is_async(self._handler):
            self._begin_thread()
            return
        message = f"{self.ask.effect.name} was given up: the event loop ended."
        self._answer(self.ask.effect.failed(Failure(FailureKind.INTERRUPTED, "LoopEnded", message)))

    def _answer(self, event: Event) -> None:
        self._inbox.put(Answer(self.ask.id, event))

    async def _await(self, handler: Callable[..., Any]) -> Event:
        with Reply(self.ask.effect, self._carrier, self._cancelled, KeyboardInterrupt) as reply:
            call = self._carrier.call(self.ask, self._stop)
            tokens = await self._in_a_thread(lambda: self._prepare(call))
            refuse_given_up(self._stop)
            # The store blocks, and this handler runs in the event loop: so it is read before, and written after.
            saved: list[UserPoolTokens] = []

            def save(refreshed: UserPoolTokens) -> None:
                self._carrier.hold(refreshed)
                saved.append(refreshed.over(tokens))

            own = replace(call, tokens=lambda: saved[-1] if saved else tokens, save_refreshed=save)
            try:
                reply.value = await handler(self.ask.effect, own)
            finally:
                if saved:
                    with anyio.CancelScope(shield=True):
                        await self._in_a_thread(lambda: call.save_refreshed(saved[-1]))
        return reply.event

    def _prepare(self, call: Call) -> UserPoolTokens:
        self._carrier.before(self.ask)
        return call.tokens()

    async def _in_a_thread(self, function: Callable[[], T]) -> T:
        return await in_thread(function, self._loop, self._limiter)

    def _begin_thread(self) -> Future[None]:
        if self._answered is None:
            answered: Future[None] = Future()
            self._answered = answered
            start_thread("authsm-effect", lambda: self._in_thread(answered))
        return self._answered

    def _in_thread(self, answered: Future[None]) -> None:
        event = carry_out(self._carrier, self.ask, self._stop)
        # Delivered from here, not by the task that waits: that one is gone if the effect was given up.
        self._loop.call_soon(lambda: self._answer(event))
        answered.set_result(None)
