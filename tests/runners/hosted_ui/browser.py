"""A browser for tests: real HTTP, cookies, redirects, and nothing shared with the code under test."""

import http.client
import http.cookiejar
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from authsm.core.vocabulary import EffectFailedError, Failure
from authsm.credentials import UserPoolTokens
from authsm.runners.handlers import Call

# Only a bug takes this long.
WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Page:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class _KeepErrors(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        return super().http_response(request, response) if 300 <= response.status < 400 else response


class _KeepRedirects(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        del request
        return response


class Browser:
    def __init__(self) -> None:
        self.cookies = http.cookiejar.CookieJar()

    def get(self, url: str, *, follow: bool = True, form: Mapping[str, str] | None = None, **headers: str) -> Page:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self.cookies),
            _KeepErrors() if follow else _KeepRedirects(),
        )
        data = urlencode(form).encode() if form is not None else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data=data, headers=named)  # noqa: S310 - the tests' own URLs
        with opener.open(request, timeout=WAIT_SECONDS) as response:
            return Page(response.status, response.headers, response.read())


def send(url: str, *, method: str = "GET", **headers: str) -> Page:
    """Send one request without cookies, following nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_SECONDS)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Page(response.status, response.headers, response.read())
    finally:
        connection.close()


def make_call(seconds: float = WAIT_SECONDS, stop: threading.Event | None = None) -> Call:
    return Call(
        id="run/1",
        attempt=1,
        ends=time.monotonic() + seconds,
        stop=stop or threading.Event(),
        username="ada",
        tokens=UserPoolTokens,
        save_refreshed=lambda _: None,
    )


def end_time(call: Call) -> None:
    """Let the time of a call run out now."""
    object.__setattr__(call, "ends", 0.0)


class SignOut:
    """A handler at work in a thread of its own, as a runner would have it."""

    def __init__(self, work: Callable[[Call], object], shown: SimpleQueue[str], *, seconds: float) -> None:
        self.stop = threading.Event()
        self.raised: Exception | None = None
        self._work = work
        self._call = make_call(seconds, self.stop)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.start_url = shown.get(timeout=WAIT_SECONDS)

    def _run(self) -> None:
        try:
            self._work(self._call)
        except Exception as error:  # noqa: BLE001 - it is the outcome, whatever it is
            self.raised = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.end()

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def end_time(self) -> None:
        end_time(self._call)

    def end(self) -> None:
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def succeeded(self) -> bool:
        self.end()
        return self.raised is None

    def failure(self) -> Failure:
        self.end()
        assert isinstance(self.raised, EffectFailedError)
        return self.raised.failure
