"""Sessions to sign out: made up, and easy to find again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from authsm.credentials import GLOBAL_SIGN_OUT_SCOPE, SignedInData, SignInMethod, UserPoolTokens


def session_data(number: str) -> SignedInData:
    """Make up a session: with tokens as long as Cognito's, and a name that is not ASCII.

    Args:
        number: Tells sessions apart.

    Returns:
        The same for the same number.
    """
    tokens = UserPoolTokens.from_text(
        access_token=_token(f"access-{number}"),
        id_token=_token(f"id-{number}"),
        refresh_token=f"refresh-token-{number}-" + "0123456789" * 120,
    )
    return SignedInData(
        username=f"ädä-{number}",
        sign_in_method=SignInMethod.USER_POOL,
        tokens=tokens,
        signed_in_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )


def _token(name: str) -> str:
    claims = {
        "sub": name,
        "exp": datetime(2100, 1, 1, tzinfo=UTC).timestamp(),
        "scope": GLOBAL_SIGN_OUT_SCOPE,
        "origin_jti": name,
    }
    parts = (json.dumps({"alg": "none"}), json.dumps(claims), name)
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
