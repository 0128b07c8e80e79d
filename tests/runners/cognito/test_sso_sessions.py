"""Ending the single sign-on session without a browser, and what is said where that is not possible."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from authsm import (
    Auth,
    CognitoRunner,
    CompleteSignOut,
    Done,
    Failed,
    MemoryCredentialStore,
    NoHostedUI,
    NotRequested,
    PartialSignOut,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    Skipped,
    Why,
)
from authsm.core.vocabulary import Failure, FailureKind
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.effects import RevokeToken, TokenRevoked
from authsm.runners import threads
from authsm.runners.cognito.answers import ALREADY_DONE
from authsm.runners.cognito.sso_sessions import SSOSession, seconds_for_a_look
from authsm.testing.fake_cognito import FakeClient, FakeCognito, Fault
from tests.runners.cognito.calls import REVOKE, Session, is_alive, runner_for, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REVOKE_BOTH = RevokeToken(end_sso_session=True)


@pytest.fixture
def tracking() -> Iterator[FakeCognito]:
    with FakeCognito(session_tracking=True) as cognito:
        cognito.add_user("ada")
        yield cognito


def through_browser(cognito: FakeCognito, client: FakeClient) -> Session:
    cookie = cognito.open_browser_session("ada")
    return Session(wrapped(cognito.sign_in(client, "ada", browser_session=cookie)))


ENDS: Final = SignOutPolicy(hosted_ui="never", end_sso_session=True)


def signed_in(runner: CognitoRunner, session: Session, policy: SignOutPolicy = ENDS) -> Auth:
    auth = Auth(MemoryCredentialStore(), runner, policy=policy)
    auth.sign_in(SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=session.tokens))
    return auth


def said(sso: SSOSession, note: str = "") -> TokenRevoked:
    return TokenRevoked(note, sso.skipped, sso.note)


@pytest.mark.parametrize("ends", [True, False])
def test_with_tracking_no_cookie_session_is_left_that_works_if_the_policy_says_so(
    tracking: FakeCognito, *, ends: bool
) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    result = signed_in(runner, session, replace(ENDS, end_sso_session=ends)).sign_out()
    runner.client.close()
    assert isinstance(result, CompleteSignOut)
    assert tracking.browser_sessions("ada") == (0 if ends else 1)
    assert result.steps.revoke_token == Done()
    assert result.steps.end_sso_session == (Done(SSOSession.LINKED.note) if ends else NotRequested())
    assert tracking.calls == (("ListUserSessions", "RevokeToken") if ends else ("RevokeToken",))


def test_without_tracking_the_step_is_skipped_and_the_browser_stays_signed_in(
    cognito: FakeCognito, client: FakeClient, make: Callable[..., CognitoRunner]
) -> None:
    session = through_browser(cognito, client)
    result = signed_in(make(), session).sign_out()
    assert isinstance(result, CompleteSignOut)
    assert result.steps.revoke_token == Done()
    assert result.steps.end_sso_session == Skipped(Why.SESSIONS_NOT_TRACKED)
    assert cognito.browser_sessions("ada") == 1
    assert is_alive(cognito, session.tokens) == (False, False)


def test_a_session_of_the_api_has_no_sso_session(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    through_browser(tracking, client)
    session = Session(wrapped(tracking.sign_in(client, "ada")))
    runner = runner_for(tracking, client)
    result = signed_in(runner, session).sign_out()
    runner.client.close()
    assert result.steps.end_sso_session == Skipped(Why.NO_SSO_SESSION)
    assert tracking.browser_sessions("ada") == 1


def test_of_the_sessions_of_a_user_the_one_that_is_signed_out_counts(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    tracking.sign_in(client, "ada")
    session = through_browser(tracking, client)
    tracking.sign_in(client, "ada")
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == said(SSOSession.LINKED)
    runner.client.close()
    assert tracking.browser_sessions("ada") == 0


def test_a_retry_says_nothing_of_an_sso_session_that_it_cannot_end(
    cognito: FakeCognito, client: FakeClient, make: Callable[..., CognitoRunner]
) -> None:
    session = through_browser(cognito, client)
    policy = SignOutPolicy(end_sso_session=True)
    auth = signed_in(make(hosted_ui=NoHostedUI()), session, policy)
    partial = auth.sign_out()
    assert isinstance(partial, PartialSignOut)
    assert partial.steps.end_sso_session == Skipped(Why.SESSIONS_NOT_TRACKED)
    retried = Auth(MemoryCredentialStore(), make(hosted_ui=lambda *_: None), policy=policy).retry(partial)
    assert isinstance(retried, CompleteSignOut)
    assert retried.steps.end_sso_session == Skipped(Why.NO_TOKEN_LEFT)


def test_a_preset_that_does_not_revoke_without_origin_jti_fails_to_end_the_sso_session_too(
    tracking: FakeCognito,
) -> None:
    client = tracking.add_client(revocation=False)
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    policy = replace(SignOutPolicy.amplify_android(), hosted_ui="never", end_sso_session=True)
    steps = signed_in(runner, session, policy).sign_out().steps
    assert isinstance(steps.end_sso_session, Failed)
    assert steps.end_sso_session == steps.revoke_token


def expired(session: Session) -> None:
    session.tokens = replace(session.tokens, access_token=None)


def hurried(session: Session) -> None:
    session.seconds = 7.5  # an attempt may take 8: nothing would be left for the revocation


def repeated(session: Session) -> None:
    session.attempt = 2


@pytest.mark.parametrize("spoil", [expired, hurried, repeated])
def test_where_it_cannot_be_looked_up_the_note_says_that_it_is_not_known(
    tracking: FakeCognito, spoil: Callable[[Session], None]
) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    spoil(session)
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == said(SSOSession.UNKNOWN)
    runner.client.close()
    assert tracking.calls == ("RevokeToken",)
    assert tracking.browser_sessions("ada") == 0  # it was asked for all the same


def test_nothing_is_looked_up_with_an_access_token_that_the_global_sign_out_has_ended(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    steps = signed_in(runner, session).sign_out(global_sign_out=True).steps
    runner.client.close()
    assert steps.end_sso_session == Done(SSOSession.AFTER_GLOBAL_SIGN_OUT.note)
    assert tracking.calls == ("GlobalSignOut", "RevokeToken")


@pytest.mark.parametrize(
    ("seconds_left", "seconds"), [(60.0, 2.0), (10.0, 2.0), (9.5, 1.5), (8.5, 0.5), (8.05, 0.0), (7.0, 0.0), (0.0, 0.0)]
)
def test_a_look_takes_what_an_attempt_to_revoke_can_spare(seconds_left: float, seconds: float) -> None:
    assert seconds_for_a_look(seconds_left, longest_attempt=8.0) == seconds


class LateClient:
    """A client whose ListUserSessions answers only after its RevokeToken was asked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.meta = client.meta
        self.revoking = threading.Event()
        self.answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """Whether the revocation was asked before the answer of each look, or long waited for in vain."""

    def list_user_sessions(self, **members: str) -> Any:
        revoking = self.revoking.wait(20.0)
        try:
            return self._client.list_user_sessions(**members)
        finally:
            self.answers.put(revoking)

    def revoke_token(self, **members: str) -> Any:
        self.revoking.set()
        return self._client.revoke_token(**members)


