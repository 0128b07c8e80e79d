"""The four ways to call for a sign-out: blocking, awaited, with callbacks, and as a stream of transitions."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    Authority,
    AuthState,
    CompleteSignOut,
    ConfigurationException,
    FailedSignOut,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    ShowHostedUISignOut,
    SignedOutLocally,
    SignInMethod,
    SignOutPolicy,
    SignOutResult,
    Transition,
    UserCancelledException,
)
from authsm.auth import blocking
from authsm.stores.contract import EntryState
from tests.auth.styles import Told
from tests.auth.test_session import Face, InThreads, OnLoop, Way, every_way
from tests.auth.world import (
    GUARD,
    SOON,
    Act,
    Cast,
    eventually,
    eventually_async,
    gate,
    of_kind,
    session,
    states,
)

FROM_HOSTED_UI: Final = session(SignInMethod.HOSTED_UI)
LOCAL_ONLY: Final = SignOutPolicy(local_only=True)
LINE: Final = ["SigningOutHostedUI", "RevokingToken", "SigningOutLocally", "SignedOut"]

Style = Callable[..., SignOutResult | None]


def _by_future(auth: Any, **how: Any) -> SignOutResult:
    result: SignOutResult = auth.sign_out_future(**how).result(GUARD)
    return result


def _by_callback(auth: Any, **how: Any) -> SignOutResult:
    called: Future[SignOutResult] = Future()

    def callback(done: Future[SignOutResult]) -> None:
        error = done.exception()
        if error is not None:
            called.set_exception(error)
        else:
            called.set_result(done.result())

    auth.sign_out_future(**how).add_done_callback(callback)
    return called.result(GUARD)


def _by_return(auth: Face, **how: Any) -> SignOutResult:
    return auth.sign_out(**how)


def _by_steps(auth: Face, **how: Any) -> SignOutResult | None:
    auth.steps(**how)
    return auth.last_result


STYLES: Final[dict[str, tuple[Way, Style]]] = {
    "blocking": (InThreads, _by_return),
    "future": (InThreads, _by_future),
    "callback": (InThreads, _by_callback),
    "steps": (InThreads, _by_steps),
    "await, asyncio": (functools.partial(OnLoop, "asyncio"), _by_return),
    "await, trio": (functools.partial(OnLoop, "trio"), _by_return),
    "async steps, asyncio": (functools.partial(OnLoop, "asyncio"), _by_steps),
    "async steps, trio": (functools.partial(OnLoop, "trio"), _by_steps),
}
every_style: Final = pytest.mark.parametrize(("way", "call"), STYLES.values(), ids=STYLES.keys())

ENDS: Final[dict[str, tuple[dict[Any, Act], type[Any], list[str]]]] = {
    "complete": ({}, CompleteSignOut, ["ShowHostedUISignOut", "RevokeToken"]),
    "partial": ({RevokeToken: Act.REFUSED}, PartialSignOut, ["ShowHostedUISignOut", "RevokeToken"]),
    "failed": ({ShowHostedUISignOut: Act.CALLS_OFF}, FailedSignOut, ["ShowHostedUISignOut"]),
}


@every_style
@pytest.mark.parametrize("end", ENDS)
def test_every_style_does_the_same_and_leaves_its_result(
    way: Way, call: Style, end: str, store: MemoryCredentialStore
) -> None:
    acts, kind, names = ENDS[end]
    cast = Cast(acts)
    auth = way(store, cast.runner())
    auth.sign_in(FROM_HOSTED_UI)
    result = call(auth)
    assert isinstance(result, kind)
    assert auth.last_result is result
    assert cast.names() == names
    assert auth.state == (AuthState.SIGNED_IN if kind is FailedSignOut else AuthState.SIGNED_OUT)


@every_style
def test_every_style_signs_out_where_nobody_is_signed_in(
    way: Way, call: Style, store: MemoryCredentialStore, cast: Cast
) -> None:
    assert isinstance(call(way(store, cast.runner()), global_sign_out=True), CompleteSignOut)
    assert cast.called == []


@every_style
@pytest.mark.parametrize("where", ["of the object", "of the call"])
def test_a_global_sign_out_that_the_policy_forbids_is_refused_before_anything_begins(
    way: Way, call: Style, where: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = way(store, cast.runner(), policy=LOCAL_ONLY if where == "of the object" else None)
    auth.sign_in(session())
    how = {"policy": LOCAL_ONLY} if where == "of the call" else {}
    with pytest.raises(ConfigurationException, match="local_only"):
        call(auth, global_sign_out=True, **how)
    assert (auth.state, auth.last_result, cast.called) == (AuthState.SIGNED_IN, None, [])


def test_the_steps_of_a_forbidden_sign_out_are_refused_by_the_call_itself(store: MemoryCredentialStore) -> None:
    with pytest.raises(ConfigurationException):
        Auth(store, {}, policy=LOCAL_ONLY).sign_out_steps(global_sign_out=True)


@every_style
def test_the_policy_of_the_call_goes_before_that_of_the_object(
    way: Way, call: Style, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = way(store, cast.runner(), policy=LOCAL_ONLY)
    auth.sign_in(session())
    call(auth, policy=SignOutPolicy(), global_sign_out=True)
    assert cast.names() == ["GlobalSignOut", "RevokeToken"]


class Moody:
    """A stranger's runner, which breaks when it is asked for something simple."""

    def __init__(self, cast: Cast) -> None:
        self.handlers = cast.runner().handlers
        self.authority = Authority.ACCESS_TOKEN
        self.moody = False

    @property
    def hosted_ui_url(self) -> str | None:
        if self.moody:
            raise ZeroDivisionError("not today")
        return None


