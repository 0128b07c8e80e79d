"""Snapshots turn into JSON and back, and what is no snapshot of this machine is refused with a clear text."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.graph import Graph, explore
from authsm.core.machine import Machine, Snapshot, SnapshotError
from authsm.core.vocabulary import Failure, FailureKind
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.testing.strategies import failures
from tests.core import door
from tests.core.bakery import BAKERY, Flavour, Mishap, Remembered

if TYPE_CHECKING:
    from collections.abc import Callable

BURNT = Snapshot(
    "CleaningUp",
    Remembered(
        flavour=Flavour.LEMON,
        layers=1,
        mishaps=(Mishap("LayerBurnt", Failure(FailureKind.REFUSED, "Smoke", "black")),),
    ),
    attempt=2,
)


def test_every_reachable_snapshot_survives_json(bakery_graph: Graph[Remembered]) -> None:
    snapshots = list(bakery_graph.snapshots)
    assert len(snapshots) > 20
    assert [BAKERY.from_json(BAKERY.to_json(snapshot)) for snapshot in snapshots] == snapshots


@given(
    state=st.sampled_from(sorted(BAKERY.table.states)),
    attempt=st.integers(1, 10**20),
    context=st.builds(
        Remembered,
        pays=st.booleans(),
        flavour=st.sampled_from(Flavour),
        layers=st.integers(),
        mishaps=st.lists(st.builds(Mishap, st.text(), failures()), max_size=3).map(tuple),
    ),
)
def test_any_context_survives_json(state: str, attempt: int, context: Remembered) -> None:
    snapshot = Snapshot(state, context, attempt)
    text = BAKERY.to_json(snapshot)
    assert BAKERY.from_json(text) == BAKERY.from_json(text.encode()) == snapshot
    assert hash(BAKERY.from_json(text)) == hash(snapshot)


def test_the_text_names_machine_digest_state_and_attempt() -> None:
    said = json.loads(BAKERY.to_json(BURNT))
    assert {name: value for name, value in said.items() if name != "context"} == {
        "machine": "Bakery",
        "digest": BAKERY.digest,
        "state": "CleaningUp",
        "attempt": 2,
    }


@given(cut=st.integers(0, len(BAKERY.to_json(BURNT)) - 1))
def test_a_truncated_text_is_refused(cut: int) -> None:
    with pytest.raises(SnapshotError, match=r"^This is no snapshot: "):
        BAKERY.from_json(BAKERY.to_json(BURNT)[:cut])


def _with(**changes: object) -> str:
    return json.dumps({**json.loads(BAKERY.to_json(BURNT)), **changes})


def _without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(BAKERY.to_json(BURNT)).items() if key != name})


def _with_context(**changes: object) -> str:
    return _with(context={**json.loads(BAKERY.to_json(BURNT))["context"], **changes})


_MISHAP = {"where": "LayerBurnt", "failure": {"kind": "refused", "code": "Smoke", "message": "black"}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "This is no snapshot: ", id="nothing"),
        pytest.param("not JSON", "This is no snapshot: ", id="no JSON"),
        pytest.param(b"\xff\xfe{", "This is no snapshot: ", id="no text"),
        pytest.param("[" * 100_000, "This is no snapshot: ", id="too deep"),
        pytest.param("[1, 2]", "This is no snapshot: Expected `object`, got `array`", id="a list"),
        pytest.param(_without("state"), "missing required field `state`", id="no state"),
        pytest.param(_without("context"), "missing required field `context`", id="no context"),
        pytest.param(_with(more=1), "unknown field `more`", id="a field too many"),
        pytest.param(_with(attempt=0), "Expected `int` >= 1 - at `$.attempt`", id="attempt 0"),
        pytest.param(_with(attempt=-1), "Expected `int` >= 1 - at `$.attempt`", id="negative attempt"),
        pytest.param(_with(attempt=True), "Expected `int`, got `bool` - at `$.attempt`", id="attempt true"),
        pytest.param(_with(attempt="1"), "Expected `int`, got `str` - at `$.attempt`", id="attempt as text"),
        pytest.param(_with(attempt=1.5), "Expected `int`, got `float` - at `$.attempt`", id="half an attempt"),
        pytest.param(_with(machine=None), "Expected `str`, got `null` - at `$.machine`", id="no machine"),
        pytest.param(
            _with(machine="Door"), f"belongs to Door {BAKERY.digest}, and this machine is Bakery", id="other machine"
        ),
        pytest.param(
            _with(digest="0" * 16),
            f"belongs to Bakery {'0' * 16}, and this machine is Bakery {BAKERY.digest}",
            id="other digest",
        ),
        pytest.param(_with(state="Frozen"), "Bakery has no state 'Frozen'.", id="unknown state"),
        pytest.param(_with(context=[]), "Expected `object`, got `array` - at `$.context`", id="context as a list"),
        pytest.param(_with_context(layers="1"), "does not fit: Expected `int`, got `str` - at `$.layers`", id="text"),
        pytest.param(_with_context(pays=1), "does not fit: Expected `bool`, got `int` - at `$.pays`", id="number"),
        pytest.param(_with_context(flavour="mint"), "does not fit: Invalid enum value 'mint'", id="unknown flavour"),
        pytest.param(_with_context(mishaps=[{}]), "does not fit: Object missing required field `where`", id="hollow"),
        pytest.param(_with_context(sugar=1), "fields are missing, or there are others", id="a field of more"),
        pytest.param(
            _with_context(mishaps=[{**_MISHAP, "when": 1}]),
            "fields are missing, or there are others",
            id="a field of more inside",
        ),
        pytest.param(_with(context={}), "fields are missing, or there are others", id="empty context"),
    ],
)
def test_what_is_no_snapshot_of_this_machine_is_refused(text: str | bytes, complaint: str) -> None:
    with pytest.raises(SnapshotError) as refusal:
        BAKERY.from_json(text)
    assert complaint in str(refusal.value)


def test_a_snapshot_of_another_machine_is_refused() -> None:
    with pytest.raises(SnapshotError, match=r"belongs to Bakery .*, and this machine is SignOut"):
        SIGN_OUT.from_json(BAKERY.to_json(BURNT))


def _door(
    *,
    name: str = "Door",
    context: type[Any] = door.Remembered,
    effect: type[Any] = door.TurnHandle,
    guard: str = "unlocked",
    fallback: str = "Stuck",
) -> Machine[Any]:
    closed, opening, opened, stuck = Waiting(door.Push, initial=True), Doing(effect, when=guard), End(), End()
    ends = {"Open": opened, "Stuck": stuck}

    def body(names: dict[str, object]) -> None:
        names.update(Closed=closed, Opening=opening, **ends)
        names["Push"] = closed.first_of(opening, ends[fallback])
        names["Turned"], names["Jammed"] = opening.first_of(opened), opening.first_of(stuck)

    chart: Any = Chart
    return Machine(types.new_class(name, (chart[context],), exec_body=body))


@dataclass(frozen=True, slots=True)
class RemembersMore(door.Remembered):
    visitors: int = 0


@dataclass(frozen=True, slots=True)
class RemembersOtherwise(door.Remembered):
    locked: bool | None = False  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class ShakeHandle(door.TurnHandle):
    """Shake the handle."""


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: _door(name="Gate"), id="name"),
        pytest.param(lambda: _door(fallback="Open"), id="row"),
        pytest.param(lambda: _door(guard="ajar"), id="guard"),
        pytest.param(lambda: _door(effect=ShakeHandle), id="effect"),
        pytest.param(lambda: _door(context=RemembersMore), id="field of the context"),
        pytest.param(lambda: _door(context=RemembersOtherwise), id="type of a field"),
    ],
)
def test_the_digest_changes_with_what_the_machine_is(other: Callable[[], Machine[Any]]) -> None:
    assert other().digest != _door().digest


def test_the_digest_stays_while_the_machine_is_the_same() -> None:
    assert _door().digest == _door().digest
    assert len(_door().digest) == 16


def test_a_snapshot_of_an_older_chart_is_refused() -> None:
    older, newer = _door(), _door(guard="ajar")
    start = older.to_json(older.start(door.Remembered()))
    with pytest.raises(SnapshotError, match=r"finish it with the version that began it"):
        newer.from_json(start)


def test_every_state_of_every_door_is_reached() -> None:
    machine = _door()
    graph = explore(machine, [machine.start(door.Remembered(locked=locked)) for locked in (True, False)])
    assert {snapshot.state for snapshot in graph.snapshots} == {"Closed", "Opening", "Open", "Stuck"}
