"""What each remote step does at Cognito, over real HTTP: done, refused, or not tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authsm.core.vocabulary import Effect, FailureKind
from authsm.credentials import Secret, UserPoolTokens
from authsm.errors import CredentialStoreException
from authsm.testing.fake_cognito import FakeClient, FakeCognito, Fault
from tests.runners.cognito.calls import (
    GLOBAL,
    POOL,
    REFRESH,
    REVOKE,
    Session,
    iam_credentials,
    is_alive,
    operation,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.runners.cognito import CognitoRunner


@pytest.mark.parametrize("client", [False, True], ids=["public client", "client with a secret"], indirect=True)
class TestDone:
    def test_revoking_kills_the_session_and_no_other(
        self, cognito: FakeCognito, client: FakeClient, session: Session, runner: CognitoRunner
    ) -> None:
        other = wrapped(cognito.sign_in(client, "ada"))
        assert session.carries_out(runner, REVOKE) is None
        assert is_alive(cognito, session.tokens) == (False, False)
        assert is_alive(cognito, other) == (True, True)

    def test_global_sign_out_kills_every_session(
        self, cognito: FakeCognito, client: FakeClient, session: Session, runner: CognitoRunner
    ) -> None:
        other = wrapped(cognito.sign_in(client, "ada"))
        assert session.carries_out(runner, GLOBAL) is None
        assert is_alive(cognito, session.tokens) == (False, False)
        assert is_alive(cognito, other) == (False, False)

    def test_admin_global_sign_out_needs_no_token(
        self, cognito: FakeCognito, session: Session, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        iam_credentials(monkeypatch)
        runner = make(admin=True, user_pool_id=cognito.user_pool_id)
        tokens, session.tokens = session.tokens, UserPoolTokens()
        runner.check()
        assert session.carries_out(runner, GLOBAL) is None
        assert is_alive(cognito, tokens) == (False, False)
        assert cognito.calls == ("AdminUserGlobalSignOut",)

    def test_refresh_saves_new_tokens_beside_the_same_refresh_token(
        self, cognito: FakeCognito, client: FakeClient, runner: CognitoRunner
    ) -> None:
        old = Session(wrapped(cognito.sign_in(client, "ada", seconds_ago=3700)))
        assert old.carries_out(runner, REFRESH) is None
        (new,) = old.saved
        assert is_alive(cognito, new) == (True, True)
        assert new.refresh_token == old.tokens.refresh_token
        assert new.id_token
        assert new.id_token != old.tokens.id_token

    def test_refresh_saves_the_refresh_token_that_rotation_brings(
        self, cognito: FakeCognito, make: Callable[..., CognitoRunner]
    ) -> None:
        rotating = cognito.add_client(secret=True, rotation=True)
        old = Session(wrapped(cognito.sign_in(rotating, "ada", seconds_ago=3700)))
        assert old.carries_out(make(of=rotating), REFRESH) is None
        (new,) = old.saved
        assert is_alive(cognito, new) == (True, True)
        assert is_alive(cognito, old.tokens) == (False, False)

    def test_tokens_that_cannot_be_saved_fail_the_refresh_with_what_the_store_said(
        self, session: Session, runner: CognitoRunner
    ) -> None:
        def refuse(_: UserPoolTokens) -> None:
            raise CredentialStoreException("full")

        session.save = refuse
        with pytest.raises(CredentialStoreException, match="full"):
            session.carries_out(runner, REFRESH)


class TestRefused:
    def test_expired_access_token_cannot_sign_out_globally(
        self, cognito: FakeCognito, client: FakeClient, runner: CognitoRunner
    ) -> None:
        old = Session(wrapped(cognito.sign_in(client, "ada", seconds_ago=3700)))
        failure = old.fails(runner, GLOBAL)
        assert (failure.kind, failure.code) == (FailureKind.REFUSED, "NotAuthorizedException")
        assert (
            failure.message == "Access Token has expired. Refresh the access token first, or sign out with admin=True."
        )
        assert cognito.calls == ("GlobalSignOut",)

    def test_revoked_access_token_cannot_sign_out_globally(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner
    ) -> None:
        session.carries_out(runner, REVOKE)
        failure = session.fails(runner, GLOBAL)
        assert (failure.kind, failure.code) == (FailureKind.REFUSED, "NotAuthorizedException")
        assert "The session was ended before" in failure.message
        assert cognito.calls == ("RevokeToken", "GlobalSignOut")

    def test_access_token_without_the_scope_cannot_sign_out_globally(
        self, cognito: FakeCognito, client: FakeClient, runner: CognitoRunner
    ) -> None:
        narrow = Session(wrapped(cognito.sign_in(client, "ada", scopes=("openid",))))
        assert "aws.cognito.signin.user.admin" in narrow.fails(runner, GLOBAL).message

    def test_revocation_that_is_not_enabled_says_how_to_enable_it(
        self, cognito: FakeCognito, make: Callable[..., CognitoRunner]
    ) -> None:
        without = cognito.add_client(revocation=False)
        failure = Session(wrapped(cognito.sign_in(without, "ada"))).fails(make(of=without), REVOKE)
        assert (failure.kind, failure.code) == (FailureKind.REFUSED, "UnsupportedOperationException")
        assert "EnableTokenRevocation" in failure.message

    @pytest.mark.parametrize(
        ("effect", "code"), [(REVOKE, "UnauthorizedException"), (REFRESH, "NotAuthorizedException")]
    )
    def test_token_of_another_app_client(
        self, cognito: FakeCognito, session: Session, make: Callable[..., CognitoRunner], effect: Effect, code: str
    ) -> None:
        failure = session.fails(make(of=cognito.add_client()), effect)
        assert (failure.kind, failure.code) == (FailureKind.REFUSED, code)
        assert "app client" in failure.message

    @pytest.mark.parametrize("effect", [REVOKE, REFRESH])
    @pytest.mark.parametrize("given", [None, "w" * 52])
    def test_missing_or_wrong_client_secret(
        self, cognito: FakeCognito, make: Callable[..., CognitoRunner], effect: Effect, given: str | None
    ) -> None:
        confidential = cognito.add_client(secret=True)
        session = Session(wrapped(cognito.sign_in(confidential, "ada")))
        failure = session.fails(make(of=confidential, client_secret=given), effect)
        assert failure.code == "NotAuthorizedException"
        assert "check the client_secret" in failure.message
        assert "w" * 52 not in failure.message

    def test_unknown_app_client(self, session: Session, make: Callable[..., CognitoRunner]) -> None:
        failure = session.fails(make(of=FakeClient(id="nobody")), REVOKE)
        assert failure.code == "ResourceNotFoundException"
        assert "client_id" in failure.message

    def test_unknown_user_of_an_admin_sign_out(
        self, cognito: FakeCognito, session: Session, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        iam_credentials(monkeypatch)
        session.username = "nobody"
        failure = session.fails(make(admin=True, user_pool_id=cognito.user_pool_id), GLOBAL)
        assert failure.code == "UserNotFoundException"

    @pytest.mark.parametrize("effect", [REVOKE, GLOBAL, REFRESH])
    def test_token_that_the_service_repeats_is_not_repeated(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner, effect: Effect
    ) -> None:
        cognito.fail(operation(effect), Fault.echo_token())
        assert session.fails(runner, effect).message == "The token [token] was refused"

    def test_long_message_is_cut(self, cognito: FakeCognito, session: Session, runner: CognitoRunner) -> None:
        cognito.fail("RevokeToken", Fault.error("ForbiddenException", "no " * 1000))
        message = session.fails(runner, REVOKE).message
        assert len(message) < 600
        assert "AWS WAF" in message


class TestNotAttempted:
    @pytest.mark.parametrize(
        ("effect", "code"), [(REVOKE, "NO_REFRESH_TOKEN"), (REFRESH, "NO_REFRESH_TOKEN"), (GLOBAL, "NO_ACCESS_TOKEN")]
    )
    @pytest.mark.parametrize(
        "tokens", [UserPoolTokens(), UserPoolTokens(access_token=Secret(""), refresh_token=Secret(""))]
    )
    def test_without_the_token_that_it_needs(
        self, cognito: FakeCognito, runner: CognitoRunner, effect: Effect, code: str, tokens: UserPoolTokens
    ) -> None:
        failure = Session(tokens).fails(runner, effect)
        assert (failure.kind, failure.code) == (FailureKind.NOT_ATTEMPTED, code)
        assert cognito.calls == ()

    def test_admin_sign_out_without_a_username(
        self, cognito: FakeCognito, session: Session, make: Callable[..., CognitoRunner]
    ) -> None:
        session.username = ""
        failure = session.fails(make(admin=True, user_pool_id=POOL), GLOBAL)
        assert (failure.kind, failure.code) == (FailureKind.NOT_ATTEMPTED, "NO_USERNAME")
        assert cognito.calls == ()

    def test_without_time(self, cognito: FakeCognito, session: Session, runner: CognitoRunner) -> None:
        session.seconds = 0
        failure = session.fails(runner, REVOKE)
        assert (failure.kind, failure.code) == (FailureKind.TIMED_OUT, "NoTimeLeft")
        assert cognito.calls == ()

    def test_after_it_was_given_up(self, cognito: FakeCognito, session: Session, runner: CognitoRunner) -> None:
        session.stop.set()
        failure = session.fails(runner, REVOKE)
        assert (failure.kind, failure.code) == (FailureKind.INTERRUPTED, "Stopped")
        assert cognito.calls == ()
