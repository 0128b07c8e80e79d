"""Whatever arrives, in whatever order: one outcome, that of the first thing which counts, and a port that is free."""

import contextlib
import http.client
import socket
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsm.core.vocabulary import EffectFailedError
from authsm.errors import UserCancelledException
from authsm.runners.hosted_ui import flight
from tests.runners.hosted_ui.browser import WAIT_SECONDS, SignOut, send
from tests.runners.hosted_ui.desktop import LOOPS, Desktop
from tests.runners.hosted_ui.test_listener import listens

NOISE = (
    "silence",
    "half a request",
    "no request",
    "favicon",
    "start with a wrong nonce",
    "start, prefetched",
    "link of an attacker",
    "link of an attacker with an error",
    "return to another host",
    "return by POST",
    "return by HEAD",
    "return, prefetched",
    "return with a forged cookie",
)
"""What never counts."""

COUNTS = {"return": None, "return with an error": "went_wrong", "cancel": "UserCancelled", "stop": "Interrupted"}
"""What ends the wait, and what it then ends in."""

ANYTHING = st.lists(st.sampled_from((*NOISE, "start", *COUNTS)), max_size=12)


class Played:
    """One sign-out, and everybody who may send something to it."""

    def __init__(self, desktop: Desktop, sign_out: SignOut, silent: contextlib.ExitStack) -> None:
        self.desktop = desktop
        self.sign_out = sign_out
        self.cookie = ""
        self._silent = silent

    def play(self, name: str) -> None:
        url, bound = self.desktop.urls[0], {"Cookie": self.cookie}
        match name:
            case "silence" | "half a request" | "no request":
                talk = {"silence": b"", "half a request": b"GET /signed-out HTTP/1.1\r\nHo", "no request": b"\r\n\r\n"}
                address = ("127.0.0.1", self.desktop.port)
                self._silent.enter_context(socket.create_connection(address, timeout=WAIT_SECONDS)).sendall(talk[name])
            case "start":
                answer = send(self.sign_out.start_url)
                assert answer.status == 302
                self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
            case "cancel":
                self.desktop.handler.cancel()
            case "stop":
                self.sign_out.stop.set()
            case "return":
                assert send(url, **bound).status == 200
            case "return with an error":
                assert send(f"{url}?error=went_wrong", **bound).status == 200
            case _:
                path, status, options = self._noise(name, bound)
                assert send(path, **options).status == status

    def _noise(self, name: str, bound: dict[str, str]) -> tuple[str, int, dict[str, Any]]:
        url, start_url = self.desktop.urls[0], self.sign_out.start_url
        return {
            "favicon": (url.replace("/signed-out", "/favicon.ico"), 404, bound),
            "start with a wrong nonce": (f"{start_url}x", 404, {}),
            "start, prefetched": (start_url, 400, {"Sec_Purpose": "prefetch;prerender"}),
            "link of an attacker": (url, 400, {}),
            "link of an attacker with an error": (f"{url}?error=x", 400, {}),
            "return to another host": (url, 421, bound | {"Host": "evil.example"}),
            "return by POST": (url, 405, bound | {"method": "POST"}),
            "return by HEAD": (url, 405, bound | {"method": "HEAD"}),
            "return, prefetched": (url, 400, bound | {"Purpose": "prefetch"}),
            "return with a forged cookie": (url, 400, {"Cookie": f"{self.cookie.partition('=')[0]}=x"}),
        }[name]


@pytest.mark.parametrize("loop", LOOPS)
@given(ANYTHING)
@example([*NOISE, "start", *NOISE, "return", "return", "cancel"])
@example([*NOISE, "start", "start", "return with an error", "return"])
@example([*NOISE, "cancel", "start", "return"])
@settings(max_examples=25, deadline=None)
def test_every_order_has_one_outcome_and_frees_the_port(loop: str, names: list[str]) -> None:
    desktop = Desktop(loop=loop)
    outcomes: list[str | None] = []

    def run(call: Any) -> None:
        try:
            desktop_run(call)
        except UserCancelledException:
            outcomes.append("UserCancelled")
        except EffectFailedError as error:
            outcomes.append(error.failure.code)
        else:
            outcomes.append(None)

    desktop_run, desktop.run = desktop.run, run
    with (
        mock.patch.object(flight, "_LOOK_SECONDS", 0.005),
        contextlib.ExitStack() as silent,
        desktop.sign_out() as sign_out,
    ):
        played = Played(desktop, sign_out, silent)
        expected = "Interrupted"  # by the end of this block, where nothing else counts
        for name in names:
            counts = name in COUNTS and (not name.startswith("return") or played.cookie)
            if name in COUNTS and not counts:
                continue  # nothing to return with
            played.play(name)
            if counts:
                expected = COUNTS[name]  # type: ignore[assignment]
                sign_out.end()
                break
            assert sign_out.waits
        else:
            sign_out.stop.set()
            sign_out.end()
        for _ in names:
            with pytest.raises((ConnectionRefusedError, http.client.RemoteDisconnected)):
                played.play("favicon")
        assert not listens("127.0.0.1", desktop.port)
    assert outcomes == [expected]
    assert not desktop.handler._flights
