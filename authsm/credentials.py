"""What a signed-in user holds: tokens, credentials, and how they were obtained; and the `Secret` that hides them.

Nothing here verifies a token. authsm reads claims to decide what to try (is the access token expired? may it authorise
a global sign-out?), never to let anyone in; the service that the token is sent to verifies it. A forged claim can at
the most make a sign-out try a step that the service then refuses.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from authsm.errors import ConfigurationException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GLOBAL_SIGN_OUT_SCOPE: Final = "aws.cognito.signin.user.admin"
"""The scope that an access token needs to authorise GlobalSignOut (Cognito API Reference, GlobalSignOut)."""


class Secret:
    """A text that shows itself to nobody: not in logs, representations, formatted texts, copies or pickles.

    Two secrets are equal when their texts are; the comparison takes the same time wherever they differ.

    Args:
        text: What to hide.

    Raises:
        TypeError: The argument is no text.
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise TypeError(f"A Secret hides a text, not a value of type {type(text).__name__}.")
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """Give the text. Keep it out of variables that outlive the call it is needed for."""
        return self._text

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A Secret does not change.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes_of(self._text), _bytes_of(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(...)"

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret cannot be pickled: store credentials with a CredentialStore.")


class SignInMethod(StrEnum):
    """How a session was opened, which decides what has to be closed."""

    USER_POOL = "user_pool"
    """With a password, passkey or code at the user pool itself."""
    HOSTED_UI = "hosted_ui"
    """In a browser at the hosted UI (managed login), which keeps a cookie of its own."""
    PRIVATE_HOSTED_UI = "private_hosted_ui"
    """In a private browser session, which forgot its cookie when it was closed."""
    UNKNOWN = "unknown"
    """Not known: the credentials come from elsewhere."""
    GUEST = "guest"
    """Not signed in: an identity pool gave credentials to a guest."""
    FEDERATED = "federated"
    """Federated straight to an identity pool, without the user pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPoolTokens:
    """The tokens that a user pool issued.

    Attributes:
        access_token: Authorises the user's own calls, GlobalSignOut among them.
        id_token: Says who the user is.
        refresh_token: Obtains new tokens until it is revoked.
    """

    access_token: Secret | None = None
    id_token: Secret | None = None
    refresh_token: Secret | None = None

    def __post_init__(self) -> None:
        """Hide tokens that came as plain texts all the same."""
        _hide_texts(self, "access_token", "id_token", "refresh_token")

    def over(self, before: UserPoolTokens | None) -> UserPoolTokens:
        """Give these tokens, with what a refresh did not return taken from those before.

        Cognito returns a new refresh token only where the app client rotates them (Cognito API Reference,
        GetTokensFromRefreshToken): where there is none in the answer, the old one lives on.

        Args:
            before: The tokens that were refreshed.

        Returns:
            The tokens of the session now.
        """
        if before is None:
            return self
        return UserPoolTokens(
            access_token=self.access_token or before.access_token,
            id_token=self.id_token or before.id_token,
            refresh_token=self.refresh_token or before.refresh_token,
        )

    @classmethod
    def from_text(
        cls, *, access_token: str | None = None, id_token: str | None = None, refresh_token: str | None = None
    ) -> UserPoolTokens:
        """Hide tokens that come as plain texts; empty ones count as missing.

        Args:
            access_token: As Cognito returned it.
            id_token: As Cognito returned it.
            refresh_token: As Cognito returned it.

        Returns:
            The tokens.
        """
        return cls(
            access_token=Secret(access_token) if access_token else None,
            id_token=Secret(id_token) if id_token else None,
            refresh_token=Secret(refresh_token) if refresh_token else None,
        )

    def secrets(self) -> Iterator[Secret]:
        """Give every token there is."""
        for token in (self.access_token, self.id_token, self.refresh_token):
            if token:
                yield token


@dataclass(frozen=True, slots=True, kw_only=True)
class AWSCredentials:
    """Temporary AWS credentials that an identity pool gave for the tokens. Nothing revokes them; they expire.

    Attributes:
        access_key_id: The public part.
        secret_access_key: The secret part.
        session_token: The token that goes with them.
        expiration: When they end.
    """

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret
    expiration: datetime

    def __post_init__(self) -> None:
        """Hide what came as plain text all the same."""
        _hide_texts(self, "secret_access_key", "session_token")


def _hide_texts(of: object, *names: str) -> None:
    """Put a `Secret` in the place of each plain text: nobody shall show tokens for want of a type checker."""
    for name in names:
        value = getattr(of, name)
        if isinstance(value, str):
            object.__setattr__(of, name, Secret(value))
        elif value is not None and not isinstance(value, Secret):
            raise TypeError(f"The {name} is a Secret, not a value of type {type(value).__name__}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInData:
    """What the embedding SDK obtained when the user signed in.

    Attributes:
        username: The user's name in the pool; AdminUserGlobalSignOut needs it.
        user_id: The claim ``sub``.
        sign_in_method: How the session was opened.
        tokens: The user pool's tokens; None for a guest.
        identity_id: The identity pool's name for the user.
        aws_credentials: Credentials of the identity pool.
        signed_in_at: When the user signed in.
        refresh_token_expires_at: When the refresh token ends; the token itself does not say.
    """

    username: str = ""
    user_id: str = ""
    sign_in_method: SignInMethod = SignInMethod.UNKNOWN
    tokens: UserPoolTokens | None = None
    identity_id: str = ""
    aws_credentials: AWSCredentials | None = None
    signed_in_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    refresh_token_expires_at: datetime | None = None

    def secrets(self) -> Iterator[Secret]:
        """Give everything that must not be seen."""
        if self.tokens is not None:
            yield from self.tokens.secrets()
        if self.aws_credentials is not None:
            yield self.aws_credentials.secret_access_key
            yield self.aws_credentials.session_token

    def check(self) -> None:
        """Refuse what could never be signed out properly. Asked when a session is stored, never when it ends.

        Raises:
            ConfigurationException: A token is malformed, a session of the user pool has no tokens, or a time has no
                time zone. The message names which, and never shows it.
        """
        for name, moment in (
            ("signed_in_at", self.signed_in_at),
            ("refresh_token_expires_at", self.refresh_token_expires_at),
            ("aws_credentials.expiration", self.aws_credentials.expiration if self.aws_credentials else None),
        ):
            if moment is not None and moment.tzinfo is None:
                raise ConfigurationException(
                    f"{name} has no time zone.", "Give it one: datetime.now(UTC), or .replace(tzinfo=UTC)."
                )
        if self.sign_in_method is SignInMethod.GUEST:
            return
        tokens = self.tokens or UserPoolTokens()
        if self.sign_in_method is not SignInMethod.FEDERATED and not (tokens.access_token or tokens.refresh_token):
            raise ConfigurationException(
                "The signed-in data holds neither an access token nor a refresh token.",
                "Pass the tokens of the sign-in as UserPoolTokens; for a guest, say sign_in_method=SignInMethod.GUEST.",
            )
        for name, token in (("access_token", tokens.access_token), ("id_token", tokens.id_token)):
            if token is not None and read_claims(token) is None:
                raise ConfigurationException(
                    f"The {name} is not a JSON Web Token.", f"Pass the {name} just as Cognito returned it."
                )
        refresh_token = tokens.refresh_token
        if refresh_token is not None and not re.fullmatch(r"[A-Za-z0-9_=.\-]+", refresh_token.reveal()):
            # The pattern is the service's own (Cognito API Reference, TokenModelType).
            raise ConfigurationException(
                "The refresh_token has characters that no Cognito token has.",
                "Pass the refresh_token just as Cognito returned it.",
            )


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says of itself, as far as a sign-out asks. Not verified: see the module's docstring.

    Attributes:
        expires_at: The claim ``exp``; None where it is missing or no time.
        origin_jti: Names the refresh token it came from; there where the app client has revocation enabled.
        scopes: The claim ``scope``.
        subject: The claim ``sub``.
        username: The claim ``username`` or ``cognito:username``.
    """

    expires_at: datetime | None
    origin_jti: str | None
    scopes: frozenset[str]
    subject: str | None
    username: str | None


def read_claims(token: Secret) -> Claims | None:
    """Read the claims of a JSON Web Token without verifying it.

    Args:
        token: The token.

    Returns:
        The claims, or None where it is no JSON Web Token.
    """
    import jwt  # noqa: PLC0415 - heavy: it loads cryptography where that is installed

    try:
        said: dict[str, Any] = jwt.decode(token.reveal(), options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return Claims(
        expires_at=_moment(said.get("exp")),
        origin_jti=_text(said.get("origin_jti")),
        scopes=frozenset((_text(said.get("scope")) or "").split()),
        subject=_text(said.get("sub")),
        username=_text(said.get("username")) or _text(said.get("cognito:username")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


_LOOKS_LIKE_A_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}")
"""JSON Web Tokens, signed (three parts) and encrypted (five), begin with ``{"`` in base64 (RFC 7515, RFC 7516)."""

_TOO_SHORT_TO_HIDE: Final = 4
"""Hiding a shorter text would tear holes into ordinary words."""


def scrub(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Take secrets out of a text that goes to a log, a message or a result.

    Args:
        text: What a service, a library or a handler said.
        secrets: The secrets in hand; they are found as such, URL-encoded, and in base64 at any alignment.

    Returns:
        The text, with ``[token]`` in place of each secret and of anything that looks like a JSON Web Token.
    """
    shapes = {shape for secret in secrets for shape in _shapes(secret.reveal())}
    for shape in sorted(shapes, key=len, reverse=True):
        text = text.replace(shape, "[token]")
    return _LOOKS_LIKE_A_TOKEN.sub("[token]", text)


def _shapes(secret: str) -> Iterator[str]:
    if len(secret) < _TOO_SHORT_TO_HIDE:
        return
    yield from _url_encoded(secret)
    raw = _bytes_of(secret)
    for shift in range(3):
        # Within a longer text the secret may begin at any of three places of base64's groups of three bytes. The first
        # and last characters also carry bits of its neighbours, so what lies between them is what can be recognised.
        shifted = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        core = shifted[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        if len(core) > _TOO_SHORT_TO_HIDE:
            yield core.replace("+", "-").replace("/", "_")
            yield from _url_encoded(core)


def _url_encoded(secret: str) -> set[str]:
    """Give the usual ways to write it in a URL: slash kept or not, space as a plus, either case; once or twice."""
    shapes = {secret}
    for _ in range(2):
        quoted = {quote(_bytes_of(shape), safe=safe) for shape in shapes for safe in ("", "/")}
        quoted |= {shape.replace("%20", "+") for shape in quoted}
        shapes |= quoted | {re.sub("%..", lambda escape: escape[0].lower(), shape) for shape in quoted}
    return shapes


def _bytes_of(text: str) -> bytes:
    """Encode any text, half a surrogate included: an error here would carry the text in its traceback."""
    return text.encode("utf-8", "surrogatepass")
