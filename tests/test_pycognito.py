"""Three lines around pycognito, as it is: signed out where its own logout raises and keeps everything."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pycognito import Cognito

import authsm
from authsm import CognitoRunner, CompleteSignOut, PartialSignOut, SignOutResult, UserPoolTokens
from authsm.testing import FakeClient, FakeCognito


def pycognito_user(cognito: FakeCognito, client: FakeClient, *, seconds_ago: float) -> Any:
    tokens = cognito.sign_in(client, "ada", seconds_ago=seconds_ago)
    return Cognito(
        cognito.user_pool_id,
        client.id,
        username="ada",
        id_token=tokens.id_token,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        session=boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=cognito.region),
        boto3_client_kwargs={"endpoint_url": cognito.endpoint_url},
    )


def sign_out(user: Any, runner: CognitoRunner, *, to_all: bool) -> SignOutResult:
    tokens = UserPoolTokens.from_text(access_token=user.access_token, refresh_token=user.refresh_token)
    forget = lambda: vars(user).update(access_token=None, id_token=None, refresh_token=None)  # noqa: E731 - three lines
    return authsm.sign_out(
        tokens, runner=runner, clear=forget, is_cleared=lambda: user.refresh_token is None, global_sign_out=to_all
    )


@pytest.fixture
def client(cognito: FakeCognito) -> FakeClient:
    return cognito.add_client()


@pytest.fixture
def runner(cognito: FakeCognito, client: FakeClient) -> CognitoRunner:
    return CognitoRunner(client_id=client.id, region=cognito.region, endpoint_url=cognito.endpoint_url)


@pytest.mark.parametrize("to_all", [False, True], ids=["local", "global"])
def test_a_session_with_an_expired_access_token_is_revoked_and_cleared(
    cognito: FakeCognito, client: FakeClient, runner: CognitoRunner, *, to_all: bool
) -> None:
    user = pycognito_user(cognito, client, seconds_ago=3700)
    refresh_token = user.refresh_token

    with pytest.raises(ClientError, match="NotAuthorizedException"):
        user.logout()
    assert (user.refresh_token, cognito.holds(refresh_token)) == (refresh_token, True)

    result = sign_out(user, runner, to_all=to_all)

    assert (type(result), user.access_token, user.refresh_token) == (CompleteSignOut, None, None)
    assert not cognito.holds(refresh_token)


@pytest.mark.parametrize(("to_all", "end"), [(False, CompleteSignOut), (True, PartialSignOut)], ids=["local", "global"])
def test_a_session_whose_tokens_were_revoked_elsewhere_is_cleared(
    cognito: FakeCognito, client: FakeClient, runner: CognitoRunner, *, to_all: bool, end: type
) -> None:
    user = pycognito_user(cognito, client, seconds_ago=0)
    runner.client.revoke_token(Token=user.refresh_token, ClientId=client.id)

    with pytest.raises(ClientError, match="NotAuthorizedException"):
        user.logout()
    assert user.refresh_token is not None

    result = sign_out(user, runner, to_all=to_all)

    assert (type(result), user.access_token, user.refresh_token) == (end, None, None)
    assert result.signed_out_locally
