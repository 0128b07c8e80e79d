"""Every runner that ships passes the suite that is there for everybody's; and one for another service does."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest

from authsm import (
    CognitoRunner,
    ConfigurationException,
    EffectFailedError,
    Failure,
    FailureKind,
    RevokeToken,
    UserCancelledException,
    UserPoolTokens,
)
from authsm.testing import RunnerConformance
from authsm.testing.conformance import Service, ServiceSession, Trouble
from tests.runners.cognito.calls import iam_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsm import Call
    from authsm.testing import FakeClient, FakeCognito


def _called_off(*_: object) -> None:
    raise UserCancelledException


class TestCognitoRunner(RunnerConformance):
    admin: ClassVar = False
    seconds = 1.0

    def make(self, cognito: FakeCognito, client: FakeClient) -> CognitoRunner:
        return CognitoRunner(
            client_id=client.id,
            user_pool_id=cognito.user_pool_id,
            admin=self.admin,
            endpoint_url=cognito.endpoint_url,
            read_timeout=0.4,
            max_attempts=2,
            hosted_ui=_called_off,
        )

    def dispose(self, runner: CognitoRunner) -> None:
        runner.client.close()


class TestCognitoRunnerWithIAM(TestCognitoRunner):
    admin = True

    @pytest.fixture(autouse=True)
    def _credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        iam_credentials(monkeypatch)


class _Elsewhere(Service):
    """A service of sessions that are numbered, without a network."""

    def __init__(self) -> None:
        self._alive: dict[str, str] = {}
        self._numbers = itertools.count()
        self._calls = 0
        self._trouble: Trouble | None = None
        self._ends = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()

    def sign_in(self, username: str | None = None) -> ServiceSession:
        number = next(self._numbers)
        username = username or f"user {number}"
        self._alive[f"the-refresh-token-{number}"] = username
        return ServiceSession(username, UserPoolTokens.from_text(refresh_token=f"the-refresh-token-{number}"))

    def is_alive(self, tokens: UserPoolTokens) -> bool:
        return tokens.refresh_token is not None and tokens.refresh_token.reveal() in self._alive

    def calls(self, effect: type[Any]) -> int:
        return self._calls if effect is RevokeToken else 0

    def spoil(self, effect: type[Any], trouble: Trouble) -> None:
        assert effect is RevokeToken
        self._trouble = trouble

    def heal(self) -> None:
        self._trouble = None

    def revoke(self, token: str, seconds: float) -> None:
        self._calls += 1
        match self._trouble:
            case None:
                self._alive.pop(token, None)
            case Trouble.ANSWER_LOST:
                self._alive.pop(token, None)
                raise ConnectionError
            case Trouble.SILENCE:
                self._ends.wait(seconds)
                raise TimeoutError
            case _:
                raise ConnectionError


class TestRunnerForAnotherService(RunnerConformance):
    seconds = 0.2

    def service(self) -> Service:
        return _Elsewhere()

    def runner_for(self, service: _Elsewhere) -> Mapping[type[Any], Any]:
        def revoke(_: RevokeToken, call: Call) -> None:
            token = call.tokens().refresh_token
            assert token
            try:
                service.revoke(token.reveal(), call.seconds_left())
            except OSError as error:
                name = type(error).__name__
            else:
                return
            raise EffectFailedError(Failure(FailureKind.UNREACHABLE, name, "It could not be asked."))

        return {RevokeToken: revoke}


def test_a_runner_may_be_made_by_an_async_function() -> None:
    class Suite(TestCognitoRunner):
        async def make(self, cognito: FakeCognito, client: FakeClient) -> CognitoRunner:  # type: ignore[override]  # it gives Any
            return TestCognitoRunner().make(cognito, client)

        async def dispose(self, runner: CognitoRunner) -> None:  # type: ignore[override]
            runner.client.close()

    Suite().test_it_revokes_a_token()


def test_what_is_no_runner_is_told() -> None:
    class Suite(RunnerConformance):
        def make(self, cognito: FakeCognito, client: FakeClient) -> object:
            return cognito, client

    with pytest.raises(ConfigurationException, match="tuple is no runner"):
        Suite().test_it_is_a_runner()


def test_a_suite_says_what_it_needs() -> None:
    with pytest.raises(NotImplementedError, match="Say how your runner is made"):
        RunnerConformance().test_it_is_a_runner()
