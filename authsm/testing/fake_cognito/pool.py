"""The user pool's rules, in memory and without HTTP.

All tokens that stem from one sign-in are a family: the first access and ID tokens, the refresh token, what refreshing
gave later, and the refresh tokens that rotation put in its place. Revoking ends a family, a global sign-out ends every
family of the user (Cognito guide, "Ending user sessions with token revocation"). A browser session lives apart from
both: only ``/logout``, its age, or a revocation that asks for linked sessions ends it.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt

from .browsers import Browsers
from .values import ADMIN_SCOPE, FakeClient, FakeTokens, FakeUser, ServiceError

__all__ = ["UserPool"]

_REFRESH_TOKEN_SECONDS: Final = 30 * 24 * 3600
_ACCESS: Final = "access"
# The start of a real refresh token, which is an encrypted JWT: scrubbers are tested with something of that shape.
_REFRESH_TOKEN_HEADER: Final = base64.urlsafe_b64encode(
    json.dumps({"cty": "JWT", "enc": "A256GCM", "alg": "RSA-OAEP"}, separators=(",", ":")).encode()
).decode()


@dataclass(slots=True, kw_only=True)
class _Family:
    client: FakeClient
    user: FakeUser
    scopes: tuple[str, ...]
    signed_in_at: float
    browser_session: str | None = field(repr=False)
    origin_jti: str = field(default_factory=lambda: str(uuid.uuid4()))
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class _RefreshToken:
    family: _Family
    # When rotation retired it, plus the grace; None while it is the family's newest.
    dies_at: float | None = None


class UserPool:
    """One user pool with its app clients, users, token families and browser sessions. Safe to share among threads.

    Its browser sessions are kept in ``browsers``.

    Args:
        user_pool_id: What ``AdminUserGlobalSignOut`` must name, and the end of the tokens' issuer.
        region: The AWS region that the issuer names.
        session_tracking: Whether token families remember the browser session that they came through, so that a
            revocation can end it too (``RevokeAssociatedSessions``).
    """

    def __init__(self, user_pool_id: str, region: str, *, session_tracking: bool) -> None:
        self.user_pool_id = user_pool_id
        self._issuer = f"https://cognito-idp.{region}.amazonaws.com/{user_pool_id}"
        self._session_tracking = session_tracking
        self._signing_key = secrets.token_bytes(32)
        self._seconds_ahead = 0.0
        self._clients: dict[str, FakeClient] = {}
        self._users: dict[str, FakeUser] = {}
        self._passwords: dict[str, str] = {}
        self._families: defaultdict[str, list[_Family]] = defaultdict(list)
        self._refresh_tokens: dict[str, _RefreshToken] = {}
        # Every access and ID token ever issued, by its jti claim.
        self._issued: dict[str, _Family] = {}
        self.browsers = Browsers(self.now)
        self._lock = threading.RLock()

    def now(self) -> float:
        """Return the pool's time, in seconds since the epoch."""
        return time.time() + self._seconds_ahead

    def pass_time(self, seconds: float) -> None:
        """Put the pool's clock forward by so many seconds."""
        with self._lock:
            self._seconds_ahead += seconds

    def add_client(self, client: FakeClient) -> None:
        """Register an app client."""
        with self._lock:
            self._clients[client.id] = client

    def add_user(self, username: str, password: str) -> FakeUser:
        """Register a confirmed user; ValueError if the name is taken."""
        with self._lock:
            if username in self._users:
                raise ValueError(f"there is a user {username!r} already")
            user = self._users[username] = FakeUser(username, str(uuid.uuid4()))
            self._passwords[username] = password
            return user

    def client(self, client_id: str) -> FakeClient:
        """Return the app client of that id, or refuse as the service does."""
        with self._lock:
            client = self._clients.get(client_id)
        if client is None:
            raise ServiceError("ResourceNotFoundException", f"User pool client {client_id} does not exist.")
        return client

    def user(self, username: str) -> FakeUser:
        """Return the user of that name, or refuse as the service does."""
        with self._lock:
            user = self._users.get(username)
        if user is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        return user

    def check_password(self, username: str, password: str) -> FakeUser:
        """Return the user, or refuse without telling which of the two was wrong."""
        with self._lock:
            user = self._users.get(username)
            right = user is not None and secrets.compare_digest(self._passwords[username].encode(), password.encode())
        if user is None or not right:
            raise ServiceError("NotAuthorizedException", "Incorrect username or password.")
        return user

    def sign_in(
        self,
        client: FakeClient,
        user: FakeUser,
        *,
        scopes: tuple[str, ...],
        seconds_ago: float = 0.0,
        browser_session: str | None = None,
    ) -> FakeTokens:
        """Open a token family and hand out its first tokens, issued so many seconds ago."""
        with self._lock:
            family = _Family(
                client=client,
                user=user,
                scopes=scopes,
                signed_in_at=self.now() - seconds_ago,
                browser_session=browser_session if self._session_tracking else None,
            )
            self._families[user.username].append(family)
            return self._issue(family, at=family.signed_in_at, refresh_token=self._new_refresh_token(family))

    def refresh(self, client: FakeClient, refresh_token: str) -> FakeTokens:
        """Exchange a refresh token for new tokens, and for a new refresh token where the client rotates them.

        A rotated token keeps the end of life of the one it replaces (Cognito guide, "Refresh tokens").
        """
        with self._lock:
            entry = self._refresh_tokens.get(refresh_token)
            if entry is None or entry.family.client.id != client.id:
                raise ServiceError("NotAuthorizedException", "Invalid Refresh Token")
            if entry.family.revoked:
                raise ServiceError("NotAuthorizedException", "Refresh Token has been revoked")
            if self._too_old(entry.family):
                raise ServiceError("NotAuthorizedException", "Refresh Token has expired")
            if self._retired(entry):
                raise ServiceError("RefreshTokenReuseException", "Refresh Token was invalidated by rotation")
            if client.rotation:
                if entry.dies_at is None:
                    entry.dies_at = self.now() + client.rotation_grace_seconds
                refresh_token = self._new_refresh_token(entry.family)
            return self._issue(entry.family, at=self.now(), refresh_token=refresh_token)

    def owner_of_refresh_token(self, refresh_token: str) -> FakeUser | None:
        """Return whose refresh token it is, alive or dead; None if this pool never issued it."""
        with self._lock:
            entry = self._refresh_tokens.get(refresh_token)
            return entry.family.user if entry else None

    def revoke(self, client: FakeClient, refresh_token: str, *, linked: bool = False) -> None:
        """End the family of a refresh token, whether it still lives or not; an unknown token is no error.

        That an unknown token is answered with success is written down for ``/oauth2/revoke`` (Cognito guide, "The
        token revocation endpoint"; RFC 7009 section 2.2) and assumed of ``RevokeToken``, whose page does not say. That
        a family which has ended before, by a global sign-out say, still leads to its browser session is assumed, too.
        """
        if not client.revocation:
            raise ServiceError(
                "UnsupportedOperationException", f"Token revocation is not enabled for client {client.id}."
            )
        with self._lock:
            if self._claims(refresh_token) is not None:
                raise ServiceError("UnsupportedTokenTypeException", "Only refresh tokens can be revoked.")
            entry = self._refresh_tokens.get(refresh_token)
            if entry is None:
                return
            family = entry.family
            if family.client.id != client.id:
                raise ServiceError("UnauthorizedException", "The token was not issued to this client.")
            family.revoked = True
            if linked and family.browser_session is not None:
                self.browsers.sign_out(family.browser_session)

    def sessions(self, access_token: str) -> list[dict[str, Any]]:
        """List the user's token sessions and browser sessions that work; refuse where none are tracked.

        As ``ListUserSessions`` does, whose page says of no order. That it is refused with
        ``OperationNotEnabledException`` then is inferred: of that error the service's model says only that an operation
        is not available for the configuration of the user pool, or in this region.
        """
        with self._lock:
            user = self.authorize(access_token)
            if not self._session_tracking:
                raise ServiceError("OperationNotEnabledException", "Session tracking is not enabled for the user pool.")
            current = self._family_of_access_token(access_token)
            alive = [each for each in self._families[user.username] if not (each.revoked or self._too_old(each))]
            tokens = [_token_session(family, is_current=family is current) for family in alive]
            return [*tokens, *(_session("sso", *each) for each in self.browsers.sessions(user))]

    def sign_out_everywhere(self, user: FakeUser) -> None:
        """End every token family of the user. The hosted UI's browser sessions go on."""
        with self._lock:
            for family in self._families[user.username]:
                family.revoked = True

    def authorize(self, access_token: str, *, scope: str = ADMIN_SCOPE) -> FakeUser:
        """Return whose live access token it is, or refuse as the operations do that a user authorizes."""
        with self._lock:
            family = self._family_of_access_token(access_token)
            if scope not in family.scopes:
                raise ServiceError("NotAuthorizedException", "Access Token does not have required scopes")
            return family.user

    def accepts(self, access_token: str) -> bool:
        """Tell whether the access token is this pool's and neither expired nor revoked. Its scopes do not matter."""
        with self._lock:
            try:
                self._family_of_access_token(access_token)
            except ServiceError:
                return False
            return True

    def holds(self, refresh_token: str) -> bool:
        """Tell whether a refresh with that token would succeed for its own client."""
        with self._lock:
            entry = self._refresh_tokens.get(refresh_token)
            return entry is not None and self._alive(entry)

    def live_refresh_tokens(self, username: str) -> int:
        """Count the refresh tokens of a user that still work."""
        user = self.user(username)
        with self._lock:
            return sum(entry.family.user == user and self._alive(entry) for entry in self._refresh_tokens.values())

    def redeem_code(self, client: FakeClient, code: str, *, redirect_uri: str) -> FakeTokens | None:
        """Exchange an authorization code for tokens, once; None if it is not (or no longer) this client's to use."""
        known = self.browsers.take_code(code)
        if known is None or known.client.id != client.id or known.redirect_uri != redirect_uri:
            return None
        return self.sign_in(client, known.user, scopes=known.scopes, browser_session=known.cookie)

    def _family_of_access_token(self, access_token: str) -> _Family:
        claims = self._claims(access_token)
        if claims is None or claims["token_use"] != _ACCESS:
            raise ServiceError("NotAuthorizedException", "Invalid Access Token")
        if claims["exp"] <= self.now():
            raise ServiceError("NotAuthorizedException", "Access Token has expired")
        family = self._issued[claims["jti"]]
        if family.revoked:
            raise ServiceError("NotAuthorizedException", "Access Token has been revoked")
        return family

    def _alive(self, entry: _RefreshToken) -> bool:
        return not (entry.family.revoked or self._too_old(entry.family) or self._retired(entry))

    def _too_old(self, family: _Family) -> bool:
        return family.signed_in_at + _REFRESH_TOKEN_SECONDS <= self.now()

    def _retired(self, entry: _RefreshToken) -> bool:
        return entry.dies_at is not None and entry.dies_at <= self.now()

    def _new_refresh_token(self, family: _Family) -> str:
        parts = [_REFRESH_TOKEN_HEADER, *(secrets.token_urlsafe(size) for size in (64, 12, 256, 16))]
        refresh_token = ".".join(parts)
        self._refresh_tokens[refresh_token] = _RefreshToken(family=family)
        return refresh_token

    def _issue(self, family: _Family, *, at: float, refresh_token: str) -> FakeTokens:
        client, user = family.client, family.user
        shared: dict[str, Any] = {
            "sub": user.sub,
            "iss": self._issuer,
            "auth_time": int(family.signed_in_at),
            "iat": int(at),
            "exp": int(at) + client.access_token_seconds,
        }
        if client.revocation:
            shared["origin_jti"] = family.origin_jti
        return FakeTokens(
            access_token=self._signed(
                family,
                {
                    **shared,
                    "token_use": _ACCESS,
                    "client_id": client.id,
                    "username": user.username,
                    "scope": " ".join(family.scopes),
                },
            ),
            id_token=self._signed(
                family, {**shared, "token_use": "id", "aud": client.id, "cognito:username": user.username}
            ),
            refresh_token=refresh_token,
            expires_in=client.access_token_seconds,
        )

    def _signed(self, family: _Family, claims: Mapping[str, Any]) -> str:
        jti = str(uuid.uuid4())
        self._issued[jti] = family
        return jwt.encode({**claims, "jti": jti}, self._signing_key, algorithm="HS256")

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            # What has expired is for the pool's own clock to say.
            return jwt.decode(
                token,
                self._signing_key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            return None


def _token_session(family: _Family, *, is_current: bool) -> dict[str, Any]:
    session = {
        **_session("tkn", family.origin_jti, family.signed_in_at),
        "ClientId": family.client.id,
        "IsCurrentSession": is_current,
    }
    if family.browser_session is None:
        return session
    return {**session, "OriginSessionId": _session_id("sso", family.browser_session)}


def _session(prefix: str, secret: str, opened_at: float) -> dict[str, Any]:
    # API reference, "SessionDescriptionType", which also has when it was last active, on which device, and where.
    return {
        "SessionId": _session_id(prefix, secret),
        "SessionType": "TOKEN" if prefix == "tkn" else "SSO",
        "CreateDate": opened_at,
        "IsCurrentSession": False,
    }


def _session_id(prefix: str, secret: str) -> str:
    # API reference, "SessionDescriptionType": 28 lower-case letters and digits, these three first.
    return prefix + hashlib.sha256(secret.encode()).hexdigest()[:25]
