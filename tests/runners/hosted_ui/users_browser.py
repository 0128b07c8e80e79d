"""The user's browser, a Chromium that opens what Python's `webbrowser` is asked to open."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.runners.hosted_ui.browser import WAIT_SECONDS

if TYPE_CHECKING:
    import pytest
    from playwright.sync_api import Browser, BrowserContext, Page

_OPEN_URL: Final = Path(__file__).with_name("open_url.py")

ONLY_THIS_MACHINE: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
"""For Chromium: pages that ask for fonts and the like from elsewhere do not get them."""


class UsersBrowser:
    """A profile of Chromium, and the standard library's way to open a page in it.

    Attributes:
        page: The tab that the user looks at.
    """

    def __init__(self, chromium: Browser, patch: pytest.MonkeyPatch) -> None:
        self._chromium = chromium
        self._held = contextlib.ExitStack()
        self._asked = self._held.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._asked.settimeout(WAIT_SECONDS)
        self.context = self.another()
        self.page: Page = self.context.new_page()
        command = (sys.executable, str(_OPEN_URL), str(self._asked.getsockname()[1]), "%s")
        patch.setenv("BROWSER", shlex.join(command))
        # The module looks for browsers once; this has it look anew, and forget afterwards what it found.
        patch.setattr(webbrowser, "_tryorder", None)
        patch.setattr(webbrowser, "_browsers", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def another(self) -> BrowserContext:
        """Another profile, with cookies of its own: to a site, another browser."""
        context = self._held.enter_context(contextlib.closing(self._chromium.new_context()))
        context.set_default_timeout(1000 * WAIT_SECONDS)
        return context

    def asked_for(self) -> str:
        """Wait until `webbrowser` is asked for a URL."""
        connection, _ = self._asked.accept()
        with connection, connection.makefile(encoding="utf-8") as said:
            return said.read()

    def open(self) -> None:
        """Open what `webbrowser` is asked for, and follow where it leads."""
        self.page.goto(self.asked_for())

    @property
    def heading(self) -> str:
        """The heading of the page that the user sees."""
        return self.page.get_by_role("heading").inner_text()
