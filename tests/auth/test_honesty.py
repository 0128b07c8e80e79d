"""What a careless embedder may do, and must neither lie nor leak nor leave a token alive for it."""

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    AWSCredentials,
    CompleteSignOut,
    ConfigurationException,
    CredentialStoreException,
    Failed,
    FailedSignOut,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RefreshTokens,
    RevokeToken,
    Runner,
    ShowHostedUISignOut,
    SignedInData,
    SignedOutLocally,
    SignInMethod,
    SignOutPolicy,
    UserPoolTokens,
    sign_out,
)
from authsm.stores.contract import EntryState
from tests.auth.styles import Told
from tests.auth.test_resume_and_retry import crashed, journal_at
from tests.auth.world import NOW, SOON, Act, Cast, Token, faulty, jwt, of_kind, pool_tokens, raising, session
from tests.leaks import leaks_in


def test_what_a_refresh_did_not_return_is_kept(store: MemoryCredentialStore, cast: Cast) -> None:
    """Cognito returns a new refresh token only where it rotates them: None does not mean that the old one is gone."""
    auth = Auth(store, cast.runner())
    auth.sign_in(session(tokens=pool_tokens("1")))
    held = auth.credentials()
    assert held is not None
    assert auth.save_refreshed(held, UserPoolTokens.from_text(access_token=jwt(Token.FRESH, "access-2")))
    auth.sign_out()
    (revoked,) = (each.tokens for each in cast.called)
    assert revoked.refresh_token == pool_tokens("1").refresh_token
    assert revoked.id_token == pool_tokens("1").id_token
    assert revoked.access_token != pool_tokens("1").access_token


def test_what_a_refresh_within_the_sign_out_did_not_return_is_kept(store: MemoryCredentialStore, cast: Cast) -> None:
    only_access = UserPoolTokens.from_text(access_token=jwt(Token.FRESH, "access-2"))
    cast.before[RefreshTokens] = lambda call: call.save_refreshed(only_access)
    auth = Auth(store, cast.runner())
    auth.sign_in(session(tokens=pool_tokens(access=Token.EXPIRED)))
    assert isinstance(auth.sign_out(global_sign_out=True), CompleteSignOut)
    assert cast.names() == ["RefreshTokens", "GlobalSignOut", "RevokeToken"]
    assert cast.called[-1].tokens.refresh_token == pool_tokens().refresh_token


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_an_async_handler_refreshed_is_used_although_it_hung_after_that(
    backend: str, store: MemoryCredentialStore
) -> None:
    """S8, where the old tokens may be dead already."""
    cast = Cast({RefreshTokens: Act.HANGS}, asynchronous=True)
    cast.before[RefreshTokens] = lambda call: call.save_refreshed(pool_tokens("2"))
    auth = AsyncAuth(store, cast.runner(), limits=Limits(seconds={RefreshTokens: SOON}))

    async def main() -> None:
        await auth.sign_in(session(tokens=pool_tokens(access=Token.EXPIRED)))
        assert isinstance(await auth.sign_out(global_sign_out=True), PartialSignOut)

    anyio.run(main, backend=backend)
    assert [(type(each.effect), each.tokens) for each in cast.called[1:]] == [(RevokeToken, pool_tokens("2"))]


@pytest.mark.parametrize("of", ["tokens", "AWS credentials"])
def test_plain_texts_become_secrets(of: str) -> None:
    text = "a-token-that-came-as-plain-text"
    untyped: Any = {"tokens": UserPoolTokens, "AWS credentials": AWSCredentials}[of]
    rest = {"access_key_id": "AKIA", "session_token": text, "expiration": NOW}
    shown = untyped(refresh_token=text) if of == "tokens" else untyped(secret_access_key=text, **rest)
    assert text not in repr(shown)
    with pytest.raises(TypeError, match="is a Secret, not a value of type int"):
        UserPoolTokens(access_token=7)  # type: ignore[arg-type]  # the same


