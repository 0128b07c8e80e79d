"""Web sites of pages that never change: those of somebody else, or one that shows pages to be looked at."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Site:
    """A web site on this machine. To a browser, `localhost` is another site than `127.0.0.1`; ports make no difference.

    Args:
        pages: What it shows, by the path.
        headers: The header fields of every page.

    Attributes:
        url: Where it is.
        elsewhere: The same, as a site that shares no cookies with 127.0.0.1.
        asked: The paths that were asked for, in order.
    """

    def __init__(self, pages: Mapping[str, str | bytes] | None = None, *headers: tuple[str, str]) -> None:
        self.asked: list[str] = []
        self._pages = dict(pages or {})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(headers))
        self._server.daemon_threads = True
        self._server.block_on_close = False  # browsers keep connections open
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        port = self._server.server_port
        self.url = f"http://127.0.0.1:{port}/"
        self.elsewhere = f"http://localhost:{port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def shows(self, page: str, *, host: str = "localhost") -> str:
        """Show one more page; give its address."""
        path = f"/{len(self._pages)}"
        self._pages[path] = f"<!doctype html><title>Other</title>{page}"
        return f"http://{host}:{self._server.server_port}{path}"

    def _handler(self, headers: tuple[tuple[str, str], ...]) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                page = site._pages.get(self.path.partition("?")[0])
                body = page.encode() if isinstance(page, str) else page or b""
                self.send_response(HTTPStatus.NOT_FOUND if page is None else HTTPStatus.OK)
                fields = (*headers, ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))))
                for name, value in fields:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parameter's name in http.server
                pass

        return Handler
