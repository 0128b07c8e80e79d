"""A refresh token that came too late: nobody keeps it, so it must not live on."""

from typing import Any

import anyio
import boto3
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    CognitoRunner,
    MemoryCredentialStore,
    RevokeToken,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    UserPoolTokens,
)
from authsm.testing import FakeCognito
from tests.auth.world import Cast, pool_tokens, session

LATE = pool_tokens("late")


def _save_late(style: str, store: MemoryCredentialStore, cast: Cast, held: Any, **how: Any) -> bool:
    if style == "threads":
        return Auth(store, cast.runner(), **how).save_refreshed(held, LATE)

    async def main() -> bool:
        return await AsyncAuth(store, cast.runner(), **how).save_refreshed(held, LATE)

    return anyio.run(main, backend=style)


@pytest.mark.parametrize("style", ["threads", "asyncio", "trio"])
@pytest.mark.parametrize("fate", ["leaving", "signed out", "signed in anew"])
def test_it_is_revoked_where_its_session_is_over(
    fate: str, style: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = Auth(store, Cast().runner())
    auth.sign_in(session())
    held = auth.credentials()
    match fate:
        case "leaving":
            store.leave("default", epoch=1, journal="{}")
        case "signed out":
            auth.sign_out()
        case _:
            auth.sign_in(session(tokens=pool_tokens("new")), replace=True)
    before = store.load("default")
    assert not _save_late(style, store, cast, held)
    assert [(type(each.effect), each.tokens.refresh_token) for each in cast.called] == [
        (RevokeToken, LATE.refresh_token)
    ]
    assert store.load("default") == before


@pytest.mark.parametrize(
    "why_not", ["another refresh won", "it is no new one", "the policy is local only", "no handler"]
)
def test_it_is_left_alone_where_revoking_it_would_harm(why_not: str, store: MemoryCredentialStore, cast: Cast) -> None:
    """Cognito ends the whole family of a rotated token with it, and a session may live on that."""
    policy = SignOutPolicy(local_only=why_not == "the policy is local only")
    auth = Auth(store, {} if why_not == "no handler" else cast.runner(), policy=policy)
    auth.sign_in(session())
    held = auth.credentials()
    assert held is not None
    late = UserPoolTokens(access_token=LATE.access_token, refresh_token=LATE.refresh_token)
    if why_not == "another refresh won":
        assert auth.save_refreshed(held, pool_tokens("2"))
    else:
        store.clear("default", epoch=1)
    if why_not == "it is no new one":
        late = UserPoolTokens(access_token=LATE.access_token, refresh_token=pool_tokens().refresh_token)
    assert not auth.save_refreshed(held, late)
    assert cast.called == []


def test_at_cognito_it_is_dead(cognito: FakeCognito, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = cognito.add_client(rotation=True)
    tokens = cognito.sign_in(client, "ada")
    runner = CognitoRunner(client_id=client.id, region=cognito.region, endpoint_url=cognito.endpoint_url)
    auth = Auth(MemoryCredentialStore(), runner)
    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    auth.sign_in(SignedInData(username="ada", sign_in_method=SignInMethod.USER_POOL, tokens=own))
    held = auth.credentials()
    assert held is not None
    idp = boto3.client("cognito-idp", region_name=cognito.region, endpoint_url=cognito.endpoint_url)
    refreshed = idp.get_tokens_from_refresh_token(ClientId=client.id, RefreshToken=tokens.refresh_token)
    answer = refreshed["AuthenticationResult"]
    store_tombstone(auth)
    late = UserPoolTokens.from_text(access_token=answer["AccessToken"], refresh_token=answer["RefreshToken"])
    assert cognito.holds(answer["RefreshToken"])
    assert not auth.save_refreshed(held, late)
    assert not cognito.holds(answer["RefreshToken"])


def store_tombstone(auth: Auth) -> None:
    """Clear locally alone, as an application does that is offline."""
    auth.sign_out(policy=SignOutPolicy(local_only=True))
