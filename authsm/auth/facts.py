"""The facts of a session that a plan is made from, read off its credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from authsm.credentials import GLOBAL_SIGN_OUT_SCOPE, SignedInData, UserPoolTokens, read_claims
from authsm.flows.sign_out.plan import Session
from authsm.flows.sign_out.results import Evidence

if TYPE_CHECKING:
    from authsm.flows.sign_out.policy import Authority


def session_of(data: SignedInData | None, *, key: str, epoch: int, leeway: float = 0.0) -> Session:
    """Read the facts off the credentials of a session. A malformed token only makes facts unknown.

    Args:
        data: The credentials; None where nobody is signed in.
        key: Their key in the store.
        epoch: Their epoch there.
        leeway: How long an access token must still be valid, in seconds, not to be refreshed where it can be: the time
            until it is used, and what the clocks differ by.

    Returns:
        The facts, as of now.
    """
    if data is None:
        return Session(key=key, epoch=epoch, signed_in=False)
    tokens = data.tokens or UserPoolTokens()
    claims = read_claims(tokens.access_token) if tokens.access_token else None
    return Session(
        key=key,
        epoch=epoch,
        method=data.sign_in_method,
        has_username=bool(username_of(data)),
        has_access_token=bool(tokens.access_token),
        access_token_expired=claims is not None
        and _is_over(claims.expires_at, leeway=leeway if tokens.refresh_token else 0.0),
        access_token_has_origin_jti=claims is not None and claims.origin_jti is not None,
        has_refresh_token=bool(tokens.refresh_token),
        refresh_token_expired=_is_over(data.refresh_token_expires_at),
    )


def username_of(data: SignedInData | None) -> str:
    """Give the user's name in the pool: the stored one, else the one that the tokens claim; empty where neither is."""
    if data is None:
        return ""
    if data.username:
        return data.username
    tokens = data.tokens or UserPoolTokens()
    for token in (tokens.access_token, tokens.id_token):
        claims = read_claims(token) if token else None
        if claims is not None and claims.username:
            return claims.username
    return ""


def evidence_of(
    data: SignedInData | None, *, authority: Authority, hosted_ui_url: str | None, resumed: bool
) -> Evidence:
    """Give what a result tells beyond the steps.

    Args:
        data: The last credentials known of the session.
        authority: What authorises the global sign-out.
        hosted_ui_url: The URL that signs the browser out.
        resumed: Whether a crash had interrupted the sign-out.

    Returns:
        The evidence, as of now.
    """
    tokens = (data.tokens if data else None) or UserPoolTokens()
    claims = read_claims(tokens.access_token) if tokens.access_token else None
    needs_access_token = authority == "access_token"
    return Evidence(
        tokens=tokens,
        username=username_of(data),
        hosted_ui_url=hosted_ui_url,
        tokens_valid_until=_valid_until(data, tokens),
        needs_access_token=needs_access_token,
        access_token_expired=needs_access_token and claims is not None and _is_over(claims.expires_at),
        access_token_lacks_scope=needs_access_token
        and claims is not None
        and bool(claims.scopes)
        and GLOBAL_SIGN_OUT_SCOPE not in claims.scopes,
        resumed=resumed,
    )


def _is_over(moment: datetime | None, *, leeway: float = 0.0) -> bool:
    return moment is not None and _aware(moment) <= datetime.now(UTC) + timedelta(seconds=leeway)


def _aware(moment: datetime) -> datetime:
    """Read a time without a zone, which another store may give, as UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def still_to_come(moment: datetime | None) -> datetime | None:
    """Give a time that is not over yet."""
    return None if _is_over(moment) else moment


def _valid_until(data: SignedInData | None, tokens: UserPoolTokens) -> datetime | None:
    ends = [
        claims.expires_at
        for token in (tokens.access_token, tokens.id_token)
        if token and (claims := read_claims(token)) is not None and claims.expires_at is not None
    ]
    if data is not None and data.aws_credentials is not None:
        ends.append(_aware(data.aws_credentials.expiration))
    return still_to_come(max(ends, default=None))
