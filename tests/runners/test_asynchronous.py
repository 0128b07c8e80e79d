"""The async loop on asyncio and on trio: async handlers in the event loop, plain ones in threads."""

import contextvars
import math
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio
import pytest

from authsm import Limits
from authsm.core.drive import Answer, Interrupt, LateAnswer
from authsm.core.machine import Snapshot
from authsm.core.vocabulary import Event
from authsm.runners.asynchronous import AsyncInbox, done, in_thread, run
from authsm.runners.blocking import late_answer
from authsm.runners.event_loop import current_event_loop
from tests.auth.world import GUARD, SOON, eventually_async, gate
from tests.core import bakery
from tests.core.bakery import Remembered
from tests.runners.kitchen import Kitchen, an_order, cleaning

T = TypeVar("T")

IMPATIENT = Limits(seconds={bakery.BakeLayer: SOON, bakery.CleanUp: GUARD})

pytestmark = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def in_loop(backend: str, main: Callable[[], Awaitable[T]]) -> T:
    async def guarded() -> T:
        with anyio.fail_after(GUARD):
            return await main()

    return anyio.run(guarded, backend=backend)


async def serve(
    kitchen: Kitchen,
    snapshot: Snapshot[Remembered],
    event: Event | None = None,
    limits: Limits | None = None,
    *,
    meet: Callable[[AsyncInbox], None] = lambda _: None,
) -> Snapshot[Remembered]:
    loop = current_event_loop()
    inbox = AsyncInbox(loop, late_answer("run", kitchen.notices.append))
    meet(inbox)
    limiter = anyio.CapacityLimiter(math.inf)
    return await run(kitchen.driver(snapshot, event, limits), kitchen, inbox, loop, limiter)


def test_async_handlers_run_in_the_event_loop_and_plain_ones_do_not(backend: str) -> None:
    threads: dict[str, threading.Thread] = {}

    def note(effect: Any, _: object) -> None:
        threads[effect.name] = threading.current_thread()

    async def note_async(effect: Any, _: object) -> None:
        note(effect, _)

    kitchen = Kitchen({bakery.TakeMoney: note_async, bakery.BakeLayer: note})
    rest = in_loop(backend, lambda: serve(kitchen, *an_order(pays=True)))

    assert rest.state == "Cooling"
    assert threads["TakeMoney"] is threading.current_thread()
    assert threads["BakeLayer"] is not threading.current_thread()
    assert threads["BakeLayer"].daemon


def test_what_has_to_be_durable_comes_before_each_handler_and_never_blocks_the_loop(backend: str) -> None:
    order: list[str] = []

    async def handler(*_: object) -> None:
        order.append("handler")

    def first(_: object) -> None:
        assert threading.current_thread() is not threading.main_thread()
        order.append("before")

    kitchen = Kitchen({bakery.BakeLayer: handler}, first=first)
    in_loop(backend, lambda: serve(kitchen, *an_order()))
    assert order == ["before", "handler"] * 2


def test_an_async_effect_is_not_begun_where_what_has_to_be_durable_failed(backend: str) -> None:
    async def handler(*_: object) -> None:
        raise AssertionError("it was begun")

    def refuse(_: object) -> None:
        raise OSError("the disk is full")

    kitchen = Kitchen({bakery.BakeLayer: handler}, first=refuse)
    rest = in_loop(backend, lambda: serve(kitchen, *an_order()))
    assert "the disk is full" in rest.context.mishaps[0].failure.message


@pytest.mark.parametrize("awaits", [True, False])
def test_context_variables_of_the_caller_reach_the_handlers(backend: str, awaits: bool) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[str] = []

    async def handler(*_: object) -> None:
        seen.append(variable.get("none"))

    kitchen = Kitchen({bakery.BakeLayer: handler if awaits else lambda *_: seen.append(variable.get("none"))})

    async def main() -> None:
        variable.set("of the caller")
        await serve(kitchen, *an_order(layers=1))

    in_loop(backend, main)
    assert seen == ["of the caller"]


def test_an_effect_that_nobody_carries_out_fails_and_the_run_goes_on(backend: str) -> None:
    kitchen = Kitchen({})
    kitchen.handlers = {bakery.CleanUp: kitchen.handlers[bakery.CleanUp]}
    rest = in_loop(backend, lambda: serve(kitchen, *an_order()))
    assert rest.state == "Wasted"
    assert [mishap.failure.message for mishap in rest.context.mishaps] == ["The runner has no handler for BakeLayer."]


def test_an_async_handler_that_hangs_is_cancelled_and_the_next_effect_begins(backend: str) -> None:
    ended: list[str] = []

    async def bake(*_: object) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    kitchen = Kitchen({bakery.BakeLayer: bake})
    rest = in_loop(backend, lambda: serve(kitchen, *an_order(), IMPATIENT))
    assert (rest.state, ended) == ("Wasted", ["cancelled"])
    assert kitchen.calls[0].stop.is_set()
    assert rest.context.mishaps[0].failure.code == "TimeLimit"


