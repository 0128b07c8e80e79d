"""What is violated is found where it is violated, and nothing is explored behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Event
from authsm.testing.proof import EVERY_FAULT, INVARIANTS, Invariant, Seen, explore
from tests.testing.proof.kettle import EXACT, KETTLE, NEVER_DRY, Boil, Kitchen, Press

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
