"""`authsm.sign_out`: signing out tokens that another SDK keeps its own way, in three lines."""

import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import authsm
from authsm import (
    CompleteSignOut,
    ConfigurationException,
    CredentialStoreException,
    Done,
    FailedSignOut,
    GlobalSignOut,
    InvalidStateException,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignedInData,
    SignedOutLocally,
    SignInMethod,
    SignOutResult,
    Skipped,
    Transition,
    UserCancelledException,
    UserPoolTokens,
    Why,
)
from authsm.auth import blocking
from authsm.auth.holders import Found, KeptHolder
from tests.auth.styles import Told
from tests.auth.world import (
    GUARD,
    SOON,
    Act,
    Cast,
    Token,
    UnprintableError,
    gate,
    of_kind,
    pool_tokens,
    session,
    shouted,
)
from tests.leaks import leaks_in, shown_by

NOBODY_LOOKED: Final = "the clear returned; nothing looked whether the credentials are gone"


class Sdk:
    """Another SDK, which keeps its tokens in an attribute."""

    def __init__(self, error: BaseException | None = None, *, forgets: bool = True) -> None:
        self.tokens: UserPoolTokens | None = pool_tokens()
        self.clears = 0
        self._error = error
        self._forgets = forgets

    def clear(self) -> str:
        self.clears += 1
        if self._forgets:
            self.tokens = None
        if self._error is not None:
            raise self._error
        return "what a clear returns means nothing"

    def is_cleared(self) -> bool:
        return self.tokens is None


def without_browser(cast: Cast) -> dict[Any, Any]:
    """Handlers for tokens that do not say how the user signed in."""
    return {effect: handler for effect, handler in cast.runner().handlers.items() if effect is not ShowHostedUISignOut}


def sign_out(sdk: Sdk, cast: Cast | None = None, data: Any = None, **how: Any) -> SignOutResult:
    """Sign the SDK out, as an embedder would."""
    cast = cast or Cast()
    runner = cast.runner() if isinstance(data, SignedInData) else without_browser(cast)
    return authsm.sign_out(data or pool_tokens(), runner=runner, clear=sdk.clear, is_cleared=sdk.is_cleared, **how)


def test_the_sdk_s_tokens_are_revoked_and_then_forgotten(cast: Cast) -> None:
    sdk, order = Sdk(), list[tuple[str, bool]]()
    cast.before[RevokeToken] = lambda _: order.append(("revoking", sdk.is_cleared()))
    result = sign_out(sdk, cast)
    assert isinstance(result, CompleteSignOut)
    assert (result.steps.clear_credentials, result.signed_out_locally, result.resumed) == (Done(), True, False)
    assert order == [("revoking", False)]
    assert cast.called[0].tokens == pool_tokens()
    assert (sdk.clears, sdk.is_cleared()) == (1, True)


def a_look(answer: object) -> Callable[[], Any]:
    """What an SDK answers when it is asked whether it has forgotten its tokens."""

    def look() -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return look


