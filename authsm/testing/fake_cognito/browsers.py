"""Who is signed in to the hosted UI: cookie sessions, and the authorization codes that they give away."""

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .values import FakeClient, FakeUser

__all__ = ["BROWSER_SESSION_SECONDS", "Browsers", "Code"]

BROWSER_SESSION_SECONDS: Final = 3600
"""How long a cookie session lives: an hour, unless a pool sets it otherwise (Cognito guide, "Managed login")."""

_CODE_SECONDS: Final = 5 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    user: FakeUser
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What an authorization code stands for.

    Attributes:
        client: Who may redeem it.
        user: Who signed in.
        redirect_uri: Where it was sent; whoever redeems it must name that again (RFC 6749 section 4.1.3).
        scopes: What the tokens may hold.
        cookie: The browser session that it came through. Not in the ``repr``.
        expires_at: Until when, in seconds since the epoch.
    """

    client: FakeClient
    user: FakeUser
    redirect_uri: str
    scopes: tuple[str, ...]
    cookie: str = field(repr=False)
    expires_at: float


class Browsers:
    """Every browser that is signed in to the hosted UI. Safe to share among threads.

    Args:
        now: Tells the pool's time, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sessions: dict[str, _Session] = {}
        self._codes: dict[str, Code] = {}
        self._lock = threading.Lock()

    def sign_in(self, user: FakeUser) -> str:
        """Open a session and return the value of its cookie."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[cookie] = _Session(user=user, expires_at=self._now() + BROWSER_SESSION_SECONDS)
        return cookie

    def sign_out(self, cookie: str) -> None:
        """End the session of that cookie, if there is one."""
        with self._lock:
            self._sessions.pop(cookie, None)

    def user(self, cookie: str) -> FakeUser | None:
        """Return who is signed in in the browser that sends this cookie, if anyone is."""
        with self._lock:
            session = self._sessions.get(cookie)
        return session.user if session and session.expires_at > self._now() else None

    def count(self, user: FakeUser) -> int:
        """Count the user's sessions that have not ended."""
        now = self._now()
        with self._lock:
            return sum(session.user == user and session.expires_at > now for session in self._sessions.values())

    def sessions(self, user: FakeUser) -> list[tuple[str, float]]:
        """Give the cookie of each session of the user that has not ended, and when it was opened."""
        now = self._now()
        with self._lock:
            alive = {cookie: each.expires_at for cookie, each in self._sessions.items() if each.user == user}
        return [(cookie, ends - BROWSER_SESSION_SECONDS) for cookie, ends in alive.items() if ends > now]

    def give_code(
        self, client: FakeClient, user: FakeUser, cookie: str, *, redirect_uri: str, scopes: tuple[str, ...]
    ) -> str:
        """Issue an authorization code to the app that the browser is on its way to."""
        code = str(uuid.uuid4())
        with self._lock:
            self._codes[code] = Code(
                client=client,
                user=user,
                redirect_uri=redirect_uri,
                scopes=scopes,
                cookie=cookie,
                expires_at=self._now() + _CODE_SECONDS,
            )
        return code

    def take_code(self, code: str) -> Code | None:
        """Return what a code stands for and use it up; None if it is unknown, used or too old."""
        with self._lock:
            known = self._codes.pop(code, None)
        return known if known and known.expires_at > self._now() else None
