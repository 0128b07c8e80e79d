"""Results tell what happened and what to do now, in Amplify's terms where they fit Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import SignInMethod, UserPoolTokens
from authsm.errors import (
    AuthException,
    ConfigurationException,
    CredentialStoreException,
    GlobalSignOutException,
    HostedUISignOutException,
    InvalidStateException,
    RevokeTokenException,
    UserCancelledException,
)
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.plan import Plan, Session, Why, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.flows.sign_out.results import (
    CompleteSignOut,
    Evidence,
    FailedSignOut,
    PartialSignOut,
    SignOutResult,
    result_of,
)
from tests.flows.sign_out.inputs import TIMED_OUT, start

if TYPE_CHECKING:
    from authsm.core.vocabulary import Event

REFUSED: Final = Failure(FailureKind.REFUSED, "NotAuthorizedException", "Access Token has been revoked")
SESSION: Final = Session(key="key", epoch=7, method=SignInMethod.HOSTED_UI)
URL: Final = "https://pool.example/logout?client_id=app"
UNTIL: Final = datetime(2030, 1, 2, tzinfo=UTC)
TOKENS: Final = UserPoolTokens.from_text(access_token="access", refresh_token="refresh")
EVIDENCE: Final = Evidence(tokens=TOKENS, username="ada", hosted_ui_url=URL, tokens_valid_until=UNTIL)


def _result(plan: Plan, *replies: Event, evidence: Evidence = EVIDENCE) -> SignOutResult:
    step = SIGN_OUT.step(start(plan), effects.Begin())
    while (effect := step.effect) is not None:
        reply = next((each for each in replies if type(each) in effect.replies()), None)
        step = SIGN_OUT.step(step.snapshot, reply or effect.done())
    return result_of(step.snapshot, evidence)


def _plan(session: Session = SESSION, authority: Authority = Authority.ACCESS_TOKEN) -> Plan:
    return settle(SignOutPolicy(), session, authority, global_sign_out=True)


def _partial(*replies: Event, evidence: Evidence = EVIDENCE) -> PartialSignOut:
    result = _result(_plan(), *replies, evidence=evidence)
    assert isinstance(result, PartialSignOut)
    return result


def _failed(plan: Plan, *replies: Event, evidence: Evidence = EVIDENCE) -> FailedSignOut:
    result = _result(plan, *replies, evidence=evidence)
    assert isinstance(result, FailedSignOut)
    return result


def test_complete_tells_until_when_copied_tokens_may_be_accepted() -> None:
    result = _result(_plan())
    assert isinstance(result, CompleteSignOut)
    assert (result.signed_out_locally, result.tokens_valid_until, result.resumed) == (True, UNTIL, False)


def test_partial_brings_what_a_retry_needs() -> None:
    result = _partial(
        effects.HostedUISignOutFailed(TIMED_OUT),
        effects.GlobalSignOutFailed(REFUSED),
        effects.RevokeTokenFailed(TIMED_OUT),
    )
    assert (result.signed_out_locally, result.tokens_valid_until, result.username) == (True, UNTIL, "ada")
    assert result.hosted_ui_error is not None
    assert result.hosted_ui_error.url == URL
    assert result.global_sign_out_error is not None
    assert result.global_sign_out_error.access_token == TOKENS.access_token
    assert result.revoke_token_error is not None
    assert result.revoke_token_error.refresh_token == TOKENS.refresh_token


@pytest.mark.parametrize("resumed", [True, False])
def test_every_result_tells_whether_it_ends_an_interrupted_sign_out(resumed: bool) -> None:
    evidence = Evidence(resumed=resumed)
    results = [
        _result(_plan(), evidence=evidence),
        _partial(effects.RevokeTokenFailed(REFUSED), evidence=evidence),
        _failed(_plan(), effects.UserCancelled(), evidence=evidence),
    ]
    assert [result.resumed for result in results] == [resumed] * 3


class TestHostedUIError:
    def test_with_a_url_it_says_to_open_that(self) -> None:
        error = _partial(effects.HostedUISignOutFailed(TIMED_OUT)).hosted_ui_error
        assert error is not None
        assert error.exception == HostedUISignOutException(
            recovery_suggestion=f"Open this URL in the browser to sign out there: {URL}", failure=TIMED_OUT
        )

    def test_without_a_url_it_says_what_to_check(self) -> None:
        error = _partial(effects.HostedUISignOutFailed(TIMED_OUT), evidence=Evidence()).hosted_ui_error
        assert error is not None
        assert (error.url, error.exception) == (None, HostedUISignOutException(failure=TIMED_OUT))


class TestGlobalSignOutError:
    def test_it_repeats_the_services_answer(self) -> None:
        failed = (effects.GlobalSignOutFailed(REFUSED), effects.RevokeTokenFailed(REFUSED))
        error = _partial(*failed).global_sign_out_error
        assert error is not None
        assert error.exception == GlobalSignOutException(failure=REFUSED)

    def test_where_the_revocation_ended_its_token_no_retry_is_advised(self) -> None:
        tokens = UserPoolTokens.from_text(access_token="access")
        error = _partial(effects.GlobalSignOutFailed(REFUSED), evidence=Evidence(tokens=tokens)).global_sign_out_error
        assert error is not None
        assert error.access_token is None
        assert "is revoked" in error.exception.message
        assert error.exception.recovery_suggestion.startswith("Sign in again")
        by_admin = Evidence(tokens=tokens, needs_access_token=False)
        error = _partial(effects.GlobalSignOutFailed(REFUSED), evidence=by_admin).global_sign_out_error
        assert error is not None
        assert error.exception == GlobalSignOutException(failure=REFUSED)

    @pytest.mark.parametrize(
        ("lacks_scope", "expired", "message", "advice"),
        [
            (
                True,
                False,
                "Failed to sign out globally: the access token lacks the scope aws.cognito.signin.user.admin.",
                "Ask for the scope aws.cognito.signin.user.admin at sign-in, or sign out with IAM credentials",
            ),
            (
                False,
                True,
                "Failed to sign out globally: the access token has expired.",
                "Sign in again and sign out globally, or sign out with IAM credentials",
            ),
            # A fresh token would lack the scope as well.
            (
                True,
                True,
                "Failed to sign out globally: the access token lacks the scope aws.cognito.signin.user.admin.",
                "Ask for the scope aws.cognito.signin.user.admin at sign-in",
            ),
        ],
    )
    def test_a_token_that_could_not_authorise_it_is_named(
        self, *, lacks_scope: bool, expired: bool, message: str, advice: str
    ) -> None:
        evidence = Evidence(access_token_lacks_scope=lacks_scope, access_token_expired=expired)
        error = _partial(effects.GlobalSignOutFailed(REFUSED), evidence=evidence).global_sign_out_error
        assert error is not None
        assert error.exception.message == message
        assert error.exception.recovery_suggestion.startswith(advice)
        assert error.exception.failure == REFUSED


class TestRevokeTokenError:
    def test_it_repeats_the_services_answer(self) -> None:
        error = _partial(effects.RevokeTokenFailed(REFUSED)).revoke_token_error
        assert error is not None
        assert error.exception == RevokeTokenException(failure=REFUSED)

    @pytest.mark.parametrize("code", ["UnsupportedOperationException", "NO_ORIGIN_JTI"])
    def test_revocation_that_is_not_enabled_comes_with_the_advice_to_enable_it(self, code: str) -> None:
        failure = Failure(FailureKind.REFUSED, code, "Revocation is not enabled.")
        error = _partial(effects.RevokeTokenFailed(failure)).revoke_token_error
        assert error is not None
        assert error.exception.recovery_suggestion == (
            "Enable token revocation on the app client (EnableTokenRevocation). Until then the refresh token lives on "
            "until it expires; a shorter token expiration limits how long."
        )

    def test_the_android_preset_names_the_missing_claim(self) -> None:
        session = replace(SESSION, access_token_has_origin_jti=False)
        plan = settle(SignOutPolicy.amplify_android(), session, Authority.ACCESS_TOKEN, global_sign_out=False)
        result = _result(plan)
        assert isinstance(result, PartialSignOut)
        assert result.revoke_token_error is not None
        assert "EnableTokenRevocation" in result.revoke_token_error.exception.recovery_suggestion


class TestStepsThatCouldNotBeTried:
    @pytest.mark.parametrize(
        ("session", "authority", "code", "message"),
        [
            (
                replace(SESSION, has_access_token=False),
                Authority.ACCESS_TOKEN,
                "NO_ACCESS_TOKEN",
                "GlobalSignOut not attempted: the session has no access token that could authorise it.",
            ),
            (
                replace(SESSION, has_username=False),
                Authority.IAM,
                "NO_USERNAME",
                "AdminUserGlobalSignOut not attempted: the session does not say whose it is.",
            ),
        ],
    )
    def test_a_global_sign_out_that_is_impossible_is_an_error(
        self, session: Session, authority: Authority, code: str, message: str
    ) -> None:
        result = _result(_plan(session, authority))
        assert isinstance(result, PartialSignOut)
        assert result.global_sign_out_error is not None
        assert result.global_sign_out_error.exception.failure == Failure(FailureKind.NOT_ATTEMPTED, code, message)


class TestFailedSignOut:
    @pytest.mark.parametrize(
        ("plan", "exception"),
        [
            pytest.param(
                Plan.stopped("key", Why.FEDERATED),
                InvalidStateException(
                    "The user is currently federated to an identity pool.",
                    "Clear the federation with the identity pool's own call; a sign-out of the user pool would not "
                    "end it.",
                ),
                id="federated",
            ),
            pytest.param(
                Plan.stopped("key", Why.MISSING_HANDLER, "Nobody can show the hosted UI."),
                ConfigurationException(
                    "Nobody can show the hosted UI.", "Give the runner what it lacks; nothing has been changed."
                ),
                id="missing handler",
            ),
            pytest.param(
                Plan.stopped("key", Why.STORE_UNREADABLE, "The file is no JSON."),
                CredentialStoreException(
                    "The stored credentials could not be read, so nothing was changed. The file is no JSON.",
                    "Remove the cause, then sign out again.",
                ),
                id="unreadable store",
            ),
            pytest.param(Plan.stopped("key", Why.USER_CANCELLED), UserCancelledException(), id="cancelled"),
        ],
    )
    def test_a_sign_out_that_could_not_begin_says_why(self, plan: Plan, exception: AuthException) -> None:
        result = _failed(plan)
        assert (result.exception, result.signed_out_locally) == (exception, False)

    def test_a_cancel_says_so(self) -> None:
        result = _failed(_plan(), effects.UserCancelled())
        assert (result.exception, result.signed_out_locally) == (UserCancelledException(), False)

    @pytest.mark.parametrize(
        ("url", "suggestion"),
        [
            (URL, f"Sign out again, or open this URL in the browser: {URL}"),
            (None, HostedUISignOutException().recovery_suggestion),
        ],
    )
    def test_a_hosted_ui_that_stops_the_sign_out_says_how_to_go_on(self, url: str | None, suggestion: str) -> None:
        plan = settle(SignOutPolicy.amplify_swift(), SESSION, Authority.ACCESS_TOKEN, global_sign_out=False)
        result = _failed(plan, effects.HostedUISignOutFailed(REFUSED), evidence=Evidence(hosted_ui_url=url))
        assert result.exception == HostedUISignOutException(recovery_suggestion=suggestion, failure=REFUSED)

    @pytest.mark.parametrize(
        ("failure", "message", "signed_out_locally"),
        [
            (REFUSED, "The local credentials could not be cleared.", False),
            (TIMED_OUT, "It is not known whether the local credentials are cleared.", None),
        ],
    )
    def test_a_clear_that_failed_says_whether_the_credentials_are_still_there(
        self,
        failure: Failure,
        message: str,
        signed_out_locally: bool | None,
    ) -> None:
        # A hosted UI that failed before is in the steps; what matters first is that the user is still signed in.
        result = _failed(_plan(), effects.HostedUISignOutFailed(TIMED_OUT), effects.ClearCredentialsFailed(failure))
        suggestion = "Remove the cause, then sign out again: what was done remotely is not harmed by that."
        assert result.exception == CredentialStoreException(message, suggestion, failure=failure)
        assert result.signed_out_locally is signed_out_locally
