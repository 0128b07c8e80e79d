"""Going on after a crash with `resume`, and trying again with `retry` what failed in a partial sign-out."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm import (
    Auth,
    Authority,
    AuthState,
    ClearCredentials,
    CompleteSignOut,
    CredentialStoreException,
    Failed,
    FailedSignOut,
    FailureKind,
    FileCredentialStore,
    GlobalSignOut,
    JournalFailed,
    MemoryCredentialStore,
    PartialSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignedOutLocally,
    SignInMethod,
    SignOutPolicy,
    Skipped,
    UserPoolTokens,
    Why,
)
from authsm.core.vocabulary import Effect
from authsm.flows.sign_out.results import Done
from authsm.stores.contract import Entry, EntryState, StoreUnavailableError
from tests.auth.styles import Told
from tests.auth.test_session import STATES, Way, every_way, store_in
from tests.auth.world import (
    EVERYTHING_IS_DUE,
    GUARD,
    Act,
    Cast,
    Token,
    answering,
    faulty,
    gate,
    of_kind,
    pool_tokens,
    raising,
    raising_after,
    session,
    shouted,
    states,
)
from tests.leaks import leaks_in, shown_by

IRREVERSIBLE: Final = (GlobalSignOut, RevokeToken, ClearCredentials)
per_step = pytest.mark.parametrize("step", IRREVERSIBLE, ids=lambda step: step.__name__)


def journal_at(step: type[Effect], **how: Any) -> str:
    """What stands in the store while a sign-out of everything is at that step."""
    store, seen = MemoryCredentialStore(), list[str | None]()

    def look(*_: object) -> None:
        seen.append(store.read_journal("default"))

    def clear(true: Callable[[], object]) -> object:
        if step is ClearCredentials:
            look()
        return true()

    auth = Auth(faulty(store, clear=clear), Cast(before={step: look}).runner(), **how)
    auth.sign_in(EVERYTHING_IS_DUE)
    auth.sign_out(global_sign_out=True)
    (journal,) = seen
    assert journal is not None
    return journal


def crashed(journal: str) -> MemoryCredentialStore:
    """A store as a crash leaves it, with that journal."""
    store = MemoryCredentialStore()
    store.begin("default", EVERYTHING_IS_DUE)
    store.leave("default", epoch=1, journal=journal)
    return store


@every_way
@pytest.mark.parametrize("state", [state for state in STATES if state is not EntryState.LEAVING])
def test_where_nothing_was_interrupted_there_is_nothing_to_resume(way: Way, state: EntryState, cast: Cast) -> None:
    store = store_in(state)
    before = store.load("default")
    auth = way(store, cast.runner())
    assert (auth.resume(), auth.last_result, cast.called) == (None, None, [])
    assert store.load("default") == before


@every_way
@per_step
def test_resume_goes_on_at_the_step_whose_outcome_was_lost(
    way: Way, step: type[Effect], cast: Cast, told: Told
) -> None:
    """That step is attempted again, and says so; what was done before stays done, and is not done twice."""
    store = crashed(journal_at(step))
    auth = way(store, cast.runner(), observers=[told])
    result = auth.resume()
    assert isinstance(result, CompleteSignOut)
    assert result is auth.last_result
    assert (result.resumed, result.signed_out_locally) == (True, True)
    assert {outcome for name, outcome in result.steps if name != "end_sso_session"} == {Done()}
    left = IRREVERSIBLE[IRREVERSIBLE.index(step) : -1]
    assert [(each.effect.name, each.call.attempt) for each in cast.called] == [
        (effect.__name__, 2 if effect is step else 1) for effect in left
    ]
    assert [(notice.key, notice.epoch, notice.resumed) for notice in of_kind(told.notices, SignedOutLocally)] == [
        ("default", 1, True)
    ]
    assert (store.load("default").state, store.read_journal("default")) == (EntryState.TOMBSTONE, None)
    assert auth.resume() is None


def test_each_crash_counts_as_one_more_attempt() -> None:
    store, cast, journals = crashed(journal_at(RevokeToken)), Cast(), list[str]()
    cast.before[RevokeToken] = lambda _: journals.append(store.read_journal("default") or "")
    for _ in range(3):
        Auth(store, cast.runner()).resume()
        store = crashed(journals.pop())
    assert [each.call.attempt for each in cast.called] == [2, 3, 4]


def test_a_resumed_sign_out_keeps_the_plan_it_was_begun_with(cast: Cast) -> None:
    """The policy of who resumes does not matter: what was asked for is in the journal."""
    store = crashed(journal_at(GlobalSignOut))
    assert isinstance(Auth(store, cast.runner(), policy=SignOutPolicy(local_only=True)).resume(), CompleteSignOut)
    assert cast.names() == ["GlobalSignOut", "RevokeToken"]


def test_a_new_process_resumes_from_files(tmp_path: Path, cast: Cast) -> None:
    FileCredentialStore(tmp_path).begin("default", EVERYTHING_IS_DUE)
    FileCredentialStore(tmp_path).leave("default", epoch=1, journal=journal_at(RevokeToken))
    store = FileCredentialStore(tmp_path)
    assert list(store.journals()) == ["default"]
    assert isinstance(Auth(store, cast.runner()).resume(), CompleteSignOut)
    assert cast.called[0].tokens == EVERYTHING_IS_DUE.tokens
    assert (store.load("default").data, list(store.journals())) == (None, [])


def _other_version(journal: str) -> str:
    said = json.loads(journal)
    snapshot = json.loads(said["snapshot"])
    return json.dumps({**said, "snapshot": json.dumps({**snapshot, "digest": "of another chart"})})


def _in_an_end(journal: str) -> str:
    said = json.loads(journal)
    return json.dumps({**said, "snapshot": json.dumps({**json.loads(said["snapshot"]), "state": "SignedOut"})})


UNREADABLE: Final[dict[str, tuple[Callable[[str], str], bool]]] = {
    "of another version": (_other_version, True),
    "of a sign-out that has ended": (_in_an_end, True),
    "empty": (lambda _: "", False),
    "cut off": (lambda journal: journal[: len(journal) // 2], False),
    "no JSON": (lambda _: "scrambled eggs", False),
    "with a field that nobody knows": (lambda journal: json.dumps({**json.loads(journal), "mood": "good"}), False),
}


@every_way
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_journal_that_cannot_be_followed_is_told_and_the_sign_out_begins_again(
    way: Way, kind: str, cast: Cast, told: Told
) -> None:
    """Every remote step may safely be tried twice. Whether it was a global sign-out is kept wherever it can be read."""
    spoil, global_sign_out_is_known = UNREADABLE[kind]
    store = crashed(spoil(journal_at(RevokeToken)))
    result = way(store, cast.runner(), observers=[told]).resume()
    assert isinstance(result, CompleteSignOut)
    assert result.resumed
    assert states(told.notices)[0] == "SigningOutHostedUI"
    assert ("GlobalSignOut" in cast.names()) is global_sign_out_is_known
    assert "RevokeToken" in cast.names()
    (failed,) = of_kind(told.notices, JournalFailed)
    assert failed.key == "default"
    assert failed.reason
    assert store.read_journal("default") is None


@given(st.one_of(st.text(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_whatever_a_journal_says_resume_ends_the_sign_out(journal: str) -> None:
    store, cast = crashed(journal), Cast()
    assert isinstance(Auth(store, cast.runner()).resume(), CompleteSignOut)
    assert store.load("default").state is EntryState.TOMBSTONE
    assert "RevokeToken" in cast.names()


def test_two_resumes_at_once_do_nothing_twice(cast: Cast) -> None:
    looked = threading.Semaphore(0)
    true_store = crashed(journal_at(RevokeToken))

    def read_journal(true: Callable[[], object]) -> object:
        looked.release()
        return true()

    store = faulty(true_store, read_journal=read_journal)
    runner = cast.runner()
    with gate() as made, ThreadPoolExecutor(2) as pool:
        cast.before[RevokeToken] = made
        results = [pool.submit(Auth(store, runner).resume)]
        made.reached()
        results.append(pool.submit(Auth(store, runner).resume))
        assert all(looked.acquire(timeout=GUARD) for _ in results)
        made.open()
        assert {type(result.result(GUARD)) for result in results} == {CompleteSignOut}
    assert cast.names() == ["RevokeToken"]


def resume_while(
    meanwhile: Callable[[MemoryCredentialStore, Any], object], journal: str = "", **how: Any
) -> tuple[Any, Auth]:
    """Resume, with something that happens right after the journal was read."""
    true_store = crashed(journal or journal_at(RevokeToken))

    def read_journal(true: Callable[[], object]) -> object:
        read = true()
        meanwhile(true_store, store)
        return read

    store = faulty(true_store, read_journal=read_journal)
    auth = Auth(store, **how)
    result = auth.resume()
    store.faults.clear()
    return result, auth


def test_a_resume_that_comes_after_another_has_ended_does_nothing_twice(cast: Cast, told: Told) -> None:
    result, auth = resume_while(
        lambda store, _: Auth(store, Cast().runner()).resume(), runner=cast.runner(), observers=[told]
    )
    assert isinstance(result, CompleteSignOut)
    assert (cast.called, of_kind(told.notices, SignedOutLocally), auth.state) == ([], [], AuthState.SIGNED_OUT)


def test_a_resume_leaves_a_newer_sign_in_alone(cast: Cast) -> None:
    newer = session(tokens=pool_tokens("new"))
    _, auth = resume_while(lambda store, _: store.begin("default", newer, replace=True), runner=cast.runner())
    held = auth.credentials()
    assert held is not None
    assert (held.data, cast.called) == (newer, [])


def test_a_store_that_fails_in_the_middle_of_a_resume_is_told_and_can_be_resumed_again(cast: Cast) -> None:
    def break_down(_: object, store: Any) -> None:
        broken = raising(StoreUnavailableError("the disk is gone"))
        store.faults.update(dict.fromkeys(("load", "leave", "clear", "verify_cleared"), broken))

    result, auth = resume_while(break_down, runner=cast.runner())
    assert isinstance(result, FailedSignOut)
    assert isinstance(result.exception, CredentialStoreException)
    assert (result.signed_out_locally, result.resumed) == (None, True)
    assert isinstance(auth.resume(), CompleteSignOut)
    assert (auth.state, auth.resume()) == (AuthState.SIGNED_OUT, None)


def test_where_neither_the_journal_nor_the_credentials_can_be_read_nothing_is_done(cast: Cast) -> None:
    """The sign-out then begins from the start, and has to know what there is."""

    def damage(_: object, flaky: Any) -> None:
        flaky.faults["load"] = answering(Entry(EntryState.CORRUPT, reason="row 7 is damaged"))

    result, auth = resume_while(damage, runner=cast.runner(), journal="scrambled eggs")
    assert isinstance(result, FailedSignOut)
    assert "row 7 is damaged" in result.exception.message
    assert (cast.called, auth.state) == ([], AuthState.SIGNING_OUT)


@pytest.mark.parametrize("operation", ["leave", "write_journal", "erase_journal"])
def test_a_journal_that_cannot_be_written_is_told_without_a_token_and_stops_nothing(
    operation: str, store: MemoryCredentialStore, cast: Cast, told: Told
) -> None:
    shows = StoreUnavailableError(shouted(EVERYTHING_IS_DUE.secrets()))
    flaky = faulty(store, **{operation: raising_after(shows)})
    auth = Auth(flaky, cast.runner(), observers=[told])
    auth.sign_in(EVERYTHING_IS_DUE)
    assert isinstance(auth.sign_out(global_sign_out=True), CompleteSignOut)
    assert of_kind(told.notices, JournalFailed)
    assert leaks_in(shown_by(*told.notices), EVERYTHING_IS_DUE.secrets()) == []


EVERY_REMOTE: Final = (ShowHostedUISignOut, GlobalSignOut, RevokeToken)


def partial_of(failing: set[type[Effect]], cast: Cast, auth: Any, **how: Any) -> PartialSignOut:
    """Sign out of everything, with those steps failing; then let everything work."""
    cast.acts = dict.fromkeys(failing, Act.UNREACHABLE)
    auth.sign_in(session(SignInMethod.HOSTED_UI))
    partial = auth.sign_out(global_sign_out=True, **how)
    assert isinstance(partial, PartialSignOut)
    cast.acts = {}
    cast.called.clear()
    return partial


@every_way
@pytest.mark.parametrize(
    "failing", [{ShowHostedUISignOut}, {RevokeToken}, {GlobalSignOut, RevokeToken}, set(EVERY_REMOTE)]
)
def test_retry_tries_just_what_failed_with_the_tokens_of_the_result(
    way: Way, failing: set[type[Effect]], store: MemoryCredentialStore, cast: Cast, told: Told
) -> None:
    auth = way(store, cast.runner(), observers=[told])
    partial = partial_of(failing, cast, auth)
    told.notices.clear()
    result = auth.retry(partial)
    assert isinstance(result, CompleteSignOut)
    assert auth.last_result is result
    names = {effect.__name__ for effect in failing}
    assert (set(cast.names()), len(cast.called)) == (names, len(names))
    for effect in EVERY_REMOTE:
        outcome = getattr(result.steps, effect.step)
        assert outcome == (Done() if effect in failing else Skipped(Why.ALREADY_DONE))
    for each in cast.called:
        assert (each.call.attempt, each.call.username) == (1, "ada")
        assert each.tokens.access_token == (pool_tokens().access_token if GlobalSignOut in failing else None)
        assert each.tokens.refresh_token == (pool_tokens().refresh_token if RevokeToken in failing else None)
    assert result.steps.clear_credentials == Skipped(Why.ALREADY_DONE)
    assert of_kind(told.notices, SignedOutLocally) == []


@every_way
def test_a_retry_that_fails_again_can_be_retried_with_its_own_result(
    way: Way, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = way(store, cast.runner())
    first = partial_of(set(EVERY_REMOTE), cast, auth)
    cast.acts = {RevokeToken: Act.REFUSED, ShowHostedUISignOut: Act.CALLS_OFF}
    second = auth.retry(first)
    assert isinstance(second, PartialSignOut)
    assert second.global_sign_out_error is None
    assert second.hosted_ui_error is not None
    assert second.revoke_token_error is not None
    assert second.revoke_token_error.refresh_token == pool_tokens().refresh_token
    assert (second.username, second.signed_out_locally) == ("ada", True)
    cast.acts = {}
    cast.called.clear()
    assert isinstance(auth.retry(second), CompleteSignOut)
    assert cast.names() == ["ShowHostedUISignOut", "RevokeToken"]


def test_a_retry_does_not_touch_who_has_signed_in_since(store: MemoryCredentialStore, cast: Cast) -> None:
    auth = Auth(store, cast.runner())
    partial = partial_of({RevokeToken}, cast, auth)
    auth.sign_in(session(tokens=pool_tokens("new")))
    before = store.load("default")
    assert isinstance(auth.retry(partial), CompleteSignOut)
    assert store.load("default") == before
    assert cast.called[0].tokens.refresh_token == pool_tokens().refresh_token


def test_a_retry_refreshes_an_access_token_that_has_expired_since(store: MemoryCredentialStore, cast: Cast) -> None:
    auth = Auth(store, cast.runner())
    partial = partial_of({GlobalSignOut, RevokeToken}, cast, auth)
    assert partial.global_sign_out_error is not None
    expired = pool_tokens(access=Token.EXPIRED).access_token
    partial = replace(partial, global_sign_out_error=replace(partial.global_sign_out_error, access_token=expired))
    cast.before[RefreshTokens] = lambda call: call.save_refreshed(pool_tokens("2"))
    assert isinstance(auth.retry(partial), CompleteSignOut)
    assert [(each.effect.name, each.tokens) for each in cast.called[1:]] == [
        ("GlobalSignOut", pool_tokens("2")),
        ("RevokeToken", pool_tokens("2")),
    ]
    assert store.load("default").data is None


def test_a_retry_by_the_administrator_needs_the_name_alone(store: MemoryCredentialStore, cast: Cast) -> None:
    auth = Auth(store, cast.runner(authority=Authority.IAM))
    partial = partial_of({GlobalSignOut}, cast, auth)
    assert partial.global_sign_out_error is not None
    without_token = replace(partial.global_sign_out_error, access_token=None)
    assert isinstance(auth.retry(replace(partial, global_sign_out_error=without_token)), CompleteSignOut)
    assert [(each.effect.name, each.call.username, each.tokens) for each in cast.called] == [
        ("GlobalSignOut", "ada", UserPoolTokens())
    ]


def test_a_retry_whose_token_is_not_at_hand_says_so_and_tries_nothing(store: MemoryCredentialStore, cast: Cast) -> None:
    auth = Auth(store, cast.runner())
    partial = partial_of({RevokeToken}, cast, auth)
    assert partial.revoke_token_error is not None
    lost = replace(partial, revoke_token_error=replace(partial.revoke_token_error, refresh_token=None))
    result = auth.retry(lost)
    assert isinstance(result, PartialSignOut)
    assert isinstance(result.steps.revoke_token, Failed)
    assert result.steps.revoke_token.failure.kind is FailureKind.NOT_ATTEMPTED
    assert result.steps.revoke_token.failure.code == Why.TOKEN_NOT_KEPT.name
    assert cast.called == []
