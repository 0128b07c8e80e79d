"""``FakeCognito``, which tests hold: the pool, its server, and what can be made to go wrong."""

import secrets
import string
import threading
from types import TracebackType
from typing import Final, Self

from .faults import Fault, FaultQueue
from .hosted_ui import ROUTES
from .operations import OPERATIONS
from .pool import UserPool
from .server import Server
from .values import DEFAULT_SCOPES, FakeClient, FakeTokens, FakeUser

__all__ = ["FakeCognito"]

_CLIENT_ID_LENGTH: Final = 26
_SECRET_LENGTH: Final = 52
_POOL_SUFFIX_LENGTH: Final = 9
_ALPHABET: Final = string.ascii_lowercase + string.digits
# Every thread is woken before it is waited for, so only a bug takes this long.
_JOIN_SECONDS: Final = 5.0


class FakeCognito:
    """A user pool with its own server on 127.0.0.1. Use it as a context manager, or with ``start`` and ``stop``.

    It answers InitiateAuth (USER_PASSWORD_AUTH and REFRESH_TOKEN_AUTH), GetTokensFromRefreshToken, GetUser,
    ListUserSessions, RevokeToken, GlobalSignOut and AdminUserGlobalSignOut, and has the pages ``/login`` and
    ``/logout`` and the endpoints ``/oauth2/token`` and ``/oauth2/revoke``. It is safe to share among threads.

    Args:
        session_tracking: Whether the pool links tokens to the hosted UI session that they came through, so that
            ``RevokeToken(RevokeAssociatedSessions="LINKED")`` ends that session too (API reference, "RevokeToken").
        region: The AWS region that the tokens' issuer names.
    """

    def __init__(self, *, session_tracking: bool = False, region: str = "eu-central-1") -> None:
        self.region = region
        self.user_pool_id = f"{region}_{_random_text(_POOL_SUFFIX_LENGTH)}"
        self._pool = UserPool(self.user_pool_id, region, session_tracking=session_tracking)
        self._faults = FaultQueue()
        self._calls: list[str] = []
        self._calls_lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"FakeCognito(user_pool_id={self.user_pool_id!r}, running={self._server is not None})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on a free port. Starting a running server changes nothing; a stopped one starts with its pool kept."""
        if self._server is None:
            self._server = Server(self._pool, self._faults, self._note_call)
            self._thread = threading.Thread(
                target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="FakeCognito", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Cut every connection, end every thread and free the port. Stopping twice is fine."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.stop()
            thread.join(_JOIN_SECONDS)

    @property
    def endpoint_url(self) -> str:
        """What boto3 takes as ``endpoint_url``; RuntimeError while the server is stopped."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def domain(self) -> str:
        """The hosted UI's domain, with scheme and port: to a browser another site than 127.0.0.1."""
        return f"http://localhost:{self._port}"

    @property
    def _port(self) -> int:
        if self._server is None:
            raise RuntimeError("FakeCognito is not running: use it in a with statement, or call start()")
        return self._server.server_port

    def add_client(
        self,
        *,
        secret: bool = False,
        revocation: bool = True,
        rotation: bool = False,
        rotation_grace_seconds: int = 0,
        access_token_seconds: int = 3600,
        sign_out_urls: tuple[str, ...] = (),
        callback_urls: tuple[str, ...] = (),
        scopes: tuple[str, ...] = DEFAULT_SCOPES,
    ) -> FakeClient:
        """Register an app client.

        Args:
            secret: Whether it has one.
            revocation: Whether its refresh tokens can be revoked.
            rotation: Whether refreshing replaces the refresh token.
            rotation_grace_seconds: How long a replaced refresh token still works, in seconds, 0 to 60.
            access_token_seconds: How long access and ID tokens live, in seconds.
            sign_out_urls: Where ``/logout`` may lead.
            callback_urls: Where ``/login`` may lead.
            scopes: What its access tokens may hold.

        Returns:
            The client, with its id and secret.

        Raises:
            ValueError: A lifetime that Cognito does not know.
        """
        client = FakeClient(
            id=_random_text(_CLIENT_ID_LENGTH),
            secret=_random_text(_SECRET_LENGTH) if secret else None,
            revocation=revocation,
            rotation=rotation,
            rotation_grace_seconds=rotation_grace_seconds,
            access_token_seconds=access_token_seconds,
            sign_out_urls=tuple(sign_out_urls),
            callback_urls=tuple(callback_urls),
            scopes=tuple(scopes),
        )
        self._pool.add_client(client)
        return client

    def add_user(self, username: str, *, password: str = "Correct-Horse-1") -> FakeUser:  # noqa: S107 - a fake's.
        """Register a confirmed user.

        Args:
            username: The name to sign in with.
            password: The password to sign in with.

        Returns:
            The user.

        Raises:
            ValueError: There is a user of that name.
        """
        return self._pool.add_user(username, password)

    def sign_in(
        self,
        client: FakeClient,
        username: str,
        *,
        seconds_ago: float = 0,
        scopes: tuple[str, ...] | None = None,
        browser_session: str | None = None,
    ) -> FakeTokens:
        """Hand out the tokens of a new sign-in without a request being made.

        Args:
            client: The app client to sign in with.
            username: Who signs in.
            seconds_ago: How long ago, in seconds: 3700 gives a session whose access token has expired.
            scopes: What the access token holds; None for all that the client may have.
            browser_session: The cookie value of the hosted UI session that the sign-in came through, if any.

        Returns:
            The tokens.

        Raises:
            ServiceError: There is no such user.
        """
        return self._pool.sign_in(
            client,
            self._pool.user(username),
            scopes=client.scopes if scopes is None else tuple(scopes),
            seconds_ago=seconds_ago,
            browser_session=browser_session,
        )

    def holds(self, refresh_token: str) -> bool:
        """Tell whether the refresh token could still be exchanged for new tokens."""
        return self._pool.holds(refresh_token)

    def accepts(self, access_token: str) -> bool:
        """Tell whether the service still takes the access token: it is neither expired nor revoked."""
        return self._pool.accepts(access_token)

    def live_refresh_tokens(self, username: str) -> int:
        """Count the user's refresh tokens that still work, over all clients and devices."""
        return self._pool.live_refresh_tokens(username)

    def browser_sessions(self, username: str) -> int:
        """Count the user's hosted UI sessions that still work."""
        return self._pool.browsers.count(self._pool.user(username))

    def open_browser_session(self, username: str) -> str:
        """Sign the user in to the hosted UI without a browser and return the value of the cookie named ``cognito``."""
        return self._pool.browsers.sign_in(self._pool.user(username))

    def pass_time(self, seconds: float) -> None:
        """Put the service's clock forward, in seconds: tokens, sessions and grace periods age."""
        self._pool.pass_time(seconds)

    @property
    def calls(self) -> tuple[str, ...]:
        """What was called, in order of arrival: ``"RevokeToken"``, ``"GET /logout"``, ... and never what was sent."""
        with self._calls_lock:
            return tuple(self._calls)

    def forget_calls(self) -> None:
        """Empty ``calls``."""
        with self._calls_lock:
            self._calls.clear()

    def fail(self, operation: str, *faults: Fault, times: int | None = 1) -> None:
        """Queue faults: each spoils the next calls of an operation, in the order in which they were queued.

        Args:
            operation: Which calls, named as in ``calls``.
            faults: What goes wrong.
            times: How many calls each fault spoils; None for every further call.

        Raises:
            ValueError: An operation that the fake does not know, no fault, or ``times`` below 1.
        """
        if operation not in OPERATIONS and operation not in ROUTES:
            raise ValueError(f"{operation!r} is none of {', '.join([*OPERATIONS, *ROUTES])}")
        if not faults:
            raise ValueError("fail needs at least one fault")
        for fault in faults:
            self._faults.put(operation, fault, times)

    def heal(self) -> None:
        """Forget every queued fault. Calls that hang already go on hanging until the server stops."""
        self._faults.clear()

    def _note_call(self, operation: str) -> None:
        with self._calls_lock:
            self._calls.append(operation)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