def test_a_look_that_hangs_does_not_keep_the_revocation_waiting(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    late: Any = LateClient(runner.client)
    patient = CognitoRunner(client_id=client.id, client=late)
    assert session.carries_out(patient, REVOKE_BOTH) == said(SSOSession.UNKNOWN)
    assert late.answers.get(timeout=60.0)
    runner.client.close()
    assert tracking.browser_sessions("ada") == 0


@pytest.mark.parametrize(
    "fault",
    [Fault.error("InternalErrorException", status=500), Fault.error("NotAuthorizedException"), Fault.html()],
    ids=repr,
)
def test_a_look_that_fails_does_not_stop_the_revocation(tracking: FakeCognito, fault: Fault) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    tracking.fail("ListUserSessions", fault)
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == said(SSOSession.UNKNOWN)
    runner.client.close()
    assert tracking.calls == ("ListUserSessions", "RevokeToken")
    assert tracking.browser_sessions("ada") == 0


def test_a_system_that_gives_no_threads_does_not_stop_the_revocation(
    tracking: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    monkeypatch.setattr(threads, "start_thread", none_left)
    assert session.carries_out(runner, REVOKE_BOTH) == said(SSOSession.UNKNOWN)
    runner.client.close()


@pytest.mark.parametrize("code", ["OperationNotEnabledException", "InvalidParameterException"])
def test_a_token_that_is_not_revoked_with_the_sso_session_is_revoked_without(tracking: FakeCognito, code: str) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    tracking.fail("RevokeToken", Fault.error(code, "Not here."))
    runner = runner_for(tracking, client)
    result = signed_in(runner, session).sign_out()
    runner.client.close()
    assert isinstance(result, CompleteSignOut)
    assert result.steps.revoke_token == Done()
    assert result.steps.end_sso_session == Skipped(Why.REFUSED_WITH_REVOCATION)
    assert tracking.calls == ("ListUserSessions", "RevokeToken", "RevokeToken")
    assert is_alive(tracking, session.tokens) == (False, False)
    assert tracking.browser_sessions("ada") == 1


def test_a_revocation_that_is_refused_for_itself_is_not_asked_for_again(tracking: FakeCognito) -> None:
    client = tracking.add_client(revocation=False)
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    assert session.fails(runner, REVOKE_BOTH).code == "UnsupportedOperationException"
    runner.client.close()
    assert tracking.calls == ("ListUserSessions", "RevokeToken")


def test_where_sessions_are_not_tracked_nothing_is_asked_for_besides_the_revocation(tracking: FakeCognito) -> None:
    """What the look says may be of this region only, and the parameter may be refused there."""
    client = tracking.add_client()
    session = through_browser(tracking, client)
    tracking.fail("ListUserSessions", Fault.error("OperationNotEnabledException"))
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == said(SSOSession.NOT_TRACKED)
    runner.client.close()
    assert tracking.browser_sessions("ada") == 1


def test_a_revocation_that_was_done_before_says_both(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    session.attempt = 2
    tracking.fail("RevokeToken", Fault.error("NotAuthorizedException", message="Refresh Token has been revoked"))
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == said(SSOSession.UNKNOWN, ALREADY_DONE)
    runner.client.close()


class BareClient:
    """A client that has the operation and nothing else."""

    def __init__(self, client: Any) -> None:
        self.revoke_token = client.revoke_token


def without_the_parameter(client: Any) -> Any:
    """As botocore before 1.44.1: an unknown parameter would fail the whole call."""
    del client.meta.service_model.operation_model("RevokeToken").input_shape.members["RevokeAssociatedSessions"]
    return client


@pytest.mark.parametrize("older", [without_the_parameter, BareClient])
def test_a_client_that_does_not_know_the_parameter_revokes_without_it_and_says_so(
    tracking: FakeCognito, older: Callable[[Any], Any]
) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    own = CognitoRunner(client_id=client.id, client=older(runner.client))
    assert session.carries_out(own, REVOKE_BOTH) == said(SSOSession.CLIENT_TOO_OLD)
    runner.client.close()
    assert tracking.calls == ("RevokeToken",)
    assert is_alive(tracking, session.tokens) == (False, False)
    assert tracking.browser_sessions("ada") == 1


def test_nothing_is_looked_up_where_nobody_asked(session: Session, cognito: FakeCognito, runner: CognitoRunner) -> None:
    assert session.carries_out(runner, REVOKE) is None
    assert cognito.calls == ("RevokeToken",)


def test_a_client_that_cannot_be_made_fails_as_ever(
    session: Session, make: Callable[..., CognitoRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = make()
    failure = Failure(FailureKind.CONFIGURATION, "NoRegion", "There is none.")
    monkeypatch.setattr(runner._client, "made", lambda: failure)
    assert session.fails(runner, REVOKE_BOTH) == failure
    with pytest.raises(ConfigurationException):
        runner.check()
    monkeypatch.undo()
