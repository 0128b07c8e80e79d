"""A web site of pages that never change: that of somebody else, or one that shows pages to be looked at."""

import contextlib
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class OtherSite:
    """A site on this machine. To a browser, `localhost` is another site than `127.0.0.1`; ports make no difference.

    Attributes:
        port: Where it listens.
        headers: The header fields of every answer.
        pages: What it shows, by path.
        asked: The paths that were asked for.
    """

    port: int
    headers: tuple[tuple[str, str], ...] = ()
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def shows(self, page: str, *, host: str = "localhost") -> str:
        """Show a page; give its address."""
        path = f"/{len(self.pages)}"
        self.pages[path] = f"<!doctype html><title>Other</title>{page}".encode()
        return f"http://{host}:{self.port}{path}"


@contextlib.contextmanager
def other_site(*headers: tuple[str, str]) -> Generator[OtherSite]:
    """Serve one, with these header fields."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            page = site.pages.get(self.path)
            self.send_response(HTTPStatus.NOT_FOUND if page is None else HTTPStatus.OK)
            for name, value in (*site.headers, ("Content-Length", str(len(page or b"")))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = OtherSite(server.server_port, (("Content-Type", "text/html; charset=utf-8"), *headers))
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        serving.start()
        try:
            yield site
        finally:
            server.shutdown()
            serving.join()
