"""Driving a machine from effect to effect, with a clock that only moves when told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authsm.core.drive import Answer, Ask, Interrupt, LateAnswer, Limits, Message, Transition, drive
from authsm.core.machine import Snapshot, UnexpectedEventError
from authsm.core.vocabulary import Effect, Event, FailedReply, Failure, FailureKind
from authsm.testing import FakeClock
from tests.core import bakery
from tests.core.bakery import BAKERY, Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

REFUSED = Failure(FailureKind.REFUSED, "No", "no")


@dataclass
class Drive:
    """A run whose messages the test sends, and whose clock the test moves."""

    limits: Limits | None = None
    until: type[Effect] | None = None
    clock: FakeClock = field(default_factory=lambda: FakeClock(1000.0))
    notices: list[Any] = field(default_factory=list[Any])
    asked: list[Ask[Remembered]] = field(default_factory=list[Ask[Remembered]])
    rested: Snapshot[Remembered] | None = None

    def begin(self, snapshot: Snapshot[Remembered], event: Event | None = None) -> Drive:
        self._run: Generator[Ask[Remembered], Message | None, Snapshot[Remembered]] = drive(
            BAKERY,
            snapshot,
            event,
            run="run",
            limits=self.limits,
            clock=self.clock,
            observe=self.notices.append,
            until=self.until,
        )
        self._take(None)
        return self

    def send(self, message: Message | None, *, after: float = 0.0) -> Drive:
        self.clock.advance(after)
        self._take(message)
        return self

    def answer(self, event: Event, *, after: float = 0.0) -> Drive:
        return self.send(Answer(self.ask.id, event), after=after)

    def _take(self, message: Message | None) -> None:
        try:
            self.asked.append(self._run.send(message))
        except StopIteration as ended:
            self.rested = ended.value

    @property
    def ask(self) -> Ask[Remembered]:
        assert self.rested is None
        return self.asked[-1]

    @property
    def transitions(self) -> list[Transition[Remembered]]:
        return [notice for notice in self.notices if isinstance(notice, Transition)]

    @property
    def failure(self) -> Failure:
        """Why the last effect failed."""
        event = self.transitions[-1].event
        assert isinstance(event, FailedReply)
        return event.failure

    @property
    def begun(self) -> list[type[Effect]]:
        """The effects that were asked for, each once."""
        return [type(ask.effect) for ask in {ask.id: ask for ask in self.asked}.values()]


def _ordered(limits: Limits | None = None, *, pays: bool = False, layers: int = 2) -> Drive:
    return Drive(limits).begin(BAKERY.start(Remembered(pays=pays)), bakery.Ordered(layers=layers))


def _cleaning(limits: Limits | None = None) -> Drive:
    return Drive(limits).begin(Snapshot("CleaningUp", Remembered()))


def test_it_asks_for_each_effect_and_rests_where_something_must_come_from_outside() -> None:
    run = _ordered(layers=1).answer(bakery.LayerBaked(), after=2.0)
    assert run.rested == Snapshot("Cooling", Remembered(pays=False, flavour=bakery.Flavour.LEMON))
    assert [ask.id for ask in run.asked] == [1]
    run = Drive().begin(run.rested, bakery.Left()).answer(bakery.Cleaned())
    assert run.rested is not None
    assert run.rested.state == "Served"


def test_without_an_event_it_takes_up_the_effect_that_is_pending() -> None:
    run = Drive().begin(Snapshot("Baking", Remembered(layers=1), attempt=3))
    assert run.ask.effect == bakery.BakeLayer(3)
    assert run.ask.snapshot == Snapshot("Baking", Remembered(layers=1), attempt=3)


def test_a_machine_that_waits_for_nothing_rests_at_once() -> None:
    start = BAKERY.start(Remembered())
    run = Drive().begin(start)
    assert (run.rested, run.asked, run.notices) == (start, [], [])


def test_a_run_is_suspended_where_an_effect_is_carried_out_elsewhere_and_goes_on_from_there() -> None:
    run = Drive(until=bakery.CleanUp).begin(Snapshot("Cooling", Remembered()), bakery.Left())
    assert run.rested == Snapshot("CleaningUp", Remembered())
    assert (run.asked, [each.target.state for each in run.transitions]) == ([], ["CleaningUp"])
    later = Drive().begin(run.rested, bakery.Cleaned())
    assert later.rested is not None
    assert later.rested.state == "Served"
    assert Drive(until=bakery.CleanUp).begin(Snapshot("Baking", Remembered(layers=1))).ask.effect == bakery.BakeLayer()


def test_the_limits_have_defaults() -> None:
    with_defaults = drive(BAKERY, Snapshot("Baking", Remembered()))
    ask = next(with_defaults)
    assert 9.0 < ask.seconds <= bakery.BakeLayer.seconds
    assert (Limits().deadline, Limits().grace, Limits().seconds) == (30.0, 5.0, {})


def test_observers_see_each_step_with_its_effect_and_how_long_it_took() -> None:
    run = _ordered(layers=1).answer(bakery.LayerBaked(), after=2.5)
    start = BAKERY.start(Remembered(pays=False))
    baking = BAKERY.step(start, bakery.Ordered(layers=1)).snapshot
    cooling = BAKERY.step(baking, bakery.LayerBaked()).snapshot
    assert run.notices == [
        Transition("run", start, bakery.Ordered(layers=1), baking, None, 0.0),
        Transition("run", baking, bakery.LayerBaked(), cooling, bakery.BakeLayer(1, bakery.Flavour.LEMON), 2.5),
    ]


def test_an_answer_that_the_state_does_not_know_raises() -> None:
    run = _ordered()
    with pytest.raises(UnexpectedEventError):
        run.answer(bakery.Cleaned())


class TestTimeLimits:
    def test_an_effect_has_its_own_limit(self) -> None:
        run = _ordered()
        assert run.ask.seconds == bakery.BakeLayer.seconds
        run.send(None, after=10.0)
        assert run.failure == Failure(FailureKind.TIMED_OUT, "TimeLimit", "BakeLayer gave no answer within 10 s.")
        assert run.begun == [bakery.BakeLayer, bakery.CleanUp]

    def test_the_limits_of_the_run_come_before_the_effects_own(self) -> None:
        run = _ordered(Limits(seconds={bakery.BakeLayer: 2.5}))
        assert run.ask.seconds == 2.5
        run.send(None, after=2.5)
        assert run.failure.message == "BakeLayer gave no answer within 2.5 s."

    def test_a_wake_up_before_the_limit_changes_nothing(self) -> None:
        run = _ordered().send(None, after=4.0)
        assert (run.ask.id, run.ask.seconds) == (1, 6.0)
        run.send(None, after=5.5)
        assert (run.ask.id, run.ask.seconds) == (1, 0.5)
        assert run.begun == [bakery.BakeLayer]

    def test_an_answer_counts_even_if_it_is_read_after_the_limit(self) -> None:
        run = _ordered(layers=1).answer(bakery.LayerBaked(), after=99.0)
        assert run.rested is not None
        assert run.rested.state == "Cooling"

    def test_the_seconds_to_wait_are_never_negative(self) -> None:
        run = _ordered().send(Answer(99, bakery.LayerBaked()), after=99.0)
        assert run.ask.seconds == 0.0

    def test_a_limit_of_zero_means_not_at_all(self) -> None:
        run = _ordered(Limits(seconds={bakery.BakeLayer: 0.0}))
        assert run.begun == [bakery.CleanUp]
        assert run.failure.code == "TimeLimit"


class TestDeadline:
    def test_effects_that_count_share_it(self) -> None:
        run = _ordered(Limits(deadline=12.0)).answer(bakery.LayerBaked(), after=7.0)
        assert (run.ask.id, run.ask.seconds) == (2, 5.0)
        run.send(None, after=5.0)
        assert run.failure == Failure(
            FailureKind.TIMED_OUT,
            "Deadline",
            "BakeLayer gave no answer before the deadline of 12 s for the whole run.",
        )

    def test_an_effect_is_not_begun_when_nothing_is_left_of_it(self) -> None:
        run = _ordered(Limits(deadline=7.0)).answer(bakery.LayerBaked(), after=7.0)
        assert run.begun == [bakery.BakeLayer, bakery.CleanUp]
        assert (run.failure.code, run.transitions[-1].seconds) == ("Deadline", 0.0)

    def test_it_never_shortens_an_effect_that_is_always_carried_out(self) -> None:
        run = _ordered(Limits(deadline=7.0)).answer(bakery.LayerBaked(), after=20.0)
        assert (type(run.ask.effect), run.ask.seconds) == (bakery.CleanUp, 5.0)

    def test_an_effect_that_is_always_carried_out_has_its_own_limit_all_the_same(self) -> None:
        run = _cleaning().send(None, after=5.0)
        assert run.rested is not None
        assert run.rested.state == "Wasted"
        assert run.failure.code == "TimeLimit"

    def test_an_effect_that_does_not_count_takes_nothing_off_it(self) -> None:
        run = _ordered(Limits(deadline=6.0), pays=True)
        assert (type(run.ask.effect), run.ask.seconds) == (bakery.TakeMoney, 60.0)
        run.answer(bakery.MoneyTaken(), after=59.0)
        assert (type(run.ask.effect), run.ask.seconds) == (bakery.BakeLayer, 6.0)

    def test_the_effects_own_limit_stands_where_it_is_shorter(self) -> None:
        assert _ordered(Limits(deadline=10.5)).ask.seconds == 10.0


class TestLateAnswers:
    def test_an_answer_to_an_earlier_ask_is_observed_and_dropped(self) -> None:
        run = _ordered(layers=3).answer(bakery.LayerBaked())
        before = list(run.notices)
        run.send(Answer(1, bakery.LayerBurnt(REFUSED)), after=1.0)
        assert run.notices == [*before, LateAnswer("run", 1, bakery.LayerBurnt(REFUSED))]
        assert (run.ask.id, run.ask.seconds) == (2, 9.0)

    def test_an_answer_to_an_ask_that_was_never_made_is_dropped_too(self) -> None:
        run = _ordered().send(Answer(7, bakery.LayerBaked()))
        assert run.notices[-1] == LateAnswer("run", 7, bakery.LayerBaked())
        assert run.ask.id == 1

    def test_a_late_answer_changes_nothing_about_where_the_run_ends(self) -> None:
        run = _ordered(layers=1).send(None, after=10.0).send(Answer(1, bakery.LayerBaked())).answer(bakery.Cleaned())
        assert run.rested is not None
        assert run.rested.state == "Wasted"

    def test_a_late_answer_cannot_hold_a_run_past_its_limit(self) -> None:
        run = _ordered(layers=3).answer(bakery.LayerBaked()).send(Answer(1, bakery.LayerBaked()), after=10.0)
        assert run.ask.seconds == 0.0
        run.send(None)
        assert run.failure.code == "TimeLimit"


class TestInterruption:
    def test_it_cancels_an_effect_that_can_be_cancelled(self) -> None:
        run = _ordered(pays=True).send(Interrupt())
        assert run.rested is not None
        assert (run.rested.state, run.transitions[-1].event) == ("Closed", bakery.Withdrawn())

    def test_the_rest_shares_a_time_of_grace(self) -> None:
        run = _ordered(layers=3).send(Interrupt(), after=1.0)
        assert (run.ask.id, run.ask.seconds) == (1, 5.0)
        run.answer(bakery.LayerBaked(), after=3.0)
        assert (run.ask.id, run.ask.seconds) == (2, 2.0)
        run.send(None, after=2.0)
        assert run.failure == Failure(
            FailureKind.INTERRUPTED, "Interrupted", "BakeLayer was given up: interrupted, and the 5 s of grace ran out."
        )

    def test_grace_does_not_lengthen_what_was_left(self) -> None:
        run = _ordered().send(Interrupt(), after=8.0)
        assert run.ask.seconds == 2.0
        run.send(None, after=2.0)
        assert run.failure.code == "TimeLimit"

    def test_a_second_one_ends_the_time_of_grace(self) -> None:
        run = _ordered().send(Interrupt()).send(Interrupt(), after=1.0)
        assert run.failure.code == "Interrupted"
        assert run.begun == [bakery.BakeLayer, bakery.CleanUp]

    def test_an_effect_is_not_begun_once_grace_is_over(self) -> None:
        run = _ordered().send(Interrupt()).answer(bakery.LayerBaked(), after=5.0)
        assert run.begun == [bakery.BakeLayer, bakery.CleanUp]
        assert run.failure.code == "Interrupted"

    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_what_is_always_carried_out_keeps_its_whole_time(self, times: int) -> None:
        run = _cleaning(Limits(grace=0.0))
        for _ in range(times):
            run.send(Interrupt())
        assert (run.ask.id, run.ask.seconds) == (1, 5.0)
        run.answer(bakery.Cleaned())
        assert run.rested is not None
        assert run.rested.state == "Served"

    def test_what_is_always_carried_out_is_begun_after_it(self) -> None:
        run = _ordered(Limits(grace=0.0)).send(Interrupt())
        assert (type(run.ask.effect), run.ask.seconds) == (bakery.CleanUp, 5.0)


class TestLimits:
    @pytest.mark.parametrize("wrong", [-1.0, math.inf, -math.inf, math.nan])
    @pytest.mark.parametrize(
        ("make", "name"),
        [
            pytest.param(lambda seconds: Limits(deadline=seconds), "deadline", id="deadline"),
            pytest.param(lambda seconds: Limits(grace=seconds), "grace", id="grace"),
            pytest.param(lambda seconds: Limits(seconds={bakery.BakeLayer: seconds}), "BakeLayer", id="effect"),
        ],
    )
    def test_what_is_no_length_of_time_is_refused(
        self, make: Callable[[float], Limits], name: str, wrong: float
    ) -> None:
        with pytest.raises(ValueError, match=rf"The limit {name} must be a finite number of seconds, 0 or more; it is"):
            make(wrong)

    def test_zero_is_a_length_of_time(self) -> None:
        limits = Limits(deadline=0.0, grace=0, seconds={bakery.CleanUp: 0.0})
        assert (limits.deadline, limits.grace) == (0.0, 0)


_REPLIES = st.sampled_from(["done", "failed", "cancelled", "late", "silence", "wake-up", "interrupt"])
_DELAYS = st.floats(0.0, 1.0)
_LIMITS = st.builds(
    Limits,
    deadline=st.floats(0.0, 40.0),
    grace=st.floats(0.0, 10.0),
    seconds=st.dictionaries(
        st.sampled_from([bakery.TakeMoney, bakery.BakeLayer, bakery.Decorate, bakery.CleanUp]), st.floats(0.0, 20.0)
    ),
)


def _message(kind: str, ask: Ask[Remembered]) -> Message | None:
    effect = ask.effect
    match kind:
        case "done":
            return Answer(ask.id, effect.done())
        case "failed":
            return Answer(ask.id, effect.failed(REFUSED))
        case "cancelled" if effect.cancelled is not None:
            return Answer(ask.id, effect.cancelled())
        case "late":
            return Answer(ask.id - 1, effect.done())
        case "interrupt":
            return Interrupt()
        case _:
            return None


@given(
    script=st.lists(st.tuples(_REPLIES, _DELAYS), max_size=30),
    limits=_LIMITS,
    pays=st.booleans(),
    layers=st.integers(1, 4),
)
@example(script=[("interrupt", 0.0)], limits=Limits(), pays=True, layers=1)
def test_whatever_comes_the_run_ends_within_its_limits(
    *, script: list[tuple[str, float]], limits: Limits, pays: bool, layers: int
) -> None:
    run = _ordered(limits, pays=pays, layers=layers)
    began, messages = run.clock(), 0
    while run.rested is None:
        # Once the script is over, nobody says anything any more.
        kind, part = script.pop(0) if script else ("silence", 1.0)
        wait = run.ask.seconds if kind == "silence" else run.ask.seconds * part
        run.send(_message(kind, run.ask), after=wait)
        messages += 1
        assert messages < 200
    spent = {type(ask.effect): 0.0 for ask in run.asked}
    for transition in run.transitions:
        if transition.effect is not None:
            spent[type(transition.effect)] = spent.get(type(transition.effect), 0.0) + transition.seconds
    allowed = {effect: limits.seconds.get(effect, effect.seconds) for effect in spent}
    for effect in (bakery.TakeMoney, bakery.CleanUp):
        assert spent.get(effect, 0.0) <= allowed.get(effect, 0.0) + 1e-6
    assert sum(seconds for effect, seconds in spent.items() if effect.counts) <= limits.deadline + 1e-6
    assert (
        run.clock() - began
        <= limits.deadline + sum(allowed.get(e, 0.0) for e in (bakery.TakeMoney, bakery.CleanUp)) + 1e-6
    )
    assert [ask.id for ask in run.asked] == sorted(ask.id for ask in run.asked)
    assert not BAKERY.pending(run.rested)
    with pytest.raises(StopIteration):
        run._run.send(None)


@given(script=st.lists(st.tuples(_REPLIES, _DELAYS), max_size=12), limits=_LIMITS)
def test_after_an_interruption_only_grace_and_what_is_always_done_are_left(
    script: list[tuple[str, float]], limits: Limits
) -> None:
    run = _ordered(limits, layers=3)
    interrupted: float | None = None
    for kind, part in [*script, ("interrupt", 0.0)]:
        if run.rested is None:
            run.send(_message(kind, run.ask), after=run.ask.seconds * part)
            interrupted = run.clock() if kind == "interrupt" and interrupted is None else interrupted
    while run.rested is None:
        run.send(None, after=run.ask.seconds)
    if interrupted is not None:
        always = limits.seconds.get(bakery.CleanUp, bakery.CleanUp.seconds)
        assert run.clock() - interrupted <= limits.grace + always + 1e-6
