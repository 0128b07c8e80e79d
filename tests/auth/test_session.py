"""A session before its sign-out: signing in, handing credentials out, refreshing them, and telling what there is."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm import (
    AsyncAuth,
    Auth,
    AuthState,
    CompleteSignOut,
    ConfigurationException,
    Credentials,
    CredentialStoreException,
    FailureKind,
    FileCredentialStore,
    InvalidStateException,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    SignedInData,
    SignInMethod,
    SignOutResult,
    Transition,
    UserPoolTokens,
)
from authsm.stores.contract import Entry, EntryState, StoreCorruptError, StoreUnavailableError
from tests.auth.world import (
    GUARD,
    Cast,
    Token,
    UnprintableError,
    answering,
    faulty,
    pool_tokens,
    raising,
    session,
    shouted,
)
from tests.leaks import LONG_ENOUGH, leaks_in, with_locals

T = TypeVar("T")


class InThreads(Auth):
    """`Auth`, with its steps as a list."""

    def steps(self, **how: Any) -> list[Transition[Any]]:
        return list(self.sign_out_steps(**how))


class OnLoop:
    """`AsyncAuth` with the face of `Auth`: each call is awaited in an event loop of its own."""

    def __init__(self, backend: str, *what: Any, **how: Any) -> None:
        self._backend = backend
        self._auth = AsyncAuth(*what, **how)

    def _run(self, call: Callable[..., Awaitable[T]], *args: Any, **named: Any) -> T:
        async def main() -> T:
            with anyio.fail_after(GUARD):
                return await call(*args, **named)

        return anyio.run(main, backend=self._backend)

    @property
    def state(self) -> AuthState:
        return self._run(self._auth.state)

    @property
    def last_result(self) -> SignOutResult | None:
        return self._auth.last_result

    def sign_in(self, data: SignedInData, *, replace: bool = False) -> None:
        self._run(self._auth.sign_in, data, replace=replace)

    def credentials(self) -> Credentials | None:
        return self._run(self._auth.credentials)

    def save_refreshed(self, credentials: Credentials, tokens: UserPoolTokens) -> bool:
        return self._run(self._auth.save_refreshed, credentials, tokens)

    def sign_out(self, **how: Any) -> SignOutResult:
        return self._run(self._auth.sign_out, **how)

    def steps(self, **how: Any) -> list[Transition[Any]]:
        async def collect() -> list[Transition[Any]]:
            return [step async for step in self._auth.sign_out_steps(**how)]

        return self._run(collect)

    def retry(self, partial: PartialSignOut) -> SignOutResult:
        return self._run(self._auth.retry, partial)

    def resume(self) -> SignOutResult | None:
        return self._run(self._auth.resume)


Face: TypeAlias = InThreads | OnLoop
Way: TypeAlias = Callable[..., Face]
WAYS: Final[dict[str, Way]] = {
    "Auth": InThreads,
    "AsyncAuth on asyncio": functools.partial(OnLoop, "asyncio"),
    "AsyncAuth on trio": functools.partial(OnLoop, "trio"),
}
every_way: Final = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())

OTHER: Final = session(tokens=pool_tokens("2"), username="grace")
NAIVE: Final = datetime(2030, 1, 1)  # noqa: DTZ001 - without a time zone on purpose
TOKENS: Final = pool_tokens()


def held_by(auth: Face) -> Credentials:
    """The credentials of whoever is signed in."""
    held = auth.credentials()
    assert held is not None
    return held


@every_way
def test_who_signs_in_is_handed_the_same_credentials_again(way: Way, store: MemoryCredentialStore) -> None:
    auth = way(store, {})
    assert (auth.state, auth.credentials()) == (AuthState.SIGNED_OUT, None)
    auth.sign_in(session())
    assert (auth.state, auth.credentials()) == (AuthState.SIGNED_IN, Credentials(session(), epoch=1, generation=1))
    assert auth.last_result is None


@every_way
@pytest.mark.parametrize("leaving", [False, True], ids=["live", "leaving"])
def test_signing_in_over_a_session_is_refused_and_leaves_it_alone(
    way: Way, leaving: bool, store: MemoryCredentialStore
) -> None:
    auth = way(store, {})
    auth.sign_in(session())
    if leaving:
        store.leave("default", epoch=1, journal="of a crash")
    before = store.load("default")
    with pytest.raises(InvalidStateException, match="already a user signed in") as caught:
        auth.sign_in(OTHER)
    assert "replace=True" in caught.value.recovery_suggestion
    assert store.load("default") == before
    assert leaks_in([with_locals(caught.value)], [*session().secrets(), *OTHER.secrets()]) == []


@every_way
def test_signing_in_with_replace_forgets_the_old_session_without_signing_it_out(
    way: Way, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = way(store, cast.runner())
    auth.sign_in(session())
    auth.sign_in(OTHER, replace=True)
    assert held_by(auth) == Credentials(OTHER, epoch=2, generation=1)
    assert cast.called == []


@every_way
def test_one_can_sign_in_again_after_a_sign_out(way: Way, store: MemoryCredentialStore, cast: Cast) -> None:
    auth = way(store, cast.runner())
    auth.sign_in(session())
    assert isinstance(auth.sign_out(), CompleteSignOut)
    assert (auth.state, auth.credentials()) == (AuthState.SIGNED_OUT, None)
    auth.sign_in(OTHER)
    assert (auth.state, held_by(auth).epoch) == (AuthState.SIGNED_IN, 2)


@every_way
def test_each_key_is_a_session_of_its_own(way: Way, store: MemoryCredentialStore) -> None:
    ada, grace = way(store, {}, key="ada"), way(store, {}, key="grace")
    ada.sign_in(session())
    assert (grace.state, grace.credentials()) == (AuthState.SIGNED_OUT, None)
    grace.sign_in(OTHER)
    assert (held_by(ada).data, held_by(grace).data) == (session(), OTHER)


def _with_aws_expiration(moment: datetime) -> SignedInData:
    data = session()
    assert data.aws_credentials is not None
    return replace(data, aws_credentials=replace(data.aws_credentials, expiration=moment))


BAD_DATA: Final = {
    "access_token": session(tokens=pool_tokens(access=Token.MALFORMED)),
    "id_token": session(tokens=pool_tokens(identity=Token.MALFORMED)),
    "refresh_token": session(tokens=UserPoolTokens.from_text(refresh_token="opaque refresh token, with spaces")),
    "neither an access token nor a refresh token": session(tokens=pool_tokens(access=Token.ABSENT, refresh=False)),
    "signed_in_at": session(signed_in_at=NAIVE),
    "refresh_token_expires_at": session(refresh_token_expires_at=NAIVE),
    "aws_credentials.expiration": _with_aws_expiration(NAIVE),
}


@every_way
@pytest.mark.parametrize("names", BAD_DATA)
def test_data_that_could_never_be_signed_out_is_refused_by_name(
    way: Way, names: str, store: MemoryCredentialStore
) -> None:
    auth, data = way(store, {}), BAD_DATA[names]
    with pytest.raises(ConfigurationException, match=names) as caught:
        auth.sign_in(data)
    assert leaks_in([with_locals(caught.value)], data.secrets()) == []
    assert store.load("default") == Entry(EntryState.ABSENT)


@pytest.mark.parametrize("method", [SignInMethod.GUEST, SignInMethod.FEDERATED])
def test_who_has_no_tokens_of_the_pool_may_sign_in_all_the_same(
    method: SignInMethod, store: MemoryCredentialStore
) -> None:
    data = SignedInData(sign_in_method=method)
    auth = Auth(store, {})
    auth.sign_in(data)
    assert held_by(InThreads(store, {})).data == data
    assert auth.state == AuthState.SIGNED_IN


@given(st.one_of(st.text(min_size=1), st.text("AZaz09_=.-", min_size=1)))
def test_whatever_a_refresh_token_is_like_it_is_kept_as_it_is_or_refused_unseen(text: str) -> None:
    auth = InThreads(MemoryCredentialStore(), {})
    data = session(tokens=UserPoolTokens.from_text(refresh_token=text))
    refused = ""
    try:
        auth.sign_in(data)
    except ConfigurationException as error:
        refused = f"{error} {error!r}"
    held = auth.credentials()
    assert (held is None) is bool(refused)
    assert held is None or held.data == data
    assert len(text) < LONG_ENOUGH or text not in refused


ERRORS: Final[dict[str, tuple[Exception, FailureKind]]] = {
    "unavailable": (StoreUnavailableError("locked by another process"), FailureKind.UNEXPECTED),
    "corrupt": (StoreCorruptError("the file is damaged"), FailureKind.UNEXPECTED),
    "disk": (OSError(28, "No space left on device"), FailureKind.UNREACHABLE),
    "slow": (TimeoutError("no lock in time"), FailureKind.TIMED_OUT),
    "mistake": (KeyError("epoch"), FailureKind.UNEXPECTED),
    "unprintable": (UnprintableError(), FailureKind.UNEXPECTED),
}


@dataclass(frozen=True)
class Use:
    """A call that needs an operation of the store."""

    operation: str
    call: Callable[[Face], object]
    state: EntryState = EntryState.LIVE


USES: Final = {
    "sign_in": Use("begin", lambda auth: auth.sign_in(session(), replace=True)),
    "credentials": Use("load", lambda auth: auth.credentials()),
    "save_refreshed": Use("save", lambda auth: auth.save_refreshed(Credentials(session(), 1, 1), TOKENS)),
    "state": Use("load", lambda auth: auth.state),
    "resume, looking": Use("load", lambda auth: auth.resume()),
    "resume, reading the journal": Use("read_journal", lambda auth: auth.resume(), EntryState.LEAVING),
}


@every_way
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("use", USES)
def test_what_a_store_raises_becomes_one_exception_that_shows_no_token(
    way: Way, use: str, error: str, store: MemoryCredentialStore
) -> None:
    """The store's own frames hold tokens in clear: they must not hang on to the exception that goes to the caller."""
    store.begin("default", session())
    if USES[use].state is EntryState.LEAVING:
        store.leave("default", epoch=1, journal="of a crash")
    raised, kind = ERRORS[error]

    def fault(_: Callable[[], object]) -> object:
        text_to_write = shouted(session().secrets())
        assert text_to_write
        raise raised

    flaky = faulty(store, **{USES[use].operation: fault})
    auth = way(flaky, Cast().runner())
    with pytest.raises(CredentialStoreException) as caught:
        USES[use].call(auth)
    assert caught.value.failure is not None
    assert (caught.value.failure.kind, caught.value.failure.code) == (kind, type(raised).__name__)
    assert leaks_in([with_locals(caught.value), str(caught.value)], session().secrets()) == []
    flaky.faults.clear()
    USES[use].call(auth)


