"""The compiled machine, shown with a chart that has nothing to do with sign-out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import authsm.core
from authsm.core.machine import Machine, Snapshot, Step, UnexpectedEventError
from authsm.core.table import StateKind
from authsm.core.vocabulary import Event, Failure, FailureKind
from tests.core import bakery
from tests.core.bakery import BAKERY, Bakery, Flavour, Remembered

BURNT = Failure(FailureKind.REFUSED, "Smoke", "The layer is black.")


@pytest.fixture
def baking() -> Snapshot[Remembered]:
    return Snapshot("Baking", Remembered(flavour=Flavour.LEMON, layers=2))


def test_it_starts_in_the_initial_state_and_asks_for_nothing() -> None:
    start = BAKERY.start(Remembered())
    assert (start.state, start.attempt, BAKERY.pending(start)) == ("Open", 1, None)


def test_the_first_target_whose_guard_holds_is_entered() -> None:
    targets = {pays: BAKERY.step(BAKERY.start(Remembered(pays=pays)), bakery.Ordered()) for pays in (True, False)}
    assert {pays: step.snapshot.state for pays, step in targets.items()} == {True: "TakingMoney", False: "Baking"}


def test_the_event_is_remembered_before_the_guards_are_asked() -> None:
    last_layer = Snapshot("Baking", Remembered(layers=1))
    assert BAKERY.step(last_layer, bakery.LayerBaked()).snapshot == Snapshot("Cooling", Remembered(layers=0))


def test_a_state_that_follows_itself_asks_again_as_a_first_attempt(baking: Snapshot[Remembered]) -> None:
    step = BAKERY.step(Snapshot(baking.state, baking.context, attempt=3), bakery.LayerBaked())
    expected = Snapshot("Baking", Remembered(flavour=Flavour.LEMON, layers=1), attempt=1)
    assert step == Step(expected, bakery.BakeLayer(1, Flavour.LEMON))


def test_a_step_leaves_the_snapshot_as_it_was(baking: Snapshot[Remembered]) -> None:
    before = BAKERY.to_json(baking)
    assert BAKERY.step(baking, bakery.LayerBurnt(BURNT)) == BAKERY.step(baking, bakery.LayerBurnt(BURNT))
    assert BAKERY.to_json(baking) == before


def test_the_pending_effect_carries_the_attempt_and_what_the_context_says(baking: Snapshot[Remembered]) -> None:
    third = Snapshot(baking.state, baking.context, attempt=3)
    assert BAKERY.pending(third) == bakery.BakeLayer(3, Flavour.LEMON)


def test_asking_again_counts_the_attempt_and_changes_nothing_else(baking: Snapshot[Remembered]) -> None:
    again = BAKERY.again(baking)
    assert again == Step(Snapshot("Baking", baking.context, 2), bakery.BakeLayer(2, Flavour.LEMON))
    assert BAKERY.again(again.snapshot).snapshot.attempt == 3


@pytest.mark.parametrize("state", ["Open", "Cooling", "Served"])
def test_a_state_without_an_effect_cannot_ask_again(state: str) -> None:
    with pytest.raises(ValueError, match=f"State '{state}' asks for no effect"):
        BAKERY.again(Snapshot(state, Remembered()))


@pytest.mark.parametrize(
    ("state", "event", "text"),
    [
        ("Open", bakery.Cleaned(), "State 'Open' does not know the event Cleaned: it knows Ordered, Left."),
        ("Served", bakery.Left(), "State 'Served' does not know the event Left: it is final and knows none."),
        ("Cooling", Event(), "State 'Cooling' does not know the event Event: it knows Left, CooledDown."),
    ],
)
def test_an_event_that_the_state_does_not_know_is_refused(state: str, event: Event, text: str) -> None:
    with pytest.raises(UnexpectedEventError) as refusal:
        BAKERY.step(Snapshot(state, Remembered()), event)
    assert (str(refusal.value), refusal.value.state, refusal.value.event) == (text, state, event.name)


def test_only_ends_are_final() -> None:
    final = {name for name in BAKERY.table.states if BAKERY.is_final(Snapshot(name, Remembered()))}
    assert final == {"Served", "Wasted", "Closed"}


def test_snapshots_and_steps_are_values(baking: Snapshot[Remembered]) -> None:
    same = Snapshot("Baking", Remembered(flavour=Flavour.LEMON, layers=2))
    assert len({baking, same, Snapshot("Baking", same.context, 2)}) == 2
    for value, field in ((baking, "state"), (BAKERY.again(baking), "effect"), (baking.context, "layers")):
        with pytest.raises(AttributeError):
            setattr(value, field, None)


def test_the_table_says_what_the_chart_says() -> None:
    kinds = {name: state.kind for name, state in BAKERY.table.states.items()}
    assert kinds == {
        "Open": StateKind.WAITING,
        "TakingMoney": StateKind.DOING,
        "Baking": StateKind.DOING,
        "Cooling": StateKind.WAITING,
        "Decorating": StateKind.DOING,
        "CleaningUp": StateKind.DOING,
        "Served": StateKind.END,
        "Wasted": StateKind.END,
        "Closed": StateKind.END,
    }
    rows = [(row.source, row.event.__name__, row.guard, row.target) for row in BAKERY.table.rows]
    assert [row for row in rows if row[0] in {"Open", "Baking", "CleaningUp"}] == [
        ("Open", "Ordered", "must_pay", "TakingMoney"),
        ("Open", "Ordered", None, "Baking"),
        ("Open", "Left", None, "Closed"),
        ("Baking", "LayerBaked", "layer_is_missing", "Baking"),
        ("Baking", "LayerBaked", None, "Cooling"),
        ("Baking", "LayerBurnt", None, "CleaningUp"),
        ("CleaningUp", "Cleaned", "all_went_well", "Served"),
        ("CleaningUp", "Cleaned", None, "Wasted"),
        ("CleaningUp", "CleaningFailed", None, "Wasted"),
    ]
    assert (BAKERY.table.initial, BAKERY.name, BAKERY.chart, repr(BAKERY)) == (
        "Open",
        "Bakery",
        Bakery,
        "Machine(Bakery)",
    )


def test_a_state_is_described_by_its_own_words_else_by_its_effect() -> None:
    about = {name: state.about for name, state in BAKERY.table.states.items() if state.about}
    assert about == {
        "Open": "The shop is open.",
        "TakingMoney": "Ask the customer for the money.",
        "Baking": "The oven is on.",
        "Decorating": "Put something nice on top.",
        "CleaningUp": "Clean the kitchen, whatever happened.",
        "Served": "Enjoy.",
    }


def test_a_guard_reads_as_its_docstring_else_as_its_name() -> None:
    words = {guard: BAKERY.table.guard_in_words(guard) for guard in ("must_pay", "layer_is_missing", "all_went_well")}
    assert words == {
        "must_pay": "Money comes first",
        "layer_is_missing": "layer is missing",
        "all_went_well": "Nothing went wrong",
    }


def test_compiling_a_chart_twice_gives_the_same_machine() -> None:
    again = Machine(Bakery)
    assert (again.digest, again.table) == (BAKERY.digest, BAKERY.table)


def test_the_core_imports_nothing_above_it_but_what_draws_it_once_it_is_drawn() -> None:
    imported: set[tuple[str, str]] = set()
    for path in Path(authsm.core.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update((path.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                imported.add((path.name, node.module or ""))
    ours = {(where, name) for where, name in imported if name.partition(".")[0] == "authsm"}
    above = {(where, name) for where, name in ours if not name.startswith("authsm.core")}
    assert above == {("machine.py", "authsm.diagrams.formats")}

    ask = "import sys, authsm.core.machine; sys.exit('authsm.diagrams' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0  # noqa: S603 - our own text
