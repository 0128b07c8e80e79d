"""The CognitoRunner over real HTTP, and its arguments."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore import exceptions as boto
from botocore.config import Config

from authsm.core.vocabulary import Effect, EffectFailedError, FailureKind
from authsm.credentials import Secret, UserPoolTokens
from authsm.errors import ConfigurationException, CredentialStoreException
from authsm.flows.sign_out.effects import (
    GlobalSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignedOutGlobally,
)
from authsm.flows.sign_out.policy import Authority
from authsm.runners.carrying import Reply
from authsm.runners.cognito import CognitoRunner
from authsm.runners.cognito_answers import ALREADY_DONE, setback_of
from authsm.runners.handlers import Call, EffectRunner
from authsm.testing.fake_cognito import FakeClient, FakeCognito, Fault
from tests.runners.cognito_calls import GLOBAL, REFRESH, REVOKE, Session, runner_for, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET: Final = "s" * 52
POOL: Final = "eu-central-1_AbCdEfGhI"
HANG: Final = Fault.hang()


def quick_if_it_hangs(fault: Fault) -> dict[str, float]:
    """Settings with which an attempt times out soon where it has to, and never on a busy machine where it must not."""
    return {"read_timeout": 1.0} if fault is HANG else {"read_timeout": 60.0}


@pytest.fixture(autouse=True)
def _no_aws_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def cognito() -> Iterator[FakeCognito]:
    with FakeCognito() as fake:
        fake.add_user("ada")
        yield fake


@pytest.fixture
def client(request: pytest.FixtureRequest, cognito: FakeCognito) -> FakeClient:
    return cognito.add_client(secret=getattr(request, "param", False))


@pytest.fixture
def session(cognito: FakeCognito, client: FakeClient) -> Session:
    return Session(wrapped(cognito.sign_in(client, "ada")))


@pytest.fixture
def make(cognito: FakeCognito, client: FakeClient) -> Iterator[Callable[..., CognitoRunner]]:
    made: list[CognitoRunner] = []

    def make_runner(*, of: FakeClient = client, **settings: Any) -> CognitoRunner:
        made.append(runner_for(cognito, of, **settings))
        return made[-1]

    yield make_runner
    for runner in made:
        with suppress(ConfigurationException):  # some runners cannot have a client, which is what the test is about
            runner.client.close()


@pytest.fixture
def runner(make: Callable[..., CognitoRunner]) -> CognitoRunner:
    return make()


def iam_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake/secret/access/key")


def is_alive(cognito: FakeCognito, tokens: UserPoolTokens) -> tuple[bool, bool]:
    assert tokens.access_token
    assert tokens.refresh_token
    return cognito.accepts(tokens.access_token.reveal()), cognito.holds(tokens.refresh_token.reveal())


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


def operation(effect: Effect) -> str:
    return "GetTokensFromRefreshToken" if effect == REFRESH else effect.name


PASSING: Final = {
    "throttled": Fault.throttle(),
    "internal error": Fault.error("InternalErrorException", status=500),
    "internal error, said with 400": Fault.error("InternalErrorException"),
    "HTTP 429": Fault.error("Whatever", status=429),
    "connection cut": Fault.cut_before_work(),
    "captive portal": Fault.html(),
    "bad gateway": Fault.html(502),
    "no answer in time": HANG,
}


class TestAttempts:
    @pytest.mark.parametrize("effect", [REVOKE, GLOBAL, REFRESH])
    @pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
    def test_trouble_that_passes_is_not_seen(
        self, cognito: FakeCognito, session: Session, make: Callable[..., Any], effect: Effect, fault: Fault
    ) -> None:
        cognito.fail(operation(effect), fault)
        assert session.carries_out(make(**quick_if_it_hangs(fault)), effect) is None
        assert cognito.calls == (operation(effect),) * 2

    @pytest.mark.parametrize(
        ("fault", "kind", "code"),
        [
            (Fault.throttle(), FailureKind.REFUSED, "TooManyRequestsException"),
            (Fault.error("InternalErrorException", status=500), FailureKind.REFUSED, "InternalErrorException"),
            (Fault.cut_before_work(), FailureKind.UNREACHABLE, "ConnectionClosedError"),
            (Fault.html(), FailureKind.UNREACHABLE, "NotCognito"),
            (Fault.html(502), FailureKind.UNREACHABLE, "NotCognito"),
            (HANG, FailureKind.TIMED_OUT, "ReadTimeoutError"),
        ],
    )
    @pytest.mark.parametrize("most", [1, 2])
    def test_trouble_that_stays_is_reported_after_the_last_attempt(
        self,
        *,
        cognito: FakeCognito,
        session: Session,
        make: Callable[..., CognitoRunner],
        fault: Fault,
        kind: FailureKind,
        code: str,
        most: int,
    ) -> None:
        cognito.fail("RevokeToken", fault, times=None)
        failure = session.fails(make(max_attempts=most, **quick_if_it_hangs(fault)), REVOKE)
        assert (failure.kind, failure.code) == (kind, code)
        assert cognito.calls == ("RevokeToken",) * most

    @pytest.mark.parametrize("fault", [Fault.error("ForbiddenException", status=403), Fault.html(403), Fault.html(302)])
    def test_refusal_is_not_tried_again(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner, fault: Fault
    ) -> None:
        cognito.fail("RevokeToken", fault)
        session.fails(runner, REVOKE)
        assert cognito.calls == ("RevokeToken",)

    def test_page_without_a_request_id_saves_no_tokens(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner
    ) -> None:
        cognito.fail("GetTokensFromRefreshToken", Fault.html(), times=None)
        assert session.fails(runner, REFRESH).code == "NotCognito"
        assert session.saved == []

    def test_nobody_listening(self, session: Session, cognito: FakeCognito, runner: CognitoRunner) -> None:
        session.carries_out(runner, REFRESH)
        cognito.stop()
        failure = session.fails(runner, REVOKE)
        assert (failure.kind, failure.code) == (FailureKind.UNREACHABLE, "EndpointConnectionError")

    def test_no_attempt_begins_after_the_call_was_given_up(
        self, cognito: FakeCognito, session: Session, make: Callable[..., CognitoRunner]
    ) -> None:
        cognito.fail("RevokeToken", Fault.hang(), times=None)
        with ThreadPoolExecutor() as pool:
            failing = pool.submit(session.fails, make(read_timeout=2), REVOKE)
            wait_for_a_call(cognito)
            session.stop.set()
            assert failing.result().code == "ReadTimeoutError"
        assert cognito.calls == ("RevokeToken",)

    def test_wait_between_attempts_ends_when_the_call_is_given_up(
        self, cognito: FakeCognito, session: Session, make: Callable[..., CognitoRunner]
    ) -> None:
        cognito.fail("RevokeToken", Fault.throttle(), times=None)
        with ThreadPoolExecutor() as pool:
            failing = pool.submit(session.fails, make(max_attempts=1_000_000), REVOKE)
            wait_for_a_call(cognito)
            session.stop.set()
            assert failing.result().code == "TooManyRequestsException"

    def test_attempts_end_with_the_time_of_the_call(
        self, cognito: FakeCognito, session: Session, make: Callable[..., CognitoRunner]
    ) -> None:
        cognito.fail("RevokeToken", Fault.throttle(), times=None)
        runner = make(max_attempts=1_000_000)
        runner.check()  # so that making the client takes none of the time
        session.seconds = 2
        assert session.fails(runner, REVOKE).code == "TooManyRequestsException"


def wait_for_a_call(cognito: FakeCognito) -> None:
    pause = threading.Event()
    while not cognito.calls:
        pause.wait(0.005)


class TestLostAnswers:
    def test_lost_answer_of_a_global_sign_out_is_done(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner
    ) -> None:
        cognito.fail("GlobalSignOut", Fault.cut_after_work())
        assert session.carries_out(runner, GLOBAL) == ALREADY_DONE
        assert cognito.calls == ("GlobalSignOut",) * 2

    def test_lost_answer_reaches_the_machine_as_done(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner
    ) -> None:
        class Carrier:
            handlers = runner.handlers

            def before(self, ask: Any) -> None:
                raise NotImplementedError

            def call(self, ask: Any, stop: threading.Event) -> Call:
                raise NotImplementedError

            def secrets(self) -> Iterator[Secret]:
                return session.tokens.secrets()

        cognito.fail("GlobalSignOut", Fault.cut_after_work())
        reply = Reply(GLOBAL, Carrier())
        with reply:
            reply.value = session.carries_out(runner, GLOBAL)
        assert reply.event == SignedOutGlobally(note=ALREADY_DONE)

    def test_lost_answer_of_a_revocation_is_done_again(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner
    ) -> None:
        cognito.fail("RevokeToken", Fault.cut_after_work())
        assert session.carries_out(runner, REVOKE) is None
        assert cognito.calls == ("RevokeToken",) * 2

    @pytest.mark.parametrize("effect", [GLOBAL, REVOKE])
    def test_attempt_lost_in_a_crash_counts(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner, effect: Effect
    ) -> None:
        cognito.fail(effect.name, Fault.error("NotAuthorizedException", "Token has been revoked"))
        session.attempt = 2
        assert session.carries_out(runner, effect) == ALREADY_DONE

    @pytest.mark.parametrize(
        ("fault", "unknown"),
        [
            (HANG, True),
            (Fault.cut_before_work(), True),
            (Fault.error("InternalErrorException", status=500), True),
            (Fault.html(502), True),
            (Fault.html(), False),
            (Fault.throttle(), False),
        ],
    )
    def test_revoked_means_done_only_where_an_earlier_attempt_may_have_done_it(
        self, *, cognito: FakeCognito, session: Session, make: Callable[..., Any], fault: Fault, unknown: bool
    ) -> None:
        runner = make(**quick_if_it_hangs(fault))
        session.carries_out(runner, REVOKE)
        cognito.fail("GlobalSignOut", fault)
        if unknown:
            assert session.carries_out(runner, GLOBAL) == ALREADY_DONE
        else:
            assert session.fails(runner, GLOBAL).code == "NotAuthorizedException"

    @pytest.mark.parametrize(
        "refusal",
        [
            Fault.error("NotAuthorizedException", "Access Token has expired"),
            Fault.error("UnsupportedOperationException", "Tokens of this client cannot be revoked"),
        ],
    )
    def test_other_refusals_after_a_lost_answer_are_failures(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner, refusal: Fault
    ) -> None:
        cognito.fail("GlobalSignOut", Fault.cut_before_work(), refusal)
        assert session.fails(runner, GLOBAL).code == refusal.code

    def test_refusal_of_an_admin_sign_out_is_a_failure_also_after_a_lost_answer(
        self, cognito: FakeCognito, session: Session, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        iam_credentials(monkeypatch)
        refusal = Fault.error("NotAuthorizedException", "The role has been revoked")
        cognito.fail("AdminUserGlobalSignOut", Fault.cut_after_work(), refusal)
        failure = session.fails(make(admin=True, user_pool_id=cognito.user_pool_id), GLOBAL)
        assert failure.code == "NotAuthorizedException"

    def test_rotated_refresh_token_in_a_lost_answer_is_a_failure(
        self, cognito: FakeCognito, make: Callable[..., CognitoRunner]
    ) -> None:
        rotating = cognito.add_client(rotation=True)
        session = Session(wrapped(cognito.sign_in(rotating, "ada")))
        cognito.fail("GetTokensFromRefreshToken", Fault.cut_after_work())
        failure = session.fails(make(of=rotating), REFRESH)
        assert (failure.kind, failure.code) == (FailureKind.REFUSED, "RefreshTokenReuseException")
        assert session.saved == []

    def test_refresh_whose_answer_was_lost_is_done_again(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner
    ) -> None:
        cognito.fail("GetTokensFromRefreshToken", Fault.cut_after_work())
        assert session.carries_out(runner, REFRESH) is None
        assert len(session.saved) == 1


class TestExceptions:
    @pytest.mark.parametrize("fault", [Fault.echo_token(), Fault.cut_before_work(), Fault.html()])
    @pytest.mark.parametrize("effect", [REVOKE, GLOBAL, REFRESH])
    def test_no_frame_holds_a_token(
        self, cognito: FakeCognito, session: Session, runner: CognitoRunner, effect: Effect, fault: Fault
    ) -> None:
        cognito.fail(operation(effect), fault, times=None)
        with pytest.raises(EffectFailedError) as caught:
            session.carries_out(runner, effect)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        ours = [entry.frame.f_locals for entry in caught.traceback if "/authsm/runners/" in str(entry.path)]
        assert ours
        shown = repr(ours)
        assert not [secret for secret in session.tokens.secrets() if secret.reveal() in shown]
        assert "botocore" not in {part for entry in caught.traceback for part in Path(entry.path).parts}

    def test_exception_that_boto3_does_not_name_is_unexpected(self, session: Session, runner: CognitoRunner) -> None:
        refresh_token = session.tokens.refresh_token
        assert refresh_token

        def misbehave(**_: object) -> None:
            raise RuntimeError(f"cannot send {refresh_token.reveal()}")

        runner.client.meta.events.register("before-call.cognito-identity-provider.RevokeToken", misbehave)
        failure = session.fails(runner, REVOKE)
        assert (failure.kind, failure.code) == (FailureKind.UNEXPECTED, "RuntimeError")
        assert failure.message == "cannot send [token]"

    def test_exception_that_cannot_be_shown(self, session: Session, runner: CognitoRunner) -> None:
        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        def misbehave(**_: object) -> None:
            raise MuteError

        runner.client.meta.events.register("before-call.cognito-identity-provider.RevokeToken", misbehave)
        assert session.fails(runner, REVOKE).message == "MuteError"

    @pytest.mark.parametrize(
        ("error", "kind", "again", "unknown"),
        [
            (boto.ReadTimeoutError(endpoint_url="u"), FailureKind.TIMED_OUT, True, True),
            (boto.ConnectTimeoutError(endpoint_url="u"), FailureKind.TIMED_OUT, True, False),
            (boto.EndpointConnectionError(endpoint_url="u"), FailureKind.UNREACHABLE, True, False),
            (boto.ProxyConnectionError(proxy_url="u"), FailureKind.UNREACHABLE, True, False),
            (boto.SSLError(endpoint_url="u", error=OSError()), FailureKind.UNREACHABLE, True, False),
            (boto.ConnectionClosedError(endpoint_url="u"), FailureKind.UNREACHABLE, True, True),
            (boto.ResponseStreamingError(error="e"), FailureKind.UNREACHABLE, True, True),
            (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), FailureKind.UNREACHABLE, True, True),
            (ConnectionResetError(), FailureKind.UNREACHABLE, True, True),
            (boto.NoCredentialsError(), FailureKind.CONFIGURATION, False, False),
            (boto.PartialCredentialsError(provider="p", cred_var="v"), FailureKind.CONFIGURATION, False, False),
            (boto.CredentialRetrievalError(provider="p", error_msg="e"), FailureKind.CONFIGURATION, False, False),
            (boto.UnauthorizedSSOTokenError(), FailureKind.CONFIGURATION, False, False),
            (boto.NoRegionError(), FailureKind.CONFIGURATION, False, False),
            (boto.InvalidRegionError(region_name="r"), FailureKind.CONFIGURATION, False, False),
            (boto.ParamValidationError(report="r"), FailureKind.CONFIGURATION, False, False),
            (boto.EndpointProviderError(msg="m"), FailureKind.CONFIGURATION, False, False),
            (KeyError("k"), FailureKind.UNEXPECTED, False, False),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
    )
    def test_every_exception_has_its_meaning(
        self, *, error: Exception, kind: FailureKind, again: bool, unknown: bool
    ) -> None:
        setback = setback_of(error, [])
        assert (setback.failure.kind, setback.failure.code) == (kind, type(error).__name__)
        assert (setback.again, setback.unknown) == (again, unknown)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"client_id": ""}, "client_id"),
            ({"client_id": None}, "client_id"),
            ({"client_id": "with-hyphen"}, "client_id"),
            ({"client_id": "ä"}, "client_id"),
            ({"client_id": "a" * 129}, "client_id"),
            ({"client_secret": ""}, "client_secret"),
            ({"client_secret": "s" * 23}, "client_secret"),
            ({"client_secret": Secret("s" * 65)}, "client_secret"),
            ({"client_secret": "s" * 30 + "/"}, "client_secret"),
            ({"client_secret": 5}, "client_secret"),
            ({"user_pool_id": "eu-central-1"}, "user_pool_id"),
            ({"user_pool_id": ""}, "user_pool_id"),
            ({"user_pool_id": "eu-central-1_" + "a" * 50}, "user_pool_id"),
            ({"user_pool_id": 5}, "user_pool_id"),
            ({"admin": True}, "pool's id"),
            ({"region": None}, "region"),
            ({"region": ""}, "region"),
            ({"region": 5}, "region"),
            ({"region": "Frankfurt"}, "region"),
            ({"region": None, "user_pool_id": "local_abc"}, "region"),
            ({"endpoint_url": ""}, "endpoint_url"),
            ({"endpoint_url": "localhost:9229"}, "endpoint_url"),
            ({"endpoint_url": "ftp://localhost"}, "endpoint_url"),
            ({"endpoint_url": "http://"}, "endpoint_url"),
            ({"endpoint_url": "http://[::1"}, "endpoint_url"),
            ({"endpoint_url": 5}, "endpoint_url"),
            ({"connect_timeout": 0}, "connect_timeout"),
            ({"read_timeout": -1.0}, "read_timeout"),
            ({"read_timeout": float("nan")}, "read_timeout"),
            ({"read_timeout": float("inf")}, "read_timeout"),
            ({"read_timeout": "5"}, "read_timeout"),
            ({"read_timeout": True}, "read_timeout"),
            ({"max_attempts": 0}, "max_attempts"),
            ({"max_attempts": 1.5}, "max_attempts"),
            ({"max_connections": 0}, "max_connections"),
            ({"max_connections": True}, "max_connections"),
            ({"hosted_ui": "https://example.com"}, "hosted_ui"),
        ],
        ids=str,
    )
    def test_bad_argument_is_refused_by_name(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationException, match=message) as caught:
            CognitoRunner(**{"client_id": "app", "region": "eu-central-1"} | arguments)
        assert "\n" not in caught.value.message
        assert caught.value.recovery_suggestion

    @pytest.mark.parametrize("argument", ["client_id", "client_secret", "user_pool_id", "region", "endpoint_url"])
    def test_no_message_shows_a_secret_that_was_passed_in_the_wrong_place(self, argument: str) -> None:
        misplaced = "eyJhbGciOiJIUzI1NiJ9.e30." + "/" * 40
        arguments: dict[str, Any] = {"client_id": "app", "region": "eu-central-1", argument: misplaced}
        with pytest.raises(ConfigurationException) as caught:
            CognitoRunner(**arguments)
        assert misplaced not in str(caught.value)

    def test_region_comes_from_the_user_pool_id(self) -> None:
        runner = CognitoRunner(client_id="app", user_pool_id=POOL)
        assert runner.client.meta.region_name == "eu-central-1"
        assert runner.client.meta.endpoint_url == "https://cognito-idp.eu-central-1.amazonaws.com"
        runner.client.close()

    def test_region_that_is_given_wins(self) -> None:
        runner = CognitoRunner(client_id="app", user_pool_id=POOL, region="us-east-1")
        assert runner.client.meta.region_name == "us-east-1"
        runner.client.close()

    @pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "ap-southeast-5", "eusc-de-east-1"])
    def test_regions_of_every_partition_are_known(self, region: str) -> None:
        runner = CognitoRunner(client_id="app", region=region)
        runner.check()
        runner.client.close()

    @pytest.mark.parametrize("region", ["eu-nowhere-9", "xx-nowhere-1"])
    def test_unknown_region_fails_before_anything_is_sent(self, session: Session, region: str) -> None:
        runner = CognitoRunner(client_id="app", region=region)
        failure = session.fails(runner, REVOKE)
        assert (failure.kind, failure.code) == (FailureKind.CONFIGURATION, "UnknownRegion")
        with pytest.raises(ConfigurationException, match=region) as caught:
            runner.check()
        assert caught.value.failure == failure
        with pytest.raises(ConfigurationException, match=region):
            _ = runner.client

    def test_unknown_region_is_fine_with_an_endpoint(self, session: Session, make: Callable[..., Any]) -> None:
        assert session.carries_out(make(region="eu-nowhere-9"), REVOKE) is None

    def test_admin_without_credentials(
        self, cognito: FakeCognito, session: Session, make: Callable[..., CognitoRunner]
    ) -> None:
        runner = make(admin=True, user_pool_id=cognito.user_pool_id)
        with pytest.raises(ConfigurationException, match="no AWS credentials"):
            runner.check()
        failure = session.fails(runner, GLOBAL)
        assert (failure.kind, failure.code) == (FailureKind.CONFIGURATION, "NoCredentialsError")
        assert cognito.calls == ()

    def test_admin_with_half_of_the_credentials(
        self, session: Session, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKE")
        runner = make(admin=True, user_pool_id=POOL)
        with pytest.raises(ConfigurationException, match="Partial credentials"):
            runner.check()
        assert session.fails(runner, GLOBAL).code == "PartialCredentialsError"

    def test_admin_with_a_broken_profile(
        self, session: Session, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "missing")
        runner = make(admin=True, user_pool_id=POOL)
        with pytest.raises(ConfigurationException, match="missing"):
            runner.check()
        failure = session.fails(runner, GLOBAL)
        assert (failure.kind, failure.code) == (FailureKind.CONFIGURATION, "ProfileNotFound")

    def test_credentials_that_turn_up_later_are_found(
        self, session: Session, make: Callable[..., Any], cognito: FakeCognito, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "missing")
        runner = make(admin=True, user_pool_id=cognito.user_pool_id)
        with pytest.raises(ConfigurationException):
            runner.check()
        monkeypatch.delenv("AWS_PROFILE")
        iam_credentials(monkeypatch)
        runner.check()
        assert session.carries_out(runner, GLOBAL) is None

    @pytest.mark.parametrize("effect", [REFRESH, REVOKE, GLOBAL])
    @pytest.mark.parametrize(
        "environment",
        [{}, {"AWS_PROFILE": "missing"}, {"AWS_ACCESS_KEY_ID": "AKIAHALF"}, {"AWS_DEFAULT_REGION": "eu-nowhere-9"}],
        ids=str,
    )
    def test_without_admin_nothing_of_the_aws_configuration_is_needed(
        self,
        session: Session,
        runner: CognitoRunner,
        monkeypatch: pytest.MonkeyPatch,
        environment: dict[str, str],
        effect: Effect,
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        runner.check()
        assert session.carries_out(runner, effect) is None

    def test_without_admin_a_broken_configuration_file_does_no_harm(
        self, session: Session, runner: CognitoRunner, tmp_path: Path
    ) -> None:
        (tmp_path / "config").write_text("[default\nregion", encoding="utf-8")
        assert session.carries_out(runner, REVOKE) is None

    def test_client_is_made_once_however_many_threads_ask(self, runner: CognitoRunner) -> None:
        barrier = threading.Barrier(8)

        def ask() -> int:
            barrier.wait()
            return id(runner.client)

        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(ask) for _ in range(8)]
            assert len({each.result() for each in asked}) == 1

    def test_boto3_itself_tries_once_and_within_the_limits(self, make: Callable[..., CognitoRunner]) -> None:
        config: Any = make(connect_timeout=1, read_timeout=2, max_connections=7).client.meta.config
        assert config.retries == {"total_max_attempts": 1, "mode": config.retries["mode"]}
        assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1, 2, 7)

    def test_client_of_ones_own_is_used(self, cognito: FakeCognito, session: Session, client: FakeClient) -> None:
        own = boto3.client(
            "cognito-idp",
            region_name="eu-central-1",
            endpoint_url=cognito.endpoint_url,
            config=Config(retries={"total_max_attempts": 1}),
        )
        runner = CognitoRunner(client_id=client.id, client_secret=client.secret, client=own)
        runner.check()
        assert runner.client is own
        assert session.carries_out(runner, REVOKE) is None
        with pytest.raises(ConfigurationException, match="client of your own"):
            CognitoRunner(client_id=client.id, client=own, region="eu-central-1")
        with pytest.raises(ConfigurationException, match="client of your own"):
            CognitoRunner(client_id=client.id, client=own, endpoint_url=cognito.endpoint_url)
        own.close()


class TestRunner:
    def test_it_is_a_runner_of_the_remote_effects(self) -> None:
        runner = CognitoRunner(client_id="app", region="eu-central-1")
        assert isinstance(runner, EffectRunner)
        assert set(runner.handlers) == {RefreshTokens, RevokeToken, GlobalSignOut}
        assert runner.authority is Authority.ACCESS_TOKEN
        assert runner.hosted_ui_url is None

    def test_admin_is_authorised_by_iam(self) -> None:
        assert CognitoRunner(client_id="app", user_pool_id=POOL, admin=True).authority is Authority.IAM

    def test_hosted_ui_handler_is_added_with_its_url(self) -> None:
        class HostedUI:
            sign_out_url = "https://example.com/logout"

            def __call__(self, effect: ShowHostedUISignOut, call: Call) -> None:
                raise NotImplementedError

        hosted_ui = HostedUI()
        runner = CognitoRunner(client_id="app", region="eu-central-1", hosted_ui=hosted_ui)
        assert runner.handlers[ShowHostedUISignOut] is hosted_ui
        assert runner.hosted_ui_url == "https://example.com/logout"

    def test_hosted_ui_handler_may_have_no_url(self) -> None:
        def hosted_ui(effect: ShowHostedUISignOut, call: Call) -> None:
            raise NotImplementedError

        runner = CognitoRunner(client_id="app", region="eu-central-1", hosted_ui=hosted_ui)
        assert runner.handlers[ShowHostedUISignOut] is hosted_ui
        assert runner.hosted_ui_url is None

    @pytest.mark.parametrize("secret", [SECRET, Secret(SECRET)])
    def test_representation_and_attributes_show_no_secret(self, secret: Any) -> None:
        runner = CognitoRunner(client_id="app", region="eu-central-1", client_secret=secret)
        assert repr(runner) == "CognitoRunner(client_id='app', region='eu-central-1', admin=False)"
        assert SECRET not in repr(vars(runner))

    def test_heavy_libraries_are_not_imported_before_the_first_call(self) -> None:
        script = (
            "import sys\n"
            "from authsm.runners.cognito import CognitoRunner\n"
            "CognitoRunner(client_id='app', region='eu-central-1')\n"
            "print({'boto3', 'botocore', 'tenacity', 'jwt'} & set(sys.modules))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)  # noqa: S603 - this Python, a fixed script
        assert done.stdout.strip() == "set()"
