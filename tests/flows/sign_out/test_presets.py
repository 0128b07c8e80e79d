"""The presets do as Amplify's SDKs do: each row of the table of platforms is a test, or a deviation with its reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import pytest

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.credentials import SignInMethod, UserPoolTokens
from authsm.errors import HostedUISignOutException, InvalidStateException, UserCancelledException
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.plan import Session, Why, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.flows.sign_out.results import (
    CompleteSignOut,
    Done,
    Evidence,
    Failed,
    FailedSignOut,
    PartialSignOut,
    SignOutResult,
    Skipped,
    result_of,
)
from authsm.runners.cognito import CognitoRunner
from authsm.runners.handlers import Call
from tests.flows.sign_out.inputs import TIMED_OUT, start

if TYPE_CHECKING:
    from authsm.core.vocabulary import Effect, Event
    from authsm.testing import FakeCognito

ROWS: Final = (
    "Not configured",
    "SigningIn",
    "Federated to identity pool",
    "Signed out / guest",
    "Error / other state",
    "Tokens used",
    "No origin_jti in access token",
    "Client secret in revoke",
    "Hosted UI shown when",
    "On cancel",
    "Other hosted UI error",
    "Global fails",
    "Clear fails",
    "signed-out event",
)
PRESETS: Final = {"Android": SignOutPolicy.amplify_android(), "Swift": SignOutPolicy.amplify_swift()}


class Deviation(NamedTuple):
    row: str
    platform: str
    amplify: str
    ours: str
    reason: str


DEVIATIONS: Final = (
    Deviation(
        "Not configured",
        "Android",
        "Complete",
        "FailedSignOut(ConfigurationException)",
        "what cannot be carried out is said before the first effect; nothing was signed out",
    ),
    Deviation(
        "Not configured",
        "Swift",
        "waits, or Failed",
        "FailedSignOut(ConfigurationException)",
        "a sign-out never waits for somebody to configure it",
    ),
    Deviation(
        "SigningIn",
        "Android",
        "cancels sign-in, Complete",
        "no such state",
        "the embedding SDK signs in and hands the session over once it has one; until then nobody is signed in",
    ),
    Deviation("SigningIn", "Swift", "Failed(invalid state)", "no such state", "as on Android"),
    Deviation(
        "Error / other state",
        "Android",
        "Failed(invalid state)",
        "no such state; credentials that cannot be read are FailedSignOut(CredentialStoreException)",
        "a store is read afresh for each sign-out, so there is no lasting error state to be stuck in",
    ),
    Deviation(
        "Error / other state",
        "Swift",
        "Failed(invalid state)",
        "no such state; credentials that cannot be read are FailedSignOut(CredentialStoreException)",
        "as on Android",
    ),
    Deviation(
        "Tokens used",
        "Android",
        "in memory, from sign-in",
        "the freshest of the session, read when they are needed",
        "tokens from sign-in are dead after a refresh that rotates them",
    ),
    Deviation(
        "Clear fails",
        "Android",
        "store wedged, sign-out hangs",
        "FailedSignOut, and the next sign-out tries again",
        "a sign-out never hangs",
    ),
)

_SHOWN: Final[set[tuple[str, str]]] = set()
_Test = TypeVar("_Test", bound=Callable[..., None])


def _shows(row: str, *platforms: str) -> Callable[[_Test], _Test]:
    """Say which row of the table a test is about."""
    _SHOWN.update((row, platform) for platform in platforms)
    return pytest.mark.parametrize("policy", [PRESETS[each] for each in platforms], ids=platforms)


def test_every_row_of_the_table_of_platforms_is_a_test_or_a_deviation() -> None:
    deviations = {(deviation.row, deviation.platform) for deviation in DEVIATIONS}
    assert {(row, platform) for row in ROWS for platform in PRESETS} == _SHOWN | deviations
    assert set() == _SHOWN & deviations
    assert len(deviations) == len(DEVIATIONS)
    assert all(deviation.reason and deviation.ours != deviation.amplify for deviation in DEVIATIONS)


@dataclass(frozen=True)
class SignedOut:
    """A sign-out that is over."""

    asked: list[type[Effect]]
    result: SignOutResult


REFUSED: Final = Failure(FailureKind.REFUSED, "NotAuthorizedException", "Token is no longer valid.")
SESSION: Final = Session(key="key", epoch=7)
HOSTED: Final = replace(SESSION, method=SignInMethod.HOSTED_UI)


def _sign_out(policy: SignOutPolicy, session: Session, *replies: Event, global_sign_out: bool = False) -> SignedOut:
    """Sign out; what is not among the replies is done."""
    plan = settle(policy, session, Authority.ACCESS_TOKEN, global_sign_out=global_sign_out)
    step = SIGN_OUT.step(start(plan), effects.Begin())
    asked: list[type[Effect]] = []
    while (effect := step.effect) is not None:
        asked.append(type(effect))
        reply = next((each for each in replies if type(each) in effect.replies()), None)
        step = SIGN_OUT.step(step.snapshot, reply or effect.done())
    return SignedOut(asked, result_of(step.snapshot, Evidence(hosted_ui_url="https://pool.example/logout")))


@_shows("Federated to identity pool", "Android", "Swift")
def test_a_federated_session_is_an_invalid_state(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, replace(SESSION, method=SignInMethod.FEDERATED), global_sign_out=True)
    assert isinstance(over.result, FailedSignOut)
    assert isinstance(over.result.exception, InvalidStateException)
    assert (over.asked, over.result.signed_out_locally) == ([], False)


@_shows("Signed out / guest", "Android", "Swift")
def test_signed_out_or_a_guest_is_complete_and_the_guests_credentials_are_cleared(policy: SignOutPolicy) -> None:
    for session in (replace(SESSION, signed_in=False), replace(SESSION, method=SignInMethod.GUEST)):
        over = _sign_out(policy, session, global_sign_out=True)
        assert isinstance(over.result, CompleteSignOut)
        assert over.asked == [effects.ClearCredentials]


@_shows("Tokens used", "Swift")
def test_tokens_are_read_again_when_they_are_needed(policy: SignOutPolicy) -> None:
    plan = settle(policy, SESSION, Authority.ACCESS_TOKEN, global_sign_out=True)
    effect = SIGN_OUT.step(start(plan), effects.Begin()).effect
    assert effect is not None
    assert {field.name: getattr(effect, field.name) for field in fields(effect)} == {
        "attempt": 1,
        "key": "key",
        "epoch": 7,
    }


@_shows("No origin_jti in access token", "Android")
def test_without_origin_jti_revocation_is_skipped_and_reported_as_a_revoke_error(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, replace(SESSION, access_token_has_origin_jti=False))
    assert over.asked == [effects.ClearCredentials]
    assert isinstance(over.result, PartialSignOut)
    assert over.result.revoke_token_error is not None
    failure = over.result.revoke_token_error.exception.failure
    assert failure is not None
    assert (failure.kind, failure.code) == (FailureKind.NOT_ATTEMPTED, "NO_ORIGIN_JTI")


@_shows("No origin_jti in access token", "Swift")
def test_origin_jti_is_not_checked(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, replace(SESSION, access_token_has_origin_jti=False))
    assert over.asked == [effects.RevokeToken, effects.ClearCredentials]
    assert isinstance(over.result, CompleteSignOut)


@_shows("Client secret in revoke", "Android", "Swift")
def test_revocation_proves_the_client_secret(policy: SignOutPolicy, cognito: FakeCognito) -> None:
    client = cognito.add_client(secret=True)
    issued = cognito.sign_in(client, "ada")
    tokens = UserPoolTokens.from_text(refresh_token=issued.refresh_token)
    assert _sign_out(policy, SESSION).asked[0] is effects.RevokeToken

    def revoke(client_secret: str | None) -> object:
        runner = CognitoRunner(
            client_id=client.id,
            client_secret=client_secret,
            region=cognito.region,
            endpoint_url=cognito.endpoint_url,
        )
        call = Call(
            id="run/1",
            attempt=1,
            ends=time.monotonic() + 60,
            stop=threading.Event(),
            username="ada",
            tokens=lambda: tokens,
            save_refreshed=lambda _: None,
        )
        return runner.handlers[effects.RevokeToken](effects.RevokeToken(), call)

    with pytest.raises(EffectFailedError):
        revoke(None)
    assert revoke(client.secret) is None


_SHOWN_FOR: Final = {
    "Android": {SignInMethod.HOSTED_UI, SignInMethod.PRIVATE_HOSTED_UI, SignInMethod.UNKNOWN},
    "Swift": {SignInMethod.HOSTED_UI},
}


@_shows("Hosted UI shown when", "Android", "Swift")
def test_the_hosted_ui_is_shown_for_sessions_made_there(policy: SignOutPolicy) -> None:
    expected = next(_SHOWN_FOR[platform] for platform, preset in PRESETS.items() if preset == policy)
    shown = {
        method
        for method in SignInMethod
        if effects.ShowHostedUISignOut in _sign_out(policy, replace(SESSION, method=method)).asked
    }
    assert shown == expected


@_shows("On cancel", "Android", "Swift")
def test_a_cancel_fails_the_sign_out_and_leaves_the_user_signed_in(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, HOSTED, effects.UserCancelled(), global_sign_out=True)
    assert isinstance(over.result, FailedSignOut)
    assert over.result.exception == UserCancelledException()
    assert (over.asked, over.result.signed_out_locally) == ([effects.ShowHostedUISignOut], False)


@_shows("On cancel", "Android")
def test_a_cancel_is_an_error_only_where_the_method_is_unknown_or_the_user_is_being_deleted(
    policy: SignOutPolicy,
) -> None:
    being_deleted = replace(policy, cancel_stops=False)
    for each, session in ((policy, replace(SESSION, method=SignInMethod.UNKNOWN)), (being_deleted, HOSTED)):
        over = _sign_out(each, session, effects.UserCancelled())
        assert over.asked == [effects.ShowHostedUISignOut, effects.RevokeToken, effects.ClearCredentials]
        assert isinstance(over.result, PartialSignOut)
        assert over.result.hosted_ui_error is not None
        assert over.result.hosted_ui_error.url == "https://pool.example/logout"


@_shows("On cancel", "Swift")
def test_a_cancel_does_not_count_once_the_refresh_token_has_expired(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, replace(HOSTED, refresh_token_expired=True), effects.UserCancelled())
    assert over.asked == [effects.ShowHostedUISignOut, effects.RevokeToken, effects.ClearCredentials]
    assert isinstance(over.result, CompleteSignOut)
    assert over.result.steps.hosted_ui == Skipped(Why.USER_CANCELLED)


@_shows("Other hosted UI error", "Android")
def test_any_other_hosted_ui_error_goes_on_and_is_partial(policy: SignOutPolicy) -> None:
    for failure in (REFUSED, TIMED_OUT):
        over = _sign_out(policy, HOSTED, effects.HostedUISignOutFailed(failure))
        assert isinstance(over.result, PartialSignOut)
        assert over.result.steps.hosted_ui == Failed(failure)
        assert over.asked == [effects.ShowHostedUISignOut, effects.RevokeToken, effects.ClearCredentials]


@_shows("Other hosted UI error", "Swift")
def test_the_hosted_uis_own_errors_fail_and_others_are_partial(policy: SignOutPolicy) -> None:
    own = _sign_out(policy, HOSTED, effects.HostedUISignOutFailed(REFUSED))
    assert isinstance(own.result, FailedSignOut)
    assert isinstance(own.result.exception, HostedUISignOutException)
    assert (own.asked, own.result.signed_out_locally) == ([effects.ShowHostedUISignOut], False)
    other = _sign_out(policy, HOSTED, effects.HostedUISignOutFailed(TIMED_OUT))
    assert isinstance(other.result, PartialSignOut)
    assert other.asked == [effects.ShowHostedUISignOut, effects.RevokeToken, effects.ClearCredentials]


@_shows("Global fails", "Android", "Swift")
def test_revocation_is_not_attempted_after_a_failed_global_sign_out(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, SESSION, effects.GlobalSignOutFailed(REFUSED), global_sign_out=True)
    assert over.asked == [effects.GlobalSignOut, effects.ClearCredentials]
    assert isinstance(over.result, PartialSignOut)
    assert over.result.revoke_token_error is not None
    failure = over.result.revoke_token_error.exception.failure
    assert failure is not None
    assert failure.message == "RevokeToken not attempted because GlobalSignOut failed."
    assert over.result.global_sign_out_error is not None
    assert over.result.global_sign_out_error.exception.failure == REFUSED


@_shows("Clear fails", "Swift")
def test_a_clear_that_fails_leaves_the_user_signed_in_after_the_revocation(policy: SignOutPolicy) -> None:
    over = _sign_out(policy, SESSION, effects.ClearCredentialsFailed(REFUSED))
    assert isinstance(over.result, FailedSignOut)
    assert (over.result.signed_out_locally, over.result.steps.revoke_token) == (False, Done())


@_shows("signed-out event", "Android", "Swift")
def test_what_the_signed_out_event_is_told_on_comes_once_with_complete_and_partial_only(policy: SignOutPolicy) -> None:
    # Observers are told "signed out" on `CredentialsCleared`.
    clears: dict[type[Any], set[int]] = {}
    for reply in (
        effects.TokenRevoked(),
        effects.RevokeTokenFailed(REFUSED),
        effects.UserCancelled(),
        effects.ClearCredentialsFailed(REFUSED),
    ):
        over = _sign_out(policy, HOSTED, reply)
        cleared = over.asked.count(effects.ClearCredentials) * isinstance(over.result.steps.clear_credentials, Done)
        clears.setdefault(type(over.result), set()).add(cleared)
    assert clears == {CompleteSignOut: {1}, PartialSignOut: {1}, FailedSignOut: {0}}


@pytest.mark.parametrize("policy", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize(
    ("session", "global_sign_out", "replies", "asked", "errors"),
    [
        pytest.param(SESSION, False, (), ["RevokeToken"], [], id="local"),
        pytest.param(SESSION, True, (), ["GlobalSignOut", "RevokeToken"], [], id="global"),
        pytest.param(replace(SESSION, signed_in=False), False, (), [], [], id="already signed out"),
        pytest.param(
            SESSION,
            False,
            (effects.RevokeTokenFailed(REFUSED),),
            ["RevokeToken"],
            ["revoke_token_error"],
            id="local, revoke refused",
        ),
        pytest.param(
            SESSION,
            True,
            (effects.RevokeTokenFailed(REFUSED),),
            ["GlobalSignOut", "RevokeToken"],
            ["revoke_token_error"],
            id="global, revoke refused",
        ),
        pytest.param(
            SESSION,
            True,
            (effects.GlobalSignOutFailed(REFUSED),),
            ["GlobalSignOut"],
            ["global_sign_out_error", "revoke_token_error"],
            id="global refused",
        ),
    ],
)
def test_the_published_feature_cases(
    *,
    policy: SignOutPolicy,
    session: Session,
    global_sign_out: bool,
    replies: tuple[Event, ...],
    asked: list[str],
    errors: list[str],
) -> None:
    # The published fixture's access token expired in 2018: sign-out must not refresh it first.
    over = _sign_out(policy, replace(session, access_token_expired=True), *replies, global_sign_out=global_sign_out)
    assert [effect.__name__ for effect in over.asked] == [*asked, "ClearCredentials"]
    assert isinstance(over.result, PartialSignOut if errors else CompleteSignOut)
    names = ("hosted_ui_error", "global_sign_out_error", "revoke_token_error")
    assert [name for name in names if getattr(over.result, name, None) is not None] == errors