@every_style
def test_what_breaks_a_sign_out_is_raised_to_its_caller_and_does_not_block_the_next(
    way: Way, call: Style, store: MemoryCredentialStore, cast: Cast
) -> None:
    """A bug in a runner is no failure of a step; it must neither pass for a result nor hang anybody."""
    runner = Moody(cast)
    auth = way(store, runner)
    auth.sign_in(session())
    runner.moody = True
    with pytest.raises(ZeroDivisionError, match="not today"):
        call(auth)
    assert auth.last_result is None
    assert store.load("default").state is EntryState.TOMBSTONE
    runner.moody = False
    assert isinstance(call(auth), CompleteSignOut)


@every_way
def test_the_stream_gives_each_transition_once_and_in_order(
    way: Way, store: MemoryCredentialStore, cast: Cast, told: Told
) -> None:
    auth = way(store, cast.runner(), observers=[told])
    auth.sign_in(FROM_HOSTED_UI)
    steps = auth.steps()
    assert steps == of_kind(told.notices, Transition)
    assert states(steps) == LINE
    assert [step.source.state for step in steps] == ["NotStarted", *LINE[:-1]]
    assert len({step.run for step in steps}) == 1


def test_a_stream_that_has_ended_stays_ended(store: MemoryCredentialStore) -> None:
    steps = Auth(store, {}).sign_out_steps()
    assert len(list(steps)) == 2
    assert next(steps, None) is None

    async def main() -> None:
        ended = AsyncAuth(store, {}).sign_out_steps()
        assert len([step async for step in ended]) == 2
        with pytest.raises(StopAsyncIteration):
            await anext(ended)

    anyio.run(main)


