"""A small HTTP server on loopback that one thread serves, turn by turn, so that nothing is left over when it ends.

No connection can hold up another: all of them are waited for at once, each has a few seconds to send its request, and
each gets one answer. (Browsers open connections in advance and may stay silent on them.)
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import time
from collections import deque
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

from authsm.runners.hosted_ui.judge import Answer, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from authsm.runners.hosted_ui.urls import SignOutURL

READ_SECONDS: Final = 5.0
"""How long a connection has to send its request."""
LINGER_SECONDS: Final = 1.0
"""How long an answer has to arrive: to close earlier, with input unread, could destroy it on its way."""
MOST_CONNECTIONS: Final = 128
"""For a newer connection, the oldest one is closed."""
BACKLOG: Final = 128
"""With 16, twenty connections that a browser opened in advance cost the real one more than a second."""
LARGEST_HEAD: Final = 65536
"""In bytes. All servers on this address share their cookies, so there may be many."""

_CHUNK: Final = 65536
_END_OF_HEAD: Final = b"\r\n\r\n"
_REQUEST_LINE: Final = re.compile(r"([!-~]+) ([!-~]+) HTTP/1\.[01]")
_HEADER_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")


def hold(url: SignOutURL) -> list[socket.socket]:
    """Listen where a browser looks for a sign-out URL, and let nobody else listen there.

    Args:
        url: The sign-out URL. For ``localhost`` browsers try ``::1`` as well, so that is held, too.

    Returns:
        The listening sockets.

    Raises:
        OSError: The port is not free.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(_listening(socket.AF_INET, "127.0.0.1", url.port))]
        if url.host == "localhost" and has_ipv6_loopback():
            sockets.append(held.enter_context(_listening(socket.AF_INET6, "::1", url.port)))
        held.pop_all()
    return sockets


def has_ipv6_loopback() -> bool:
    """Tell whether this machine has the address ``::1``."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
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

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.ends = time.monotonic() + READ_SECONDS
        self.received = b""
        self.to_send: bytes | None = None

    @property
    def is_answered(self) -> bool:
        return self.to_send is not None


class Listener:
    """Answers requests whenever it is given a turn. Use it as a context manager, in one thread.

    Args:
        sockets: Listening sockets; they are closed at the end.
        answer: Called with the method, the target and the header fields of each request; gives the answer.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], answer: Callable[[str, str, list[tuple[str, str]]], Answer]
    ) -> None:
        self._sockets = sockets
        self._answer = answer
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
        except OSError:
            return  # it was given up before its turn came
        stream.settimeout(0.0)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._drop(self._connections[0])
        connection = _Connection(stream)
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
        chunk = connection.stream.recv(_CHUNK)
        if not chunk:
            self._drop(connection)
        elif not connection.is_answered:
            connection.received += chunk
            head, is_complete, _ = connection.received.partition(_END_OF_HEAD)
            if len(head) > LARGEST_HEAD:
                self._reply(connection, "", refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
            elif is_complete:
                self._reply_to(connection, head)

    def _reply_to(self, connection: _Connection, head: bytes) -> None:
        request = read_head(head)
        if request is None:
            self._reply(connection, "", refuse(HTTPStatus.BAD_REQUEST))
        else:
            self._reply(connection, request[0], self._answer(*request))

    def _reply(self, connection: _Connection, method: str, answer: Answer) -> None:
        connection.to_send = write_answer(method, answer)
        connection.received = b""
        connection.ends = time.monotonic() + LINGER_SECONDS
        self._selector.modify(connection.stream, selectors.EVENT_WRITE, connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        self._selector.unregister(connection.stream)
        with suppress(OSError):
            connection.stream.close()


def read_head(head: bytes) -> tuple[str, str, list[tuple[str, str]]] | None:
    """Read the head of a request (RFC 9112, sections 3 and 5).

    Args:
        head: What came before the empty line.

    Returns:
        Method, target and header fields; None where it is no request.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    request_line = _REQUEST_LINE.fullmatch(first)
    fields = [field for line in rest if (field := _HEADER_FIELD.fullmatch(line)) is not None]
    if request_line is None or len(fields) != len(rest):
        return None
    return request_line[1], request_line[2], [(field[1], field[2]) for field in fields]


def write_answer(method: str, answer: Answer) -> bytes:
    """Put an answer into bytes.

    Args:
        method: The method of the request; the answer to HEAD has no body.
        answer: The answer.

    Returns:
        The whole answer; the connection ends with it.
    """
    length = ("Content-Length", str(len(answer.body)))
    fields = (*answer.headers, length, ("Connection", "close"))
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}", *(f"{name}: {value}" for name, value in fields)]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head if method == "HEAD" else head + answer.body
