"""A program with a handler that waits for the browser: in a thread, or in either event loop."""

from __future__ import annotations

from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import anyio

from authsm.flows.sign_out.effects import ShowHostedUISignOut
from authsm.runners.hosted_ui import AsyncLoopbackHostedUI, LoopbackHostedUI
from tests.runners.hosted_ui.browser import WAIT_SECONDS, Browser, SignOut
from tests.runners.hosted_ui.test_listener import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.runners.handlers import Call

PROVIDER: Final = "https://auth.example.com"

LOOPS: Final = ("threads", "asyncio", "trio")


class Desktop:
    """A program with a handler, and what it showed to its user."""

    def __init__(self, *urls: str, loop: str, domain: str = PROVIDER, client_id: str = "abc", **options: Any) -> None:
        self.urls = urls or (f"http://127.0.0.1:{free_port()}/signed-out",)
        self.shown: SimpleQueue[str] = SimpleQueue()
        settings = {"open_browser": lambda _: None, "show_url": self.shown.put} | options
        settings |= {"domain": domain, "client_id": client_id, "sign_out_urls": self.urls}
        threads, tasks = LoopbackHostedUI(**settings), AsyncLoopbackHostedUI(**settings)
        self.handler = threads if loop == "threads" else tasks
        self.run: Callable[[Call], object] = (
            partial(threads, ShowHostedUISignOut())
            if loop == "threads"
            else lambda call: anyio.run(tasks, ShowHostedUISignOut(), call, backend=loop)
        )

    @property
    def port(self) -> int:
        return int(self.urls[0].split(":")[2].split("/")[0])

    def sign_out(self, *, seconds: float = WAIT_SECONDS) -> SignOut:
        return SignOut(self.run, self.shown, seconds=seconds)


def begin(sign_out: SignOut) -> Browser:
    """A browser that was sent to the provider, and has not come back yet."""
    browser = Browser()
    assert browser.get(sign_out.start_url, follow=False).status == 302
    return browser
