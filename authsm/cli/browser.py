"""The browser's part in the demo: an HTTP client with a cookie jar that follows redirects."""

from __future__ import annotations

import http.cookiejar
import urllib.request
from urllib.parse import urlsplit

_SECONDS = 10.0


class SmallBrowser:
    """Opens addresses on this machine as a browser would, without showing anything."""

    def __init__(self) -> None:
        self._cookies = http.cookiejar.CookieJar()
        # No proxy: everything it opens is on this machine.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    def hold_cookie(self, origin: str, name: str, value: str) -> None:
        """Hold a session's cookie, as after a sign-in in this browser.

        Args:
            origin: Whose cookie it is: ``http://host:port``.
            name: Its name.
            value: Its value.
        """
        host = urlsplit(origin).hostname or ""
        # The standard library's jar files a host without a dot under a name of its own.
        domain = host if "." in host else f"{host}.local"
        self._cookies.set_cookie(
            http.cookiejar.Cookie(
                version=0,
                name=name,
                value=value,
                port=None,
                port_specified=False,
                domain=domain,
                domain_specified=False,
                domain_initial_dot=False,
                path="/",
                path_specified=True,
                secure=False,
                expires=None,
                discard=True,
                comment=None,
                comment_url=None,
                rest={},
            )
        )

    def open(self, url: str) -> None:
        """Open an address, and follow where it leads.

        Args:
            url: An ``http`` address on this machine.

        Raises:
            OSError: It could not be opened.
        """
        with self._opener.open(url, timeout=_SECONDS) as answer:  # only addresses that the demo itself made
            answer.read()
