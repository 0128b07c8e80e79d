"""The blocking loop: handlers in threads of their own, and those that hang are left behind."""

import contextvars
import math
import threading
from typing import Any

import pytest

from authsm import Limits
from authsm.core.drive import Answer, Interrupt, LateAnswer, Message
from authsm.core.machine import Snapshot
from authsm.core.vocabulary import Event
from authsm.runners.blocking import Inbox, late_answer, run
from tests.auth.world import GUARD, SOON, Gate, eventually, gate
from tests.core import bakery
from tests.core.bakery import Remembered
from tests.runners.kitchen import Kitchen, an_order, cleaning

IMPATIENT = Limits(seconds={bakery.BakeLayer: SOON, bakery.Decorate: SOON, bakery.CleanUp: GUARD})


def serve(
    kitchen: Kitchen,
    snapshot: Snapshot[Remembered],
    event: Event | None = None,
    limits: Limits | None = None,
    inbox: Inbox | None = None,
) -> Snapshot[Remembered]:
    inbox = inbox or Inbox(late_answer("run", kitchen.notices.append))
    return run(kitchen.driver(snapshot, event, limits), kitchen, inbox)


def test_the_effects_are_carried_out_in_turn_in_one_thread_that_is_not_the_callers() -> None:
    threads: list[threading.Thread] = []
    kitchen = Kitchen({bakery.BakeLayer: lambda *_: threads.append(threading.current_thread())})

    rest = serve(kitchen, *an_order(layers=3))

    assert rest.state == "Cooling"
    assert len(threads) == 3
    assert len(set(threads)) == 1
    assert threading.current_thread() not in threads
    assert threads[0].daemon  # one that hangs must not keep the process from ending


def test_a_machine_that_waits_for_nothing_rests_without_a_thread() -> None:
    kitchen = Kitchen({})
    start, _ = an_order()
    assert serve(kitchen, start) == start
    assert kitchen.calls == []


def test_a_call_names_run_and_effect_and_comes_before_what_has_to_be_durable() -> None:
    order: list[str] = []
    kitchen = Kitchen({bakery.BakeLayer: lambda *_: order.append("handler")}, first=lambda _: order.append("before"))
    serve(kitchen, *an_order())
    assert [call.id for call in kitchen.calls] == ["run/1", "run/2"]
    assert order == ["before", "handler"] * 2


def test_an_effect_is_not_begun_where_what_has_to_be_durable_failed() -> None:
    begun: list[object] = []

    def refuse(_: object) -> None:
        raise OSError("the disk is full")

    kitchen = Kitchen({bakery.BakeLayer: lambda *_: begun.append(1)}, first=refuse)
    rest = serve(kitchen, *an_order())
    assert (begun, [mishap.where for mishap in rest.context.mishaps]) == ([], ["LayerBurnt", "CleaningFailed"])
    assert "the disk is full" in rest.context.mishaps[0].failure.message


def test_context_variables_of_the_caller_reach_the_handlers() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request")
    seen: list[str] = []
    kitchen = Kitchen({bakery.BakeLayer: lambda *_: seen.append(request.get("none"))})

    def caller(name: str) -> None:
        request.set(name)
        serve(kitchen, *an_order(layers=1))

    for name in ("first", "second"):
        contextvars.copy_context().run(caller, name)
    assert seen == ["first", "second"]


def test_an_effect_that_nobody_carries_out_fails_and_the_run_goes_on() -> None:
    kitchen = Kitchen({})
    kitchen.handlers = {bakery.CleanUp: kitchen.handlers[bakery.CleanUp]}
    rest = serve(kitchen, *an_order())
    assert rest.state == "Wasted"
    assert [mishap.failure.message for mishap in rest.context.mishaps] == ["The runner has no handler for BakeLayer."]


