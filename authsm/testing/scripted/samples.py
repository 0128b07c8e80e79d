"""Tokens and sessions like those of Cognito, made at once and without a service: for tests that need some session.

Nothing in them is drawn at random: the same arguments give the same tokens, and ``edition`` tells one sign-in from the
next. Nobody signed them, so no service accepts them; `FakeCognito` hands out tokens that it accepts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from authsm.credentials import GLOBAL_SIGN_OUT_SCOPE, Secret, SignedInData, SignInMethod, UserPoolTokens

if TYPE_CHECKING:
    from collections.abc import Mapping

LONG_AGO: Final = datetime(2020, 2, 2, tzinfo=UTC)
"""When expired tokens expired: before any test runs, so that no test depends on its day."""

FAR_AHEAD: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""When fresh tokens expire: after any test runs."""

_POOL: Final = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_sample"
_HEADER: Final = {"kid": "sample", "alg": "RS256"}
_ENCRYPTED_HEADER: Final = {"cty": "JWT", "enc": "A256GCM", "alg": "RSA-OAEP"}
_SIGNATURE_BYTES: Final = 256
_ENCRYPTED_PART_BYTES: Final = (256, 12, 1100, 16)
"""Of what follows the header: key, initialization vector, text and authentication tag (RFC 7516, section 7.1)."""


def json_web_token(claims: Mapping[str, object]) -> Secret:
    """Make a JSON Web Token, as long as Cognito's.

    Args:
        claims: What it says.

    Returns:
        The token. Its signature is that of nobody, and differs wherever the claims do.
    """
    said = json.dumps(claims).encode()
    signature = hashlib.shake_256(said).digest(_SIGNATURE_BYTES)
    return _joined(json.dumps(_HEADER).encode(), said, signature)


def access_token(
    *, expires: datetime = FAR_AHEAD, scope: str = GLOBAL_SIGN_OUT_SCOPE, revocable: bool = True, edition: str = "1"
) -> Secret:
    """Make an access token.

    Args:
        expires: When it ends.
        scope: What it may do; `authsm.credentials.GLOBAL_SIGN_OUT_SCOPE` authorises the user's own global sign-out.
        revocable: Whether it has the claim ``origin_jti``, as where the app client has revocation enabled.
        edition: Which sign-in it is of.

    Returns:
        The token.
    """
    origin = {"origin_jti": f"origin-{edition}"} if revocable else {}
    use = {"token_use": "access", "client_id": "sample", "scope": scope, "username": "ada"}
    return json_web_token({**_claims(edition, expires), **origin, **use, "jti": f"access-{edition}"})


def id_token(*, expires: datetime = FAR_AHEAD, edition: str = "1") -> Secret:
    """Make an ID token.

    Args:
        expires: When it ends.
        edition: Which sign-in it is of.

    Returns:
        The token.
    """
    use = {"token_use": "id", "aud": "sample", "cognito:username": "ada", "email": "ada@example.com"}
    return json_web_token({**_claims(edition, expires), **use, "jti": f"id-{edition}"})


def refresh_token(*, edition: str = "1") -> Secret:
    """Make a refresh token: encrypted, so that it tells nothing, and about 1,900 characters long.

    Args:
        edition: Which sign-in it is of.

    Returns:
        The token.
    """
    told_apart_by = f"refresh-{edition}".encode()
    parts = [
        hashlib.shake_256(bytes([number]) + told_apart_by).digest(length)
        for number, length in enumerate(_ENCRYPTED_PART_BYTES)
    ]
    return _joined(json.dumps(_ENCRYPTED_HEADER).encode(), *parts)


def sample_tokens(*, expired: bool = False, revocable: bool = True, edition: str = "1") -> UserPoolTokens:
    """Make the three tokens of a sign-in.

    Args:
        expired: Whether the access and ID token have expired, as they have an hour after sign-in.
        revocable: Whether the app client has revocation enabled.
        edition: Which sign-in they are of.

    Returns:
        The tokens.
    """
    expires = LONG_AGO if expired else FAR_AHEAD
    return UserPoolTokens(
        access_token=access_token(expires=expires, revocable=revocable, edition=edition),
        id_token=id_token(expires=expires, edition=edition),
        refresh_token=refresh_token(edition=edition),
    )


def sample_session(
    method: SignInMethod = SignInMethod.USER_POOL, *, tokens: UserPoolTokens | None = None
) -> SignedInData:
    """Make what an SDK has when the user ada has signed in.

    >>> from authsm import Auth, MemoryCredentialStore
    >>> auth = Auth(MemoryCredentialStore(), {})
    >>> auth.sign_in(sample_session())
    >>> auth.credentials().data.username
    'ada'

    Args:
        method: How.
        tokens: Those of `sample_tokens`, if not given; none for a guest.

    Returns:
        The session.
    """
    guest = method is SignInMethod.GUEST
    return SignedInData(
        username="" if guest else "ada",
        user_id="" if guest else _SUBJECT,
        sign_in_method=method,
        tokens=None if guest else tokens or sample_tokens(),
        identity_id="eu-central-1:sample" if method in {SignInMethod.GUEST, SignInMethod.FEDERATED} else "",
        signed_in_at=LONG_AGO,
    )


_SUBJECT: Final = "b2d5f0ee-1b3c-4a62-9c27-5f1b0e9d6a10"


def _claims(edition: str, expires: datetime) -> dict[str, object]:
    return {"sub": _SUBJECT, "iss": _POOL, "event_id": f"event-{edition}", "exp": int(expires.timestamp())}


def _joined(*parts: bytes) -> Secret:
    return Secret(".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts))
