"""The walk behind the explorer: it finds what the machine can do, and every place tells what holds there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authsm.core.graph import TooManySnapshotsError, explore
from authsm.diagrams.sign_out_tour import SIGN_OUT_TOUR
from authsm.diagrams.tour import Place, Sense, Start, Tour
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.effects import SignOutEffect
from tests.core import bakery
from tests.core.bakery import BAKERY

if TYPE_CHECKING:
    from authsm.core.graph import Graph
    from authsm.core.machine import Machine
    from authsm.flows.sign_out.context import SignOutContext

PLACES = SIGN_OUT_TOUR.places(SIGN_OUT)
BAKERY_TOUR = Tour(starts=(Start("start", "The start", "", bakery.Remembered()),))
TOURS: list[tuple[Machine[Any], Tour[Any]]] = [(SIGN_OUT, SIGN_OUT_TOUR), (BAKERY, BAKERY_TOUR)]


@pytest.fixture(scope="module")
def graph() -> Graph[SignOutContext]:
    """What the search finds, which knows no crashes."""
    starts = [SIGN_OUT.start(start.context) for start in SIGN_OUT_TOUR.starts]
    return explore(SIGN_OUT, starts, events=SIGN_OUT_TOUR.events)


def test_the_snapshots_and_edges_are_those_of_the_search(graph: Graph[SignOutContext]) -> None:
    assert {place.snapshot for place in PLACES} == {*graph.snapshots}
    edges = {
        (place.snapshot, choice.event, choice.target.snapshot)
        for place, choices in PLACES.items()
        for choice in choices
        if choice.event is not None
    }
    assert edges == {(edge.source, edge.event, edge.target) for edge in graph.edges}


def test_the_starts_reach_every_state_and_every_event_happens(graph: Graph[SignOutContext]) -> None:
    assert {snapshot.state for snapshot in graph.snapshots} == {*SIGN_OUT.table.states}
    assert {type(edge.event) for edge in graph.edges} == {row.event for row in SIGN_OUT.table.rows}


def test_a_crash_can_happen_just_where_an_effect_is_pending() -> None:
    for place, choices in PLACES.items():
        crashes = [choice for choice in choices if choice.event is None]
        assert len(crashes) == (SIGN_OUT.pending(place.snapshot) is not None)
        assert choices[-1:] == (*crashes,) or not crashes


def test_a_crash_goes_on_where_it_was_written_down_and_else_begins_anew() -> None:
    for place, choices in PLACES.items():
        for choice in choices:
            if choice.event is None:
                effect = SIGN_OUT.pending(place.snapshot)
                assert isinstance(effect, SignOutEffect)
                assert choice.target == Place(place.safe, place.safe)
                assert choice.again == (place.safe.state != "NotStarted")
                if effect.irreversible:
                    assert choice.target == place


def test_what_is_written_down_is_the_last_effect_that_cannot_be_undone() -> None:
    safe = {(place.snapshot.state, place.safe.state) for place in PLACES}
    assert ("SigningOutHostedUI", "NotStarted") in safe
    assert ("SigningOutHostedUI", "SigningOutLocally") in safe
    assert {state for state, written in safe if written not in {state, "NotStarted", "SigningOutLocally"}} == set()
    assert {written for _, written in safe} == {
        "NotStarted",
        "SigningOutGlobally",
        "RevokingToken",
        "SigningOutLocally",
    }


def test_every_invariant_is_told_somewhere_and_none_is_broken() -> None:
    told = {fact for place in PLACES for fact in SIGN_OUT_TOUR.facts(SIGN_OUT, place) if fact.group == "What holds"}
    assert len(told) == 7
    assert {fact.sense for fact in told} == {Sense.GOOD}


def test_each_kind_of_result_is_told_at_an_end_and_nowhere_else() -> None:
    seen: set[tuple[str, str]] = set()
    for place in PLACES:
        result = [fact.text for fact in SIGN_OUT_TOUR.facts(SIGN_OUT, place) if fact.group == "Result"]
        assert bool(result) == SIGN_OUT.is_final(place.snapshot)
        seen.update((place.snapshot.state, text) for text in result[:1])
    assert seen == {
        ("SignedOut", "CompleteSignOut"),
        ("PartialSignedOut", "PartialSignOut"),
        ("Error", "FailedSignOut"),
    }


def test_what_is_told_of_the_credentials_follows_from_the_clear() -> None:
    said: dict[str, set[str]] = {}
    for place in PLACES:
        (credentials,) = [fact.text for fact in SIGN_OUT_TOUR.facts(SIGN_OUT, place) if fact.group == "Here"]
        cleared = place.snapshot.context.clear_credentials
        outcome = "none" if cleared is None else cleared.failure.kind.value if cleared.failure else "done"
        said.setdefault(outcome, set()).add(credentials)
    assert said == {
        "none": {"as they were", "still here, but nobody is given them, and no refresh can save others"},
        "done": {"gone"},
        "refused": {"still here"},
        "timed_out": {"not known: the clear gave no answer"},
    }


def test_more_places_than_the_bound_are_an_error_and_as_many_are_none() -> None:
    assert SIGN_OUT_TOUR.places(SIGN_OUT, bound=len(PLACES)) == PLACES
    with pytest.raises(TooManySnapshotsError, match=rf"SignOut reaches more than {len(PLACES) - 1} places: raise the"):
        SIGN_OUT_TOUR.places(SIGN_OUT, bound=len(PLACES) - 1)


def test_progress_is_told_once_a_place() -> None:
    told: list[int] = []
    places = BAKERY_TOUR.places(BAKERY, progress=told.append)
    assert told == list(range(2, len(places) + 1))


def test_another_machine_tells_the_fields_of_its_context_and_what_was_written_down() -> None:
    told = {
        place.snapshot.state: [(fact.label, fact.text) for fact in BAKERY_TOUR.facts(BAKERY, place)]
        for place in reversed([*BAKERY_TOUR.places(BAKERY)])
    }
    assert told["Open"] == [
        ("pays", "True"),
        ("flavour", "Flavour.PLAIN"),
        ("layers", "0"),
        ("mishaps", "()"),
        ("", "Empty. A crash would leave everything as it was."),
    ]
    assert told["Cooling"][-1] == ("", "Baking. After a crash it goes on there.")


@pytest.mark.parametrize(("machine", "tour"), TOURS)
def test_the_journal_tells_where_the_crash_that_can_be_clicked_leads(machine: Machine[Any], tour: Tour[Any]) -> None:
    for place, choices in tour.places(machine).items():
        (told,) = [fact.text for fact in tour.facts(machine, place) if fact.group == "Journal"]
        crashes = [(choice.target.snapshot.state, choice.again) for choice in choices if choice.event is None]
        if machine.is_final(place.snapshot):
            assert crashes == []
            assert "crash" not in told
        elif "After a crash" in told:
            assert told == f"{place.safe.state}. After a crash it goes on there."
            assert crashes == [(place.safe.state, True)]
        else:
            assert told.startswith("Empty. A crash would leave")
            assert crashes == [(machine.table.initial, False)] * (place.snapshot != place.safe)


def test_at_an_end_nothing_is_left_but_what_a_failed_clear_left() -> None:
    told = {
        (place.snapshot.state, fact.text)
        for machine, tour in TOURS
        for place in tour.places(machine)
        for fact in tour.facts(machine, place)
        if machine.is_final(place.snapshot) and fact.group == "Journal"
    }
    empty, erased = (f"{how}. There is nothing to resume." for how in ("Empty", "Erased"))
    assert told == {
        *(("Error", text) for text in (empty, "SigningOutLocally. It can be resumed there.")),
        *((name, text) for name, text in (("SignedOut", erased), ("PartialSignedOut", erased))),
        *(("Closed", text) for text in (empty, erased)),
        *((name, erased) for name in ("Served", "Wasted")),
    }


def test_a_crash_can_come_while_it_waits_after_an_effect() -> None:
    crashes = {
        (place.snapshot.state, choice.target.snapshot.state, choice.again)
        for place, choices in BAKERY_TOUR.places(BAKERY).items()
        for choice in choices
        if choice.event is None and BAKERY.pending(place.snapshot) is None
    }
    assert crashes == {("Cooling", "Baking", True)}
