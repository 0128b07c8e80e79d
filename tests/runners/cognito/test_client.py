"""The arguments of a CognitoRunner, and the client that it makes of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from authsm.core.vocabulary import Effect, FailureKind
from authsm.credentials import Secret
from authsm.errors import ConfigurationException
from authsm.runners.cognito import CognitoRunner
from tests.runners.cognito.calls import GLOBAL, POOL, REFRESH, REVOKE, Session, iam_credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authsm.testing.fake_cognito import FakeClient, FakeCognito


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
