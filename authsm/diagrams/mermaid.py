"""A picture as Mermaid text, which GitHub and most documentation tools show.

The syntax is that of Mermaid's pages "State diagrams" and "Flowcharts". Mermaid styles the states of a state diagram,
but not its edges (12.3); in the flowchart of the same picture, what is taken after a failure or leads to a failed end
is dashed and red, and the main line is thick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsm.core.chart import Ending
from authsm.core.table import StateKind
from authsm.diagrams.palette import LIGHT
from authsm.diagrams.picture import Tone
from authsm.diagrams.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.diagrams.picture import Link, Node, Picture

MARKS: Final = {Tone.DONE: "✓", Tone.FAILED: "✗", Tone.CANCELLED: "⊘", Tone.OUTSIDE: "→"}
"""What tells the tones apart without colour."""

_ENDS: Final = {Ending.COMPLETE: "✓ ", Ending.PARTIAL: "◐ ", Ending.FAILED: "✗ ", None: ""}
_TAKEN: Final = "➤ "

_CLASSES: Final = {
    "waiting": "calm",
    "doing": "doing",
    "ending": "calm",
    "complete": "complete",
    "partial": "partial",
    "failed": "failed",
}
"""The colours of the classes of states."""

_KEYWORDS: Final = frozenset(
    {"accdescr", "acctitle", "call", "class", "classdef", "click", "default", "end", "graph", "href", "interpolate"}
    | {"linkstyle", "note", "scale", "state", "style", "subgraph"}
)
"""What Mermaid does not take for the name of a state."""

_TAKEN_PREFIXES: Final = ("state_", "root_")
"""How the names begin that are made here, and those of Mermaid's own ``[*]``."""


def render(picture: Picture) -> str:
    """Draw a picture as a Mermaid state diagram, with every event and guard on its arrows.

    Args:
        picture: What to draw.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_state_diagram(picture, _events_and_guards)) + "\n"


def render_outline(picture: Picture) -> str:
    """Draw a picture as a Mermaid state diagram, with only marks on its arrows: done, failed, cancelled.

    Args:
        picture: What to draw.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_state_diagram(picture, _marks)) + "\n"


def render_flowchart(picture: Picture) -> str:
    """Draw a picture as a Mermaid flowchart: failures and failed ends are dashed and red, and its main line is thick.

    Args:
        picture: What to draw.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_flowchart(picture)) + "\n"


def escape(text: str) -> str:
    """Write a text so that Mermaid shows it, and takes no part of it for its own syntax.

    Args:
        text: What is to be read.

    Returns:
        The text, with Mermaid's codes for the characters that mean something to it.
    """
    return "".join(f"#{ord(each)};" if each in '#;"<>&`%' else each for each in " ".join(well_formed(text).split()))


def encoded(text: str) -> str:
    """Write a text in ASCII letters, digits and underscores: each text in its own way.

    Args:
        text: Any text.

    Returns:
        Its letters and digits as they are, an underscore twice, and the codes of all others between underscores.
    """
    return "".join(
        "__" if each == "_" else each if each.isascii() and each.isalnum() else f"_{ord(each):x}_" for each in text
    )


def _state_diagram(picture: Picture, label: Callable[[Link], str]) -> Iterator[str]:
    yield from _title(picture)
    yield "stateDiagram-v2"
    for node in picture.nodes:
        yield f"    {_id(node.name)} : {_label(node)}"
    for node in picture.nodes:
        if node.initial:
            yield f"    [*] --> {_id(node.name)}"
    for link in picture.links:
        yield f"    {_id(link.source)} --> {_id(link.target)} : {label(link)}"
    for node in picture.nodes:
        if node.kind is StateKind.END:
            yield f"    {_id(node.name)} --> [*]"
    yield from _classes(picture)


def _flowchart(picture: Picture) -> Iterator[str]:
    yield from _title(picture)
    yield "flowchart TB"
    for node in picture.nodes:
        opening, closing = ('(["', '"])') if node.kind is StateKind.END else ('["', '"]')
        yield f"    {_id(node.name)}{opening}{_label(node)}{closing}"
    for link in picture.links:
        line = '-. "{}" .->' if link.is_failure else '== "{}" ==>' if link.on_spine else '-- "{}" -->'
        yield f"    {_id(link.source)} {line.format(_events_and_guards(link))} {_id(link.target)}"
    yield from _classes(picture)
    failures = [str(number) for number, link in enumerate(picture.links) if link.is_failure]
    if failures:
        yield f"    linkStyle {','.join(failures)} stroke:{LIGHT['failed_line']}"


def _title(picture: Picture) -> Iterator[str]:
    yield "---"
    yield f"title: {picture.name}"
    yield "---"


def _classes(picture: Picture) -> Iterator[str]:
    members: dict[str, list[str]] = {name: [] for name in _CLASSES}
    for node in picture.nodes:
        members[_class(node)].append(_id(node.name))
    for name, names in members.items():
        if names:
            yield f"    classDef {name} {_style(name)}"
            yield f"    class {','.join(names)} {name}"


def _style(name: str) -> str:
    colour = _CLASSES[name]
    style = f"fill:{LIGHT[colour]},stroke:{LIGHT[f'{colour}_line']},color:{LIGHT['ink']}"
    return style if name in {"waiting", "doing"} else f"{style},stroke-width:3px"


def _id(name: str) -> str:
    """Give the name by which Mermaid knows a state, and no other one; what people read is its label."""
    if name.isascii() and name.lower() not in _KEYWORDS and not name.startswith(_TAKEN_PREFIXES):
        return name
    return f"state_{encoded(name)}"


def _label(node: Node) -> str:
    effect = f"<br/>{node.effect}" if node.effect else ""
    return f"{_TAKEN if node.taken else ''}{_ENDS[node.ending]}<b>{node.name}</b>{effect}"


def _events_and_guards(link: Link) -> str:
    lines: list[str] = []
    for condition, arrows in link.by_condition.items():
        lines += [f"{_TAKEN if arrow.taken else ''}{MARKS[arrow.tone]} {arrow.event}" for arrow in arrows]
        if condition:
            lines[-1] += f" [{escape(condition)}]"
    return "<br/>".join(lines)


def _marks(link: Link) -> str:
    tones = {arrow.tone for arrow in link.arrows}
    return (_TAKEN if link.taken else "") + " ".join(mark for tone, mark in MARKS.items() if tone in tones)


def _class(node: Node) -> str:
    if node.kind is StateKind.END:
        return node.ending.value if node.ending else "ending"  # "end" is a word of Mermaid's own
    return node.kind.value
