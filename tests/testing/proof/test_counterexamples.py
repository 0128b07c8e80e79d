"""The shortest run to a violation repeats: as a script, as an example for Hypothesis, and as a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from authsm.core.machine import Machine
from authsm.testing.proof import (
    EVERY_FAULT,
    Counterexample,
    Faults,
    Invariant,
    NoSuchMoveError,
    Proof,
    counterexamples,
    mutants,
)
from tests.diagrams.tools import read_by_mermaid
from tests.testing.proof.kettle import EXACT, KETTLE, NEVER_DRY, PROOF, Kitchen, Patient

FAULTY: Final = replace(PROOF, at=f"{__name__}:FAULTY", invariants=[EXACT, NEVER_DRY])
MUTANT: Final = replace(
    PROOF,
    machine=next(each for each in mutants(KETTLE) if each.about == "Off on Press to Filling, to Boiling"),
    at=f"{__name__}:MUTANT",
)


def the_one(proof: Proof[Any], contexts: Any = None) -> Counterexample[Any]:
    found = proof.explore(EVERY_FAULT, contexts)
    return next(counterexamples(proof, found))


def test_it_says_what_is_violated_and_the_shortest_way_there() -> None:
    told = the_one(MUTANT)
    assert str(told) == "never boils dry: it boils without water\nThe shortest run, from context 0:\n  1. Press"


def test_each_invariant_has_one_and_the_shortest_comes_first() -> None:
    both = replace(MUTANT, invariants=[EXACT, NEVER_DRY])
    runs = [
        (each.violation.invariant.name, len(each.moves))
        for each in counterexamples(both, both.explore(EVERY_FAULT, [Kitchen(), Kitchen(has_water=True)]))
    ]
    assert [name for name, _ in runs] == ["never boils dry", "hot exactly when boiled"]
    assert runs == sorted(runs, key=lambda each: each[1])


def executed(told: Counterexample[Any]) -> None:
    exec(compile(told.script(), "repeat.py", "exec"), {})  # noqa: S102 - that is what it is for


def test_the_script_repeats_it() -> None:
    told = the_one(MUTANT)
    with pytest.raises(AssertionError, match=re.escape(str(told))):
        executed(told)


def test_the_script_of_a_machine_that_was_mended_says_nothing() -> None:
    executed(replace(the_one(MUTANT), proof=PROOF))


def test_where_no_module_has_the_proof_the_script_says_what_to_fill_in() -> None:
    script = the_one(replace(MUTANT, at="")).script()
    compile(script, "repeat.py", "exec")
    assert "from tests.testing.proof.kettle import Kettle, Kitchen" in script
    assert "Proof(machine=Machine(Kettle), contexts=...)" in script


def test_a_context_that_cannot_be_written_down_is_left_open_and_said_so() -> None:
    @dataclass(frozen=True, slots=True)
    class Local(Kitchen):
        """No other module can import it."""

    script = the_one(replace(MUTANT, invariants=[NEVER_DRY]), [Local()]).script()
    compile(script, "repeat.py", "exec")
    assert "# In place of ... comes the context that it begins with. Local is defined within a function" in script


def test_the_example_is_a_run_that_hypothesis_can_be_given() -> None:
    told = the_one(MUTANT)
    source = told.example()
    assert source.startswith("@example(run=")
    run = eval(source.removeprefix("@example(run=").rstrip().removesuffix(")"), {"Kitchen": Kitchen, "Faults": Faults})  # noqa: S307 - ours
    with pytest.raises(AssertionError, match="never boils dry"):
        MUTANT.replay(*run)
    PROOF.replay(*run)


def test_a_move_that_cannot_happen_is_refused_with_those_that_can() -> None:
    with pytest.raises(NoSuchMoveError, match=r"After 1 moves, 'Boil: Boiled' cannot happen. What can: 'write down'"):
        PROOF.replay(Kitchen(), ["Press", "Boil: Boiled"])


def test_mermaid_draws_it() -> None:
    found = FAULTY.explore(Faults(lost=True), [(Kitchen(), Kitchen())])
    together = next(counterexamples(FAULTY, found))
    pictures = {"alone": the_one(FAULTY), "together": together}
    read = read_by_mermaid({name: told.mermaid() for name, told in pictures.items()})
    for name, told in pictures.items():
        assert read[name].get("error") is None
        messages = [edge["label"] for edge in read[name]["edges"] if edge["source"] and edge["target"]]
        for move in told.moves:
            assert move.partition(": ")[2] in messages or move in messages
    assert {node["label"] for node in read["together"]["nodes"]} == {"Process 1", "Process 2", "World"}


PATIENT: Final = Proof(machine=Machine(Patient), contexts=lambda: [Kitchen()], at=f"{__name__}:PATIENT")


def test_the_script_of_a_run_that_never_ends_says_so_too() -> None:
    found = PATIENT.explore()
    told = next(counterexamples(PATIENT, found))
    with pytest.raises(AssertionError, match="every run ends: a run can come back here again and again"):
        executed(told)


def test_a_complaint_of_several_lines_stays_a_comment() -> None:
    long: Invariant[Any] = Invariant("long", lambda _: "one\ntwo")
    told = the_one(replace(PROOF, invariants=[long]))
    compile(told.script(), "repeat.py", "exec")
    assert told.script().startswith("# long: one\n# two\n")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"contexts": [Kitchen()]}, "contexts is a function that gives them"),
        ({"at": "kettles"}, "and not 'kettles'"),
        ({"at": "kettles:"}, "and not 'kettles:'"),
    ],
)
def test_a_proof_that_could_not_be_found_or_called_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        replace(PROOF, **wrong)
