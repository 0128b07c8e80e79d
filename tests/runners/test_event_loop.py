"""A task that outlives its caller, and a call from any thread, on asyncio and on trio."""

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable

import anyio
import pytest

from authsm.runners.event_loop import EventLoop, current_event_loop
from tests.auth.world import GUARD, eventually_async

pytestmark = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def never() -> None:
    raise AssertionError("the task was begun")


def in_loop(backend: str, main: Callable[[], Awaitable[None]]) -> None:
    async def guarded() -> None:
        with anyio.fail_after(GUARD):
            await main()

    anyio.run(guarded, backend=backend)


def test_a_spawned_task_outlives_the_task_that_began_it(backend: str) -> None:
    ended: list[str] = []

    async def main() -> None:
        loop = current_event_loop()
        caller_is_gone = anyio.Event()

        async def work() -> None:
            await caller_is_gone.wait()
            ended.append("work")

        with anyio.CancelScope() as scope:
            loop.spawn(work, never)
            scope.cancel()
            await anyio.sleep_forever()
        caller_is_gone.set()
        await eventually_async(lambda: ended, "the work ends")

    in_loop(backend, main)
    assert ended == ["work"]


def test_a_spawned_task_has_the_context_variables_of_its_caller(backend: str) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[str] = []

    async def main() -> None:
        async def work() -> None:
            seen.append(variable.get("none"))
            variable.set("of the task")

        variable.set("of the caller")
        current_event_loop().spawn(work, never)
        await eventually_async(lambda: seen, "the work ends")
        assert variable.get() == "of the caller"

    in_loop(backend, main)
    assert seen == ["of the caller"]


def test_a_call_from_another_thread_is_made_in_the_thread_of_the_loop(backend: str) -> None:
    made_in: list[threading.Thread] = []

    async def main() -> None:
        loop = current_event_loop()
        thread = threading.Thread(
            target=lambda: loop.call_soon(lambda: made_in.append(threading.current_thread())), daemon=True
        )
        thread.start()
        await eventually_async(lambda: made_in, "the call is made")

    in_loop(backend, main)
    assert made_in == [threading.current_thread()]


def test_a_call_into_a_loop_that_has_ended_is_nothing(backend: str) -> None:
    loops: list[EventLoop] = []
    made: list[object] = []

    async def main() -> None:
        loops.append(current_event_loop())

    in_loop(backend, main)
    loops[0].call_soon(lambda: made.append(1))
    assert made == []


def test_a_task_that_was_spawned_as_the_loop_ends_is_begun_or_told_of(backend: str) -> None:
    """It has an answer to give, and whoever waits for that must not wait for ever."""
    told: list[str] = []

    async def main() -> None:
        async def work() -> None:
            told.append("begun")

        current_event_loop().spawn(work, lambda: told.append("not begun"))

    in_loop(backend, main)
    # Trio begins every task; asyncio cancels what it has not begun.
    assert len(told) == 1


def test_a_task_that_never_began_is_told_of_on_asyncio(backend: str) -> None:
    told: list[str] = []

    async def main() -> None:
        async def work() -> None:
            told.append("begun")

        current_event_loop().spawn(work, lambda: told.append("not begun"))
        if backend == "asyncio":
            spawned = asyncio.all_tasks() - {asyncio.current_task()}
            for task in spawned:
                task.cancel()
            await asyncio.wait(spawned)

    in_loop(backend, main)
    assert told == ["not begun" if backend == "asyncio" else "begun"]


def test_without_a_loop_there_is_none(backend: str) -> None:
    in_loop(backend, anyio.lowlevel.checkpoint)  # one that has ended does not count
    with pytest.raises(RuntimeError):
        current_event_loop()
