"""A picture as a Mermaid state diagram, which GitHub and most documentation tools show.

The syntax is that of Mermaid's page "State diagrams". Arrows of one pair of states are merged, because a reader follows
lines, not rows; the table of `markdown` has every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsm.core.table import StateKind
from authsm.diagrams.picture import Tone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.diagrams.picture import Arrow, Node, Picture

_MARKS = {Tone.DONE: "✓", Tone.FAILED: "✗", Tone.CANCELLED: "⊘", Tone.OUTSIDE: "→"}
"""What tells the tones apart without colour."""

_STYLES = (
    "classDef waiting fill:#eef2f7,stroke:#5b6b7f,color:#1b2733",
    "classDef doing fill:#e3edfb,stroke:#2f5f9e,color:#14263d",
    "classDef ending fill:#f2efe6,stroke:#6b6340,color:#2b2817,stroke-width:2px",
)
_CLASSES = {StateKind.WAITING: "waiting", StateKind.DOING: "doing", StateKind.END: "ending"}


def render(picture: Picture) -> str:
    """Draw a picture as Mermaid text, with every event and guard on its arrows.

    Args:
        picture: What to draw.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_lines(picture, _events_and_guards)) + "\n"


def render_outline(picture: Picture) -> str:
    """Draw a picture as Mermaid text, with only marks on its arrows: done, failed, cancelled.

    Args:
        picture: What to draw.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_lines(picture, _marks)) + "\n"


def _lines(picture: Picture, label: Callable[[list[Arrow]], str]) -> Iterator[str]:
    yield "---"
    yield f"title: {picture.name}"
    yield "---"
    yield "stateDiagram-v2"
    for node in picture.nodes:
        yield f"    {node.name} : {_label(node)}"
    for node in picture.nodes:
        if node.initial:
            yield f"    [*] --> {node.name}"
    for (source, target), arrows in _merged(picture).items():
        yield f"    {source} --> {target} : {label(arrows)}"
    for node in picture.nodes:
        if node.kind is StateKind.END:
            yield f"    {node.name} --> [*]"
    for style in _STYLES:
        yield f"    {style}"
    for kind, name in _CLASSES.items():
        members = [node.name for node in picture.nodes if node.kind is kind]
        if members:
            yield f"    class {','.join(members)} {name}"


def _label(node: Node) -> str:
    return f"<b>{node.name}</b><br/>{node.effect}" if node.effect else f"<b>{node.name}</b>"


def _merged(picture: Picture) -> dict[tuple[str, str], list[Arrow]]:
    merged: dict[tuple[str, str], list[Arrow]] = {}
    for arrow in picture.arrows:
        merged.setdefault((arrow.source, arrow.target), []).append(arrow)
    return merged


def _events_and_guards(arrows: list[Arrow]) -> str:
    by_guard: dict[str, list[Arrow]] = {}
    for arrow in arrows:
        by_guard.setdefault(arrow.guard_in_words, []).append(arrow)
    lines: list[str] = []
    for guard, group in by_guard.items():
        lines += [f"{_MARKS[arrow.tone]} {arrow.event}" for arrow in group]
        if guard:
            lines[-1] += f" [{guard[0].lower()}{guard[1:]}]"
    return "<br/>".join(lines)


def _marks(arrows: list[Arrow]) -> str:
    return " ".join(mark for tone, mark in _MARKS.items() if any(arrow.tone is tone for arrow in arrows))
