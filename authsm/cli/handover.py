"""How the demo hands its browser session over to the user's own browser."""

from __future__ import annotations

import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_POLL_SECONDS: Final = 0.05


class HandOver:
    """A page on ``localhost`` that gives a browser a cookie and sends it on. A host's ports share their cookies.

    Args:
        cookie: The cookie, as ``name=value``.
        location: Where the browser is sent.
    """

    def __init__(self, cookie: str, location: str) -> None:
        self._path = f"/{secrets.token_urlsafe(32)}"
        self._asked = threading.Event()
        path, asked = self._path, self._asked

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != path:
                    self.send_error(404)
                    return
                self.send_response(302)
                self.send_header("Set-Cookie", f"{cookie}; Path=/; HttpOnly; SameSite=Lax")
                self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                asked.set()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's name in http.server
                pass  # the address is for one browser only

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._server.daemon_threads = True
        self._server.block_on_close = False  # browsers keep connections open
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """What the browser has to open."""
        return f"http://localhost:{self._server.server_port}{self._path}"

    def was_taken(self, seconds: float) -> bool:
        """Wait, for at most so many seconds, until a browser has come."""
        return self._asked.wait(seconds)
