"""Mermaid's own parser takes every file, and finds in it what was explored."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm.diagrams.formats import draw
from tests.diagrams.pictures import CASES, HOSTILE, case, of_names
from tests.diagrams.tools import read_by_mermaid

ROOT: Final = Path(__file__).parents[2]
FILES: Final = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "diagrams").glob("*.mmd"))}
FORMATS: Final = ("mermaid", "mermaid-outline", "mermaid-flowchart")
KEYWORDS: Final = (
    "accDescr accTitle as call Call Class click Click default Default direction end End fork graph Graph href "
    "interpolate left linkStyle note Note of right scale Scale state State style Style subgraph title x o TB "
    "Übung Größe"
)
PAIRS: Final = (("end", "state_end"), ("Ü", "state__dc_"), ("root_start", "root_end"), ("état", "state__e9_tat"))
PIECES: Final = ("state_", "root_", "start", "end", "ü", "fc", "_", "__", "_fc_", "a")

Read = dict[str, Any]


@pytest.fixture(scope="module")
def read() -> dict[str, Read]:
    """What Mermaid read, for every text of these tests: starting it takes a second."""
    texts = dict(FILES)
    texts |= {f"{name} {form}": draw(case(name).picture, form) for name in CASES for form in FORMATS}
    for form in FORMATS:
        texts |= {f"word {word} {form}": draw(of_names([word, "Other"]), form) for word in KEYWORDS.split()}
        texts |= {f"pair {one} {other} {form}": draw(of_names([one, other]), form) for one, other in PAIRS}
        texts[f"hostile {form}"] = draw(of_names(["A", "B"], HOSTILE), form)
    return read_by_mermaid(texts)


def test_every_file_and_picture_is_accepted(read: dict[str, Read]) -> None:
    assert {name: said["error"] for name, said in read.items() if "error" in said} == {}
    assert len(FILES) == 6


@pytest.mark.parametrize("form", ["mermaid", "mermaid-flowchart"])
@pytest.mark.parametrize("name", CASES)
def test_mermaid_finds_just_what_was_explored(read: dict[str, Read], name: str, form: str) -> None:
    found = [
        (edge["source"], event, edge["target"])
        for edge in read[f"{name} {form}"]["edges"]
        for event in re.findall(r"[✓✗⊘→] (\w+)", edge["label"])
    ]
    assert sorted(found) == sorted(case(name).explored)


def test_the_ends_are_coloured_by_how_the_run_ended(read: dict[str, Read]) -> None:
    for form in FORMATS:
        classes = {node["id"]: node["classes"] for node in read[f"all {form}"]["nodes"]}
        ends = [classes["SignedOut"], classes["PartialSignedOut"], classes["Error"]]
        assert ends == [["complete"], ["partial"], ["failed"]]


def test_in_a_flowchart_what_only_failures_take_is_dashed_and_red_and_the_main_line_is_thick(
    read: dict[str, Read],
) -> None:
    picture = case("default").picture
    strokes = {
        (edge["source"], edge["target"]): (edge["stroke"], "stroke:#bf2316" in edge["style"])
        for edge in read["default mermaid-flowchart"]["edges"]
    }
    kinds = {True: ("dotted", True), False: ("normal", False)}
    assert strokes == {
        (link.source, link.target): ("thick", False) if link.on_spine else kinds[link.is_failure]
        for link in picture.links
    }
    assert strokes["SigningOutLocally", "Error"] == ("dotted", True)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("word", KEYWORDS.split())
def test_a_state_may_be_called_like_a_word_of_mermaid(read: dict[str, Read], word: str, form: str) -> None:
    said = read[f"word {word} {form}"]

    shown = [node["label"] for node in said["nodes"] if "root_" not in node["id"]]
    assert [label.splitlines()[0] for label in shown] == [f"<b>{word}</b>", "◐ <b>Other</b>"]
    joined = [edge for edge in said["edges"] if "root_" not in edge["source"] + edge["target"]]
    assert len(joined) == 2


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_two_states_become_one(read: dict[str, Read], one: str, other: str, form: str) -> None:
    said = read[f"pair {one} {other} {form}"]

    shown = [node for node in said["nodes"] if node["label"]]
    assert [node["label"].splitlines()[0] for node in shown] == [f"<b>{one}</b>", f"◐ <b>{other}</b>"]
    first, last = (node["id"] for node in shown)
    joined = {(edge["source"], edge["target"]) for edge in said["edges"]}
    own = {("root_start", first), (last, "root_end")} if form != "mermaid-flowchart" else set()
    assert joined == {(first, last), (last, first), *own}


@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1).map("".join), min_size=2, unique=True))
def test_each_name_has_an_id_of_its_own(names: list[str]) -> None:
    shown = re.findall(r"^    (\w+) : .*<b>(.*)</b>", draw(of_names(names), "mermaid"), re.MULTILINE)

    assert [name for _, name in shown] == names
    assert len({each for each, _ in shown}) == len(names)


@given(st.lists(st.sampled_from(("A", " ", "_", "20", "ü", "fc")), min_size=1).map("".join), st.data())
def test_each_party_of_a_run_has_an_id_of_its_own(party: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from((party.replace(" ", "_"), party.replace("ü", "_fc_"), f"{party}_", party)))
    ring = of_names(["A", "B"])
    nodes = tuple(dataclasses.replace(node, party=each) for node, each in zip(ring.nodes, (party, other), strict=True))

    text = draw(dataclasses.replace(ring, nodes=nodes, trail=ring.arrows), "mermaid-sequence")

    ids = re.findall(r"^    participant (party_\w+) as", text, re.MULTILINE)
    assert len({*ids}) == len(ids) == len({party, other})


@pytest.mark.parametrize("form", ["mermaid", "mermaid-flowchart"])
def test_guards_may_have_any_words(read: dict[str, Read], form: str) -> None:
    labels = [edge["label"] for edge in read[f"hostile {form}"]["edges"] if "root_" not in edge["source"]]

    assert labels[0].replace("quot;", '"') == f"✓ Ok [i{HOSTILE[1:]}]"
