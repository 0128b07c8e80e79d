"""pycognito's own `logout`, which nobody here wrote, as a sign-out; and what it takes to repair it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.config import Config
from pycognito import Cognito

import authsm
from authsm import CognitoRunner, CompleteSignOut, UserPoolTokens
from authsm.testing import SignOutConformance

if TYPE_CHECKING:
    from authsm.testing import FakeClient, FakeCognito, FakeTokens

_ONE_QUICK_ATTEMPT: Final = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
"""Without it, boto3 waits a minute for each of up to five attempts."""


def _user(kind: type[Cognito], cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> Any:
    return kind(
        cognito.user_pool_id,
        client.id,
        username="ada",
        id_token=tokens.id_token,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        session=boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=cognito.region),
        boto3_client_kwargs={"endpoint_url": cognito.endpoint_url, "config": _ONE_QUICK_ATTEMPT},
    )


class PyCognito(SignOutConformance):
    """Nine lines to plug it in."""

    kind: type[Cognito] = Cognito

    def sign_in(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> Any:
        return _user(self.kind, cognito, client, tokens)

    def sign_out(self, user: Any) -> Any:
        return user.logout()

    def tokens_of(self, user: Any) -> Any:
        return [user.access_token, user.id_token, user.refresh_token]


FAULTS: Final = {
    "test_an_expired_access_token_does_not_stop_it": (
        "expected that it says that it is done; it raised NotAuthorizedException: .*Access Token has expired"
    ),
    "test_the_refresh_token_is_revoked_even_if_a_global_sign_out_fails": (
        "expected that the refresh token is dead at the service; it raised NotAuthorizedException"
    ),
    "test_other_devices_stay_signed_in": "expected that the user's session on another device lives on",
    "test_tokens_are_gone_though_the_service_refuses": "expected that no token is held on this device; it raised",
    "test_tokens_are_gone_though_the_service_is_unreachable": (
        "expected that no token is held on this device; it raised EndpointConnectionError"
    ),
    "test_it_ends_and_tokens_are_gone_though_the_service_never_answers": (
        "expected that no token is held on this device; it raised ReadTimeoutError"
    ),
    "test_a_captive_portal_is_not_taken_for_the_service": (
        "expected that it says that it failed; it says that it is done"
    ),
    "test_no_token_is_shown": "expected that it shows no token; found one in a log record of botocore",
}


@pytest.mark.shows_tokens(because="it logs them, and is to be found out")
def test_its_faults_are_named_and_no_others() -> None:
    report = PyCognito().report()
    assert sorted(report.failed) == sorted(FAULTS)
    for test, why in FAULTS.items():
        assert re.search(why, report.failed[test]), report.failed[test]
    assert (len(report.passed), report.left_out) == (4, {})


class _Repaired(Cognito):  # type: ignore[misc]  # it has no types
    """Its `logout`, written with authsm."""

    def logout(self) -> bool:
        runner = CognitoRunner(client_id=self.client_id, client=self.client)
        tokens = UserPoolTokens.from_text(access_token=self.access_token, refresh_token=self.refresh_token)
        result = authsm.sign_out(
            tokens, runner=runner, clear=self._forget, is_cleared=lambda: self.refresh_token is None
        )
        return isinstance(result, CompleteSignOut)

    def _forget(self) -> None:
        self.access_token = self.id_token = self.refresh_token = self.token_type = None


class TestRepaired(PyCognito):
    kind = _Repaired


def test_it_may_say_that_it_means_to_end_every_session() -> None:
    class Suite(PyCognito):
        limitations = ("signs_out_everywhere",)

    Suite().test_other_devices_stay_signed_in()
