"""Mutants are made at every place, told from the machine, or proven to be the same; and what survives is told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.testing.proof import INVARIANTS, Operator, Proof, hunt, mutants
from tests.testing.proof.kettle import HONEST, KETTLE, PROOF, Boil, Kitchen, Press

if TYPE_CHECKING:
    from authsm.testing.proof import Hunt

_Press = Press


@pytest.fixture(scope="module")
def hunted() -> Hunt[Kitchen]:
    return PROOF.hunt()


def test_every_operator_is_used_at_every_place() -> None:
    made = Counter(mutant.operator for mutant in mutants(KETTLE))
    rows, states = len(KETTLE.table.rows), len(KETTLE.table.states)
    assert made == {
        Operator.DROP: rows,
        Operator.REDIRECT: rows * (states - 1),
        Operator.REORDER: 1,
        Operator.DROP_EFFECT: 2,
        Operator.FORGET: 5,
    }


def test_each_mutant_differs_from_its_machine_and_the_machine_is_as_it_was() -> None:
    before = repr(KETTLE.table)
    for mutant in mutants(KETTLE):
        assert (mutant.table != KETTLE.table) is (mutant.operator is not Operator.FORGET)
    assert repr(KETTLE.table) == before


def test_a_mutant_that_forgets_goes_by_what_it_remembered_before() -> None:
    mutant = next(each for each in mutants(KETTLE) if each.about == "Filling on Filled")
    filling = KETTLE.step(KETTLE.start(Kitchen()), Press()).snapshot
    filled = KETTLE.pending(filling).done()  # type: ignore[union-attr]  # it fills
    assert KETTLE.step(filling, filled).snapshot.context == Kitchen(has_water=True)
    assert mutant.step(filling, filled).snapshot.context == Kitchen()
    assert mutant.step(filling, filled).effect == Boil()


def test_what_must_hold_of_the_kettle_kills_every_mutant_that_is_not_the_same(hunted: Hunt[Kitchen]) -> None:
    assert {each.mutant.about for each in hunted.survivors} == set()
    assert {each.mutant.operator for each in hunted.equivalent} == {Operator.FORGET}
    assert len(hunted.killed) + len(hunted.equivalent) == len(hunted.verdicts)
    assert hunted.kills["hot means boiled"] > hunted.kills["never boils dry"] > 0


def test_without_invariants_of_its_own_most_mutants_survive() -> None:
    hunted = hunt(KETTLE, [Kitchen(), Kitchen(has_water=True)], invariants=INVARIANTS)
    honest_only = hunt(KETTLE, [Kitchen(), Kitchen(has_water=True)], invariants=[*INVARIANTS, HONEST])
    assert len(hunted.survivors) > len(honest_only.survivors) > 0


def test_a_mutant_that_only_some_contexts_show_is_found_with_those(hunted: Hunt[Kitchen]) -> None:
    """The contexts that are tried first show every transition, and not what each guard is for."""
    contexts = [Kitchen(presses=number) for number in range(20)] + [Kitchen(has_water=True)]
    many = hunt(KETTLE, contexts, world=PROOF.world, invariants=PROOF.invariants)
    first, every = many.contexts
    assert first < every == 21
    assert many.kills.keys() == hunted.kills.keys()


def test_equivalent_is_what_takes_the_same_step_everywhere() -> None:
    class Twice(Chart[Kitchen]):
        Off = Waiting(_Press, initial=True)
        Boiling = Doing(Boil)
        Hot, Cold = End(when="never"), End()
        Press = Off.first_of(Boiling)
        Boiled = Boiling.first_of(Hot, Cold)
        NotBoiled = Boiling.first_of(Cold)

    hunted = hunt(Machine(Twice), [Kitchen()])
    same = {each.mutant.about for each in hunted.equivalent if each.mutant.operator is Operator.DROP}
    assert same == {"Boiling on Boiled to Hot"}
    assert hunted.steps == 3


def test_progress_is_told_with_each_mutant() -> None:
    told: list[int] = []
    hunted = PROOF.hunt(told.append)
    assert told == [*range(1, len(hunted.verdicts) + 1)]


def test_a_proof_that_cannot_fail_is_told_by_its_survivors() -> None:
    blind: Proof[Any] = Proof(machine=KETTLE, contexts=lambda: [Kitchen()], invariants=[])
    hunted = blind.hunt()
    assert hunted.kills.keys() == {"every run ends"}
    assert len(hunted.survivors) > len(hunted.killed)