ENDS: Final[dict[str, tuple[Sdk, Callable[[], Any] | None, bool | None, str]]] = {
    "cleared, nobody looks": (Sdk(), None, True, NOBODY_LOOKED),
    "cleared, and seen": (Sdk(), a_look(answer=True), True, ""),
    "the clear raises, and the tokens are gone": (Sdk(OSError("disk")), a_look(answer=True), True, ""),
    "the clear raises, nobody looks": (Sdk(OSError("disk")), None, None, "nothing looked (OSError: disk)"),
    "the clear raises, and the tokens are there": (
        Sdk(OSError("disk"), forgets=False),
        a_look(answer=False),
        False,
        "still there (OSError: disk)",
    ),
    "the clear lies": (Sdk(forgets=False), a_look(answer=False), False, "still there."),
    "the look gives None": (Sdk(), a_look(answer=None), False, "still there."),
    "the look raises": (Sdk(), a_look(OSError("locked")), None, "looking failed (OSError: locked)"),
    "both raise": (
        Sdk(OSError("disk")),
        a_look(ValueError("odd")),
        None,
        "looking failed (ValueError: odd) (OSError: disk)",
    ),
    "the clear raises what cannot be shown": (Sdk(UnprintableError()), None, None, "cannot be shown"),
    "the clear exits": (Sdk(SystemExit(3)), a_look(answer=True), None, "3"),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_result_says_what_is_known_of_the_clear_and_no_more(end: str) -> None:
    """A look counts for more than what the clear said; without one, a clear that returns is believed, and told so."""
    sdk, look, gone, says = ENDS[end]
    result = authsm.sign_out(pool_tokens(), runner=without_browser(Cast()), clear=sdk.clear, is_cleared=look)
    assert sdk.clears == 1
    assert result.signed_out_locally is gone
    assert result.steps.revoke_token == Done()
    if gone:
        assert isinstance(result, CompleteSignOut)
        assert result.steps.clear_credentials == Done(says)
    else:
        assert isinstance(result, FailedSignOut)
        assert isinstance(result.exception, CredentialStoreException)
        assert result.exception.failure is not None
        assert says in result.exception.failure.message


@pytest.mark.parametrize("failing", [RevokeToken, GlobalSignOut, ShowHostedUISignOut])
def test_the_clear_happens_whatever_the_remote_steps_did(failing: Any) -> None:
    sdk = Sdk()
    result = sign_out(sdk, Cast({failing: Act.RAISES_OS}), session(SignInMethod.HOSTED_UI), global_sign_out=True)
    assert isinstance(result, PartialSignOut)
    assert sdk.clears == 1
    assert result.username == "ada"


NOT_CLEARED: Final = {
    "the user cancels": (SignInMethod.HOSTED_UI, UserCancelledException),
    "federated to an identity pool": (SignInMethod.FEDERATED, InvalidStateException),
}


@pytest.mark.parametrize("why", NOT_CLEARED)
def test_nothing_is_cleared_where_the_sign_out_is_off(why: str) -> None:
    method, exception = NOT_CLEARED[why]
    sdk, cast = Sdk(), Cast({ShowHostedUISignOut: Act.CALLS_OFF})
    result = sign_out(sdk, cast, session(method))
    assert isinstance(result, FailedSignOut)
    assert isinstance(result.exception, exception)
    assert (sdk.clears, result.signed_out_locally) == (0, False)
    assert "RevokeToken" not in cast.names()


def test_a_missing_handler_is_found_before_anything_is_done() -> None:
    sdk = Sdk()
    result = authsm.sign_out(pool_tokens(), runner={}, clear=sdk.clear)
    assert isinstance(result, FailedSignOut)
    assert isinstance(result.exception, ConfigurationException)
    assert "RevokeToken" in result.exception.message
    assert sdk.clears == 0


def test_the_hosted_ui_is_shown_only_where_the_sign_in_is_known_to_have_been_there(cast: Cast) -> None:
    """Bare tokens do not say how the user signed in; `SignedInData` does."""
    assert sign_out(Sdk(), cast).steps.hosted_ui == Skipped(Why.NOT_MADE_IN_HOSTED_UI)
    assert sign_out(Sdk(), cast, session(SignInMethod.HOSTED_UI)).steps.hosted_ui == Done()


@given(
    st.builds(pool_tokens, access=st.sampled_from(Token), identity=st.sampled_from(Token), refresh=st.booleans()),
    st.booleans(),
)
def test_whatever_tokens_there_are_the_sdk_is_cleared_once(tokens: UserPoolTokens, to_all: bool) -> None:
    """Malformed, expired or none at all: this is the end of a session, and no time to complain of it."""
    sdk, cast = Sdk(), Cast()
    result = authsm.sign_out(
        tokens, runner=without_browser(cast), clear=sdk.clear, is_cleared=sdk.is_cleared, global_sign_out=to_all
    )
    assert isinstance(result, CompleteSignOut | PartialSignOut)
    assert sdk.clears == 1
    assert ("RevokeToken" in cast.names()) is (tokens.refresh_token is not None)
    assert ("GlobalSignOut" in cast.names()) is (to_all and tokens.access_token is not None)
    assert all(each.tokens == tokens for each in cast.called)


def test_refreshed_tokens_are_used_for_the_rest_and_belong_to_this_sign_out_alone(cast: Cast) -> None:
    cast.before[RefreshTokens] = lambda call: call.save_refreshed(pool_tokens("2"))
    result = sign_out(Sdk(), cast, pool_tokens(access=Token.EXPIRED), global_sign_out=True)
    assert isinstance(result, CompleteSignOut)
    assert [(each.effect.name, each.tokens) for each in cast.called] == [
        ("RefreshTokens", pool_tokens(access=Token.EXPIRED)),
        ("GlobalSignOut", pool_tokens("2")),
        ("RevokeToken", pool_tokens("2")),
    ]


def test_the_username_is_read_off_the_tokens_where_nobody_says_it(cast: Cast) -> None:
    sign_out(Sdk(), cast, pool_tokens())
    sign_out(Sdk(), cast, UserPoolTokens.from_text(refresh_token="opaque-refresh-token"))
    assert [each.call.username for each in cast.called] == ["ada", ""]


def test_observers_see_every_step_under_the_name_of_the_session(told: Told) -> None:
    sign_out(Sdk(), observers=[told], key="their session")
    assert [each.target.state for each in of_kind(told.notices, Transition)] == [
        "RevokingToken",
        "SigningOutLocally",
        "SignedOut",
    ]
    (notice,) = of_kind(told.notices, SignedOutLocally)
    assert (notice.key, notice.epoch, notice.resumed) == ("their session", 0, False)


def test_what_clear_and_look_raise_shows_no_token(told: Told) -> None:
    secrets = tuple(pool_tokens().secrets())
    sdk = Sdk(RuntimeError(shouted(secrets)))
    result = authsm.sign_out(
        pool_tokens(),
        runner=without_browser(Cast()),
        clear=sdk.clear,
        is_cleared=a_look(RuntimeError(shouted(secrets))),
        observers=[told],
    )
    assert isinstance(result, FailedSignOut)
    assert leaks_in(shown_by(result, *told.notices), secrets) == []


def test_a_clear_that_hangs_ends_at_its_time_limit() -> None:
    with gate() as made:
        result = authsm.sign_out(
            pool_tokens(),
            runner=without_browser(Cast()),
            clear=made,
            limits=Limits(seconds={authsm.ClearCredentials: SOON}),
        )
    assert isinstance(result, FailedSignOut)
    assert result.signed_out_locally is None


@pytest.mark.parametrize(
    ("runner", "says"),
    [
        pytest.param("cognito", "str is no runner", id="no runner"),
        pytest.param(Cast(asynchronous=True).runner(), "is async, and this call blocks", id="async handlers"),
    ],
)
def test_a_runner_that_cannot_be_run_here_is_refused_before_anything_is_done(runner: Any, says: str) -> None:
    sdk = Sdk()
    with pytest.raises(ConfigurationException, match=says):
        authsm.sign_out(pool_tokens(), runner=runner, clear=sdk.clear)
    assert sdk.clears == 0


def test_calls_at_the_same_time_do_not_become_one() -> None:
    """It says that it cannot promise this: nothing tells whether two of them are the same session."""
    sdk, both = Sdk(), threading.Barrier(2, timeout=GUARD)
    cast = Cast(before={RevokeToken: lambda _: both.wait()})
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(sign_out, sdk, cast) for _ in range(2)]
        assert all(isinstance(each.result(GUARD), CompleteSignOut) for each in results)
    assert (sdk.clears, cast.names()) == (2, ["RevokeToken", "RevokeToken"])


