"""Ending the single sign-on session without a browser, and what is said where that is not possible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authsm import Auth, CompleteSignOut, Done, MemoryCredentialStore, SignedInData, SignInMethod, SignOutPolicy
from authsm.core.vocabulary import Failure, FailureKind
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.effects import RevokeToken
from authsm.runners.cognito.answers import ALREADY_DONE
from authsm.runners.cognito.sso_sessions import SSOSession
from authsm.testing.fake_cognito import FakeClient, FakeCognito, Fault
from tests.runners.cognito.calls import REVOKE, Session, is_alive, runner_for, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.runners.cognito import CognitoRunner

REVOKE_BOTH = RevokeToken(end_sso_session=True)


@pytest.fixture
def tracking() -> Iterator[FakeCognito]:
    with FakeCognito(session_tracking=True) as cognito:
        cognito.add_user("ada")
        yield cognito


def through_browser(cognito: FakeCognito, client: FakeClient) -> Session:
    cookie = cognito.open_browser_session("ada")
    return Session(wrapped(cognito.sign_in(client, "ada", browser_session=cookie)))


@pytest.mark.parametrize("ends", [True, False])
def test_with_tracking_no_cookie_session_is_left_that_works_if_the_policy_says_so(
    tracking: FakeCognito, *, ends: bool
) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    auth = Auth(MemoryCredentialStore(), runner, policy=SignOutPolicy(hosted_ui="never", end_sso_session=ends))
    auth.sign_in(SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=session.tokens))
    result = auth.sign_out()
    runner.client.close()
    assert isinstance(result, CompleteSignOut)
    assert tracking.browser_sessions("ada") == (0 if ends else 1)
    assert (result.steps.end_sso_session == Done(SSOSession.LINKED.value)) == ends
    assert tracking.calls == (("ListUserSessions", "RevokeToken") if ends else ("RevokeToken",))


def test_without_tracking_the_result_says_that_the_browser_stays_signed_in(
    cognito: FakeCognito, client: FakeClient, make: Callable[..., CognitoRunner]
) -> None:
    session = through_browser(cognito, client)
    runner = make()
    auth = Auth(MemoryCredentialStore(), runner, policy=SignOutPolicy(hosted_ui="never", end_sso_session=True))
    auth.sign_in(SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=session.tokens))
    result = auth.sign_out()
    assert isinstance(result, CompleteSignOut)
    assert result.steps.end_sso_session == Done(SSOSession.NOT_TRACKED.value)
    assert "the user pool does not track sessions" in SSOSession.NOT_TRACKED.value
    assert cognito.browser_sessions("ada") == 1
    assert is_alive(cognito, session.tokens) == (False, False)


def test_a_session_of_the_api_has_no_sso_session(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    tracking.open_browser_session("ada")
    session = Session(wrapped(tracking.sign_in(client, "ada")))
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == SSOSession.NOT_LINKED.value
    runner.client.close()
    assert tracking.browser_sessions("ada") == 1


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
    assert session.carries_out(runner, REVOKE_BOTH) == SSOSession.UNKNOWN.value
    runner.client.close()
    assert tracking.calls == ("RevokeToken",)
    assert tracking.browser_sessions("ada") == 0  # it was asked for all the same


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
    assert session.carries_out(runner, REVOKE_BOTH) == SSOSession.UNKNOWN.value
    runner.client.close()
    assert tracking.calls == ("ListUserSessions", "RevokeToken")
    assert tracking.browser_sessions("ada") == 0


def test_a_revocation_that_was_done_before_says_both(tracking: FakeCognito) -> None:
    client = tracking.add_client()
    session = through_browser(tracking, client)
    session.attempt = 2
    tracking.fail("RevokeToken", Fault.error("NotAuthorizedException", message="Refresh Token has been revoked"))
    runner = runner_for(tracking, client)
    assert session.carries_out(runner, REVOKE_BOTH) == f"{ALREADY_DONE}; {SSOSession.UNKNOWN.value}"
    runner.client.close()


def test_a_client_that_does_not_know_the_parameter_revokes_without_it_and_says_so(tracking: FakeCognito) -> None:
    """As botocore before 1.44.2: an unknown parameter would fail the whole call."""
    client = tracking.add_client()
    session = through_browser(tracking, client)
    runner = runner_for(tracking, client)
    boto: Any = runner.client
    del boto.meta.service_model.operation_model("RevokeToken").input_shape.members["RevokeAssociatedSessions"]
    assert session.carries_out(runner, REVOKE_BOTH) == SSOSession.CLIENT_TOO_OLD.value
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
