"""What every test of the CognitoRunner may use: a stand-in of Cognito, a session there, and a runner for it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from authsm.errors import ConfigurationException
from tests.runners.cognito.calls import Session, runner_for, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authsm.runners.cognito import CognitoRunner
    from authsm.testing.fake_cognito import FakeClient, FakeCognito


@pytest.fixture(autouse=True)
def _no_aws_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


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
