"""Everything that can happen to a machine is found, each fault by its moves, and what never ends is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.graph import TooManySnapshotsError
from authsm.core.machine import Machine
from authsm.testing.proof import CRASHES, EVERY_FAULT, NO_FAULTS, Faults, explore
from tests.core.bakery import BAKERY, Remembered
from tests.testing.proof.kettle import KETTLE, Boil, Fill, Kitchen, Leave, Patient, Press, Trapped

if TYPE_CHECKING:
    from authsm.testing.proof import Exploration

_Press, _Leave = Press, Leave
FAULTS = {name: Faults(**{name: True}) for name in EVERY_FAULT.names}


def names_of(found: Exploration[Any, Any]) -> set[str]:
    return {move.name for move in found.moves}


def ends_of(found: Exploration[Any, Any]) -> set[str]:
    """In which states runs end, and which effects were done by then in truth."""
    return {
        f"{process.snapshot.state} {'+'.join(situation.world.done[0])}"
        for situation in found.situations
        for process in situation.processes
        if process.snapshot is not None and found.machine.is_final(process.snapshot)
    }


def test_without_faults_an_effect_is_done_or_is_not_and_says_so() -> None:
    found = explore(KETTLE, [Kitchen()])
    effects = {"Fill: Filled", "Fill: NotFilled", "Boil: Boiled", "Boil: NotBoiled"}
    assert names_of(found) == {"Press", "write down", *effects, "tidy up"}
    assert ends_of(found) == {"Hot Boil+Fill", "Cold Fill", "Cold "}
    assert found.states == {"Off": 1, "Filling": 2, "Boiling": 2, "Hot": 2, "Cold": 4}


@pytest.mark.parametrize(
    ("faults", "moves", "ends"),
    [
        ("lost", {"Boil: Boiled, answer lost", "Boil: request lost"}, {"Cold Boil+Fill"}),
        ("late", {"Boil: given up, and Boiled later", "late Boil: step 1", "late Boil: answer"}, {"Cold Boil+Fill"}),
        ("repeated", set(), set()),
        (
            "crashes",
            {"crash", "resume", "begin anew"},
            # After a crash, what was done may be done again, and what was done may fail.
            {
                "Cold Boil+Boil+Fill",
                "Cold Boil+Boil+Fill+Fill",
                "Cold Boil+Fill",
                "Cold Boil+Fill+Fill",
                "Cold Fill+Fill",
                "Hot Boil+Boil+Fill",
                "Hot Boil+Boil+Fill+Fill",
                "Hot Boil+Fill+Fill",
            },
        ),
    ],
)
def test_each_fault_has_its_moves_and_its_ends(faults: str, moves: set[str], ends: set[str]) -> None:
    calm, found = explore(KETTLE, [Kitchen()]), explore(KETTLE, [Kitchen()], FAULTS[faults])
    assert moves <= names_of(found) - names_of(calm)
    assert ends == ends_of(found) - ends_of(calm)


def test_a_crash_comes_between_any_two_steps_and_what_was_written_down_goes_on() -> None:
    found = explore(KETTLE, [Kitchen(has_water=True)], Faults(crashes=True))
    crashed = [found.situations[move.source].processes[0].stage for move in found.moves if move.name == "crash"]
    assert {*crashed} == {"rests", "asked", "ready", "answered"}
    resumed = [found.situations[move.target].processes[0] for move in found.moves if move.name == "resume"]
    assert {(process.stage, process.snapshot.attempt) for process in resumed if process.snapshot} == {("asked", 2)}
    found.assert_terminates()


def test_two_processes_share_one_world() -> None:
    found = explore(KETTLE, [(Kitchen(), Kitchen())])
    assert {"1: Press", "2: begin anew", "2: Press", "2: Boil: answer"} <= names_of(found)
    both = [situation.world.done for situation in found.situations]
    assert (("Boil", "Fill"), ("Boil", "Fill")) in both
    found.assert_terminates()


def test_every_snapshot_that_the_plain_search_finds_is_found() -> None:
    found = explore(BAKERY, [Remembered(), Remembered(pays=False)])
    found.assert_invariants()
    found.assert_terminates()
    assert {*found.states} == {*BAKERY.table.states}


@pytest.mark.parametrize("faults", [NO_FAULTS, EVERY_FAULT])
def test_the_same_search_gives_the_same_digest_and_another_one_another(faults: Faults) -> None:
    first, second = (explore(KETTLE, [Kitchen()], faults) for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", first.digest())
    assert first.digest() == second.digest()
    assert first.digest() != explore(KETTLE, [Kitchen(has_water=True)], faults).digest()


def test_a_run_without_a_crash_that_never_ends_is_told() -> None:
    found = explore(Machine(Patient), [Kitchen()])
    with pytest.raises(AssertionError, match=r"every run ends: a run can come back here .*\n.*\n  1\. Press"):
        found.assert_terminates()


def test_a_situation_without_a_way_to_an_end_is_told() -> None:
    found = explore(Machine(Trapped), [Kitchen()])
    with pytest.raises(AssertionError, match="every run ends: no end can be reached from here"):
        found.assert_terminates()


def test_what_waits_in_between_may_lose_all_that_it_was_told() -> None:
    class Careful(Chart[Kitchen]):
        Off = Waiting(_Press, initial=True)
        Armed = Waiting(_Press)
        Hot = End()
        Press = Off.first_of(Armed) | Armed.first_of(Hot)

    found = explore(Machine(Careful), [Kitchen()], CRASHES)
    crashed = {found.situations[move.source].processes[0].snapshot for move in found.moves if move.name == "crash"}
    assert {snapshot.state for snapshot in crashed if snapshot} == {"Armed"}


def test_who_presses_for_ever_is_no_fault_of_the_machine() -> None:
    class Toggle(Chart[Kitchen]):
        Off = Waiting(_Press, _Leave, initial=True)
        On = Waiting(_Press)
        Gone = End()
        Press = Off.first_of(On) | On.first_of(Off)
        Leave = Off.first_of(Gone)

    explore(Machine(Toggle), [Kitchen()]).assert_terminates()


def test_only_what_is_on_a_circle_is_said_to_come_back() -> None:
    class Impatient(Chart[Kitchen]):
        Off = Waiting(_Press, _Leave, initial=True)
        Boiling = Doing(Boil)
        Filling = Doing(Fill)
        Gone = End(when="never")
        Press = Off.first_of(Boiling)
        Leave = Off.first_of(Gone, Boiling)
        Boiled = Boiling.first_of(Filling)
        NotBoiled = Boiling.first_of(Gone, Filling)
        Filled = Filling.first_of(Boiling)
        NotFilled = Filling.first_of(Boiling)

    found = explore(Machine(Impatient), [Kitchen()])
    (circle,) = [violation for violation in found.endless() if "can come back here" in violation.complaint]
    (process,) = found.situations[circle.situation].processes
    assert process.snapshot is not None
    assert process.snapshot.state == "Boiling"


def test_snapshots_are_no_contexts_and_that_is_said() -> None:
    with pytest.raises(TypeError, match="Kettle begins with a Kitchen, and this is a Snapshot: give contexts"):
        explore(KETTLE, [KETTLE.start(Kitchen())])  # type: ignore[list-item]


def test_too_many_situations_are_an_error_and_not_cut_off() -> None:
    with pytest.raises(TooManySnapshotsError, match="more than 10 situations: raise `bound`, or give fewer contexts"):
        explore(KETTLE, [Kitchen()], EVERY_FAULT, bound=10)


def test_no_context_is_an_error() -> None:
    with pytest.raises(ValueError, match="Give one Kitchen or more"):
        explore(KETTLE, [])


def test_progress_is_told_with_each_situation() -> None:
    told: list[int] = []
    found = explore(KETTLE, [Kitchen()], progress=told.append)
    assert told == [*range(1, len(found.situations) + 1)]


def test_the_run_to_a_situation_is_the_shortest() -> None:
    found = explore(KETTLE, [Kitchen(), Kitchen(has_water=True)])
    hot = next(n for n, each in enumerate(found.situations) if each.processes[0].snapshot.state == "Hot")  # type: ignore[union-attr]  # none is away
    assert found.run_to(hot) == (1, ("Press", "write down", "Boil: Boiled"))
    assert found.run_to(found.starts[1]) == (1, ())
