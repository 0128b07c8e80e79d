"""What happens to a sign-out when others use the same session in the same moment."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    ClearCredentials,
    CompleteSignOut,
    FailedSignOut,
    GlobalSignOut,
    MemoryCredentialStore,
    PartialSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignedOutLocally,
    SignOutPolicy,
    SignOutResult,
    Skipped,
    UserCancelledException,
    Why,
)
from authsm.auth.holders import SUPERSEDED
from authsm.core.vocabulary import Effect
from authsm.flows.sign_out.results import Done
from authsm.stores.contract import EntryState
from tests.auth.styles import Told
from tests.auth.world import (
    EVERYTHING_IS_DUE,
    GUARD,
    Act,
    Cast,
    Gate,
    eventually,
    faulty,
    gate,
    of_kind,
    only_first,
    pool_tokens,
    session,
)

BEFORE_LEAVING = (ShowHostedUISignOut, RefreshTokens)
AFTER_LEAVING = (GlobalSignOut, RevokeToken, ClearCredentials)
EVERY_STEP = BEFORE_LEAVING + AFTER_LEAVING
NEW = session(tokens=pool_tokens("new"))


class Halted:
    """A sign-out that stands at one of its steps until the gate is opened."""

    def __init__(self, step: type[Effect], made: Gate) -> None:
        self.cast, self.told, self.gate = Cast(), Told(), made
        self.true_store = MemoryCredentialStore()
        if step is ClearCredentials:
            self.store = faulty(self.true_store, clear=made.fault)
        else:
            self.store = faulty(self.true_store)
            self.cast.before[step] = only_first(made)  # not what else calls this handler meanwhile
        self.auth = Auth(self.store, self.cast.runner(), observers=[self.told])
        self.auth.sign_in(EVERYTHING_IS_DUE)
        self.held = self.auth.credentials()
        self.flight = self.auth.sign_out_future(global_sign_out=True)
        made.reached()

    def end(self) -> SignOutResult:
        self.gate.open()
        return self.flight.result(GUARD)


@pytest.fixture
def halt() -> Iterator[Callable[[type[Effect]], Halted]]:
    with ExitStack() as gates:
        yield lambda step: Halted(step, gates.enter_context(gate()))


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.__name__)
def test_s4_a_refresh_that_began_before_is_refused_once_the_session_is_leaving(
    step: type[Effect], halt: Callable[[type[Effect]], Halted]
) -> None:
    """S4, where a refresh began before LEAVING: welcome before the first irreversible step, refused from then on."""
    halted = halt(step)
    assert halted.held is not None
    saved = halted.auth.save_refreshed(halted.held, pool_tokens("2"))
    assert saved is (step in BEFORE_LEAVING)
    assert isinstance(halted.end(), CompleteSignOut)
    assert not halted.auth.save_refreshed(halted.held, pool_tokens("3"))
    assert halted.true_store.load("default").data is None


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.__name__)
def test_credentials_are_handed_out_until_the_session_is_leaving(
    step: type[Effect], halt: Callable[[type[Effect]], Halted]
) -> None:
    halted = halt(step)
    assert (halted.auth.credentials() is not None) is (step in BEFORE_LEAVING)
    assert halted.auth.state == "signing_out"
    halted.end()
    assert halted.auth.state == "signed_out"


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.__name__)
def test_s13_a_newer_sign_in_is_never_harmed(step: type[Effect], halt: Callable[[type[Effect]], Halted]) -> None:
    """S13, where another sign-in replaces the session at each step of its sign-out."""
    halted = halt(step)
    halted.auth.sign_in(NEW, replace=True)
    result = halted.end()
    entry = halted.true_store.load("default")
    assert (entry.state, entry.epoch, entry.data) == (EntryState.LIVE, 2, NEW)
    assert result.steps.clear_credentials == Done(SUPERSEDED)
    assert of_kind(halted.told.notices, SignedOutLocally) == []
    new_tokens = set(pool_tokens("new").secrets())
    assert not any(new_tokens & set(each.tokens.secrets()) for each in halted.cast.called)
    assert isinstance(halted.auth.sign_out(), CompleteSignOut)
    assert halted.true_store.load("default").state is EntryState.TOMBSTONE


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.__name__)
def test_nobody_joins_a_flight_over_a_newer_sign_in(step: type[Effect], halt: Callable[[type[Effect]], Halted]) -> None:
    """S13 and L4, where the same sign-out is asked for again after another sign-in."""
    halted = halt(step)
    halted.auth.sign_in(NEW, replace=True)
    second = halted.auth.sign_out_future(global_sign_out=True)
    first = halted.end()
    assert second.result(GUARD) is not first
    assert halted.true_store.load("default").state is EntryState.TOMBSTONE
    assert [notice.epoch for notice in of_kind(halted.told.notices, SignedOutLocally)] == [2]


def test_a_sign_out_that_stands_in_the_queue_leaves_a_newer_sign_in_alone(
    halt: Callable[[type[Effect]], Halted],
) -> None:
    """S13, where the sign-in comes between the call of a sign-out and its turn."""
    halted = halt(ShowHostedUISignOut)
    queued = halted.auth.sign_out_future()
    halted.auth.sign_in(NEW, replace=True)
    halted.end()
    result = queued.result(GUARD)
    assert result.steps.clear_credentials == Done(SUPERSEDED)
    assert halted.true_store.load("default").data == NEW
    assert halted.cast.names().count("RevokeToken") == 1


def test_a_sign_out_that_looks_while_a_newer_sign_in_is_being_stored_leaves_it_alone(
    store: MemoryCredentialStore, cast: Cast
) -> None:
    """S13, where the new session can be seen already, and the call that stores it has not returned."""
    is_stored = threading.Event()
    here = threading.current_thread()

    def load(true: Callable[[], object]) -> object:
        assert threading.current_thread() is here or is_stored.wait(GUARD)
        return true()

    def begin(true: Callable[[], object]) -> object:
        answer = true()
        is_stored.set()
        old.result(GUARD)
        return answer

    store.begin("default", session())
    auth = Auth(faulty(store, load=load, begin=begin), cast.runner())
    old = auth.sign_out_future()
    auth.sign_in(NEW, replace=True)
    assert old.result(GUARD).steps.clear_credentials == Done(SUPERSEDED)
    assert store.load("default").data == NEW
    assert cast.called == []


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.__name__)
def test_l4_the_same_sign_out_at_the_same_time_is_one(
    step: type[Effect], halt: Callable[[type[Effect]], Halted]
) -> None:
    """L4, where others ask for the same before the clear has an outcome."""
    halted = halt(step)
    same_runner = Auth(halted.store, halted.auth._session.runner)
    others = [auth.sign_out_future(global_sign_out=True) for auth in (halted.auth, same_runner) for _ in range(3)]
    result = halted.end()
    assert [other.result(GUARD) is result for other in others] == [True] * 6
    assert halted.cast.names() == ["ShowHostedUISignOut", "RefreshTokens", "GlobalSignOut", "RevokeToken"]
    assert same_runner.last_result is result


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"global_sign_out": False}, id="another flag"),
        pytest.param({"global_sign_out": True, "policy": SignOutPolicy(order="revoke_first")}, id="another policy"),
    ],
)
def test_l4_another_sign_out_at_the_same_time_waits_for_its_turn(
    other: dict[str, Any], halt: Callable[[type[Effect]], Halted]
) -> None:
    """L4, where others ask for something else."""
    halted = halt(RevokeToken)
    second = halted.auth.sign_out_future(**other)
    assert not second.done()
    first = halted.end()
    result = second.result(GUARD)
    assert result is not first
    assert isinstance(result, CompleteSignOut)
    assert result.steps.revoke_token == Skipped(Why.NOT_SIGNED_IN)
    assert len(of_kind(halted.told.notices, SignedOutLocally)) == 1


def test_handlers_given_as_the_same_dict_are_the_same_runner(store: MemoryCredentialStore, cast: Cast) -> None:
    handlers = dict(cast.runner().handlers)
    first, second = Auth(store, handlers), Auth(store, handlers)
    first.sign_in(EVERYTHING_IS_DUE)
    with gate() as made:
        cast.before[ShowHostedUISignOut] = made
        futures = [first.sign_out_future()]
        made.reached()
        futures.append(second.sign_out_future())
        made.open()
        assert futures[0].result(GUARD) is futures[1].result(GUARD)


def test_nobody_joins_a_flight_whose_clear_has_an_outcome(store: MemoryCredentialStore, cast: Cast) -> None:
    """L4, where the hosted UI comes last, after the clear: the session is settled, and the next one sees it."""
    auth = Auth(store, cast.runner(), policy=SignOutPolicy(hosted_ui="last"))
    auth.sign_in(EVERYTHING_IS_DUE)
    with gate() as made:
        cast.before[ShowHostedUISignOut] = made
        first = auth.sign_out_future()
        made.reached()
        second = auth.sign_out()
        assert second.steps.revoke_token == Skipped(Why.NOT_SIGNED_IN)
        assert auth.state == "signed_out"
        auth.sign_in(NEW)
        assert isinstance(auth.sign_out(), CompleteSignOut)
        assert not first.done()
        made.open()
        assert isinstance(first.result(GUARD), CompleteSignOut)


def test_one_that_is_called_off_in_the_queue_does_not_let_the_next_one_overtake(
    halt: Callable[[type[Effect]], Halted],
) -> None:
    """L4, where the middle one of three is called off while the first still runs."""
    halted = halt(RevokeToken)
    flight = halted.auth._sign_out(None, to_all=False)
    third = halted.auth.sign_out_future(policy=SignOutPolicy(cancel_stops=False))
    assert flight.leave()
    flight.interrupt()
    called_off = flight.result.result(GUARD)
    assert isinstance(called_off, FailedSignOut)
    assert isinstance(called_off.exception, UserCancelledException)
    assert not flight.settled.done()
    assert not third.done()
    halted.end()
    assert third.result(GUARD).steps.revoke_token == Skipped(Why.NOT_SIGNED_IN)
    assert len(of_kind(halted.told.notices, SignedOutLocally)) == 1


def test_nobody_joins_a_flight_that_its_last_caller_has_left(halt: Callable[[type[Effect]], Halted]) -> None:
    """L4, where the caller was interrupted: whoever asks then must not get the result of that interruption."""
    halted = halt(ShowHostedUISignOut)
    flight = halted.auth._sign_out(None, to_all=True)
    assert [flight.leave(), flight.leave()] == [False, True]
    again = halted.auth.sign_out_future(global_sign_out=True)
    flight.interrupt()
    assert isinstance(flight.result.result(GUARD), FailedSignOut)
    halted.gate.open()
    assert isinstance(again.result(GUARD), CompleteSignOut)


def test_different_keys_do_not_wait_for_each_other(store: MemoryCredentialStore, cast: Cast) -> None:
    """S13, where one of two users hangs at the hosted UI."""
    auths = {key: Auth(store, cast.runner(), key=key) for key in ("ada", "grace")}
    for auth in auths.values():
        auth.sign_in(EVERYTHING_IS_DUE)
    with gate() as made:
        cast.before[ShowHostedUISignOut] = only_first(made)
        slow = auths["ada"].sign_out_future()
        made.reached()
        assert isinstance(auths["grace"].sign_out(), CompleteSignOut)
        assert store.load("ada").state is EntryState.LIVE
        made.open()
        assert isinstance(slow.result(GUARD), CompleteSignOut)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_auth_and_async_auth_share_a_flight(backend: str, store: MemoryCredentialStore, cast: Cast) -> None:
    """L4, where threads and an event loop sign the same session out."""
    runner = cast.runner()
    blocking = Auth(store, runner)
    blocking.sign_in(EVERYTHING_IS_DUE)

    async def main() -> None:
        asynchronous = AsyncAuth(store, runner)
        with gate() as made:
            cast.before[ShowHostedUISignOut] = made
            by_thread = blocking.sign_out_future()
            await made.reached_async()
            results: list[SignOutResult] = []

            async def by_task() -> None:
                results.append(await asynchronous.sign_out())

            with anyio.fail_after(GUARD):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(by_task)
                    tasks.start_soon(by_task)
                    await anyio.wait_all_tasks_blocked()
                    made.open()
        assert results == [by_thread.result(GUARD)] * 2
        assert asynchronous.last_result is results[0]

    anyio.run(main, backend=backend)
    assert cast.names().count("ShowHostedUISignOut") == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_thread_joins_the_flight_of_an_event_loop(backend: str, store: MemoryCredentialStore, cast: Cast) -> None:
    runner = cast.runner()
    blocking = Auth(store, runner)
    blocking.sign_in(EVERYTHING_IS_DUE)

    async def main() -> None:
        with gate() as made, anyio.fail_after(GUARD):
            cast.before[RevokeToken] = made
            steps = AsyncAuth(store, runner).sign_out_steps()
            await made.reached_async()
            joined = blocking.sign_out_future()
            made.open()
            async for _ in steps:
                pass
            assert isinstance(await anyio.to_thread.run_sync(joined.result, GUARD), CompleteSignOut)

    anyio.run(main, backend=backend)
    assert cast.names().count("RevokeToken") == 1


def test_event_loops_in_several_threads_share_a_store(store: MemoryCredentialStore, cast: Cast) -> None:
    """L4 and S13, where loops of both kinds and threads sign out the same three sessions again and again."""
    runner = cast.runner()
    keys, rounds = ("ada", "grace", "edith"), 5
    for key in keys:
        Auth(store, runner, key=key).sign_in(EVERYTHING_IS_DUE)
    outcomes: list[SignOutResult] = []
    told = Told()

    async def sign_all_out() -> None:
        for number in range(rounds):
            for key in keys:
                auth = AsyncAuth(store, runner, key=key, observers=[told])
                outcomes.append(await auth.sign_out(global_sign_out=number % 2 == 0))

    def in_thread() -> None:
        for number in range(rounds):
            for key in keys:
                auth = Auth(store, runner, key=key, observers=[told])
                outcomes.append(auth.sign_out(global_sign_out=number % 2 == 0))

    def in_loop(backend: str) -> None:
        anyio.run(sign_all_out, backend=backend)

    ends = [_in_thread(in_loop, backend) for backend in ("asyncio", "trio") * 2]
    ends += [_in_thread(in_thread) for _ in range(2)]
    for end in ends:
        end.result(GUARD)
    assert len(outcomes) == 6 * rounds * len(keys)
    assert {type(outcome) for outcome in outcomes} == {CompleteSignOut}
    assert cast.names().count("RevokeToken") == len(keys)
    assert {store.load(key).state for key in keys} == {EntryState.TOMBSTONE}
    told_of = [notice.key for notice in {each.run: each for each in of_kind(told.notices, SignedOutLocally)}.values()]
    assert sorted(told_of) == sorted(keys)


def _in_thread(work: Callable[..., object], *args: object) -> Future[None]:
    end: Future[None] = Future()

    def run() -> None:
        try:
            work(*args)
        except BaseException as error:  # noqa: BLE001 - raised again to the test
            end.set_exception(error)
        else:
            end.set_result(None)

    threading.Thread(target=run, daemon=True).start()
    return end


def test_s8_a_refresh_that_lost_the_race_leaves_the_winner_s_tokens_in_use(store: MemoryCredentialStore) -> None:
    """S8, where somebody else refreshed and stored while RefreshTokens was on its way."""
    cast = Cast()
    auth = Auth(store, cast.runner())
    auth.sign_in(EVERYTHING_IS_DUE)

    def refresh(call: Any) -> None:
        held = auth.credentials()
        assert held is not None
        winner = auth.save_refreshed(held, pool_tokens("winner"))
        assert winner
        store_save = store.save
        store.save = lambda *args, **named: store_save(*args, **{**named, "generation": held.generation})  # type: ignore[method-assign]  # the loser had loaded before
        call.save_refreshed(pool_tokens("loser"))

    cast.before[RefreshTokens] = refresh
    assert isinstance(auth.sign_out(global_sign_out=True), CompleteSignOut)
    assert cast.called[-1].tokens == pool_tokens("winner")


@pytest.mark.parametrize("trouble", ["save raises", "load raises", "leaving"])
def test_s8_refreshed_tokens_that_cannot_be_stored_are_used_all_the_same(
    trouble: str, store: MemoryCredentialStore
) -> None:
    """S8, where the old tokens may be dead already, and the new ones are only at hand."""
    cast, flaky = Cast(), faulty(store)
    auth = Auth(flaky, cast.runner())
    auth.sign_in(EVERYTHING_IS_DUE)

    def refresh(call: Any) -> None:
        if trouble == "leaving":
            store.leave("default", epoch=1, journal="another process signs out, too")
        else:
            name = trouble.partition(" ")[0]
            flaky.faults[name] = lambda _: (_ for _ in ()).throw(OSError("trouble"))
        call.save_refreshed(pool_tokens("2"))
        flaky.faults.clear()

    cast.before[RefreshTokens] = refresh
    result = auth.sign_out(global_sign_out=True)
    assert isinstance(result, CompleteSignOut)
    assert [each.tokens for each in cast.called[2:]] == [pool_tokens("2")] * 2


def test_a_refused_refresh_during_a_partial_sign_out_keeps_what_retry_needs(store: MemoryCredentialStore) -> None:
    cast = Cast(
        {RevokeToken: Act.RAISES_OS}, before={RefreshTokens: lambda call: call.save_refreshed(pool_tokens("2"))}
    )
    auth = Auth(store, cast.runner())
    auth.sign_in(EVERYTHING_IS_DUE)
    result = auth.sign_out(global_sign_out=True)
    assert isinstance(result, PartialSignOut)
    assert result.revoke_token_error is not None
    assert result.revoke_token_error.refresh_token == pool_tokens("2").refresh_token
    eventually(lambda: auth.state == "signed_out", "the session is signed out")
