"""The main line, a highlighted run, and the words of conditions."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm.core.graph import every_reply, follow
from authsm.diagrams.formats import FORMATS, draw
from authsm.diagrams.picture import Arrow, Picture, Tone, highlight, picture_of
from authsm.diagrams.spine import longest_way
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.reach import PRESETS, reach, starts_of
from tests.core.bakery import BAKERY, Remembered
from tests.diagrams.pictures import case
from tests.diagrams.readers import SVG, from_svg

PARTIAL = ("Begin", "HostedUISignedOut", "GlobalSignOutFailed", "TokenRevoked", "CredentialsCleared")


def highlighted(*events: str) -> Picture:
    run = follow(SIGN_OUT, starts_of(PRESETS["default"]), events)
    return highlight(case("default").picture, run)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("all", "SigningOutHostedUI RevokingToken SigningOutGlobally SigningOutLocally SignedOut"),
        ("default", "SigningOutHostedUI RevokingToken SigningOutGlobally SigningOutLocally SignedOut"),
        ("amplify-android", "SigningOutHostedUI SigningOutGlobally RevokingToken SigningOutLocally SignedOut"),
        ("amplify-swift", "SigningOutHostedUI SigningOutGlobally RevokingToken SigningOutLocally SignedOut"),
        ("local-only", "SigningOutLocally SignedOut"),
        ("hosted-ui-last", "RevokingToken SigningOutGlobally SigningOutLocally SigningOutHostedUI SignedOut"),
    ],
)
def test_the_main_line_is_that_of_a_complete_sign_out(name: str, line: str) -> None:
    assert case(name).picture.spine == ("NotStarted", *line.split())


@pytest.mark.parametrize("name", PRESETS)
def test_the_main_line_is_a_run_in_which_all_is_done(name: str) -> None:
    edges = reach(PRESETS[name]).edges
    line = case(name).picture.spine
    standing = {*starts_of(PRESETS[name])}
    for state, following in itertools.pairwise(line):
        effect = SIGN_OUT.table.states[state].effect
        standing = {
            edge.target
            for edge in edges
            if edge.source in standing and edge.target.state == following
            if effect is None or isinstance(edge.event, effect.done)
        }
        assert standing, (state, following)


@given(st.integers(1, 6).flatmap(lambda count: st.tuples(st.just(count), st.sets(_pairs(count)))))
def test_the_longest_way_is_found_where_there_is_no_cycle(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    count, pairs = drawn
    names = [f"s{number}" for number in range(count)]
    forward = {(names[a], names[b]) for a, b in pairs if a < b}

    way = longest_way(names, "s0", forward)

    ways = [
        (names[0], *others)
        for length in range(count)
        for others in itertools.combinations(names[1:], length)
        if all(pair in forward for pair in itertools.pairwise((names[0], *others)))
    ]
    assert way in ways
    assert len(way) == max(map(len, ways))


@given(st.integers(1, 7).flatmap(lambda count: st.tuples(st.just(count), st.sets(_pairs(count)))))
def test_a_way_through_cycles_meets_nothing_twice(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    names = [f"s{number}" for number in range(drawn[0])]
    pairs = {(names[a], names[b]) for a, b in drawn[1]}

    way = longest_way(names, "s0", pairs)

    assert len(set(way)) == len(way)
    assert all(pair in pairs for pair in itertools.pairwise(way))


def _pairs(count: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))


def test_a_long_chain_is_no_trouble() -> None:
    names = [f"s{number}" for number in range(5_000)]
    assert longest_way(names, "s0", itertools.pairwise(names)) == tuple(names)


def test_a_highlighted_run_is_marked_in_order() -> None:
    picture = highlighted(*PARTIAL)

    states = [node.name for node in picture.nodes if node.taken]
    assert set(states) == {
        "NotStarted",
        "SigningOutHostedUI",
        "SigningOutGlobally",
        "RevokingToken",
        "SigningOutLocally",
        "PartialSignedOut",
    }
    assert [arrow.event for arrow in picture.trail] == list(PARTIAL)
    assert {arrow for arrow in picture.arrows if arrow.taken} == set(picture.trail)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_which_run_was_taken(name: str) -> None:
    picture = highlighted(*PARTIAL)
    assert name == "mermaid-sequence" or draw(picture, name) != draw(case("default").picture, name)
    if name == "svg":
        assert draw(picture, name).count(' taken"') == 1 + 6 + 5  # the arrow to the start, states, edges
        assert sorted(from_svg(draw(picture, name))) == sorted(case("default").explored)


def test_a_run_of_something_else_is_no_part_of_a_picture() -> None:
    run = follow(BAKERY, [BAKERY.start(Remembered())], ["Ordered"])
    with pytest.raises(KeyError):
        highlight(case("default").picture, run)


def test_a_sequence_says_who_asked_whom_for_what() -> None:
    lines = [line.strip() for line in draw(highlighted("Begin", "UserCancelled"), "mermaid-sequence").splitlines()]

    assert lines[3:] == [
        "sequenceDiagram",
        "actor Caller",
        "participant Machine",
        "participant Runner",
        "participant party_Browser as Browser",
        "Caller->>Machine: Begin",
        "Note over Machine: SigningOutHostedUI",
        "Machine->>Runner: ShowHostedUISignOut",
        "Runner->>party_Browser: Open the hosted UI's sign-out page in the user's browser, and wait for its return.",
        "party_Browser--xRunner: cancelled",
        "Runner--xMachine: ⊘ UserCancelled",
        "Note over Machine: Error",
        "Machine-->>Caller: FailedSignOut: the user is still signed in here, or the local clear failed.",
    ]


def test_a_sequence_of_a_machine_without_parties_needs_none() -> None:
    run = follow(BAKERY, [BAKERY.start(Remembered())], ["Ordered", "MoneyRefused"])

    text = draw(highlight(picture_of(BAKERY), run), "mermaid-sequence")

    assert text.splitlines()[-5:] == [
        "    Note over Machine: TakingMoney",
        "    Machine->>Runner: TakeMoney",
        "    Runner--xMachine: ✗ MoneyRefused",
        "    Note over Machine: Closed",
        "    Machine-->>Caller: Closed",
    ]


def test_conditions_are_words_within_a_line() -> None:
    conditions = {arrow.target: arrow.condition for arrow in picture_of(BAKERY).arrows if arrow.source == "CleaningUp"}
    assert conditions == {"Served": "nothing went wrong", "Wasted": ""}
    (otherwise,) = (a for a in picture_of(BAKERY).arrows if (a.event, a.target) == ("Cleaned", "Wasted"))
    assert otherwise.condition == "otherwise"


def test_a_condition_that_begins_with_an_abbreviation_keeps_it() -> None:
    arrow = Arrow("A", "B", "Ok", "g", "IAM signs", 1, Tone.DONE)
    assert arrow.condition == "IAM signs"
    assert dataclasses.replace(arrow, guard_in_words="It is due").condition == "it is due"


@pytest.mark.parametrize("name", PRESETS)
def test_in_the_picture_of_a_policy_the_places_are_those_of_its_own_arrows(name: str) -> None:
    groups: dict[tuple[str, str], list[Arrow]] = {}
    for arrow in case(name).picture.arrows:
        groups.setdefault((arrow.source, arrow.event), []).append(arrow)

    assert [[arrow.place for arrow in group] for group in groups.values()] == [
        list(range(1, len(group) + 1)) for group in groups.values()
    ]
    assert [group for group in groups.values() if len(group) == 1 and group[0].condition == "otherwise"] == []
    everything = [(arrow.source, arrow.event, arrow.target) for arrow in case("all").picture.arrows]
    drawn = [(arrow.source, arrow.event, arrow.target) for arrow in case(name).picture.arrows]
    assert drawn == [each for each in everything if each in drawn]


def test_of_a_run_that_is_not_over_the_sequence_has_no_end() -> None:
    run = follow(BAKERY, [BAKERY.start(Remembered())], ["Ordered"])

    text = draw(highlight(picture_of(BAKERY), run), "mermaid-sequence")
    assert text.splitlines()[-2:] == ["    Note over Machine: TakingMoney", "    Machine->>Runner: TakeMoney"]


def test_on_the_arrows_of_a_run_stands_only_what_it_took() -> None:
    run = follow(SIGN_OUT, starts_of(PRESETS["hosted-ui-last"]), ["Begin", *PARTIAL[3:], "UserCancelled"])
    root = ET.fromstring(draw(highlight(case("all").picture, run), "svg"))  # noqa: S314 - our own file

    (edge,) = (
        group
        for group in root.iter(f"{SVG}g")
        if (group.get("data-source"), group.get("data-target")) == ("SigningOutHostedUI", "PartialSignedOut")
    )
    assert [use.attrib["href"] for use in edge.iter(f"{SVG}use")] == ["#mark-cancelled"]
    assert [text.text for text in edge.iter(f"{SVG}text")] == ["otherwise"]


def test_without_a_graph_all_of_a_machine_is_drawn() -> None:
    machine: Any = SIGN_OUT
    assert len(picture_of(machine).arrows) == len(SIGN_OUT.table.rows)
    assert {event.name for event in every_reply(BAKERY, BAKERY.start(Remembered()))} == {"Ordered", "Left"}
