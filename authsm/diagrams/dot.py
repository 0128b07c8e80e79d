"""A picture in the language DOT, for Graphviz and whatever else reads that.

What an edge stands for is written twice: on its label for people, and in its attribute ``events`` for programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsm.core.chart import Ending
from authsm.core.table import StateKind
from authsm.diagrams import graphviz
from authsm.diagrams.palette import LIGHT, colour_of
from authsm.diagrams.picture import FAILURES
from authsm.diagrams.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.diagrams.picture import Link, Node, Picture

_PNG_DPI: Final = 144


def render(picture: Picture) -> str:
    """Write a picture in the language DOT.

    Args:
        picture: What to draw.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_lines(picture)) + "\n"


def render_png(picture: Picture) -> bytes:
    """Draw a picture as PNG.

    Args:
        picture: What to draw.

    Returns:
        What a PNG file holds.

    Raises:
        NoGraphvizError: There is no Graphviz here; the message says how to get one.
        RuntimeError: Graphviz failed.
    """
    return graphviz.run(render(picture), "png", f"-Gdpi={_PNG_DPI}")


def _lines(picture: Picture) -> Iterator[str]:
    yield f'digraph "{picture.name}" {{'
    yield f'    graph [fontname="Helvetica", label="{picture.name}", labelloc=t, nodesep=0.3, ranksep=0.3];'
    yield f'    node [fontname="Helvetica", fontcolor="{LIGHT["ink"]}", shape=box, style=filled];'
    yield f'    edge [fontname="Helvetica", fontcolor="{LIGHT["ink"]}", fontsize=11, color="{LIGHT["line"]}"];'
    for node in picture.nodes:
        yield f"    {_node(node, picture)}"
    for link in picture.links:
        yield f"    {_edge(link)}"
    ends = [f'"{node.name}"' for node in picture.nodes if node.kind is StateKind.END]
    if ends:
        yield f"    {{ rank=sink; {'; '.join(ends)} }}"
    yield "}"


def _node(node: Node, picture: Picture) -> str:
    colour = colour_of(node)
    fill, line = LIGHT[colour], LIGHT[f"{colour}_line"]
    said = [f"<b>{node.name}</b>"]
    said += [f"<i>{node.effect}</i>"] if node.effect else []
    said += [f"({node.ending.value})"] if node.ending else []
    attributes = [f"label=<{'<br/>'.join(said)}>", f'color="{line}"', f'fillcolor="{fill}"']
    if node.kind is StateKind.END:
        attributes.append('style="filled,rounded"')
    if node.name in picture.spine:
        attributes.append("group=spine")
    if node.taken or node.kind is StateKind.END:
        attributes.append(f"penwidth={4 if node.taken else 2}")
    return f'"{node.name}" [{", ".join(attributes)}];'


def _edge(link: Link) -> str:
    said: list[str] = []
    for condition, arrows in link.by_condition.items():
        said += [_coloured(arrow.event) if arrow.tone in FAILURES else arrow.event for arrow in arrows]
        said += [f"<i>{escape(condition)}</i>"] if condition else []
    events = " ".join(dict.fromkeys(arrow.event for arrow in link.arrows))
    attributes = [f'events="{events}"', f"label=<{'<br/>'.join(map(_padded, said))}>"]
    if link.is_failure:
        attributes += ["style=dashed", f'color="{LIGHT["failed_line"]}"']
    elif link.ending is Ending.PARTIAL:
        attributes += [f'color="{LIGHT["partial_line"]}"', "penwidth=2"]
    elif link.on_spine:
        attributes += [f'color="{LIGHT["ink"]}"', "penwidth=3", "weight=100"]
    if link.taken:
        attributes.append("penwidth=4")
    return f'"{link.source}" -> "{link.target}" [{", ".join(attributes)}];'


def _coloured(event: str) -> str:
    return f'<font color="{LIGHT["failed_line"]}">{event}</font>'


def _padded(line: str) -> str:
    return f"&#160;{line}&#160;"  # Graphviz puts a label close to its edge
