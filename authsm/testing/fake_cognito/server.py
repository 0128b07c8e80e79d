"""Sockets and threads: reads a request, lets a fault spoil it, has it answered."""

import contextlib
import re
import socket
import socketserver
import sys
import threading
import uuid
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import urlsplit

from .answers import Answer, Request, oauth_error, page, service_error
from .faults import Fault, FaultKind, FaultQueue
from .hosted_ui import ROUTES, visit
from .operations import TARGET_PREFIX, operate, sent_token
from .pool import UserPool
from .values import ServiceError

__all__ = ["Server"]

# Every thread is woken before it is waited for, so only a bug takes this long.
_JOIN_SECONDS: Final = 5.0
_OPERATION_NAME: Final = re.compile(r"[A-Za-z]{1,64}")


class Server(ThreadingHTTPServer):
    """An HTTP/1.1 server on a free port of 127.0.0.1 with a thread for each connection.

    Args:
        pool: Who answers.
        faults: What goes wrong.
        note_call: Told the name of each call as it arrives.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, pool: UserPool, faults: FaultQueue, note_call: Callable[[str], None]) -> None:
        self.pool = pool
        self.faults = faults
        self.note_call = note_call
        self.stopping = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def stop(self) -> None:
        """End the serving loop, wake and join every handler, close every socket."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            connections = list(self._connections.items())
        for connection, _ in connections:
            _hang_up(connection)
        for _, thread in connections:
            thread.join(_JOIN_SECONDS)

    def server_bind(self) -> None:
        """Bind without asking the name service who 127.0.0.1 is, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that ``stop`` knows of."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="FakeCognito connection",
            daemon=True,
        )
        with self._connections_lock:
            self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        super().shutdown_request(request)
        with self._connections_lock:
            self._connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: time-outs are tested with them. A bug of the fake stays loud."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer, sent at once: otherwise Nagle and delayed acknowledgements add 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's name in http.server.
        """Log nothing: a test's output is its own, and request lines hold codes."""

    def version_string(self) -> str:
        return "FakeCognito"

    def _serve(self) -> None:
        server = cast("Server", self.server)
        target = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        request = Request(
            method=self.command,
            path=target.path,
            query=target.query,
            headers=cast("dict[str, str]", self.headers),
            body=body,
        )
        operation = _operation(request)
        server.note_call(_loggable(operation))
        answer = _spoilt(server, operation, request, server.faults.take(operation))
        if answer is None:
            self.close_connection = True
            _hang_up(self.connection)
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.has_request_id:
            self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _operation(request: Request) -> str:
    target = request.headers.get("X-Amz-Target", "")
    if request.method == "POST" and request.path == "/" and target.startswith(TARGET_PREFIX):
        return target.removeprefix(TARGET_PREFIX)
    return f"{request.method} {request.path}"


def _loggable(operation: str) -> str:
    # A path or a header that nobody foresaw could hold anything, a token too.
    return operation if operation in ROUTES or _OPERATION_NAME.fullmatch(operation) else "unknown"


def _work(pool: UserPool, operation: str, request: Request) -> Answer:
    return visit(pool, operation, request) if " " in operation else operate(pool, operation, request)


def _spoilt(server: Server, operation: str, request: Request, fault: Fault | None) -> Answer | None:  # noqa: PLR0911 - one a fault.
    """Do the work as far as the fault lets it; None is a connection cut."""
    if fault is None:
        return _work(server.pool, operation, request)
    match fault.kind:
        case FaultKind.ERROR:
            return _refusal(operation, fault.code, fault.message, fault.status)
        case FaultKind.ECHO_TOKEN:
            return _refusal(operation, fault.code, f"The token {sent_token(request)} was refused", fault.status)
        case FaultKind.HTML:
            content = b"<!doctype html><html><head><title>Sign in to the network</title></head><body></body></html>"
            headers = (("Content-Type", "text/html; charset=utf-8"),)
            return Answer(status=fault.status, headers=headers, body=content, has_request_id=False)
        case FaultKind.DELAY:
            if server.stopping.wait(fault.seconds):
                return None
            return _work(server.pool, operation, request)
        case FaultKind.CUT_AFTER_WORK:
            _work(server.pool, operation, request)
            return None
        case FaultKind.HANG:
            server.stopping.wait()
            return None
        case FaultKind.CUT_BEFORE_WORK:  # pragma: no branch - the last of them, as the type checkers confirm.
            return None


def _refusal(operation: str, code: str, message: str, status: int) -> Answer:
    if " /oauth2/" in operation:
        return oauth_error(code, status=status, description=message)
    if " " in operation:
        return page(f"{code}: {message}", status=status)
    return service_error(ServiceError(code, message, status))


def _hang_up(connection: socket.socket) -> None:
    # The client may have been faster.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
