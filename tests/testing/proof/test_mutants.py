"""Mutants are made at every place, told from the machine, or proven to be the same; and what survives is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Effect, Event, FailedReply, Failure, FailureKind
from authsm.testing.proof import INVARIANTS, Invariant, NotProvedError, Operator, Plain, Proof, hunt, mutants
from tests.testing.proof.kettle import HONEST, KETTLE, PROOF, Boil, Kitchen, NotBoiled, Press, kettles

if TYPE_CHECKING:
    from authsm.testing.proof import Hunt

_Press = Press
REFUSED = Failure(FailureKind.REFUSED, "Refused", "refused")


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
    assert hunted.steps == 4  # pressed, boiled, refused, and given up


def test_progress_is_told_with_each_mutant() -> None:
    told: list[int] = []
    hunted = PROOF.hunt(told.append)
    assert told == [*range(1, len(hunted.verdicts) + 1)]


def test_a_proof_that_cannot_fail_is_told_by_its_survivors() -> None:
    blind: Proof[Any] = Proof(machine=KETTLE, contexts=lambda: [Kitchen()], invariants=[])
    hunted = blind.hunt()
    assert hunted.kills.keys() == {"every run ends"}
    assert len(hunted.survivors) > len(hunted.killed)


@dataclass(frozen=True, slots=True)
class Sparing(Context):
    tries: int = 0
    water: int = 0

    def after(self, event: Event) -> Sparing:
        match event:
            case NotBoiled():
                return replace(self, tries=self.tries + 1)
            case Poured(litres):
                return replace(self, water=litres)
            case _:
                return self

    @property
    def tries_again(self) -> bool:
        return self.tries < 3

    @property
    def is_enough(self) -> bool:
        return self.water > 1


@dataclass(frozen=True, slots=True)
class Poured(Event):
    litres: int = 0


@dataclass(frozen=True, slots=True)
class NotPoured(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Pour(Effect):
    done = Poured
    failed = NotPoured


_Poured, _NotPoured = Poured, NotPoured


class Stubborn(Chart[Sparing]):
    Off = Waiting(_Press, initial=True)
    Boiling = Doing(Boil, when="tries_again")
    Hot, Cold = End(), End()
    Press = Off.first_of(Boiling)
    Boiled = Boiling.first_of(Hot)
    NotBoiled = Boiling.first_of(Boiling, Cold)


def test_a_mutant_that_goes_on_and_on_is_killed() -> None:
    hunted = hunt(Machine(Stubborn), [Sparing()])
    endless = next(each for each in hunted.verdicts if each.mutant.about == "Boiling on NotBoiled to Cold, to Boiling")
    assert endless.killed_by == ("every run ends",)


class Pouring(Chart[Sparing]):
    Off = Waiting(_Press, initial=True)
    Filling = Doing(Pour)
    Full, Low = End(when="is_enough"), End()
    Press = Off.first_of(Filling)
    Poured = Filling.first_of(Full, Low)
    NotPoured = Filling.first_of(Low)


def test_what_only_the_answers_of_a_world_show_is_not_taken_for_the_same() -> None:
    world = Plain[Sparing](lambda _: (Poured(0), Poured(2), NotPoured(REFUSED)))
    hunted = hunt(Machine(Pouring), [Sparing()], world=world)
    same = {str(each.mutant) for each in hunted.equivalent}
    assert same == {"Mutant(forget an outcome: Off on Press)", "Mutant(forget an outcome: Filling on NotPoured)"}


def test_a_machine_that_is_wrong_itself_is_to_be_proved_first() -> None:
    wrong = Invariant("it is never hot", lambda kettle: kettle.snapshot.state, lambda kettle: kettle.is_over, kettles)
    with pytest.raises(NotProvedError, match=r"Prove the machine first: it is wrong itself\. it is never hot: "):
        hunt(KETTLE, [Kitchen()], invariants=[wrong])
