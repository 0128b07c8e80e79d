"""What the loopback handlers for threads and for event loops share: all but the waiting."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.errors import ConfigurationException
from authsm.runners.hosted_ui import users_browser
from authsm.runners.hosted_ui.flight import Flight
from authsm.runners.hosted_ui.listener import hold
from authsm.runners.hosted_ui.urls import (
    LogoutURL,
    SignOutURL,
    checked_logout_url,
    cognito_logout_url,
    hosted_ui_origin,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator, Sequence
    from contextlib import ExitStack

    from authsm.runners.handlers import Call


class BaseLoopbackHostedUI:
    """See `LoopbackHostedUI`."""

    def __init__(
        self,
        *,
        domain: str,
        client_id: str,
        sign_out_urls: Sequence[str],
        open_browser: Callable[[str], object] | None = None,
        show_url: Callable[[str], None] | None = None,
        logout_url: LogoutURL = cognito_logout_url,
    ) -> None:
        if isinstance(sign_out_urls, str) or not sign_out_urls:
            raise ConfigurationException(
                "The sign-out URLs are not a list with at least one URL.",
                'Pass a list: sign_out_urls=["http://127.0.0.1:8400/signed-out"].',
            )
        origin = hosted_ui_origin(domain)
        self._client_id = client_id
        self._urls = tuple(
            (
                url,
                checked_logout_url(logout_url(domain=origin, client_id=client_id, sign_out_url=url.text)),
            )
            for url in map(SignOutURL.parse, sign_out_urls)
        )
        self._origin = origin
        self._open_browser = open_browser or users_browser.open_browser
        self._show_url = show_url or _print_url
        self._flights: set[Flight] = set()
        self._lock = threading.Lock()
        self.sign_out_url: str = self._urls[0][1]

    def __repr__(self) -> str:
        urls = [url.text for url, _ in self._urls]
        return f"{type(self).__name__}(domain={self._origin!r}, client_id={self._client_id!r}, sign_out_urls={urls!r})"

    def cancel(self) -> bool:
        """Call off every sign-out that waits for its browser now. Safe in any thread; forgotten where none waits.

        Returns:
            Whether one did. From when its URL is shown until its browser is back.
        """
        with self._lock:
            for flight in self._flights:
                flight.cancelled.set()
            return bool(self._flights)

    def _begin(self, held: ExitStack, call: Call) -> tuple[Flight, list[socket.socket]]:
        """Hold a port, and begin to wait there; both end with the stack."""
        url, logout_url, sockets = self._hold(held)
        flight = Flight(url, logout_url, self._client_id, call)
        held.enter_context(self._cancellable(flight))
        return flight, sockets

    @contextmanager
    def _cancellable(self, flight: Flight) -> Generator[None, None, None]:
        with self._lock:
            self._flights.add(flight)
        try:
            yield
        finally:
            with self._lock:
                self._flights.remove(flight)

    def _hold(self, held: ExitStack) -> tuple[SignOutURL, str, list[socket.socket]]:
        taken: list[str] = []
        for url, logout_url in self._urls:
            try:
                sockets = hold(url)
            except OSError as error:
                taken.append(f"{url.port} ({error.strerror or type(error).__name__})")
            else:
                for listening in sockets:
                    held.enter_context(listening)
                return url, logout_url, sockets
        message = f"No port of the sign-out URLs is free on this machine: {', '.join(taken)}."
        raise EffectFailedError(Failure(FailureKind.UNREACHABLE, "NoFreePort", message))

    def _show(self, flight: Flight) -> None:
        if not flight.seconds_to_wait():  # it was given up before it began
            return
        self._show_url(flight.start_url)

        def open_browser() -> None:
            with suppress(Exception):  # no browser is no failure yet: the user was shown the URL
                self._open_browser(flight.start_url)

        # A thread of its own and not one that is used again: it may hang for as long as the browser runs.
        threading.Thread(target=open_browser, name="authsm-browser", daemon=True).start()


def _print_url(url: str) -> None:
    with suppress(OSError, ValueError):  # a stream that is closed shows nothing; the browser may still open
        print(  # noqa: T201 - the user has to see it
            f"To sign out in the browser, open this address unless it has opened by itself:\n{url}",
            file=sys.stderr,
            flush=True,
        )
