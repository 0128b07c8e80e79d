"""A real server for each framework, on a socket that listens already. They serve until the process ends."""

import socket
import socketserver
from collections.abc import Callable
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

from tests.examples.pool import Pool


def serve_starlette(pool: Pool, listening: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - one framework a process

    from tests.examples.starlette_app import make_app  # noqa: PLC0415 - the same

    uvicorn.Server(uvicorn.Config(make_app(pool), log_level="warning", ws="none")).run(sockets=[listening])


def serve_flask(pool: Pool, listening: socket.socket) -> None:
    from werkzeug.serving import make_server  # noqa: PLC0415 - one framework a process

    from tests.examples.flask_app import make_app  # noqa: PLC0415 - the same

    host, port = listening.getsockname()
    make_server(host, port, make_app(pool), threaded=True, fd=listening.fileno()).serve_forever()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


def serve_django(pool: Pool, listening: socket.socket) -> None:
    from tests.examples.django_app import make_app  # noqa: PLC0415 - one framework a process

    _serve_wsgi(make_app(pool), listening)


def _serve_wsgi(app: WSGIApplication, listening: socket.socket) -> None:
    server = _Server(listening.getsockname(), _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = listening.getsockname()
    server.setup_environ()
    server.set_app(app)
    server.serve_forever()


SERVERS: Final[dict[str, Callable[[Pool, socket.socket], None]]] = {
    "starlette": serve_starlette,
    "flask": serve_flask,
    "django": serve_django,
}
