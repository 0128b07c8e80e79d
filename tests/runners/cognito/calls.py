"""What tests of the CognitoRunner share: a session, the calls made for it, and what they failed with."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from authsm.core.vocabulary import EffectFailedError
from authsm.credentials import Secret, UserPoolTokens
from authsm.flows.sign_out.effects import GlobalSignOut, RefreshTokens, RevokeToken
from authsm.runners.cognito import CognitoRunner
from authsm.runners.handlers import Call
from authsm.testing.fake_cognito import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.core.vocabulary import Effect, Failure
    from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens

REFRESH: Final = RefreshTokens()
REVOKE: Final = RevokeToken()
GLOBAL: Final = GlobalSignOut()
SECRET: Final = "s" * 52
POOL: Final = "eu-central-1_AbCdEfGhI"
HANG: Final = Fault.hang()


def wrapped(tokens: FakeTokens) -> UserPoolTokens:
    return UserPoolTokens(
        access_token=Secret(tokens.access_token),
        id_token=Secret(tokens.id_token),
        refresh_token=Secret(tokens.refresh_token),
    )


@dataclass
class Session:
    """What a store would hold, and what is asked for it."""

    tokens: UserPoolTokens
    username: str = "ada"
    attempt: int = 1
    seconds: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    saved: list[UserPoolTokens] = field(default_factory=list)
    save: Callable[[UserPoolTokens], None] | None = None

    def call(self) -> Call:
        return Call(
            id="run/1",
            attempt=self.attempt,
            ends=time.monotonic() + self.seconds,
            stop=self.stop,
            username=self.username,
            tokens=lambda: self.tokens,
            save_refreshed=self.save or self.saved.append,
        )

    def carries_out(self, runner: CognitoRunner, effect: Effect) -> object:
        return runner.handlers[type(effect)](effect, self.call())

    def fails(self, runner: CognitoRunner, effect: Effect) -> Failure:
        with pytest.raises(EffectFailedError) as caught:
            self.carries_out(runner, effect)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        return caught.value.failure


def runner_for(cognito: FakeCognito, client: FakeClient, **settings: Any) -> CognitoRunner:
    given = {"region": cognito.region, "client_secret": client.secret, "endpoint_url": cognito.endpoint_url}
    return CognitoRunner(client_id=client.id, **given | settings)


def quick_if_it_hangs(fault: Fault) -> dict[str, float]:
    """Settings with which an attempt times out soon where it has to, and never on a busy machine where it must not."""
    return {"read_timeout": 1.0} if fault is HANG else {"read_timeout": 60.0}


def iam_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFAKE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake/secret/access/key")


def is_alive(cognito: FakeCognito, tokens: UserPoolTokens) -> tuple[bool, bool]:
    assert tokens.access_token
    assert tokens.refresh_token
    return cognito.accepts(tokens.access_token.reveal()), cognito.holds(tokens.refresh_token.reveal())


def operation(effect: Effect) -> str:
    return "GetTokensFromRefreshToken" if effect == REFRESH else effect.name
