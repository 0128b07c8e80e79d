"""What the exceptions of boto3 mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore import exceptions as boto

from authsm.core.vocabulary import Effect, EffectFailedError, FailureKind
from authsm.runners.cognito.answers import setback_of
from authsm.testing.fake_cognito import FakeCognito, Fault
from tests.runners.cognito.calls import GLOBAL, REFRESH, REVOKE, Session, operation

if TYPE_CHECKING:
    from authsm.runners.cognito import CognitoRunner


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
