"""Sign-outs with authsm pass the suite that is there for everybody's; careless ones do not."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest

import authsm
from authsm import (
    AsyncAuth,
    Auth,
    CognitoRunner,
    CompleteSignOut,
    MemoryCredentialStore,
    SignedInData,
    SignInMethod,
    UserPoolTokens,
)
from authsm.testing import SignOutConformance

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.testing import FakeClient, FakeCognito, FakeTokens


@dataclass
class User:
    """A user of another SDK, which keeps its tokens in attributes."""

    runner: CognitoRunner
    tokens: UserPoolTokens | None

    def forget(self) -> None:
        self.tokens = None


def user_of(cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> User:
    runner = CognitoRunner(
        client_id=client.id,
        region=cognito.region,
        endpoint_url=cognito.endpoint_url,
        read_timeout=1.0,
        max_attempts=1,
    )
    return User(
        runner,
        UserPoolTokens.from_text(
            access_token=tokens.access_token, id_token=tokens.id_token, refresh_token=tokens.refresh_token
        ),
    )


class TestEmbedded(SignOutConformance):
    """`authsm.sign_out`."""

    everywhere: ClassVar = False

    def sign_in(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> User:
        return user_of(cognito, client, tokens)

    def sign_out(self, user: User) -> bool:
        assert user.tokens
        result = authsm.sign_out(
            user.tokens,
            runner=user.runner,
            clear=user.forget,
            is_cleared=lambda: user.tokens is None,
            global_sign_out=self.everywhere,
        )
        return isinstance(result, CompleteSignOut)

    def tokens_of(self, user: User) -> Any:
        return user.tokens and user.tokens.secrets()


class TestEmbeddedEverywhere(TestEmbedded):
    everywhere = True
    limitations = ("signs_out_everywhere",)


class TestAuth(SignOutConformance):
    """`Auth.sign_out`."""

    def sign_in(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> Any:
        user = user_of(cognito, client, tokens)
        auth = Auth(MemoryCredentialStore(), user.runner)
        auth.sign_in(SignedInData(tokens=user.tokens, sign_in_method=SignInMethod.USER_POOL))
        return auth

    def sign_out(self, user: Auth) -> bool:
        return isinstance(user.sign_out(), CompleteSignOut)

    def tokens_of(self, user: Auth) -> Any:
        credentials = user.credentials()
        return credentials and credentials.data.secrets()


class TestAsyncAuth(SignOutConformance):
    """`AsyncAuth.sign_out`, whose functions are awaited."""

    async def sign_in(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> Any:
        user = user_of(cognito, client, tokens)
        auth = AsyncAuth(MemoryCredentialStore(), user.runner)
        await auth.sign_in(SignedInData(tokens=user.tokens, sign_in_method=SignInMethod.USER_POOL))
        return auth

    async def sign_out(self, user: AsyncAuth) -> bool:
        return isinstance(await user.sign_out(), CompleteSignOut)

    async def tokens_of(self, user: AsyncAuth) -> Any:
        credentials = await user.credentials()
        return credentials and credentials.data.secrets()


class _Careless(TestEmbedded):
    """Signs out in a way of its own."""

    def __init__(self, act: Callable[[User], object]) -> None:
        self._act = act
        self.seconds = 0.5 if act is _hangs else 10.0

    def sign_out(self, user: User) -> Any:
        return self._act(user)


def _only_forgets(user: User) -> None:
    user.forget()


def _only_revokes(user: User) -> bool:
    tokens = user.tokens
    assert tokens
    result = authsm.sign_out(tokens, runner=user.runner, clear=lambda: None)
    return isinstance(result, CompleteSignOut)


def _hangs(user: User) -> None:
    """Wait for as long as the service keeps a connection open on which it is asked nothing."""
    service = urlsplit(user.runner.client.meta.endpoint_url)
    with socket.create_connection((service.hostname or "", service.port or 0)) as connection:
        connection.recv(1)
    user.forget()


def _prints(user: User) -> None:
    assert user.tokens
    assert user.tokens.refresh_token
    print(user.tokens.refresh_token.reveal())  # noqa: T201 - which is what is wrong with it
    user.forget()


def _returns_its_result(user: User) -> object:
    user.forget()
    return object()


@pytest.mark.parametrize(
    ("careless", "test", "why"),
    [
        (_only_forgets, "test_a_fresh_session_is_signed_out", "the refresh token is dead at the service"),
        (_only_forgets, "test_the_refresh_token_is_revoked_even_if_a_global_sign_out_fails", "is dead at the service"),
        (_only_forgets, "test_a_refusal_is_told", "it says that it failed; it says that it is done"),
        (_only_forgets, "test_a_captive_portal_is_not_taken_for_the_service", "it says that it failed; it says that"),
        (_only_forgets, "test_a_cut_connection_is_told", "it says that it failed; it says that it is done"),
        (_only_revokes, "test_a_fresh_session_is_signed_out", "no token is held on this device"),
        (_only_revokes, "test_tokens_are_gone_though_the_service_is_unreachable", "no token is held on this device"),
        (_only_revokes, "test_tokens_are_gone_though_the_service_refuses", "no token is held on this device"),
        (_hangs, "test_it_ends_and_tokens_are_gone_though_the_service_never_answers", "it ends within 0.5 s; it does"),
        (_prints, "test_no_token_is_shown", "it shows no token; found one in what was printed"),
        (_returns_its_result, "test_a_fresh_session_is_signed_out", "returns True, False or None, or raises"),
    ],
)
@pytest.mark.shows_tokens(because="careless sign-outs do, and are to be found out")
def test_a_careless_sign_out_is_rejected_by_the_test_meant_for_it(
    careless: Callable[[User], object], test: str, why: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?s){why}.*To repeat it:.*with suite.scene"):
        getattr(_Careless(careless), test)()


def test_a_sign_out_that_leaves_other_devices_alone_may_not_deny_it() -> None:
    class Suite(TestEmbedded):
        limitations = ("signs_out_everywhere",)

    with pytest.raises(AssertionError, match="you declare signs_out_everywhere, and it was not seen to be so"):
        Suite().test_other_devices_stay_signed_in()


def test_a_sign_out_that_ends_other_sessions_has_to_declare_it() -> None:
    class Suite(TestEmbedded):
        everywhere = True

    with pytest.raises(AssertionError, match="the user's session on another device lives on"):
        Suite().test_other_devices_stay_signed_in()