def test_whether_a_browser_has_to_be_signed_out_is_never_guessed(store: MemoryCredentialStore, cast: Cast) -> None:
    unknown = SignedInData(tokens=pool_tokens())
    auth = Auth(store, cast.runner())
    with pytest.raises(ConfigurationException, match="sign_in_method"):
        auth.sign_in(unknown)
    with pytest.raises(ConfigurationException, match="sign_in_method"):
        sign_out(unknown.tokens or UserPoolTokens(), runner=cast.runner(), clear=lambda: None)
    for policy in (SignOutPolicy(hosted_ui="never"), SignOutPolicy.amplify_android()):
        Auth(store, cast.runner(), policy=policy).sign_in(unknown, replace=True)
    Auth(store, {RevokeToken: lambda *_: None}).sign_in(unknown, replace=True)
    auth.sign_in(session(SignInMethod.HOSTED_UI), replace=True)


@pytest.mark.parametrize("expires_in", [-1, 30, 59])
def test_an_access_token_that_ends_before_it_is_used_is_refreshed(
    expires_in: int, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = Auth(
        store, Runner(handlers={k: v for k, v in cast.runner().handlers.items() if k is not ShowHostedUISignOut})
    )
    soon = jwt(Token.FRESH, "soon", expires_at=datetime.now(NOW.tzinfo) + timedelta(seconds=expires_in))
    auth.sign_in(session(tokens=UserPoolTokens.from_text(access_token=soon, refresh_token="opaque-refresh-token-1")))
    auth.sign_out(global_sign_out=True)
    assert cast.names()[0] == "RefreshTokens"


@pytest.mark.parametrize("operation", ["begin", "save"])
def test_what_a_store_says_is_scrubbed_of_the_tokens_in_hand(operation: str, cast: Cast) -> None:
    data = session()
    store = faulty(MemoryCredentialStore())
    auth = Auth(store, cast.runner())
    if operation == "save":
        auth.sign_in(data)
    held = auth.credentials()
    shown = " ".join(secret.reveal() for secret in data.secrets())
    store.faults[operation] = raising(OSError(f"cannot write {shown}"))
    with pytest.raises(CredentialStoreException) as caught:
        auth.sign_in(data) if held is None else auth.save_refreshed(held, data.tokens or UserPoolTokens())
    assert leaks_in([str(caught.value), repr(caught.value), repr(caught.value.failure)], data.secrets()) == []


@pytest.mark.parametrize("leaver", [SystemExit, GeneratorExit, pytest.fail.Exception])
def test_an_observer_that_exits_breaks_no_sign_out(
    leaver: type[BaseException], store: MemoryCredentialStore, cast: Cast
) -> None:
    def exits(_: object) -> None:
        raise leaver

    auth = Auth(store, cast.runner(), observers=[exits])
    auth.sign_in(session())
    assert isinstance(auth.sign_out(), CompleteSignOut)


def test_a_retry_without_its_handler_says_that_the_user_is_signed_out(store: MemoryCredentialStore) -> None:
    cast = Cast({RevokeToken: Act.RAISES_OS})
    auth = Auth(store, cast.runner())
    auth.sign_in(session())
    partial = auth.sign_out()
    assert isinstance(partial, PartialSignOut)
    retried = Auth(store, {}).retry(partial)
    assert isinstance(retried, FailedSignOut)
    assert retried.signed_out_locally is True
    again = Auth(store, Cast().runner()).retry(partial)
    assert isinstance(again, CompleteSignOut)
    assert again.tokens_valid_until == partial.tokens_valid_until


@pytest.mark.parametrize("which", ["clear", "is_cleared"])
@pytest.mark.parametrize("hidden", [False, True], ids=["async", "returns a coroutine"])
def test_what_was_never_awaited_is_not_believed(which: str, hidden: bool, cast: Cast) -> None:
    async def never_awaited() -> bool:
        raise AssertionError

    functions: dict[str, Any] = {"clear": lambda: None, "is_cleared": lambda: True}
    functions[which] = functools.partial(_called, never_awaited) if hidden else never_awaited
    if not hidden:
        with pytest.raises(ConfigurationException, match=f"{which} is async"):
            sign_out(session(), runner=cast.runner(), **functions)
        return
    result = sign_out(session(), runner=cast.runner(), **functions)
    if which == "clear":  # what counts is what `is_cleared` then finds
        assert isinstance(result, CompleteSignOut)
    else:
        assert isinstance(result, FailedSignOut)
        assert result.signed_out_locally is None


def _called(function: Callable[[], object]) -> object:
    return function()


def test_global_and_local_only_exclude_each_other_around_another_sdk(cast: Cast) -> None:
    with pytest.raises(ConfigurationException, match="local_only"):
        sign_out(
            session(),
            runner=cast.runner(),
            clear=lambda: None,
            global_sign_out=True,
            policy=SignOutPolicy(local_only=True),
        )


class TestAfterTheTombstone:
    def test_an_end_that_nobody_saw_is_told_once_more(self, cast: Cast, told: Told) -> None:
        """S11, where a crash came between the tombstone and the end: at least once, marked as resumed."""
        store = crashed(journal_at(RevokeToken))
        journal = _journal_at_the_clear()
        store.write_journal("default", epoch=1, journal=journal)
        store.clear("default", epoch=1)
        auth = Auth(store, cast.runner(), observers=[told])
        assert list(store.journals()) == ["default"]
        result = auth.resume()
        assert isinstance(result, CompleteSignOut)
        assert result.resumed
        assert [notice.resumed for notice in of_kind(told.notices, SignedOutLocally)] == [True]
        assert cast.called == []
        assert list(store.journals()) == []
        assert auth.resume() is None

    def test_no_remote_step_is_tried_without_its_tokens(self, cast: Cast) -> None:
        store = crashed(journal_at(RevokeToken))
        store.clear("default", epoch=1)
        assert isinstance(Auth(store, cast.runner()).resume(), CompleteSignOut)
        assert cast.called == []
        assert list(store.journals()) == []

    def test_a_hosted_ui_that_comes_last_is_shown_again(self, cast: Cast) -> None:
        """The crash came while the browser was away: its cookie may live on."""
        policy = SignOutPolicy(hosted_ui="last")
        store = MemoryCredentialStore()
        auth = Auth(store, cast.runner(), policy=policy)
        auth.sign_in(session(SignInMethod.HOSTED_UI))
        journals: list[str | None] = []
        cast.before[ShowHostedUISignOut] = lambda _: journals.append(store.read_journal("default"))
        assert isinstance(auth.sign_out(), CompleteSignOut)
        assert store.read_journal("default") is None
        assert journals[0] is not None
        again = MemoryCredentialStore()
        again.begin("default", session(SignInMethod.HOSTED_UI))
        again.leave("default", epoch=1, journal=journals[0])
        again.clear("default", epoch=1)
        other = Cast()
        assert isinstance(Auth(again, other.runner(), policy=policy).resume(), CompleteSignOut)
        assert other.names() == ["ShowHostedUISignOut"]


def _journal_at_the_clear() -> str:
    """Give the journal as it stands while the credentials are cleared."""
    seen: list[str | None] = []
    true_store = MemoryCredentialStore()

    def look(true: Any) -> object:
        seen.append(true_store.read_journal("default"))
        return true()

    auth = Auth(faulty(true_store, clear=look), Cast().runner())
    auth.sign_in(session())
    auth.sign_out()
    assert seen[0] is not None
    return seen[0]


def test_a_resume_leaves_alone_who_signed_in_after_it_was_read(cast: Cast) -> None:
    """S13, where the journal cannot be followed, and another process signs in just after it was read."""
    true_store = MemoryCredentialStore()
    true_store.begin("default", session())
    true_store.leave("default", epoch=1, journal="no journal at all")

    def read(true: Any) -> object:
        journal = true()
        true_store.begin("default", session(tokens=pool_tokens("2")), replace=True)
        return journal

    auth = Auth(faulty(true_store, read_journal=read), cast.runner())
    auth.resume()
    assert true_store.load("default").state is EntryState.LIVE
    assert cast.called == []


def test_a_failure_with_a_number_for_a_code_is_the_handler_s_mistake_and_ends_at_once(
    store: MemoryCredentialStore,
) -> None:
    from authsm import EffectFailedError, Failure, FailureKind  # noqa: PLC0415 - for this test alone

    def fails(*_: object) -> None:
        raise EffectFailedError(Failure(FailureKind.REFUSED, 403, "denied"))  # type: ignore[arg-type]  # the mistake

    auth = Auth(store, {RevokeToken: fails})
    auth.sign_in(session())
    result = auth.sign_out()
    assert isinstance(result.steps.revoke_token, Failed)
    assert result.steps.revoke_token.failure.code == "TypeError"