class TestLeftBehind:
    def test_a_handler_that_hangs_is_told_to_stop_and_the_next_effect_does_not_wait_for_it(self) -> None:
        threads: list[threading.Thread] = []
        with gate() as hang:

            def bake(_: object, __: object) -> None:
                threads.append(threading.current_thread())
                hang()

            kitchen = Kitchen(
                {bakery.BakeLayer: bake, bakery.CleanUp: lambda *_: threads.append(threading.current_thread())}
            )
            rest = serve(kitchen, *an_order(), IMPATIENT)

            assert rest.state == "Wasted"
            assert kitchen.calls[0].stop.is_set()
            assert len(set(threads)) == 2

    def test_its_answer_is_observed_and_changes_nothing(self) -> None:
        with gate() as hang:
            kitchen = Kitchen({bakery.BakeLayer: hang})
            rest = serve(kitchen, *an_order(), IMPATIENT)
            assert kitchen.late == []
            hang.open()
            eventually(lambda: kitchen.late, "the late answer")
        assert kitchen.late == [LateAnswer("run", 1, bakery.LayerBaked())]
        assert rest.state == "Wasted"

    def test_its_answer_within_the_run_is_dropped_too(self) -> None:
        with gate() as hang:

            def clean(*_: object) -> None:
                hang.open()
                eventually(lambda: kitchen.late, "the late answer")

            kitchen = Kitchen({bakery.BakeLayer: hang, bakery.CleanUp: clean})
            assert serve(kitchen, *an_order(), IMPATIENT).state == "Wasted"
        assert [notice.ask for notice in kitchen.late] == [1]

    def test_an_effect_whose_time_ran_out_before_its_turn_is_not_begun(self) -> None:
        begun: list[object] = []
        with gate() as hang:
            kitchen = Kitchen({bakery.BakeLayer: lambda *_: begun.append(1)}, first=_at_baking(hang))
            serve(kitchen, *an_order(), IMPATIENT)
            hang.open()
            eventually(lambda: kitchen.late, "the late answer")
        late = kitchen.late[0].event
        assert isinstance(late, bakery.LayerBurnt)
        assert (late.failure.code, begun) == ("GivenUp", [])

    def test_the_last_effect_may_be_left_behind_too(self) -> None:
        with gate() as hang:
            kitchen = Kitchen({bakery.CleanUp: hang})
            rest = serve(kitchen, cleaning(), limits=Limits(seconds={bakery.CleanUp: SOON}))
            assert rest.state == "Wasted"
            assert kitchen.calls[0].stop.is_set()

    def test_the_handler_is_told_that_nobody_waits_when_the_loop_itself_breaks(self) -> None:
        with gate() as hang:
            kitchen = Kitchen({bakery.BakeLayer: hang})
            inbox = Inbox(late_answer("run", kitchen.notices.append))
            inbox.put(Answer(1, bakery.Cleaned()))  # an answer that the state does not know
            with pytest.raises(Exception, match="Cleaned"):
                serve(kitchen, *an_order(), inbox=inbox)
            eventually(lambda: kitchen.calls and kitchen.calls[0].stop.is_set(), "the stop signal")


def _at_baking(hang: Gate) -> Any:
    return lambda effect: hang() if isinstance(effect, bakery.BakeLayer) else None


class TestInterruption:
    def test_from_another_thread_it_cancels_what_can_be_cancelled(self) -> None:
        with gate() as hang:
            kitchen = Kitchen({bakery.TakeMoney: hang})
            inbox = Inbox(late_answer("run", kitchen.notices.append))

            def interrupt() -> None:
                hang.reached()
                inbox.interrupt()

            thread = threading.Thread(target=interrupt)
            thread.start()
            rest = serve(kitchen, *an_order(pays=True), inbox=inbox)
            thread.join(GUARD)

            assert rest.state == "Closed"
            assert kitchen.calls[0].stop.is_set()


class TestInbox:
    def test_messages_are_given_in_order_and_none_when_there_is_none(self) -> None:
        inbox = Inbox(lambda _: None)
        messages: list[Message] = [Answer(1, bakery.Cleaned()), Interrupt(), Answer(2, bakery.Cleaned())]
        for message in messages:
            inbox.put(message)
        assert [inbox.get(0) for _ in range(4)] == [*messages, None]

    @pytest.mark.parametrize("seconds", [1e300, math.inf])
    def test_a_wait_may_be_longer_than_the_system_can_count(self, seconds: float) -> None:
        inbox = Inbox(lambda _: None)
        inbox.interrupt()
        assert inbox.get(seconds) == Interrupt()

    def test_answers_that_are_left_when_it_closes_are_late_and_interruptions_are_nothing(self) -> None:
        late: list[Answer] = []
        inbox = Inbox(late.append)
        left = [Answer(1, bakery.Cleaned()), Answer(2, bakery.LayerBaked())]
        inbox.put(left[0])
        inbox.interrupt()
        inbox.put(left[1])
        inbox.close()
        assert late == left

    def test_answers_that_come_after_it_closed_are_late_and_interruptions_are_nothing(self) -> None:
        late: list[Answer] = []
        inbox = Inbox(late.append)
        inbox.close()
        inbox.interrupt()
        inbox.put(Answer(1, bakery.Cleaned()))
        assert late == [Answer(1, bakery.Cleaned())]
        assert inbox.get(0) is None

    def test_every_answer_from_many_threads_is_either_read_or_late_and_none_both(self) -> None:
        late: list[Answer] = []
        inbox = Inbox(late.append)
        start = threading.Barrier(5)

        def answer(first: int) -> None:
            start.wait(GUARD)
            for number in range(first, first + 200):
                inbox.put(Answer(number, bakery.Cleaned()))

        threads = [threading.Thread(target=answer, args=(first,)) for first in range(0, 800, 200)]
        for thread in threads:
            thread.start()
        start.wait(GUARD)
        read = [message for _ in range(300) if isinstance(message := inbox.get(GUARD), Answer)]
        inbox.close()
        for thread in threads:
            thread.join(GUARD)
        assert sorted(message.ask for message in (*read, *late)) == list(range(800))
