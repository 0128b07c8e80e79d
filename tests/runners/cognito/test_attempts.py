"""Trouble that passes, trouble that stays, and answers that were lost on the way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest

from authsm.core.vocabulary import Effect, FailureKind
from authsm.flows.sign_out.effects import (
    SignedOutGlobally,
)
from authsm.runners.carrying import Reply
from authsm.runners.cognito.answers import ALREADY_DONE
from authsm.testing.fake_cognito import FakeCognito, Fault
from tests.runners.cognito.calls import (
    GLOBAL,
    HANG,
    REFRESH,
    REVOKE,
    Session,
    iam_credentials,
    operation,
    quick_if_it_hangs,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.credentials import Secret, UserPoolTokens
    from authsm.runners.cognito import CognitoRunner
    from authsm.runners.handlers import Call


def wait_for_a_call(cognito: FakeCognito) -> None:
    pause = threading.Event()
    while not cognito.calls:
        pause.wait(0.005)


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

            def hold(self, tokens: UserPoolTokens) -> None:
                raise NotImplementedError(tokens)

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
