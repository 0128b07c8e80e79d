"""What a test holds in its hands: app clients, users, tokens, the service's refusals. No ``repr`` shows a secret."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ADMIN_SCOPE", "DEFAULT_SCOPES", "FakeClient", "FakeTokens", "FakeUser", "ServiceError"]

ADMIN_SCOPE: Final = "aws.cognito.signin.user.admin"
"""The scope that lets an access token manage its own user (Cognito guide, "Scopes, M2M, and resource servers")."""

DEFAULT_SCOPES: Final = (ADMIN_SCOPE, "openid", "profile")

# RefreshTokenRotationType: RetryGracePeriodSeconds is 0 to 60.
_LONGEST_GRACE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeClient:
    """An app client of the user pool, as ``FakeCognito.add_client`` makes it.

    Attributes:
        id: What calls send as ``ClientId`` or ``client_id``.
        secret: What a confidential client proves itself with; None for a public client. Not in the ``repr``.
        revocation: Whether its refresh tokens can be revoked (``EnableTokenRevocation``). If so, its access and ID
            tokens carry ``origin_jti``.
        rotation: Whether a refresh hands out a new refresh token and retires the old one.
        rotation_grace_seconds: How long a retired refresh token still works, in seconds, 0 to 60.
        access_token_seconds: How long access and ID tokens live, in seconds.
        sign_out_urls: The URLs that ``/logout`` may send the browser to, compared to the letter.
        callback_urls: The URLs that ``/login`` may send the browser to, compared to the letter.
        scopes: What access tokens of this client may hold.

    Raises:
        ValueError: A lifetime that Cognito does not know.
    """

    id: str
    secret: str | None = field(default=None, repr=False)
    revocation: bool = True
    rotation: bool = False
    rotation_grace_seconds: int = 0
    access_token_seconds: int = 3600
    sign_out_urls: tuple[str, ...] = ()
    callback_urls: tuple[str, ...] = ()
    scopes: tuple[str, ...] = DEFAULT_SCOPES

    def __post_init__(self) -> None:
        if not 0 <= self.rotation_grace_seconds <= _LONGEST_GRACE_SECONDS:
            raise ValueError(f"rotation_grace_seconds is 0 to 60, not {self.rotation_grace_seconds}")
        if self.access_token_seconds <= 0:
            raise ValueError(f"access_token_seconds is above 0, not {self.access_token_seconds}")

    def secret_hash(self, username: str) -> str:
        """Compute the ``SECRET_HASH`` that ``InitiateAuth`` asks of a client with a secret.

        The formula stands in the Cognito guide under "Computing secret hash values".

        Args:
            username: The user's name, which is part of what is hashed.

        Returns:
            The Base64 text to send.

        Raises:
            ValueError: The client has no secret.
        """
        if self.secret is None:
            raise ValueError("a client without a secret has no secret hash")
        digest = hmac.new(self.secret.encode(), f"{username}{self.id}".encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class FakeUser:
    """A user of the pool. The password stays inside the server.

    Attributes:
        username: The name to sign in with.
        sub: The identifier that never changes.
    """

    username: str
    sub: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTokens:
    """What a sign-in or a refresh hands out. The ``repr`` shows none of it.

    Attributes:
        access_token: A signed JWT.
        id_token: A signed JWT.
        refresh_token: Opaque; the one to use from now on, which after a refresh that does not rotate is the same.
        expires_in: Seconds until the access and ID tokens expire, counted from their issue.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


class ServiceError(Exception):
    """The service refuses.

    Attributes:
        code: The exception's name in the service's model, as boto3 reports it.
        message: What the service says. Never a token.
        status: The HTTP status code.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
