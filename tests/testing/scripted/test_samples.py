"""Samples are like what Cognito hands out, and the same each time."""

import re

import pytest

from authsm import Auth, AuthState, MemoryCredentialStore, Secret, SignInMethod
from authsm.credentials import GLOBAL_SIGN_OUT_SCOPE, read_claims
from authsm.testing import FakeCognito, sample_session, sample_tokens
from authsm.testing.scripted.samples import FAR_AHEAD, LONG_AGO, access_token, id_token, refresh_token


@pytest.mark.parametrize("method", SignInMethod)
def test_whoever_signed_in_can_be_stored(method: SignInMethod) -> None:
    auth = Auth(MemoryCredentialStore(), {})
    auth.sign_in(sample_session(method))
    assert auth.state is AuthState.SIGNED_IN
    assert sample_session(method) == sample_session(method)
    assert (sample_session(method).tokens is None) is (method is SignInMethod.GUEST)


def test_access_tokens_claim_what_they_are_to() -> None:
    claims = read_claims(access_token())
    assert claims is not None
    assert (claims.expires_at, claims.username, claims.origin_jti) == (FAR_AHEAD, "ada", "origin-1")
    assert claims.scopes == {GLOBAL_SIGN_OUT_SCOPE}
    claims = read_claims(access_token(expires=LONG_AGO, revocable=False, scope="openid"))
    assert claims is not None
    assert (claims.expires_at, claims.origin_jti, claims.scopes) == (LONG_AGO, None, frozenset({"openid"}))
    claims = read_claims(id_token(expires=LONG_AGO))
    assert claims is not None
    assert (claims.expires_at, claims.username) == (LONG_AGO, "ada")


def test_the_tokens_of_a_sign_in_are_those_of_its_edition() -> None:
    one, again, other, expired = (
        sample_tokens(),
        sample_tokens(),
        sample_tokens(edition="2"),
        sample_tokens(expired=True, revocable=False),
    )
    assert one == again
    assert {*one.secrets()}.isdisjoint(other.secrets())
    assert expired.access_token is not None
    claims = read_claims(expired.access_token)
    assert claims is not None
    assert (claims.expires_at, claims.origin_jti) == (LONG_AGO, None)


def test_they_are_as_long_as_a_pools() -> None:
    with FakeCognito() as cognito:
        cognito.add_user("ada")
        real = cognito.sign_in(cognito.add_client(), "ada")
    assert 0.5 < _length(access_token()) / len(real.access_token) < 2
    assert 1500 < _length(refresh_token()) < 2500
    assert re.fullmatch(r"eyJ[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}", refresh_token().reveal())


def _length(token: Secret) -> int:
    return len(token.reveal())
