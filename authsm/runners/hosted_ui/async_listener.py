"""The listener's twin in an event loop: the same small HTTP server, with a task for each connection and no thread."""

from __future__ import annotations

import math
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import anyio

from authsm.runners.event_loop import current_event_loop
from authsm.runners.hosted_ui import listener
from authsm.runners.hosted_ui.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from authsm.runners.hosted_ui.exchange import Respond
    from authsm.runners.hosted_ui.judge import Answer


class AsyncListener:
    """Answers requests for as long as it is entered, as an async context manager. Make it in the event loop.

    Args:
        sockets: Listening sockets that do not block; they are closed at the end.
        respond: Answers each request, in the event loop.
        linger_seconds: How long an answer may take to arrive, if that is less than `listener.LINGER_SECONDS`.
    """

    def __init__(self, sockets: Sequence[socket.socket], respond: Respond, linger_seconds: float = math.inf) -> None:
        self._sockets = sockets
        self._respond = respond
        self._linger_seconds = linger_seconds
        self._tasks = anyio.create_task_group()
        self._loop = current_event_loop()
        self._accepting: list[anyio.CancelScope] = []
        self._connections: deque[anyio.CancelScope] = deque()
        self._reading: set[anyio.CancelScope] = set()
        self._streams: set[socket.socket] = set()
        self._is_closing = False
        self._answered = anyio.Event()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for listening in self._sockets:
            scope = anyio.CancelScope()
            self._accepting.append(scope)
            self._tasks.start_soon(self._loop.passed_by(self._accept), listening, scope)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._close()
        try:
            # With an error, the last answers are cancelled: nobody waits for them any more.
            return await self._tasks.__aexit__(kind, error, traceback)
        finally:
            # If the event loop ends, asyncio forgets the tasks that have not begun, and they close nothing.
            for each in (*self._sockets, *self._streams):
                each.close()

    async def turn(self, seconds: float) -> None:
        """Wait until a request has been answered.

        Args:
            seconds: How long to wait for one.
        """
        with anyio.move_on_after(seconds):
            await self._answered.wait()
        self._answered = anyio.Event()

    def _close(self) -> None:
        """Free the port, and give up who has not sent a request yet; answers that were begun may arrive."""
        self._is_closing = True
        for scope in (*self._accepting, *self._reading):
            scope.cancel()

    async def _accept(self, listening: socket.socket, scope: anyio.CancelScope) -> None:
        with listening, scope:
            while True:
                await anyio.wait_readable(listening)
                try:
                    stream, _ = listening.accept()
                except listener.GIVEN_UP:
                    continue
                except OSError:
                    self._make_room(most=len(self._connections))
                    await anyio.sleep(listener.PAUSE_SECONDS)
                    continue
                self._make_room(most=listener.MOST_CONNECTIONS)
                self._streams.add(stream)
                self._tasks.start_soon(self._loop.passed_by(self._serve), stream, self._connection())

    def _make_room(self, *, most: int) -> None:
        while self._connections and len(self._connections) >= most:
            self._connections.popleft().cancel()

    def _connection(self) -> anyio.CancelScope:
        scope = anyio.CancelScope()
        self._connections.append(scope)
        return scope

    async def _serve(self, stream: socket.socket, scope: anyio.CancelScope) -> None:
        try:
            with stream, scope, suppress(OSError):
                stream.settimeout(0.0)
                if answer := await self._read(stream):
                    with anyio.move_on_after(min(self._linger_seconds, listener.LINGER_SECONDS)):
                        await _send(stream, answer)
        finally:
            self._streams.remove(stream)
            with suppress(ValueError):  # a newer one has taken its place
                self._connections.remove(scope)

    async def _read(self, stream: socket.socket) -> bytes | None:
        """Read until the request is complete. Gives the answer; None where there is none to give."""
        exchange = Exchange(self._respond_and_tell)
        with anyio.move_on_after(0.0 if self._is_closing else listener.READ_SECONDS) as reading:
            self._reading.add(reading)
            try:
                while chunk := await _receive(stream):
                    if answer := exchange.receive(chunk):
                        return answer
            finally:
                self._reading.remove(reading)
            return None
        with suppress(BlockingIOError):  # the same page may have been asked for twice
            return exchange.receive(stream.recv(listener.CHUNK))
        return None

    def _respond_and_tell(self, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        self._answered.set()
        return self._respond(method, target, headers)


async def _receive(stream: socket.socket) -> bytes:
    while True:
        await anyio.wait_readable(stream)
        with suppress(BlockingIOError):  # it was woken for nothing
            return stream.recv(listener.CHUNK)


async def _send(stream: socket.socket, answer: bytes) -> None:
    rest = memoryview(answer)
    while rest:
        await anyio.wait_writable(stream)
        with suppress(BlockingIOError):
            rest = rest[stream.send(rest) :]
    stream.shutdown(socket.SHUT_WR)
    # To close earlier, with input unread, could destroy the answer on its way.
    while await _receive(stream):
        pass
