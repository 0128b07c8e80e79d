"""What is violated is found where it is violated, and nothing is explored behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Event
from authsm.testing.proof import EVERY_FAULT, INVARIANTS, NO_FAULTS, Faults, Invariant, Plain, Seen, Way, explore
from tests.testing.proof.kettle import EXACT, KETTLE, NEVER_DRY, Boil, Boiled, Kitchen, Press

_Press = Press


@dataclass(frozen=True, slots=True)
class Careless(Context):
    times: int = 0

    def after(self, event: Event) -> Careless:
        if isinstance(event, Press):
            raise ZeroDivisionError("pressed")
        return self


class Raises(Chart[Careless]):
    Off = Waiting(_Press, initial=True)
    Hot = End()
    Press = Off.first_of(Hot)


@dataclass(frozen=True, slots=True)
class Forgetful(Context):
    said: float = 0.0

    def after(self, event: Event) -> Forgetful:
        return Forgetful(float("nan")) if isinstance(event, Press) else self


class Loses(Chart[Forgetful]):
    Off = Waiting(_Press, initial=True)
    Boiling = Doing(Boil)
    Hot = End()
    Press = Off.first_of(Boiling)
    Boiled = Boiling.first_of(Hot)
    NotBoiled = Boiling.first_of(Hot)


@pytest.mark.parametrize(
    ("machine", "context", "said"),
    [
        (Machine(Raises), Careless(), r"nothing raises: ZeroDivisionError: pressed\n.*from context 0:\n  1. Press"),
        (Machine(Loses), Forgetful(), "snapshots survive JSON: a snapshot in Boiling does not come back"),
    ],
)
def test_what_must_hold_of_every_machine_is_asked_of_every_machine(
    machine: Machine[Any], context: Any, said: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?s){said}"):
        explore(machine, [context]).assert_invariants()


def test_how_often_the_condition_of_an_invariant_was_met_is_counted() -> None:
    found = explore(KETTLE, [Kitchen()], invariants=[*INVARIANTS, NEVER_DRY, Invariant("never", _no, lambda _: False)])
    assert found.reached["nothing raises"] == len(found.situations)
    assert 0 < found.reached["never boils dry"] < len(found.situations)
    assert found.reached["never"] == 0
    found.assert_invariants()


def _no(seen: Seen) -> str:
    del seen
    return "no"


def test_nothing_is_explored_behind_a_violation() -> None:
    found = explore(KETTLE, [Kitchen()], invariants=[Invariant("nothing is wet", _is_wet)])
    assert len(found.violations) == 1
    assert not {"Boiling", "Hot"} & {move.name for move in found.moves}
    assert found.onward[found.violations[0].situation] == ()


def _is_wet(seen: Seen) -> str:
    snapshot = seen.situation.processes[0].snapshot
    return "wet" if snapshot is not None and snapshot.context.has_water else ""


def test_an_answer_that_is_lost_after_the_work_is_seen_as_what_it_is() -> None:
    """The kettle says that it is cold, and it is hot: no machine can know; only the world does."""
    found = explore(KETTLE, [Kitchen()], EVERY_FAULT, invariants=[*INVARIANTS, EXACT])
    with pytest.raises(AssertionError, match="it is Cold, and should be Hot"):
        found.assert_invariants()


def test_a_check_that_raises_is_told_with_the_run_that_led_there() -> None:
    broken: Any = Invariant("broken", lambda seen: seen.situation.nowhere)
    with pytest.raises(
        AssertionError, match=r"broken: the check itself raised AttributeError(.|\n)*run, from context 0: none"
    ):
        explore(KETTLE, [Kitchen()], invariants=[broken]).assert_invariants()


def test_what_to_look_at_may_raise_too() -> None:
    broken: Any = Invariant("broken", lambda _: "", look=lambda _, situation: situation.nowhere)  # type: ignore[attr-defined]  # that is the point
    with pytest.raises(AssertionError, match="broken: the check itself raised AttributeError"):
        explore(KETTLE, [Kitchen()], invariants=[broken]).assert_invariants()


def test_two_invariants_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="Two invariants are called 'nothing raises'"):
        explore(KETTLE, [Kitchen()], invariants=[*INVARIANTS, INVARIANTS[0]])


def _raises(_: object) -> Any:
    raise OSError("no water")


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ([Way("a", lambda _: Boiled()), Way("a", lambda _: Boiled())], "Two ways of Fill are called 'a'"),
        ([Way("a", _raises)], "OSError: no water"),
        ([Way("a", lambda _: Boiled(), (_raises,))], "OSError: no water"),
    ],
    ids=["the same name", "an answer that raises", "a step that raises"],
)
@pytest.mark.parametrize("faults", [NO_FAULTS, EVERY_FAULT])
def test_a_world_that_is_wrong_is_told_with_the_run_that_led_there(
    ways: list[Way[Any]], said: str, faults: Faults
) -> None:
    class Wrong(Plain[Kitchen]):
        def ways(self, process: int, effect: Any) -> Any:
            del process, effect
            return iter(ways)

    with pytest.raises(AssertionError, match=rf"nothing raises: \w*(Error: )?{said}(.|\n)*1\. Press"):
        explore(KETTLE, [Kitchen()], faults, world=Wrong()).assert_invariants()