CORRUPT: Final[dict[str, Callable[[Face], object]]] = {
    "state": lambda auth: auth.state,
    "credentials": lambda auth: auth.credentials(),
    "sign_in": lambda auth: auth.sign_in(session()),
    "save_refreshed": lambda auth: auth.save_refreshed(Credentials(session(), 1, 1), TOKENS),
    "resume": lambda auth: auth.resume(),
}


@every_way
@pytest.mark.parametrize("call", CORRUPT)
def test_a_damaged_file_is_named_and_neither_used_nor_overwritten(way: Way, call: str, tmp_path: Path) -> None:
    auth = way(FileCredentialStore(tmp_path), {})
    auth.sign_in(session())
    (file,) = tmp_path.glob("*.credentials")
    file.write_text("scrambled eggs")
    with pytest.raises(CredentialStoreException, match=file.name):
        CORRUPT[call](auth)
    assert file.read_text() == "scrambled eggs"
    auth.sign_in(OTHER, replace=True)
    assert held_by(auth).data == OTHER


@every_way
@pytest.mark.parametrize("call", ["state", "credentials", "resume"])
def test_an_entry_that_reads_as_corrupt_is_neither_signed_in_nor_signed_out(way: Way, call: str) -> None:
    store = faulty(MemoryCredentialStore(), load=answering(Entry(EntryState.CORRUPT, reason="row 7 is damaged")))
    with pytest.raises(CredentialStoreException, match="row 7 is damaged") as caught:
        CORRUPT[call](way(store, {}))
    assert "replace=True" in caught.value.recovery_suggestion


