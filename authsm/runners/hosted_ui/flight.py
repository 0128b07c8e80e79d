"""One sign-out that waits for its browser: for how long, and what it ends in. Threads and tasks wait by it alike."""

from __future__ import annotations

import math
import secrets
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.credentials import Secret
from authsm.errors import UserCancelledException
from authsm.runners.hosted_ui.judge import START_PATH, CameBack, Expected, KeepWaiting, judge

if TYPE_CHECKING:
    from authsm.runners.handlers import Call
    from authsm.runners.hosted_ui.judge import Answer
    from authsm.runners.hosted_ui.urls import SignOutURL

_LOOK_SECONDS: Final = 0.1
"""How long a stop or a cancel may go unnoticed. The browser's return wakes the wait at once."""
_REPLY_SECONDS: Final = 1.0
"""How long before its time is over the wait ends: the runner gives up at that very moment, and a reply that comes later
is not heard. With it would go the advice which URL to register."""
_LONGEST_COOKIE_SECONDS: Final = 86400.0


class Flight:
    """One sign-out that waits for its browser. The first thing that ends the wait is what it ends in.

    Args:
        url: Where the browser comes back to.
        logout_url: Where the provider signs it out.
        client_id: The id of the app client, for the advice to register the URL there.
        call: Ends the wait: when its time is nearly over, or when it is given up.

    Attributes:
        cancelled: Set, in any thread, to call it off.
        linger_seconds: How long the last answers may take to arrive, so that the reply is still heard.
        start_url: Where it begins in the browser.
    """

    def __init__(self, url: SignOutURL, logout_url: str, client_id: str, call: Call) -> None:
        self.cancelled = threading.Event()
        self._url = url
        self._client_id = client_id
        self._call = call
        self._outcome: CameBack | Exception | None = None
        self._is_begun = False
        nonce = secrets.token_urlsafe(32)
        seconds = call.seconds_left()
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
        self._reserve = min(_REPLY_SECONDS, seconds / 4)
        self.linger_seconds = self._reserve / 2
        self.start_url = f"{url.origin}{START_PATH}{nonce}"

    def answer(self, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        """Answer a request; if it is the browser's return, the wait is over."""
        verdict = judge(self._expected, method, target, headers)
        self._is_begun |= verdict.answer.status is HTTPStatus.FOUND  # nothing else is sent elsewhere
        if self._outcome is None and not isinstance(verdict, KeepWaiting):
            self._outcome = verdict if isinstance(verdict, CameBack) else EffectFailedError(verdict.failure)
        return verdict.answer

    def seconds_to_wait(self) -> float:
        """Give the seconds to wait for requests before this is asked again; 0 when the wait is over."""
        left = self._call.seconds_left() - self._reserve
        if self._outcome is None:
            self._outcome = self._why_over(left)
        return 0.0 if self._outcome is not None else min(left, _LOOK_SECONDS)

    def end(self) -> None:
        """Give what the wait ended in: return, or raise.

        Raises:
            EffectFailedError: The provider reported an error, the browser did not come back in time, or the call was
                given up.
            UserCancelledException: It was called off.
        """
        if isinstance(self._outcome, Exception):
            raise self._outcome

    def _why_over(self, left: float) -> Exception | None:
        if self._call.stop.is_set():
            message = "Nobody waits for the browser any more."
            return EffectFailedError(Failure(FailureKind.INTERRUPTED, "Interrupted", message))
        if self.cancelled.is_set():
            return UserCancelledException()
        if left > 0:
            return None
        return EffectFailedError(Failure(FailureKind.TIMED_OUT, "TimeLimit", self._why_late()))

    def _why_late(self) -> str:
        if not self._is_begun:
            return "No browser opened, in the time there was, the address where the sign-out begins."
        return (
            f"The browser did not come back in time. {self._url.text} must be registered, to the letter, among the "
            f"allowed sign-out URLs of the app client {self._client_id}."
        )