def test_several_watchers_each_see_everything_also_who_comes_late(store: MemoryCredentialStore, cast: Cast) -> None:
    auth = InThreads(store, cast.runner())
    auth.sign_in(FROM_HOSTED_UI)
    with gate() as made:
        cast.before[RevokeToken] = made
        early = auth.sign_out_steps()
        begun = [next(early), next(early)]
        late = auth.sign_out_steps()
        assert [next(late), next(late)] == begun
        made.open()
        assert states(early) == states(late) == LINE[2:]
    assert cast.names() == ["ShowHostedUISignOut", "RevokeToken"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_several_tasks_each_see_everything(backend: str, store: MemoryCredentialStore, cast: Cast) -> None:
    seen: list[list[str]] = []

    async def main() -> None:
        auth = AsyncAuth(store, cast.runner())
        await auth.sign_in(FROM_HOSTED_UI)

        async def watch() -> None:
            seen.append(states([step async for step in auth.sign_out_steps()]))

        with gate() as made, anyio.fail_after(GUARD):
            cast.before[RevokeToken] = made
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                await made.reached_async()
                tasks.start_soon(watch)
                await anyio.wait_all_tasks_blocked()
                made.open()

    anyio.run(main, backend=backend)
    assert seen == [LINE, LINE]


@pytest.mark.parametrize("taken", [0, 2])
def test_dropping_the_iterator_is_no_interruption(taken: int, store: MemoryCredentialStore, cast: Cast) -> None:
    """Also if nothing was ever taken from it: the sign-out begins with the call."""
    auth = Auth(store, cast.runner())
    auth.sign_in(FROM_HOSTED_UI)
    with gate() as made:
        cast.before[RevokeToken] = made
        steps = auth.sign_out_steps()
        for _ in range(taken):
            next(steps)
        del steps
        made.reached()
        made.open()
        eventually(lambda: auth.last_result, "the sign-out ends")
    assert isinstance(auth.last_result, CompleteSignOut)


@pytest.fixture
def interrupt_look(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let Ctrl-C come in the next wait for a transition."""
    true_get, due = blocking._get, list[bool]()

    def get(seen: Any) -> Any:
        if due:
            due.pop()
            raise KeyboardInterrupt
        return true_get(seen)

    monkeypatch.setattr(blocking, "_get", get)
    return lambda: due.append(True)


@pytest.mark.parametrize("step", [ShowHostedUISignOut, RevokeToken])
def test_ctrl_c_while_waiting_for_a_step_interrupts(
    step: Any, interrupt_look: Callable[[], None], store: MemoryCredentialStore
) -> None:
    """At the hosted UI it is a cancel; later the credentials are cleared before it goes on its way."""
    cast = Cast({step: Act.HANGS})
    auth = Auth(store, cast.runner(), limits=Limits(grace=SOON))
    auth.sign_in(FROM_HOSTED_UI)
    steps = auth.sign_out_steps()
    for _ in range(1 + (step is RevokeToken)):
        next(steps)
    interrupt_look()
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    assert next(steps, None) is None
    if step is ShowHostedUISignOut:
        assert isinstance(auth.last_result, FailedSignOut)
        assert isinstance(auth.last_result.exception, UserCancelledException)
        assert store.load("default").data == FROM_HOSTED_UI
    else:
        assert isinstance(auth.last_result, PartialSignOut)
        assert store.load("default").state is EntryState.TOMBSTONE


def test_ctrl_c_of_one_watcher_leaves_the_sign_out_to_the_other(
    interrupt_look: Callable[[], None], store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = Auth(store, cast.runner())
    auth.sign_in(FROM_HOSTED_UI)
    with gate() as made:
        cast.before[ShowHostedUISignOut] = made
        one, other = auth.sign_out_steps(), auth.sign_out_steps()
        next(one)
        interrupt_look()
        with pytest.raises(KeyboardInterrupt):
            next(one)
        assert auth.last_result is None
        made.open()
        assert states(other) == LINE


def test_a_watcher_outlasts_any_number_of_looks(
    monkeypatch: pytest.MonkeyPatch, store: MemoryCredentialStore, cast: Cast
) -> None:
    """On Windows, Ctrl-C does not end a wait that has no time limit: so a wait looks up, and goes on."""
    auth = InThreads(store, cast.runner())
    auth.sign_in(FROM_HOSTED_UI)
    monkeypatch.setattr(blocking, "_LOOK_UP_SECONDS", 0.001)
    true_get, empty = blocking._get, threading.Semaphore(0)

    def get(seen: Any) -> Any:
        taken = true_get(seen)
        if taken is None:
            empty.release()
        return taken

    monkeypatch.setattr(blocking, "_get", get)
    cast.before[RevokeToken] = lambda _: [empty.acquire(timeout=GUARD) for _ in range(3)]
    assert states(auth.steps()) == LINE


def test_a_future_cannot_be_cancelled_and_has_the_result_once_last_result_has_it(
    store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = Auth(store, cast.runner())
    auth.sign_in(session())
    last: list[object] = []
    with gate() as made:
        cast.before[RevokeToken] = made
        future = auth.sign_out_future()
        future.add_done_callback(lambda _: last.append(auth.last_result))
        assert not future.cancel()
        assert not future.done()
        made.open()
        result = future.result(GUARD)
    future.add_done_callback(lambda _: last.append(auth.last_result))
    eventually(lambda: len(last) == 2, "both callbacks are called")
    assert last == [result, result]


def test_the_last_result_is_that_of_the_last_sign_out_of_this_object(store: MemoryCredentialStore, cast: Cast) -> None:
    auth, other = Auth(store, cast.runner()), Auth(store, cast.runner())
    auth.sign_in(session())
    first = auth.sign_out()
    second = auth.sign_out()
    assert first != second
    assert auth.last_result is second
    assert other.last_result is None


def test_observers_of_every_caller_of_one_sign_out_see_its_end(store: MemoryCredentialStore, cast: Cast) -> None:
    runner, tolds = cast.runner(), [Told(), Told()]
    auths = [Auth(store, runner, observers=[told]) for told in tolds]
    auths[0].sign_in(session())
    with gate() as made:
        cast.before[RevokeToken] = made
        futures = [auths[0].sign_out_future()]
        made.reached()
        futures += [auths[1].sign_out_future(), auths[1].sign_out_future()]
        made.open()
        assert len({id(future.result(GUARD)) for future in futures}) == 1
    assert [len(of_kind(told.notices, SignedOutLocally)) for told in tolds] == [1, 1]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_that_is_cancelled_in_the_queue_calls_its_own_sign_out_off_and_no_other(
    backend: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    runner = cast.runner()
    first, second = AsyncAuth(store, runner), AsyncAuth(store, runner)
    results: list[SignOutResult] = []

    async def main() -> None:
        await first.sign_in(session())

        async def sign_out() -> None:
            results.append(await first.sign_out())

        with gate() as made, anyio.fail_after(GUARD):
            cast.before[RevokeToken] = made
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sign_out)
                await made.reached_async()
                with anyio.move_on_after(SOON) as scope:
                    await second.sign_out(global_sign_out=True)
                assert scope.cancelled_caught
                made.open()

    anyio.run(main, backend=backend)
    assert isinstance(results[0], CompleteSignOut)
    assert isinstance(second.last_result, FailedSignOut)
    assert isinstance(second.last_result.exception, UserCancelledException)
    assert cast.names() == ["RevokeToken"]


def test_who_waits_elsewhere_is_told_when_the_event_loop_breaks_down(store: MemoryCredentialStore, cast: Cast) -> None:
    """Ctrl-C that hits the loop's own machinery ends it in the middle of a step; `resume` ends the sign-out then."""
    runner, joined = cast.runner(), list[Future[SignOutResult]]()
    auth = Auth(store, runner)
    auth.sign_in(session())

    def break_down(notice: object) -> None:
        if isinstance(notice, Transition) and notice.effect is not None:
            raise KeyboardInterrupt

    async def main() -> None:
        with gate() as made:
            cast.before[RevokeToken] = made
            AsyncAuth(store, runner, observers=[break_down]).sign_out_steps()
            await made.reached_async()
            joined.append(auth.sign_out_future())
            made.open()
            await anyio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main)
    with pytest.raises(RuntimeError, match="Call `resume`"):
        joined[0].result(GUARD)
    assert auth.state == AuthState.SIGNING_OUT
    cast.before.clear()
    assert isinstance(auth.resume(), CompleteSignOut)


@pytest.mark.parametrize("cancelled", [False, True], ids=["waiting", "cancelled"])
def test_a_coroutine_that_is_thrown_away_neither_waits_nor_ends_the_sign_out(
    cancelled: bool, store: MemoryCredentialStore
) -> None:
    """As asyncio does with what it still holds when it is gone: nobody can be waited for in there."""
    cast = Cast({RevokeToken: Act.HANGS}) if cancelled else Cast()

    async def main() -> None:
        auth = AsyncAuth(store, cast.runner(), limits=Limits(grace=SOON))
        await auth.sign_in(session())
        with gate() as made:
            cast.before[RevokeToken] = made
            coroutine = auth.sign_out()
            coroutine.send(None)
            await made.reached_async()
            if cancelled:
                coroutine.throw(asyncio.CancelledError())
            coroutine.close()
            made.open()
            await eventually_async(lambda: auth.last_result, "the sign-out ends all the same")
        assert auth.last_result is not None
        assert auth.last_result.signed_out_locally

    asyncio.run(main())