STATES: Final = {
    EntryState.ABSENT: AuthState.SIGNED_OUT,
    EntryState.LIVE: AuthState.SIGNED_IN,
    EntryState.LEAVING: AuthState.SIGNING_OUT,
    EntryState.TOMBSTONE: AuthState.SIGNED_OUT,
}


def store_in(state: EntryState) -> MemoryCredentialStore:
    """A store whose session is in that state."""
    store = MemoryCredentialStore()
    if state is not EntryState.ABSENT:
        store.begin("default", session())
    if state is EntryState.LEAVING:
        store.leave("default", epoch=1, journal="of a crash")
    if state is EntryState.TOMBSTONE:
        store.clear("default", epoch=1)
    assert store.load("default").state is state
    return store


@every_way
@pytest.mark.parametrize("state", STATES)
def test_the_state_and_the_credentials_follow_from_what_is_stored(way: Way, state: EntryState) -> None:
    auth = way(store_in(state), {})
    assert auth.state == STATES[state]
    assert (auth.credentials() is not None) is (state is EntryState.LIVE)


@every_way
def test_refreshed_tokens_take_the_place_of_the_old_ones_and_nothing_else_changes(
    way: Way, store: MemoryCredentialStore
) -> None:
    auth = way(store, {})
    auth.sign_in(session(SignInMethod.HOSTED_UI))
    assert auth.save_refreshed(held_by(auth), pool_tokens("2"))
    data = session(SignInMethod.HOSTED_UI, pool_tokens("2"))
    assert held_by(auth) == Credentials(data, epoch=1, generation=2)