def test_ctrl_c_clears_all_the_same_and_goes_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk, revoking = Sdk(), threading.Event()
    cast = Cast({RevokeToken: Act.HANGS}, before={RevokeToken: lambda _: revoking.set()})
    true_wait, due = concurrent.futures.wait, [True]

    def wait_for(*how: Any) -> Any:
        if due and revoking.is_set():
            due.pop()
            raise KeyboardInterrupt
        return true_wait(*how)

    monkeypatch.setattr(blocking, "wait_for", wait_for)
    monkeypatch.setattr(blocking, "_LOOK_UP_SECONDS", 0.01)
    with pytest.raises(KeyboardInterrupt):
        sign_out(sdk, cast, limits=Limits(grace=SOON))
    assert (sdk.clears, sdk.is_cleared()) == (1, True)


def test_no_store_of_authsm_is_touched(store: MemoryCredentialStore) -> None:
    store.begin("default", session())
    before = store.load("default")
    sign_out(Sdk())
    assert store.load("default") == before


def test_tokens_that_are_kept_elsewhere_leave_nothing_to_resume() -> None:
    """It says that it cannot promise this: no journal outlives a crash."""
    holder = KeptHolder(session(), "key")
    holder.write_journal("of a crash")
    assert holder.reopen(1) is Found.NOTHING
