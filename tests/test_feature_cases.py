"""The six sign-out cases that Amplify Android and Swift publish, under their presets and under the default policy.

Their fixture is signed in to a user pool and an identity pool, with an access token that has long expired and carries
``origin_jti``; their service answers all the same. So the stand-in's clock is behind ours here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from authsm import (
    Auth,
    AWSCredentials,
    CognitoRunner,
    CompleteSignOut,
    MemoryCredentialStore,
    PartialSignOut,
    Secret,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    SignOutResult,
    UserPoolTokens,
)
from authsm.flows.sign_out.context import NOT_ATTEMPTED_AFTER_GLOBAL
from authsm.testing import FakeCognito, Fault

GLOBAL, REVOKE, REFRESH = "GlobalSignOut", "RevokeToken", "GetTokensFromRefreshToken"
POLICIES = {
    "android": SignOutPolicy.amplify_android(),
    "swift": SignOutPolicy.amplify_swift(),
    "default": SignOutPolicy(),
}


@dataclass(frozen=True)
class Case:
    """What the service refuses, and what must come of it. ``ours`` differs only where a comment says why."""

    to_all: bool
    refuses: tuple[str, ...]
    calls: tuple[str, ...]
    errors: frozenset[str]
    our_calls: tuple[str, ...]
    our_errors: frozenset[str]
    signed_in: bool = True


NONE: frozenset[str] = frozenset()
CASES = {
    "local": Case(to_all=False, refuses=(), calls=(REVOKE,), errors=NONE, our_calls=(REVOKE,), our_errors=NONE),
    # Ours refreshes an access token that has expired before it has to authorise the global sign-out.
    "global": Case(
        to_all=True,
        refuses=(),
        calls=(GLOBAL, REVOKE),
        errors=NONE,
        our_calls=(REFRESH, GLOBAL, REVOKE),
        our_errors=NONE,
    ),
    "already signed out": Case(
        to_all=False, refuses=(), calls=(), errors=NONE, our_calls=(), our_errors=NONE, signed_in=False
    ),
    "local, revocation refused": Case(
        to_all=False,
        refuses=(REVOKE,),
        calls=(REVOKE,),
        errors=frozenset({REVOKE}),
        our_calls=(REVOKE,),
        our_errors=frozenset({REVOKE}),
    ),
    "global, revocation refused": Case(
        to_all=True,
        refuses=(REVOKE,),
        calls=(GLOBAL, REVOKE),
        errors=frozenset({REVOKE}),
        our_calls=(REFRESH, GLOBAL, REVOKE),
        our_errors=frozenset({REVOKE}),
    ),
    # Amplify gives the refresh token up once the global sign-out has failed; ours tries to revoke it all the same.
    "global, global refused": Case(
        to_all=True,
        refuses=(GLOBAL,),
        calls=(GLOBAL,),
        errors=frozenset({GLOBAL, REVOKE}),
        our_calls=(REFRESH, GLOBAL, REVOKE),
        our_errors=frozenset({GLOBAL}),
    ),
}


def sign_out(cognito: FakeCognito, case: Case, policy: SignOutPolicy) -> SignOutResult:
    client = cognito.add_client()
    cognito.pass_time(-2 * 3600)
    tokens = cognito.sign_in(client, "ada")
    runner = CognitoRunner(client_id=client.id, region=cognito.region, endpoint_url=cognito.endpoint_url)
    auth = Auth(MemoryCredentialStore(), runner, policy=policy)
    if case.signed_in:
        auth.sign_in(
            SignedInData(
                username="ada",
                sign_in_method=SignInMethod.USER_POOL,
                tokens=UserPoolTokens.from_text(
                    access_token=tokens.access_token, id_token=tokens.id_token, refresh_token=tokens.refresh_token
                ),
                identity_id="eu-central-1:0",
                aws_credentials=AWSCredentials(
                    access_key_id="AKIA",
                    secret_access_key=Secret("secret-access-key"),
                    session_token=Secret("session-token"),
                    expiration=datetime.now(UTC) + timedelta(hours=1),
                ),
            )
        )
    for operation in case.refuses:
        cognito.fail(operation, Fault.error("NotAuthorizedException", message="Refused."), times=None)
    cognito.forget_calls()
    return auth.sign_out(global_sign_out=case.to_all)


def errors_of(result: SignOutResult) -> frozenset[str]:
    if isinstance(result, CompleteSignOut):
        return NONE
    assert isinstance(result, PartialSignOut)
    found = {
        GLOBAL: result.global_sign_out_error,
        REVOKE: result.revoke_token_error,
        "hosted UI": result.hosted_ui_error,
    }
    return frozenset(name for name, error in found.items() if error is not None)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", CASES)
def test_a_published_case_ends_as_published_or_as_named_here(cognito: FakeCognito, name: str, policy: str) -> None:
    case = CASES[name]
    calls, errors = (case.our_calls, case.our_errors) if policy == "default" else (case.calls, case.errors)

    result = sign_out(cognito, case, POLICIES[policy])

    assert (cognito.calls, errors_of(result)) == (calls, errors)
    assert result.signed_out_locally


@pytest.mark.parametrize("policy", ["android", "swift"])
def test_the_untried_revocation_says_so_as_amplify_does(cognito: FakeCognito, policy: str) -> None:
    result = sign_out(cognito, CASES["global, global refused"], POLICIES[policy])

    assert isinstance(result, PartialSignOut)
    assert result.revoke_token_error is not None
    failure = result.revoke_token_error.exception.failure
    assert failure is not None
    assert failure.message == NOT_ATTEMPTED_AFTER_GLOBAL == "RevokeToken not attempted because GlobalSignOut failed."
