"""The SVG: its parts can be found, it needs nothing else, and it is readable without its colours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest

from authsm.diagrams.formats import draw
from authsm.diagrams.picture import FAILURES
from authsm.diagrams.text import wrap
from tests.diagrams.pictures import CASES, case
from tests.diagrams.readers import SVG

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def root_of(name: str) -> ET.Element:
    return ET.fromstring(draw(case(name).picture, "svg"))  # noqa: S314 - our own file


def groups(root: ET.Element, attribute: str) -> Iterator[ET.Element]:
    return (group for group in root.iter(f"{SVG}g") if attribute in group.attrib)


def texts(group: ET.Element) -> list[str]:
    return [text.text or "" for text in group.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", CASES)
def test_every_state_is_found_by_its_name_and_says_what_it_is(name: str) -> None:
    root, picture = root_of(name), case(name).picture

    found = {group.attrib["data-state"]: group for group in groups(root, "data-state")}
    assert list(found) == [node.name for node in picture.nodes]
    for node in picture.nodes:
        group = found[node.name]
        assert group.attrib["id"] == f"machine-state-{node.name}"
        assert group.attrib["class"].split() == [
            "state",
            node.kind.value,
            *([node.ending.value] if node.ending else []),
        ]
        about = wrap(node.about, 34) if not node.replies else []
        effect = [node.effect] if node.effect else []
        assert texts(group) == [node.name, *effect, *about, *(reply.event for reply in node.replies)]


@pytest.mark.parametrize("name", CASES)
def test_every_edge_says_its_events_and_when_it_is_taken(name: str) -> None:
    found = {
        (group.attrib["data-source"], group.attrib["data-target"]): group
        for group in groups(root_of(name), "data-source")
    }

    links = case(name).picture.links
    assert list(found) == [(link.source, link.target) for link in links]
    for link in links:
        group = found[link.source, link.target]
        assert [condition for condition in link.by_condition if condition not in " ".join(texts(group))] == []
        marks = {use.attrib["href"].removeprefix("#mark-") for use in group.iter(f"{SVG}use")}
        assert marks == {arrow.tone.value for arrow in link.arrows} - {"outside"}
        assert ("spine" in group.attrib["class"]) == link.on_spine
        assert ("failure" in group.attrib["class"]) == link.is_failure


def test_what_only_failures_take_and_what_fails_the_run_is_dashed_and_nothing_else() -> None:
    picture = case("all").picture

    dashed = {(link.source, link.target) for link in picture.links if link.is_failure}
    tones = {pair: {arrow.tone for arrow in picture.arrows if (arrow.source, arrow.target) == pair} for pair in dashed}
    assert all(pair[1] == "Error" or tones[pair] <= FAILURES for pair in dashed)
    assert {("SigningOutHostedUI", "Error"), ("NotStarted", "Error")} < dashed
    assert ("SigningOutGlobally", "RevokingToken") not in dashed
    assert ".failure path { stroke-dasharray" in draw(picture, "svg")


@pytest.mark.parametrize(("name", "told"), [("default", True), ("local-only", True), ("bakery", False)])
def test_the_legend_says_what_dashes_mean_and_which_of_several_words_win(name: str, told: bool) -> None:
    said = texts(root_of(name))

    assert "dashed: after a failure, or to a failed end" in said
    assert ("of several conditions that hold, the first one in the table is taken" in said) == told


@pytest.mark.parametrize("name", CASES)
def test_nothing_leaves_the_picture_and_no_box_lies_on_another(name: str) -> None:
    root = root_of(name)

    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
        if rect.attrib.get("class") == "box"
    ]
    margin = 16
    assert all(x >= 0 and y >= 0 and x + w <= width - 2 * margin + 1 and y + h <= height for x, y, w, h in boxes)
    for number, (x, y, w, h) in enumerate(boxes):
        for other_x, other_y, other_w, other_h in boxes[:number]:
            assert x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y
    points = [float(each) for path in root.iter(f"{SVG}path") for each in _NUMBER.findall(path.attrib["d"])]
    assert max(points) <= max(width, height)


@pytest.mark.parametrize("name", CASES)
def test_the_main_line_goes_down_and_the_ends_are_at_the_bottom(name: str) -> None:
    picture = case(name).picture
    middles = {
        group.attrib["data-state"]: float(box.attrib["y"]) + float(box.attrib["height"]) / 2
        for group in groups(root_of(name), "data-state")
        for box in group.iter(f"{SVG}rect")
    }
    line = [middles[state] for state in picture.spine]
    assert line == sorted(line)
    ends = [middles[node.name] for node in picture.nodes if not node.replies]
    assert min(ends) > max(middles[node.name] for node in picture.nodes if node.replies)


def test_text_is_broken_into_lines_of_about_one_length() -> None:
    assert wrap("global sign-out is due now", 24) == ["global sign-out", "is due now"]
    assert wrap("it is due", 24) == ["it is due"]
    assert wrap("", 24) == []
    assert wrap("it\x08 is\x1b due", 24) == ["it is due"]
    assert wrap("Donaudampfschifffahrtsgesellschaft ends", 10) == ["Donaudampfschifffahrtsgesellschaft", "ends"]


@pytest.mark.parametrize("name", CASES)
def test_text_fits_into_its_box(name: str) -> None:
    for group in groups(root_of(name), "data-state"):
        box = next(group.iter(f"{SVG}rect"))
        right = float(box.attrib["x"]) + float(box.attrib["width"])
        for text in group.iter(f"{SVG}text"):
            assert float(text.attrib["x"]) + float(text.attrib["textLength"]) <= right - 10
            assert text.attrib["lengthAdjust"] == "spacingAndGlyphs"


def test_it_needs_nothing_else_and_follows_light_and_dark() -> None:
    text = draw(case("default").picture, "svg")

    assert re.findall(r"(?:href|src|url)\W+([^\"')]*)", text.replace('href="#', "")) == []
    assert "<script" not in text
    assert text.count("@media (prefers-color-scheme: dark)") == 1


def test_it_is_told_to_who_cannot_see_it() -> None:
    root = root_of("default")

    assert (root.attrib["role"], root.attrib["aria-labelledby"]) == ("img", "machine-title machine-about")
    said = {each.attrib.get("id"): each.text or "" for each in root}
    assert said["machine-title"] == "SignOut"
    assert (
        "SigningOutHostedUI → RevokingToken → SigningOutGlobally → SigningOutLocally → SignedOut"
        in said["machine-about"]
    )
    assert "PartialSignedOut (PartialSignOut: the local credentials are gone" in said["machine-about"]
