"""The reference engine gives python-statemachine's own opinion, and tells where the machine's differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authsm.core.graph import explore
from authsm.core.machine import Machine, Snapshot, Step, UnexpectedEventError
from authsm.testing.reference import ReferenceEngine
from tests.core import bakery
from tests.core.bakery import BAKERY, Bakery, Remembered

if TYPE_CHECKING:
    from authsm.core.vocabulary import Event


@pytest.fixture
def reference() -> ReferenceEngine[Remembered]:
    return ReferenceEngine(BAKERY)


def test_it_agrees_with_the_machine_on_everything_in_the_bakery(reference: ReferenceEngine[Remembered]) -> None:
    graph = explore(BAKERY, [BAKERY.start(Remembered()), BAKERY.start(Remembered(pays=False))])
    assert len(graph.edges) > 20
    assert [reference.disagreement(edge.source, edge.event) for edge in graph.edges] == [None] * len(graph.edges)


def test_it_agrees_on_what_is_refused(reference: ReferenceEngine[Remembered]) -> None:
    events: list[Event] = [bakery.Left(), bakery.Ordered(), bakery.CooledDown(), bakery.Cleaned(), bakery.LayerBaked()]
    refused = 0
    for state, info in BAKERY.table.states.items():
        for event in events:
            assert reference.disagreement(Snapshot(state, Remembered()), event) is None
            refused += type(event) not in info.events
    assert refused > 30


def test_it_takes_an_event_in_once_however_many_rows_are_tried(reference: ReferenceEngine[Remembered]) -> None:
    step = reference.step(Snapshot("Baking", Remembered(layers=1)), bakery.LayerBaked())
    assert step == Step(Snapshot("Cooling", Remembered(layers=0)), None)


def test_it_refuses_what_the_state_does_not_know(reference: ReferenceEngine[Remembered]) -> None:
    with pytest.raises(UnexpectedEventError, match=r"State 'Open' does not know the event Cleaned: it knows Ordered"):
        reference.step(BAKERY.start(Remembered()), bakery.Cleaned())


def test_it_uses_nothing_that_the_machine_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(Bakery)
    reference = ReferenceEngine(machine)
    wrong = Step(Snapshot("Closed", Remembered()), bakery.CleanUp())
    monkeypatch.setattr(Machine, "step", lambda *_: wrong)
    disagreement = reference.disagreement(machine.start(Remembered()), bakery.Ordered(layers=1))
    assert disagreement is not None
    assert "the machine says Step(snapshot=Snapshot(state='Closed'" in disagreement
    assert "python-statemachine says Step(snapshot=Snapshot(state='TakingMoney'" in disagreement


def test_it_tells_when_only_one_of_the_two_refuses(
    reference: ReferenceEngine[Remembered], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Step[Remembered]:
        raise UnexpectedEventError("Open", "Left", ())

    monkeypatch.setattr(Machine, "step", refuse)
    disagreement = reference.disagreement(BAKERY.start(Remembered()), bakery.Left())
    assert disagreement is not None
    assert "the machine says State 'Open' does not know the event Left" in disagreement
