"""Tokens and what else a signed-in user holds, and the keys under which stores keep it."""

from __future__ import annotations

import base64
import hashlib
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from authsm.credentials import (
    GLOBAL_SIGN_OUT_SCOPE,
    AWSCredentials,
    Secret,
    SignedInData,
    SignInMethod,
    UserPoolTokens,
)
from authsm.testing.scripted import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SCOPES: Final = (GLOBAL_SIGN_OUT_SCOPE, f"openid {GLOBAL_SIGN_OUT_SCOPE} email")
_LESSER_SCOPES: Final = ("openid", "openid email profile", "")
_EDITIONS: Final = st.integers(1, 2**64).map(str)
_USERNAMES: Final = st.sampled_from(["ada", "ada@example.com", "ädä", "google_1234567890", "b2d5f0ee-1b3c-4a62"])
_SIGN_INS: Final = (
    datetime(2014, 7, 10, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
)
"""When Cognito began, a moment in full, and the first second that does not fit into 31 bits."""

_SUBJECT: Final = "b2d5f0ee-1b3c-4a62-9c27-5f1b0e9d6a10"
_LENGTHS: Final = (20, 64, 4000)
_OPAQUE: Final = string.ascii_letters + string.digits + "-_=."
"""What a token may consist of (Cognito API Reference, TokenModelType)."""


def access_tokens(
    *,
    expired: bool | None = None,
    revocable: bool | None = None,
    scoped: bool | None = None,
) -> st.SearchStrategy[Secret]:
    """Draw access tokens, as long as Cognito's.

    >>> from authsm.credentials import read_claims
    >>> from hypothesis import find
    >>> read_claims(find(access_tokens(expired=True), lambda token: True)).expires_at.year
    2020

    Args:
        expired: Whether they have expired, at whatever time the test runs; either, if not given.
        revocable: Whether they have the claim ``origin_jti``, as where the app client has revocation enabled.
        scoped: Whether their scope lets them authorise a global sign-out.

    Returns:
        The strategy.
    """
    scopes = {True: _SCOPES, False: _LESSER_SCOPES, None: (*_SCOPES, *_LESSER_SCOPES)}[scoped]
    return st.builds(
        samples.access_token,
        expires=_expiries(expired=expired),
        scope=st.sampled_from(scopes),
        revocable=_either(revocable),
        edition=_EDITIONS,
    )


def id_tokens(*, expired: bool | None = None) -> st.SearchStrategy[Secret]:
    """Draw ID tokens, as long as Cognito's.

    >>> from hypothesis import find
    >>> find(id_tokens(), lambda token: True)
    Secret(...)

    Args:
        expired: Whether they have expired, at whatever time the test runs; either, if not given.

    Returns:
        The strategy.
    """
    return st.builds(samples.id_token, expires=_expiries(expired=expired), edition=_EDITIONS)


def refresh_tokens() -> st.SearchStrategy[Secret]:
    """Draw refresh tokens: encrypted ones of some 1,900 characters, and others that the service's own pattern allows.

    >>> from hypothesis import find
    >>> find(refresh_tokens(), lambda token: len(token.reveal()) > 1000)
    Secret(...)

    Returns:
        The strategy.
    """
    like_cognitos = st.builds(samples.refresh_token, edition=_EDITIONS)
    return like_cognitos | st.builds(_opaque, edition=_EDITIONS, length=st.sampled_from(_LENGTHS))


def _opaque(edition: str, length: int) -> Secret:
    # Not drawn letter by letter: no test depends on them, and Hypothesis would try to simplify each.
    return Secret("".join(_OPAQUE[byte % len(_OPAQUE)] for byte in hashlib.shake_256(edition.encode()).digest(length)))


def malformed_tokens() -> st.SearchStrategy[Secret]:
    """Draw what no user pool issued: each has characters that no token has.

    >>> from authsm.credentials import read_claims
    >>> from hypothesis import find
    >>> read_claims(find(malformed_tokens(), lambda token: len(token.reveal()) > 100)) is None
    True

    Returns:
        The strategy. `SignedInData.check` refuses each of them, wherever it stands.
    """
    spoilt = st.builds(_spoilt, access_tokens(), st.sampled_from(_SPOILING))
    return spoilt | st.text(max_size=40).map(lambda text: Secret(f"{text} "))


def user_pool_tokens(*, malformed: bool = False) -> st.SearchStrategy[UserPoolTokens]:
    """Draw the tokens of a session: any of them may be missing, but for one with which it can be signed out.

    >>> from hypothesis import find
    >>> find(user_pool_tokens(), lambda tokens: tokens.access_token is None)
    UserPoolTokens(access_token=None, id_token=None, refresh_token=Secret(...))

    Args:
        malformed: Whether some of them may be malformed. `SignedInData.check` refuses those, and so does
            `Auth.sign_in`; a store may hold them all the same.

    Returns:
        The strategy. For tokens that are to be just so, write ``st.builds(UserPoolTokens, access_token=access_tokens(
        expired=True), ...)``.
    """
    odd = malformed_tokens() if malformed else st.nothing()
    access, refresh = access_tokens() | odd, refresh_tokens() | odd
    identity = st.none() | id_tokens() | odd
    return st.one_of(
        st.builds(UserPoolTokens, access_token=access, id_token=identity, refresh_token=st.none() | refresh),
        st.builds(UserPoolTokens, access_token=st.none() | access, id_token=identity, refresh_token=refresh),
    )


def aws_credentials() -> st.SearchStrategy[AWSCredentials]:
    """Draw temporary AWS credentials, expired ones too.

    >>> from hypothesis import find
    >>> find(aws_credentials(), lambda each: True).secret_access_key
    Secret(...)

    Returns:
        The strategy.
    """
    return st.builds(_aws_credentials, edition=_EDITIONS, expiration=_expiries())


def _aws_credentials(edition: str, expiration: datetime) -> AWSCredentials:
    raw = hashlib.shake_256(edition.encode()).digest(300)
    text = base64.b64encode(raw).decode()
    return AWSCredentials(
        access_key_id=f"ASIA{base64.b32encode(raw[:10]).decode()}",
        secret_access_key=Secret(text[:40]),
        session_token=Secret(text[40:]),
        expiration=expiration,
    )


def signed_in_data(
    methods: Iterable[SignInMethod] = SignInMethod,
    *,
    malformed: bool = False,
) -> st.SearchStrategy[SignedInData]:
    """Draw what an SDK has when a user has signed in, or a guest was let in.

    >>> from hypothesis import find
    >>> find(signed_in_data(), lambda data: data.sign_in_method is SignInMethod.GUEST).tokens is None
    True

    Args:
        methods: How the session may have been opened; in every way, if not given.
        malformed: Whether tokens may be malformed.

    Returns:
        The strategy. Unless they may be malformed, `SignedInData.check` accepts all of it.
    """
    return st.one_of([_signed_in(method, malformed=malformed) for method in methods])


def _signed_in(method: SignInMethod, *, malformed: bool) -> st.SearchStrategy[SignedInData]:
    guest = method is SignInMethod.GUEST
    tokens: st.SearchStrategy[UserPoolTokens | None] = user_pool_tokens(malformed=malformed)
    if method is SignInMethod.FEDERATED:
        tokens |= st.none()
    return st.builds(
        SignedInData,
        username=st.just("") if guest else st.just("") | _USERNAMES,
        user_id=st.just("") if guest else st.just("") | st.just(_SUBJECT),
        sign_in_method=st.just(method),
        tokens=st.none() if guest else tokens,
        identity_id=st.sampled_from(["", "eu-central-1:12345678-1234-1234-1234-1234567890ab"]),
        aws_credentials=st.none() | aws_credentials(),
        signed_in_at=st.sampled_from(_SIGN_INS),
        refresh_token_expires_at=st.none() | _expiries(),
    )


_LOOKALIKES: Final = (
    "ada",
    "Ada",
    "ADA",
    "ada ",
    " ada",
    "ada.",
    "ada\n",
    "ada\x00",
    "ada\udcff",
    "\uff41\uff44\uff41",
    "ädä",
    "a\u0308da\u0308",
)
_PATHS: Final = (
    "",
    ".",
    "..",
    "../ada",
    "ada/../grace",
    "/etc/passwd",
    "C:\\ada",
    "~",
    "ada%2fgrace",
    "%61da",
    ".hidden",
)
_DEVICES: Final = ("con", "NUL", "aux.txt", "com1", "desktop.ini")
_LONG: Final = ("a" * 64, "a" * 255, "ä" * 300)


def store_keys() -> st.SearchStrategy[str]:
    """Draw keys for a store: those that are easily mistaken for each other, for paths or devices, and any text at all.

    >>> from hypothesis import find
    >>> find(store_keys(), lambda key: ".." in key)
    '..'

    Returns:
        The strategy.
    """
    odd = st.sampled_from([*_LOOKALIKES, *_PATHS, *_DEVICES, *_LONG])
    return odd | st.text(max_size=30) | st.text(st.characters(codec=None), max_size=30)


def _expiries(*, expired: bool | None = None) -> st.SearchStrategy[datetime]:
    """Draw moments that are over, or to come, at whatever time the test runs: so a failing example fails again."""
    over, to_come = st.just(samples.LONG_AGO), st.just(samples.FAR_AHEAD)
    return {True: over, False: to_come, None: over | to_come}[expired]


def _spoilt(token: Secret, spoil: Callable[[str], str]) -> Secret:
    return Secret(spoil(token.reveal()))


def _either(said: bool | None) -> st.SearchStrategy[bool]:  # noqa: FBT001 - an argument that was passed on
    return st.booleans() if said is None else st.just(said)


_SPOILING: Final[tuple[Callable[[str], str], ...]] = (
    lambda token: f"Bearer {token}",
    lambda token: f"{token}\n",
    lambda token: f'"{token}"',
    lambda token: token.replace(".", "%2E"),
    lambda token: f"{token[:100]}…",
)
"""What becomes of tokens on their way through applications, logs and URLs: none of it is a token any more."""