MOVED_ON: Final[dict[str, Callable[[Face, MemoryCredentialStore], object]]] = {
    "refreshed by somebody else": lambda auth, _: auth.save_refreshed(held_by(auth), pool_tokens("winner")),
    "signed out": lambda auth, _: auth.sign_out(),
    "signed in anew": lambda auth, _: auth.sign_in(OTHER, replace=True),
    "signed out and in again": lambda auth, _: (auth.sign_out(), auth.sign_in(OTHER)),
    "leaving in another process": lambda _, store: store.leave("default", epoch=1, journal="theirs"),
}


@every_way
@pytest.mark.parametrize("moved_on", MOVED_ON)
def test_a_refresh_that_comes_too_late_is_refused_and_changes_nothing(
    way: Way, moved_on: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = way(store, cast.runner())
    auth.sign_in(session())
    held = held_by(auth)
    MOVED_ON[moved_on](auth, store)
    before = store.load("default")
    assert not auth.save_refreshed(held, pool_tokens("late"))
    assert store.load("default") == before


@every_way
def test_malformed_refreshed_tokens_are_refused_and_the_old_ones_stay(way: Way, store: MemoryCredentialStore) -> None:
    auth = way(store, {})
    auth.sign_in(session())
    malformed = pool_tokens("2", access=Token.MALFORMED)
    with pytest.raises(ConfigurationException, match="access_token") as caught:
        auth.save_refreshed(held_by(auth), malformed)
    assert leaks_in([with_locals(caught.value)], malformed.secrets()) == []
    assert held_by(auth) == Credentials(session(), epoch=1, generation=1)


@pytest.mark.parametrize("kind", [Auth, AsyncAuth])
def test_what_is_no_runner_is_refused_at_once(kind: Any, store: MemoryCredentialStore) -> None:
    with pytest.raises(ConfigurationException, match="str is no runner"):
        kind(store, "cognito")


def test_auth_refuses_handlers_that_have_to_be_awaited_by_name(store: MemoryCredentialStore) -> None:
    runner = Cast(asynchronous=True).runner()
    with pytest.raises(ConfigurationException, match=r"GlobalSignOut.*RevokeToken.*async") as caught:
        Auth(store, runner)
    assert "AsyncAuth" in caught.value.recovery_suggestion


@pytest.mark.parametrize("way", [way for name, way in WAYS.items() if name != "Auth"], ids=["asyncio", "trio"])
def test_async_auth_takes_plain_and_async_handlers_side_by_side(way: Way, store: MemoryCredentialStore) -> None:
    plain, awaited = Cast(), Cast(asynchronous=True)
    handlers = {**plain.runner().handlers, RevokeToken: awaited.runner().handlers[RevokeToken]}
    auth = way(store, handlers)
    auth.sign_in(session())
    assert isinstance(auth.sign_out(global_sign_out=True), CompleteSignOut)
    assert (plain.names(), awaited.names()) == (["GlobalSignOut"], ["RevokeToken"])


def test_the_store_s_own_interruption_is_not_taken_for_a_failure(store: MemoryCredentialStore) -> None:
    """Ctrl-C that comes while the store works belongs to whoever pressed it."""
    auth = Auth(faulty(store, load=raising(KeyboardInterrupt())), {})
    with pytest.raises(KeyboardInterrupt):
        auth.credentials()
