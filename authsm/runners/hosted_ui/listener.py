"""A small HTTP server on loopback that one thread serves, turn by turn, so that nothing is left over when it ends.

No connection can hold up another: all of them are waited for at once, each has a few seconds to send its request, and
each gets one answer. (Browsers open connections in advance and may stay silent on them.)
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
import sys
import time
from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Self

from authsm.runners.hosted_ui.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from authsm.runners.hosted_ui.exchange import Respond
    from authsm.runners.hosted_ui.urls import SignOutURL

READ_SECONDS: Final = 5.0
"""How long a connection has to send its request."""
LINGER_SECONDS: Final = 1.0
"""How long an answer has to arrive: to close earlier, with input unread, could destroy it on its way."""
MOST_CONNECTIONS: Final = 128
"""For a newer connection, the oldest one is closed."""
BACKLOG: Final = 128
"""With 16, twenty connections that a browser opened in advance cost the real one more than a second."""
PAUSE_SECONDS: Final = 0.1
"""Where a connection cannot be accepted, because too many files are open, to try again at once would fail again."""
CHUNK: Final = 65536
"""How much is read at a time, in bytes."""

GIVEN_UP: Final = (BlockingIOError, ConnectionError)
"""What accepting a connection raises that was given up before its turn came."""

_NO_SUCH_ADDRESS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def hold(url: SignOutURL) -> list[socket.socket]:
    """Listen where a browser looks for a sign-out URL, and let nobody else listen there.

    Args:
        url: The sign-out URL. For ``localhost`` browsers try ``::1`` as well, so that is held, too.

    Returns:
        The listening sockets.

    Raises:
        OSError: The port is not free, or that cannot be told.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(_listening(socket.AF_INET, "127.0.0.1", url.port))]
        if url.host == "localhost" and has_ipv6_loopback():
            sockets.append(held.enter_context(_listening(socket.AF_INET6, "::1", url.port)))
        held.pop_all()
    return sockets


def has_ipv6_loopback() -> bool:
    """Tell whether this machine has the address ``::1``.

    Raises:
        OSError: That cannot be told, because too many files are open, for instance.
    """
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        if error.errno not in _NO_SUCH_ADDRESS:
            raise
        return False
    return True


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    with ExitStack() as held:
        listening = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
        if sys.platform == "win32":
            # There, SO_REUSEADDR would let another process take over a port that is in use.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Elsewhere it only ignores closed connections that still linger; a port in use stays refused.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
        listening.settimeout(0.0)
        held.pop_all()
    return listening


class _Connection:
    """One connection: it is read until the request is complete, then the answer is sent, then it is drained."""

    def __init__(self, stream: socket.socket, respond: Respond) -> None:
        self.stream = stream
        self.exchange = Exchange(respond)
        self.ends = time.monotonic() + READ_SECONDS
        self.to_send: bytes | None = None

    @property
    def is_answered(self) -> bool:
        return self.to_send is not None


class Listener:
    """Answers requests whenever it is given a turn. Use it as a context manager, in one thread.

    Args:
        sockets: Listening sockets; they are closed at the end.
        respond: Answers each request.
        linger_seconds: How long an answer may take to arrive, if that is less than `LINGER_SECONDS`.
    """

    def __init__(self, sockets: Sequence[socket.socket], respond: Respond, linger_seconds: float = math.inf) -> None:
        self._sockets = sockets
        self._respond = respond
        self._linger_seconds = linger_seconds
        self._connections: deque[_Connection] = deque()
        self._selector = selectors.DefaultSelector()
        for listening in sockets:
            self._selector.register(listening, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def turn(self, seconds: float) -> None:
        """Do what there is to do.

        Args:
            seconds: How long to wait for something to do.
        """
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept(key.fileobj)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - only sockets are registered
            elif key.data in self._connections:  # unless a newer one has just replaced it
                self._go_on(key.data)
        now = time.monotonic()
        for connection in [each for each in self._connections if each.ends <= now]:
            self._drop(connection)

    def close(self) -> None:
        """Free the port, let the answers that were begun arrive, and close everything."""
        for listening in self._sockets:
            self._selector.unregister(listening)
            listening.close()
        self.turn(0.0)  # the same page may have been asked for twice
        for connection in [each for each in self._connections if not each.is_answered]:
            self._drop(connection)
        while self._connections:
            self.turn(max(0.0, min(each.ends for each in self._connections) - time.monotonic()))
        self._selector.close()

    def _accept(self, listening: socket.socket) -> None:
        try:
            stream, _ = listening.accept()
        except GIVEN_UP:
            return
        except OSError:
            if self._connections:
                self._drop(self._connections[0])
            time.sleep(PAUSE_SECONDS)
            return
        stream.settimeout(0.0)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._drop(self._connections[0])
        connection = _Connection(stream, self._respond)
        self._connections.append(connection)
        self._selector.register(stream, selectors.EVENT_READ, connection)

    def _go_on(self, connection: _Connection) -> None:
        try:
            if connection.to_send:
                self._send(connection, connection.to_send)
            else:
                self._receive(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)

    def _send(self, connection: _Connection, to_send: bytes) -> None:
        connection.to_send = to_send[connection.stream.send(to_send) :]
        if not connection.to_send:
            connection.stream.shutdown(socket.SHUT_WR)
            self._selector.modify(connection.stream, selectors.EVENT_READ, connection)

    def _receive(self, connection: _Connection) -> None:
        chunk = connection.stream.recv(CHUNK)
        if not chunk:
            self._drop(connection)
        elif (answer := connection.exchange.receive(chunk)) is not None:
            connection.to_send = answer
            connection.ends = time.monotonic() + min(self._linger_seconds, LINGER_SECONDS)
            self._selector.modify(connection.stream, selectors.EVENT_WRITE, connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        self._selector.unregister(connection.stream)
        with suppress(OSError):
            connection.stream.close()
