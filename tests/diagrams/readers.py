"""Every format read back into the edges (source, event, target) that it shows, by the means of whoever reads it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from statemachine.io import load

from authsm.diagrams import graphviz

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.diagrams.pictures import Edge

SVG: Final = "{http://www.w3.org/2000/svg}"


def from_mermaid(text: str) -> list[Edge]:
    return [
        (source, event, target)
        for source, target, label in re.findall(r"^    (\w+) --> (\w+) : (.+)$", text, re.MULTILINE)
        for event in re.findall(r"[✓✗⊘→] (\w+)", label)
    ]


def from_flowchart(text: str) -> list[Edge]:
    return [
        (source, event, target)
        for source, label, target in re.findall(r'^    (\w+) (?:-\.|--|==) "(.+)" [-.=]+> (\w+)$', text, re.MULTILINE)
        for event in re.findall(r"[✓✗⊘→] (\w+)", label)
    ]


def from_markdown(text: str) -> list[Edge]:
    table = text.partition("## Transitions")[2]
    return [tuple(match) for match in re.findall(r"^\| `(\w+)` \| `(\w+)` \| .*?\| `(\w+)` \|$", table, re.MULTILINE)]


def from_dot(text: str) -> list[Edge]:
    said = json.loads(graphviz.run(text, "dot_json"))
    names = {each["_gvid"]: each["name"] for each in said["objects"]}
    edges: list[Edge] = []
    for edge in said["edges"]:
        shown = re.sub(r"<i>.*?</i>|<[^>]+>|&#160;", " ", edge["label"]).split()
        assert shown == edge["events"].split()  # for people and for programs
        edges += [(names[edge["tail"]], event, names[edge["head"]]) for event in shown]
    return edges


def from_scxml(text: str) -> list[Edge]:
    chart: Any = load(text, format="scxml")
    return [
        (state.id, event.id, transition.target.id)
        for state in chart.states
        for transition in state.transitions
        for event in transition.events
    ]


def from_json(text: str) -> list[Edge]:
    return [(arrow["source"], arrow["event"], arrow["target"]) for arrow in json.loads(text)["arrows"]]


def from_svg(text: str) -> list[Edge]:
    return [
        (edge.attrib["data-source"], event, edge.attrib["data-target"])
        for edge in ET.fromstring(text).iter(f"{SVG}g")  # noqa: S314 - our own file
        if "data-source" in edge.attrib
        for event in edge.attrib["data-events"].split()
    ]


READERS: Final[Mapping[str, Callable[[str], list[Edge]]]] = {
    "mermaid": from_mermaid,
    "mermaid-flowchart": from_flowchart,
    "markdown": from_markdown,
    "dot": from_dot,
    "scxml": from_scxml,
    "json": from_json,
    "svg": from_svg,
}
