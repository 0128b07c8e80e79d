"""The hosted UI sign-out of a program on the user's own machine: open the browser, and wait for it to come back."""

from __future__ import annotations

import math
import secrets
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.credentials import Secret
from authsm.errors import ConfigurationException, UserCancelledException
from authsm.runners.hosted_ui.judge import (
    START_PATH,
    Answer,
    CameBack,
    CameBackWithError,
    Expected,
    KeepWaiting,
    judge,
)
from authsm.runners.hosted_ui.listener import Listener, hold
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

    from authsm.flows.sign_out.effects import ShowHostedUISignOut
    from authsm.runners.handlers import Call

_LOOK_SECONDS: Final = 0.1
"""How long a stop or a cancel may go unnoticed. The browser's return wakes the wait at once."""
_REPLY_SECONDS: Final = 1.0
"""How long before its time is over the wait ends: the runner gives up at that very moment, and a reply that comes later
is not heard. With it would go the advice which URL to register."""

_LONGEST_COOKIE_SECONDS: Final = 86400.0


class LoopbackHostedUI:
    """Signs the browser out of the hosted UI, and waits on this machine until it comes back.

    It is the handler of `ShowHostedUISignOut`. It listens on the first free port of the sign-out URLs, opens the
    browser, and returns when that very browser has come back from the provider; a cookie tells it from any other that
    is led to the same address. One object serves any number of calls, also at the same time.

    The return is evidence, not proof, that the session of the browser has ended.

    Args:
        domain: The domain of the hosted UI: a host such as ``"my-app.auth.eu-west-1.amazoncognito.com"``, or an origin.
        client_id: The id of the app client.
        sign_out_urls: Where the browser may come back to, in order of preference, each
            ``http://127.0.0.1:PORT/path`` or ``http://localhost:PORT/path`` and each registered, to the letter, among
            the allowed sign-out URLs of the app client. Several ports let the next one stand in for one that is taken.
        open_browser: Opens a URL in the user's browser; `webbrowser.open` if not given. It runs in a daemon thread of
            its own, which is left behind if it hangs; what it returns or raises is ignored.
        show_url: Shows the same URL to the user, in case no browser opens; if not given, it is printed to the standard
            error stream. It must return soon; what it raises fails the effect.
        logout_url: Builds the URL at which the provider signs the browser out.

    Attributes:
        sign_out_url: The URL that signs the browser out and leads to the first of the sign-out URLs, to be tried by
            hand after a failure.

    Raises:
        ConfigurationException: The domain, the client id or a sign-out URL cannot be right.
    """

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
        self._open_browser = open_browser or _open_browser
        self._show_url = show_url or _print_url
        self._flights: set[_Flight] = set()
        self._lock = threading.Lock()
        self.sign_out_url: str = self._urls[0][1]

    def __repr__(self) -> str:
        urls = [url.text for url, _ in self._urls]
        return f"LoopbackHostedUI(domain={self._origin!r}, client_id={self._client_id!r}, sign_out_urls={urls!r})"

    def __call__(self, effect: ShowHostedUISignOut, call: Call) -> None:
        """Sign the browser out, and wait until it comes back.

        Args:
            effect: What is asked for.
            call: Ends the wait: when its time is nearly over, or when it is given up.

        Raises:
            EffectFailedError: The provider reported an error, the browser did not come back in time, no port was free,
                or the call was given up.
            UserCancelledException: `cancel` was called.
        """
        del effect  # the browser knows whom it signs out
        with ExitStack() as held:
            url, logout_url, sockets = self._hold(held)
            flight = _Flight(url, logout_url, call.seconds_left())
            listener = held.enter_context(Listener(sockets, flight.answer))
            with self._cancellable(flight):
                self._show(flight.start_url)
                flight.wait(listener, call, self._not_back(url))

    def cancel(self) -> None:
        """Call off every sign-out that waits for its browser now. Safe in any thread; forgotten where none waits."""
        with self._lock:
            for flight in self._flights:
                flight.cancelled.set()

    @contextmanager
    def _cancellable(self, flight: _Flight) -> Generator[None, None, None]:
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

    def _show(self, start_url: str) -> None:
        self._show_url(start_url)

        def open_browser() -> None:
            with suppress(Exception):  # no browser is no failure yet: the user was shown the URL
                self._open_browser(start_url)

        # A thread of its own and not one that is used again: it may hang for as long as the browser runs.
        threading.Thread(target=open_browser, name="authsm-browser", daemon=True).start()

    def _not_back(self, url: SignOutURL) -> Failure:
        message = (
            f"The browser did not come back in time. {url.text} must be registered, to the letter, among the allowed "
            f"sign-out URLs of the app client {self._client_id}."
        )
        return Failure(FailureKind.TIMED_OUT, "TimeLimit", message)


class _Flight:
    """One sign-out that waits for its browser."""

    def __init__(self, url: SignOutURL, logout_url: str, seconds: float) -> None:
        self.cancelled = threading.Event()
        self._verdict: CameBack | CameBackWithError | None = None
        nonce = secrets.token_urlsafe(32)
        # Cookies are shared by all ports of an address, so the name tells apart the sign-outs that go on there.
        self._expected = Expected(
            hosts=url.hosts,
            path=url.path,
            nonce=Secret(nonce),
            cookie_name=f"authsm-sign-out-{url.port}",
            cookie=Secret(secrets.token_urlsafe(32)),
            cookie_seconds=math.ceil(min(seconds, _LONGEST_COOKIE_SECONDS)),
            logout_url=logout_url,
        )
        self.start_url = f"{url.origin}{START_PATH}{nonce}"

    def answer(self, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        """Answer a request, and remember the first verdict."""
        verdict = judge(self._expected, method, target, headers)
        if self._verdict is None and not isinstance(verdict, KeepWaiting):
            self._verdict = verdict
        return verdict.answer

    def wait(self, listener: Listener, call: Call, not_back: Failure) -> None:
        """Wait for the verdict; see `LoopbackHostedUI.__call__`."""
        reserve = min(_REPLY_SECONDS, call.seconds_left() / 4)
        while self._verdict is None:
            left = call.seconds_left() - reserve
            if call.stop.is_set():
                raise EffectFailedError(
                    Failure(FailureKind.INTERRUPTED, "Interrupted", "Nobody waits for the browser any more.")
                )
            if self.cancelled.is_set():
                raise UserCancelledException
            if left <= 0:
                raise EffectFailedError(not_back)
            listener.turn(min(left, _LOOK_SECONDS))
        if isinstance(self._verdict, CameBackWithError):
            raise EffectFailedError(self._verdict.failure)


def _open_browser(url: str) -> None:
    import webbrowser  # noqa: PLC0415 - it looks for browsers, and most programs that import authsm open none

    webbrowser.open(url)


def _print_url(url: str) -> None:
    with suppress(OSError, ValueError):  # a stream that is closed shows nothing; the browser may still open
        print(  # noqa: T201 - the user has to see it
            f"To sign out in the browser, open this address unless it has opened by itself:\n{url}",
            file=sys.stderr,
            flush=True,
        )
