"""Fault schedules are plain values that any loop can ask; here, a sign-out on a fake clock, and a store that dies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsm import SIGN_OUT, Answer, LateAnswer, MemoryCredentialStore, SignOutContext, drive
from authsm.flows.sign_out.effects import Begin
from authsm.stores.contract import Cleared, EntryState
from authsm.testing import AnswerFault, FakeClock, Fate, FaultSchedule, Moment, StoreCrash, sample_session
from authsm.testing.strategies import fault_schedules, plans

if TYPE_CHECKING:
    from authsm.flows.sign_out.plan import Plan


def _signed_out(plan: Plan, schedule: FaultSchedule) -> tuple[list[Any], Counter[Fate]]:
    """Let everything succeed that the schedule lets through; give what was observed, and what went wrong."""
    clock, seen, asked = FakeClock(), list[Any](), Counter[str]()
    happened: Counter[Fate] = Counter()
    run = drive(SIGN_OUT, SIGN_OUT.start(SignOutContext(plan)), Begin(), clock=clock, observe=seen.append)
    on_the_way: list[Answer] = []
    try:
        ask = next(run)
        while True:
            asked[ask.effect.name] += 1
            for late in on_the_way:
                ask = run.send(late)
            on_the_way.clear()
            fate = schedule.fate_of(ask.effect.name, asked[ask.effect.name])
            answer = Answer(ask.id, ask.effect.done())
            happened.update([fate] if fate else [])
            if fate in {Fate.LATE, Fate.REPEATED}:
                on_the_way.append(answer)
            if fate in {Fate.LATE, Fate.LOST}:
                clock.advance(ask.seconds)
                ask = run.send(None)
            else:
                ask = run.send(answer)
    except StopIteration as ended:
        seen.append(ended.value)
    return seen, happened


@settings(deadline=None)
@given(plan=plans(), schedule=fault_schedules(operations=()))
def test_a_sign_out_ends_whatever_becomes_of_its_answers(plan: Plan, schedule: FaultSchedule) -> None:
    seen, happened = _signed_out(plan, schedule)
    assert SIGN_OUT.is_final(seen[-1])
    assert sum(isinstance(each, LateAnswer) for each in seen) <= happened[Fate.LATE] + happened[Fate.REPEATED]
    lost = happened[Fate.LATE] + happened[Fate.LOST]
    failed = [each for each in seen if getattr(getattr(each, "event", None), "failure", None)]
    assert len(failed) == lost


class Died(BaseException):
    """A store died half-way."""


class DyingStore:
    """A store that dies where a schedule says."""

    def __init__(self, store: MemoryCredentialStore, schedule: FaultSchedule) -> None:
        self._store = store
        self._schedule = schedule
        self._calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            self._calls[name] += 1
            moment = self._schedule.crash_at(name, self._calls[name])
            if moment is Moment.BEFORE:
                raise Died
            answer = getattr(self._store, name)(*args, **named)
            if moment is Moment.AFTER:
                raise Died
            return answer

        return call


@given(schedule=fault_schedules(operations=("leave", "clear")))
def test_a_store_that_died_half_way_can_be_cleared_all_the_same(schedule: FaultSchedule) -> None:
    store = MemoryCredentialStore()
    dying = DyingStore(store, schedule)
    epoch = store.begin("ada", sample_session()).epoch
    try:
        dying.leave("ada", epoch=epoch, journal="{}")
        dying.clear("ada", epoch=epoch)
    except Died:
        assert schedule.crashes
    assert store.clear("ada", epoch=epoch) == Cleared()
    assert store.load("ada").state is EntryState.TOMBSTONE


def test_a_schedule_that_contradicts_itself_is_refused() -> None:
    twice = (AnswerFault("RevokeToken", 1, Fate.LOST), AnswerFault("RevokeToken", 1, Fate.LATE))
    with pytest.raises(ValueError, match=r"^The schedule has several faults for call 1 of RevokeToken\.$"):
        FaultSchedule(answers=twice)
    with pytest.raises(ValueError, match="call 2 of clear"):
        FaultSchedule(crashes=(StoreCrash("clear", 2, Moment.AFTER), StoreCrash("clear", 2, Moment.BEFORE)))


@given(st.sampled_from(["RevokeToken", "clear"]), st.integers(1, 3))
def test_nothing_goes_wrong_where_nothing_is_said(name: str, time: int) -> None:
    schedule = FaultSchedule((AnswerFault("GlobalSignOut", 1, Fate.LOST),), (StoreCrash("leave", 2, Moment.AFTER),))
    assert (schedule.fate_of(name, time), schedule.crash_at(name, time)) == (None, None)
    assert schedule.fate_of("GlobalSignOut", 1) is Fate.LOST
    assert schedule.crash_at("leave", 2) is Moment.AFTER
