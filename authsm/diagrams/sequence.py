"""One run as a Mermaid sequence diagram: who asked whom for what, and what the answers were.

The syntax is that of Mermaid's page "Sequence diagrams".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsm.diagrams.mermaid import MARKS, encoded, escape
from authsm.diagrams.picture import FAILURES, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.diagrams.picture import Arrow, Node, Picture

_CALLER: Final = "Caller"
_MACHINE: Final = "Machine"
_RUNNER: Final = "Runner"


def render(picture: Picture) -> str:
    """Draw the highlighted run of a picture as a Mermaid sequence diagram.

    Args:
        picture: A picture in which a run is highlighted.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.

    Raises:
        ValueError: No run is highlighted.
    """
    if not picture.trail:
        raise ValueError("A sequence diagram shows one run: highlight it, or give --trace and its events.")
    return "\n".join(_lines(picture, {node.name: node for node in picture.nodes})) + "\n"


def _lines(picture: Picture, nodes: dict[str, Node]) -> Iterator[str]:
    yield "---"
    yield f"title: {picture.name}"
    yield "---"
    yield "sequenceDiagram"
    yield f"    actor {_CALLER}"
    for name in (_MACHINE, _RUNNER):
        yield f"    participant {name}"
    parties = dict.fromkeys(nodes[arrow.source].party for arrow in picture.trail)
    for party in filter(None, parties):
        yield f"    participant {_id(party)} as {escape(party)}"
    for arrow in picture.trail:
        yield from _answer(arrow, nodes[arrow.source])
        target = nodes[arrow.target]
        yield f"    Note over {_MACHINE}: {target.name}"
        if target.effect:
            yield from _question(target)
    last = nodes[picture.trail[-1].target]
    if not last.replies:
        yield f"    {_MACHINE}-->>{_CALLER}: {escape(last.about) or last.name}"


def _question(node: Node) -> Iterator[str]:
    yield f"    {_MACHINE}->>{_RUNNER}: {node.effect}"
    if node.party:
        yield f"    {_RUNNER}->>{_id(node.party)}: {escape(node.about)}"


def _answer(arrow: Arrow, node: Node) -> Iterator[str]:
    if arrow.tone is Tone.OUTSIDE:
        yield f"    {_CALLER}->>{_MACHINE}: {arrow.event}"
        return
    head = "--x" if arrow.tone in FAILURES else "-->>"
    if node.party:
        yield f"    {_id(node.party)}{head}{_RUNNER}: {arrow.tone.value}"
    yield f"    {_RUNNER}{head}{_MACHINE}: {MARKS[arrow.tone]} {arrow.event}"


def _id(party: str) -> str:
    return f"party_{encoded(party)}"
