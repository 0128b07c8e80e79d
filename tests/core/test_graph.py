"""The search finds everything that can be reached, by the shortest way, and says so when it cannot."""

from __future__ import annotations

import pytest

from authsm.core.chart import Chart, End, Waiting
from authsm.core.graph import Graph, NoSuchRunError, TooManySnapshotsError, every_reply, explore, follow
from authsm.core.machine import Machine, Snapshot
from authsm.core.vocabulary import Event, FailureKind
from tests.core import bakery, door
from tests.core.bakery import BAKERY, Remembered


def test_every_state_and_row_of_the_bakery_is_reached(bakery_graph: Graph[Remembered]) -> None:
    assert {snapshot.state for snapshot in bakery_graph.snapshots} == set(BAKERY.table.states)
    assert bakery_graph.dead_rows() == ()


def test_every_edge_is_a_step_of_the_machine(bakery_graph: Graph[Remembered]) -> None:
    assert len(bakery_graph.edges) > 20
    for edge in bakery_graph.edges:
        assert edge.step == BAKERY.step(edge.source, edge.event)
        assert edge.target == edge.step.snapshot
        assert edge.target in bakery_graph.arrivals


def test_the_snapshots_stand_nearest_first(bakery_graph: Graph[Remembered]) -> None:
    lengths = [len(bakery_graph.trace(snapshot)) for snapshot in bakery_graph.snapshots]
    assert lengths == sorted(lengths)


def test_a_trace_leads_from_a_start_to_the_snapshot(bakery_graph: Graph[Remembered]) -> None:
    for snapshot in bakery_graph.snapshots:
        at = None
        for edge in bakery_graph.trace(snapshot):
            assert at is None or edge.source == at
            at = edge.target
        assert at in {snapshot, None}


def test_a_trace_is_the_shortest_way() -> None:
    graph = explore(BAKERY, [BAKERY.start(Remembered())])
    ways = {
        final.state: [edge.event.name for edge in graph.trace(final)]
        for final in reversed([snapshot for snapshot in graph.finals if snapshot.state != "Wasted"])
    }
    assert ways == {
        "Closed": ["Left"],
        "Served": ["Ordered", "MoneyTaken", "LayerBaked", "LayerBaked", "Left", "Cleaned"],
    }


def test_a_start_has_no_trace_and_a_stranger_has_none_either(bakery_graph: Graph[Remembered]) -> None:
    assert bakery_graph.trace(BAKERY.start(Remembered())) == ()
    with pytest.raises(KeyError):
        bakery_graph.trace(Snapshot("Open", Remembered(layers=99)))


def test_the_finals_are_where_the_machine_has_ended(bakery_graph: Graph[Remembered]) -> None:
    finals = list(bakery_graph.finals)
    assert {final.state for final in finals} == {"Served", "Wasted", "Closed"}
    assert all(not list(every_reply(BAKERY, final)) for final in finals)


def test_one_event_of_each_kind_may_happen_and_failures_are_refusals() -> None:
    events = list(every_reply(BAKERY, Snapshot("TakingMoney", Remembered())))
    assert [type(event) for event in events] == [bakery.MoneyTaken, bakery.MoneyRefused, bakery.Withdrawn]
    assert isinstance(events[1], bakery.MoneyRefused)
    assert events[1].failure.kind is FailureKind.REFUSED


def test_the_caller_says_what_may_happen() -> None:
    def only_orders(_: Machine[Remembered], snapshot: Snapshot[Remembered]) -> list[Event]:
        return [bakery.Ordered(layers=7)] if snapshot.state == "Open" else []

    graph = explore(BAKERY, [BAKERY.start(Remembered(pays=False))], events=only_orders)
    assert [snapshot.context.layers for snapshot in graph.snapshots] == [0, 7]


def test_more_snapshots_than_the_bound_are_an_error() -> None:
    def ever_higher(_: Machine[Remembered], snapshot: Snapshot[Remembered]) -> list[Event]:
        if snapshot.state == "Open":
            return [bakery.Ordered(layers=layers) for layers in range(1, 10)]
        return [bakery.LayerBaked()] if snapshot.state == "Baking" else []

    start = BAKERY.start(Remembered(pays=False))
    found = explore(BAKERY, [start], events=ever_higher)
    size = len(found.arrivals)
    assert len(explore(BAKERY, [start], events=ever_higher, bound=size).arrivals) == size
    with pytest.raises(TooManySnapshotsError, match=rf"Bakery reaches more than {size - 1} snapshots: raise `bound`"):
        explore(BAKERY, [start], events=ever_higher, bound=size - 1)


def test_a_row_that_no_edge_takes_is_found_dead() -> None:
    class Draughty(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Ajar = End(when="ajar")  # never holds
        Open = End(when="unlocked")
        Stuck = End()
        Push = Closed.first_of(Ajar, Open, Stuck)

    machine = Machine(Draughty)
    starts = [machine.start(door.Remembered(locked=locked)) for locked in (True, False)]
    assert [row.target for row in explore(machine, starts).dead_rows()] == ["Ajar"]
    assert [row.target for row in explore(machine, starts[:1]).dead_rows()] == ["Ajar", "Open"]


def test_a_row_is_dead_even_where_another_event_leads_the_same_way() -> None:
    class Draughty(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Open = End(when="unlocked")
        Stuck = End()
        Push = Closed.first_of(Open, Stuck)
        Pull = Closed.to(Open, cond="ajar") | Closed.first_of(Stuck)

    machine = Machine(Draughty)
    graph = explore(machine, [machine.start(door.Remembered(locked=locked)) for locked in (True, False)])
    assert [(row.event, row.target) for row in graph.dead_rows()] == [(door.Pull, "Open")]


def test_a_run_is_found_by_the_names_of_its_events() -> None:
    names = ["Ordered", "MoneyTaken", "LayerBaked", "LayerBurnt", "Cleaned"]
    run = follow(BAKERY, [BAKERY.start(Remembered())], names)

    assert [edge.event.name for edge in run] == names
    assert [edge.target.state for edge in run][-2:] == ["CleaningUp", "Wasted"]


def test_a_run_that_cannot_be_is_refused_with_what_could_have_followed() -> None:
    start = BAKERY.start(Remembered())
    with pytest.raises(NoSuchRunError, match="At its start, Bakery is in Open: Cleaned does not happen there; what"):
        follow(BAKERY, [start], ["Cleaned"])
    with pytest.raises(
        NoSuchRunError, match="After Left, Bakery is in Closed: Left does not happen there; nothing may"
    ):
        follow(BAKERY, [start], ["Left", "Left"])
    with pytest.raises(NoSuchRunError, match="Bakery is in no state"):
        follow(BAKERY, [], ["Left"])
