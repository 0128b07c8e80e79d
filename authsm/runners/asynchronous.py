"""The async loop, on asyncio and on trio: plain handlers run in threads, async ones in the event loop."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import to_thread

from authsm.core.drive import Answer, Interrupt, Message
from authsm.core.vocabulary import Context
from authsm.runners.blocking import carry_out
from authsm.runners.carrying import Reply
from authsm.runners.handlers import is_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from authsm.core.drive import Ask
    from authsm.core.machine import Snapshot
    from authsm.core.vocabulary import Event
    from authsm.runners.carrying import Carrier
    from authsm.runners.event_loop import EventLoop

C = TypeVar("C", bound=Context)


class AsyncInbox:
    """Where answers and interruptions arrive; interruptions from any thread.

    Args:
        loop: The event loop that the messages are read in.
        late: Called with each answer that arrives after the end.
    """

    def __init__(self, loop: EventLoop, late: Callable[[Answer], None]) -> None:
        self._loop = loop
        self._late = late
        self._send, self._receive = anyio.create_memory_object_stream[Message](math.inf)

    def put(self, message: Message) -> None:
        """Deliver a message, from within the loop."""
        try:
            self._send.send_nowait(message)
        except anyio.ClosedResourceError:
            if isinstance(message, Answer):
                self._late(message)

    def interrupt(self) -> None:
        """Deliver an interruption, from any thread."""
        self._loop.call_soon(lambda: self.put(Interrupt()))

    async def get(self, seconds: float) -> Message | None:
        """Wait for the next message, for at most so many seconds."""
        with anyio.move_on_after(seconds):
            return await self._receive.receive()
        return None

    def close(self) -> None:
        """Deliver nothing any more."""
        self._send.close()
        self._receive.close()


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
        limiter: How many threads plain handlers may take at a time.

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
                loop.spawn(carrying.carry_out)
            ask = driver.send(await inbox.get(ask.seconds))
    except StopIteration as stop:
        rest: Snapshot[C] = stop.value
        return rest
    finally:
        inbox.close()
        if carrying is not None:
            carrying.give_up()


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
        self._stop = threading.Event()
        self._scope = anyio.CancelScope()

    def give_up(self) -> None:
        """Tell the handler that nobody waits for it."""
        self._stop.set()
        self._scope.cancel()

    async def carry_out(self) -> None:
        """Carry the effect out, and deliver the answer."""
        with self._scope:
            handler = self._carrier.handlers[type(self.ask.effect)]
            event = await (self._await(handler) if is_async(handler) else self._in_thread(self._blocking))
            self._inbox.put(Answer(self.ask.id, event))

    async def _await(self, handler: Callable[..., Any]) -> Event:
        with Reply(self.ask.effect, self._carrier) as reply:
            await self._in_thread(self._before)
            reply.value = await handler(self.ask.effect, self._carrier.call(self.ask, self._stop))
        return reply.event

    def _in_thread(self, function: Callable[[], Any]) -> Awaitable[Any]:
        return to_thread.run_sync(function, limiter=self._limiter, abandon_on_cancel=True)

    def _before(self) -> None:
        self._carrier.before(self.ask)

    def _blocking(self) -> Event:
        event = carry_out(self._carrier, self.ask, self._stop)
        if self._stop.is_set():
            # The task that waited for this thread is gone; deliver the late answer, so that observers see it.
            self._loop.call_soon(lambda: self._inbox.put(Answer(self.ask.id, event)))
        return event
