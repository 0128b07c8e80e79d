"""What an interruption, a hang or the end of an event loop does to a sign-out, at every state."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from authsm import (
    AsyncAuth,
    Auth,
    ClearCredentials,
    CompleteSignOut,
    CredentialStoreException,
    Failed,
    FailedSignOut,
    FailureKind,
    LateAnswer,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    ShowHostedUISignOut,
    SignOutPolicy,
    SignOutResult,
    UserCancelledException,
)
from authsm.auth import asynchronous
from authsm.core.vocabulary import Effect
from authsm.flows.sign_out.results import Done
from authsm.stores.contract import EntryState
from tests.auth.styles import Told
from tests.auth.world import (
    EVERY_STEP,
    EVERYTHING_IS_DUE,
    GUARD,
    SOON,
    Act,
    Cast,
    eventually_async,
    faulty,
    gate,
    of_kind,
    session,
)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each of the two event loops."""
    return str(request.param)


per_step = pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.__name__)
with_async_handlers = pytest.mark.parametrize("asynchronous_handlers", [False, True], ids=["plain", "async"])


async def _by_scope(work: Callable[[], Awaitable[object]], reached: Callable[[], Awaitable[None]]) -> None:
    """Cancel as anyio and trio do, by a scope."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                await reached()
                scope.cancel()

            tasks.start_soon(cancel)
            await work()
    assert scope.cancelled_caught


async def _by_timeout(work: Callable[[], Awaitable[object]], reached: Callable[[], Awaitable[None]]) -> None:
    """Cancel by running out of time; the time is up once the step is reached."""
    with pytest.raises(TimeoutError):  # noqa: PT012 - the scope has to be left, too
        with anyio.fail_after(GUARD) as scope:
            async with anyio.create_task_group() as tasks:

                async def run_out() -> None:
                    await reached()
                    scope.deadline = anyio.current_time()

                tasks.start_soon(run_out)
                await work()


async def _by_task(work: Callable[[], Awaitable[object]], reached: Callable[[], Awaitable[None]]) -> None:
    """Cancel as asyncio does, by the task; as trio does, where that runs."""
    if not _is_asyncio():
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await reached()
                    scope.cancel()

                nursery.start_soon(cancel)
                await work()
        return
    task = asyncio.ensure_future(work())
    await reached()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _is_asyncio() -> bool:
    return "asyncio" in anyio.get_cancelled_exc_class().__module__


class Halting:
    """A sign-out on an event loop that hangs at one step, and gives way only when it is told to stop."""

    def __init__(self, step: type[Effect], *, asynchronous_handlers: bool, act: Act = Act.HANGS, **how: Any) -> None:
        self.step = step
        self.told = Told()
        self.true_store = MemoryCredentialStore()
        self.cast = Cast({step: act}, asynchronous=asynchronous_handlers)
        self.entered = threading.Event()
        self.released = threading.Event()
        self.cast.before[step] = lambda _: self.entered.set()
        store = faulty(self.true_store, clear=self._halt) if step is ClearCredentials else self.true_store
        self.auth = AsyncAuth(store, self.cast.runner(), observers=[self.told], **{"limits": Limits(grace=SOON), **how})

    def _halt(self, true: Callable[[], object]) -> object:
        self.entered.set()
        assert self.released.wait(GUARD)
        return true()

    async def reached(self) -> None:
        await eventually_async(self.entered.is_set, f"{self.step.__name__} begins")
        await anyio.lowlevel.checkpoint()
        self.released.set()

    def assert_interrupted(self, result: SignOutResult | None) -> None:
        entry = self.true_store.load("default")
        if self.step is ShowHostedUISignOut:
            assert isinstance(result, FailedSignOut)
            assert isinstance(result.exception, UserCancelledException)
            assert self.cast.names() == ["ShowHostedUISignOut"]
            assert (entry.state, entry.data) == (EntryState.LIVE, EVERYTHING_IS_DUE)
            return
        assert isinstance(result, CompleteSignOut | PartialSignOut)
        assert entry.state is EntryState.TOMBSTONE
        if self.step is not ClearCredentials:
            outcome = getattr(result.steps, self.step.step)  # type: ignore[attr-defined]  # each is a SignOutEffect
            assert isinstance(outcome, Failed)
            assert outcome.failure.kind is FailureKind.INTERRUPTED


@pytest.mark.parametrize("cancelled", [_by_scope, _by_timeout, _by_task], ids=lambda each: each.__name__)
@with_async_handlers
@per_step
def test_a_cancelled_task_ends_after_the_credentials_are_cleared(
    backend: str, step: type[Effect], asynchronous_handlers: bool, cancelled: Any
) -> None:
    """B: at the hosted UI first it is a cancel; later the clear happens, and the cancellation goes on its way."""

    async def main() -> None:
        halting = Halting(step, asynchronous_handlers=asynchronous_handlers)
        await halting.auth.sign_in(EVERYTHING_IS_DUE)
        with anyio.fail_after(GUARD):
            await cancelled(lambda: halting.auth.sign_out(global_sign_out=True), halting.reached)
        halting.assert_interrupted(halting.auth.last_result)
        await halting.auth.sign_in(session(), replace=True)
        halting.cast.acts = {}
        with anyio.fail_after(GUARD):
            assert isinstance(await halting.auth.sign_out(), CompleteSignOut)

    anyio.run(main, backend=backend)
    assert [thread for thread in threading.enumerate() if not thread.daemon] == [threading.main_thread()]


def test_one_of_several_cancelled_callers_does_not_interrupt_the_others(backend: str) -> None:
    async def main() -> None:
        store, cast = MemoryCredentialStore(), Cast()
        auth = AsyncAuth(store, cast.runner())
        await auth.sign_in(EVERYTHING_IS_DUE)
        results: list[SignOutResult] = []

        async def stay() -> None:
            results.append(await auth.sign_out())

        with gate() as made, anyio.fail_after(GUARD):
            cast.before[ShowHostedUISignOut] = made
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stay)
                await made.reached_async()
                with anyio.CancelScope() as scope:
                    tasks.start_soon(_cancel_when_blocked, scope)
                    await auth.sign_out()
                assert scope.cancelled_caught
                assert auth.last_result is None
                made.open()
        assert isinstance(results[0], CompleteSignOut)

    anyio.run(main, backend=backend)


async def _cancel_when_blocked(scope: anyio.CancelScope) -> None:
    await anyio.wait_all_tasks_blocked()
    scope.cancel()


def test_the_last_caller_to_leave_interrupts(backend: str) -> None:
    async def main() -> None:
        halting = Halting(RevokeToken, asynchronous_handlers=False)
        await halting.auth.sign_in(EVERYTHING_IS_DUE)
        scopes = [anyio.CancelScope() for _ in range(3)]

        async def caller(scope: anyio.CancelScope) -> None:
            with scope:
                await halting.auth.sign_out()

        with anyio.fail_after(GUARD):
            async with anyio.create_task_group() as tasks:
                for scope in scopes:
                    tasks.start_soon(caller, scope)
                await halting.reached()
                for scope in scopes:
                    scope.cancel()
        halting.assert_interrupted(halting.auth.last_result)

    anyio.run(main, backend=backend)


def test_dropping_the_steps_is_no_interruption(backend: str) -> None:
    async def main() -> None:
        store, cast = MemoryCredentialStore(), Cast()
        auth = AsyncAuth(store, cast.runner())
        await auth.sign_in(EVERYTHING_IS_DUE)
        with gate() as made, anyio.fail_after(GUARD):
            cast.before[RevokeToken] = made
            async for transition in auth.sign_out_steps():
                if transition.target.state == "RevokingToken":
                    break
            made.open()
            await eventually_async(lambda: auth.last_result, "the sign-out ends")
        assert isinstance(auth.last_result, CompleteSignOut)

    anyio.run(main, backend=backend)


def test_cancelling_the_task_that_watches_the_steps_interrupts(backend: str) -> None:
    async def main() -> None:
        halting = Halting(RevokeToken, asynchronous_handlers=False)
        await halting.auth.sign_in(EVERYTHING_IS_DUE)

        async def watch() -> None:
            async for _ in halting.auth.sign_out_steps():
                pass

        with anyio.fail_after(GUARD):
            await _by_scope(watch, halting.reached)
        halting.assert_interrupted(halting.auth.last_result)

    anyio.run(main, backend=backend)


@with_async_handlers
@per_step
def test_an_event_loop_that_ends_interrupts_what_it_was_running(
    backend: str, step: type[Effect], asynchronous_handlers: bool
) -> None:
    """Nobody waits for the dropped steps; asyncio.run and trio.run cancel their flight, which still clears."""
    halting = Halting(step, asynchronous_handlers=asynchronous_handlers, act=Act.HANGS_AND_RAISES)

    async def main() -> None:
        await halting.auth.sign_in(EVERYTHING_IS_DUE)
        halting.auth.sign_out_steps(global_sign_out=True)
        await halting.reached()

    _in_time(lambda: anyio.run(main, backend=backend))
    halting.assert_interrupted(halting.auth.last_result)
    assert isinstance(Auth(halting.true_store, Cast().runner()).sign_out(), CompleteSignOut)


def test_an_event_loop_that_ends_before_the_flight_began_calls_it_off(backend: str) -> None:
    """asyncio forgets a task that it cancels before its first step; nobody may wait for its flight for ever."""
    store, cast = MemoryCredentialStore(), Cast()
    auth = AsyncAuth(store, cast.runner())

    async def main() -> None:
        store.begin("default", EVERYTHING_IS_DUE)
        auth.sign_out_steps()

    _in_time(lambda: anyio.run(main, backend=backend))
    assert isinstance(auth.last_result, FailedSignOut)
    assert store.load("default").data == EVERYTHING_IS_DUE
    assert isinstance(Auth(store, cast.runner()).sign_out(), CompleteSignOut)


def test_a_caller_whose_event_loop_ends_at_once_does_not_keep_the_process() -> None:
    """asyncio alone can end a loop whose task has just begun to wait."""
    store, cast = MemoryCredentialStore(), Cast()
    store.begin("default", EVERYTHING_IS_DUE)
    auth = AsyncAuth(store, cast.runner())

    async def main() -> None:
        task = asyncio.ensure_future(auth.sign_out())
        await asyncio.sleep(0)
        assert not task.done()

    _in_time(lambda: asyncio.run(main()))
    assert isinstance(auth.last_result, FailedSignOut)


def _in_time(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(GUARD)
    assert not thread.is_alive(), "it never ended"


def test_a_second_cancel_ends_the_time_of_grace_and_the_clear_still_happens() -> None:
    """Only a task of asyncio can be cancelled twice; a second Ctrl-C on trio does the same."""

    async def main() -> None:
        halting = Halting(RevokeToken, asynchronous_handlers=False, limits=Limits(grace=GUARD))
        await halting.auth.sign_in(EVERYTHING_IS_DUE)
        task = asyncio.ensure_future(halting.auth.sign_out())
        await halting.reached()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
        with anyio.fail_after(GUARD / 2), pytest.raises(asyncio.CancelledError):
            await task
        halting.assert_interrupted(halting.auth.last_result)

    asyncio.run(main())


@with_async_handlers
def test_a_handler_that_never_returns_is_left_behind_at_its_time_limit(
    backend: str, asynchronous_handlers: bool
) -> None:
    async def main() -> None:
        store, told = MemoryCredentialStore(), Told()
        cast = Cast({RevokeToken: Act.HANGS}, asynchronous=asynchronous_handlers)
        auth = AsyncAuth(store, cast.runner(), observers=[told], limits=Limits(seconds={RevokeToken: SOON}))
        await auth.sign_in(session())
        with anyio.fail_after(GUARD):
            result = await auth.sign_out()
            assert isinstance(result, PartialSignOut)
            assert result.steps.clear_credentials == Done()
            # On a busy machine its time may be over before it was begun: then there is nothing to answer late.
            was_begun = "RevokeToken" in cast.names()
            await eventually_async(
                lambda: not was_begun or of_kind(told.notices, LateAnswer), "the late answer is seen"
            )

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("operation", ["load", "leave", "clear", "verify_cleared"])
def test_a_store_that_hangs_ends_at_the_time_limit(backend: str, operation: str) -> None:
    """B: the call ends within its limits, says honestly what is known, and the next one works."""

    async def main() -> None:
        with gate() as made:
            true_store = MemoryCredentialStore()
            true_store.begin("default", session())
            store = faulty(true_store, **{operation: made.fault})
            auth = AsyncAuth(store, Cast().runner(), limits=Limits(seconds=dict.fromkeys(EVERY_STEP, 0.1)))
            with anyio.fail_after(GUARD):
                result = await auth.sign_out()
            assert isinstance(result, FailedSignOut)
            assert isinstance(result.exception, CredentialStoreException)
            assert result.signed_out_locally is (False if operation == "load" else None)
            store.faults.clear()
            made.open()
            with anyio.fail_after(GUARD):
                assert isinstance(await auth.sign_out(), CompleteSignOut)

    anyio.run(main, backend=backend)


def test_what_hangs_takes_no_place_from_the_next(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """L2, where as many handlers hang as may run at a time."""
    monkeypatch.setattr(asynchronous, "MOST_THREADS", 2)

    async def main() -> None:
        store = MemoryCredentialStore()
        with gate() as made:
            hanging = Cast(before={RevokeToken: made}).runner()
            fine = Cast().runner()
            for key, runner in (("1", hanging), ("2", hanging), ("3", hanging), ("4", fine)):
                auth = AsyncAuth(store, runner, key=key, limits=Limits(seconds={RevokeToken: SOON * 5}))
                await auth.sign_in(session())
                with anyio.fail_after(GUARD):
                    result = await auth.sign_out()
                assert isinstance(result, CompleteSignOut if runner is fine else PartialSignOut)

    anyio.run(main, backend=backend)


def test_standing_in_the_queue_of_a_busy_process_is_not_the_store_s_fault(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asynchronous, "MOST_THREADS", 1)

    async def main() -> None:
        def load(true: Callable[[], object]) -> object:
            time.sleep(0.15)
            return true()

        store = faulty(MemoryCredentialStore(), load=load)
        results: list[SignOutResult] = []

        async def sign_out(key: str) -> None:
            auth = AsyncAuth(store, Cast().runner(), key=key, limits=Limits(seconds={ClearCredentials: 1.0}))
            results.append(await auth.sign_out())

        with anyio.fail_after(GUARD):
            async with anyio.create_task_group() as tasks:
                for number in range(10):
                    tasks.start_soon(sign_out, str(number))
        assert {type(result) for result in results} == {CompleteSignOut}

    anyio.run(main, backend=backend)


def test_the_clear_does_not_queue_behind_handlers(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "MOST_THREADS", 1)

    async def main() -> None:
        store = MemoryCredentialStore()
        with gate() as made, anyio.fail_after(GUARD):
            slow = AsyncAuth(store, Cast(before={RevokeToken: made}).runner(), key="slow")
            fast = AsyncAuth(store, {}, key="fast", policy=SignOutPolicy(local_only=True))
            await slow.sign_in(session())
            await fast.sign_in(session())
            steps = slow.sign_out_steps()
            await made.reached_async()
            assert isinstance(await fast.sign_out(), CompleteSignOut)
            made.open()
            async for _ in steps:
                pass

    anyio.run(main, backend=backend)


def test_steps_asked_for_outside_an_event_loop_leave_nothing_behind(
    backend: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    auth = AsyncAuth(store, cast.runner())
    store.begin("default", session())
    with pytest.raises(anyio.NoEventLoopError):
        auth.sign_out_steps()

    async def main() -> None:
        with anyio.fail_after(GUARD):
            assert isinstance(await auth.sign_out(), CompleteSignOut)

    anyio.run(main, backend=backend)