def test_a_plain_handler_that_hangs_is_left_behind_and_its_answer_observed(backend: str) -> None:
    with gate() as hang:
        kitchen = Kitchen({bakery.BakeLayer: hang})

        async def main() -> None:
            assert (await serve(kitchen, *an_order(), IMPATIENT)).state == "Wasted"
            assert kitchen.calls[0].stop.is_set()
            assert kitchen.late == []
            hang.open()
            await eventually_async(lambda: kitchen.late, "the late answer")

        in_loop(backend, main)
    assert kitchen.late == [LateAnswer("run", 1, bakery.LayerBaked())]


def test_an_answer_that_comes_after_the_loop_has_ended_is_nothing(backend: str) -> None:
    answered = threading.Event()
    with gate() as hang:

        def bake(*_: object) -> None:
            hang()
            answered.set()

        kitchen = Kitchen({bakery.BakeLayer: bake})
        in_loop(backend, lambda: serve(kitchen, *an_order(), IMPATIENT))
        hang.open()
        assert answered.wait(GUARD)
    assert kitchen.late == []


def test_what_is_always_carried_out_does_not_queue_behind_what_hangs(backend: str) -> None:
    with gate() as hang:
        cleaned: list[object] = []
        baking = Kitchen({bakery.BakeLayer: hang})
        cleaner = Kitchen({bakery.CleanUp: lambda *_: cleaned.append(1)})

        async def main() -> None:
            loop, limiter = current_event_loop(), anyio.CapacityLimiter(1)

            async def shift(kitchen: Kitchen, snapshot: Snapshot[Remembered], event: Event | None = None) -> None:
                inbox = AsyncInbox(loop, lambda _: None)
                await run(kitchen.driver(snapshot, event), kitchen, inbox, loop, limiter)

            async with anyio.create_task_group() as group:
                group.start_soon(shift, baking, *an_order(layers=1))
                await hang.reached_async()
                await shift(cleaner, cleaning())
                assert (cleaned, limiter.borrowed_tokens) == ([1], 1)
                hang.open()

        in_loop(backend, main)


def test_no_more_plain_handlers_run_at_a_time_than_there_may_be(backend: str) -> None:
    lock = threading.Lock()
    running = [0, 0]

    def bake(*_: object) -> None:
        with lock:
            running[0] += 1
            running[1] = max(running)
        threading.Event().wait(0.001)
        with lock:
            running[0] -= 1

    async def main() -> None:
        loop, limiter = current_event_loop(), anyio.CapacityLimiter(3)

        async def shift() -> None:
            kitchen = Kitchen({bakery.BakeLayer: bake})
            inbox = AsyncInbox(loop, lambda _: None)
            rest = await run(kitchen.driver(*an_order(layers=3)), kitchen, inbox, loop, limiter)
            assert rest.state == "Cooling"

        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(shift)

    in_loop(backend, main)
    assert running[1] <= 3


def test_an_interruption_from_a_thread_cancels_what_can_be_cancelled(backend: str) -> None:
    async def hang(*_: object) -> None:
        threading.Thread(target=inboxes[0].interrupt, daemon=True).start()
        await anyio.sleep_forever()

    inboxes: list[AsyncInbox] = []
    kitchen = Kitchen({bakery.TakeMoney: hang})
    rest = in_loop(backend, lambda: serve(kitchen, *an_order(pays=True), meet=inboxes.append))
    assert rest.state == "Closed"


def test_answers_that_are_left_or_come_when_the_inbox_is_closed_are_late(backend: str) -> None:
    late: list[Answer] = []
    left, after = Answer(1, bakery.Cleaned()), Answer(2, bakery.Cleaned())

    async def main() -> None:
        inbox = AsyncInbox(current_event_loop(), late.append)
        inbox.put(left)
        inbox.put(Interrupt())
        inbox.close()
        inbox.put(after)
        inbox.put(Interrupt())
        assert await inbox.get(0) is None

    in_loop(backend, main)
    assert late == [left, after]


class TestInThread:
    def test_it_gives_what_the_function_returns(self, backend: str) -> None:
        async def main() -> threading.Thread:
            return await in_thread(threading.current_thread, current_event_loop(), anyio.CapacityLimiter(1))

        thread = in_loop(backend, main)
        assert thread is not threading.current_thread()
        assert thread.daemon

    @pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3)])
    def test_it_raises_what_the_function_raises(self, backend: str, error: BaseException) -> None:
        def function() -> None:
            raise error

        async def main() -> None:
            with pytest.raises(type(error)) as raised:
                await in_thread(function, current_event_loop(), anyio.CapacityLimiter(1))
            assert raised.value is error

        in_loop(backend, main)

    def test_a_function_that_hangs_is_left_behind_and_gives_its_place_back(self, backend: str) -> None:
        with gate() as hang:

            async def main() -> None:
                limiter = anyio.CapacityLimiter(1)
                with pytest.raises(TimeoutError):
                    await in_thread(hang, current_event_loop(), limiter, seconds=SOON)
                assert limiter.borrowed_tokens == 0

            in_loop(backend, main)


def test_a_future_that_is_done_already_is_not_waited_for(backend: str) -> None:
    future: Future[None] = Future()
    future.set_result(None)

    async def main() -> None:
        await done(future, current_event_loop())

    in_loop(backend, main)
