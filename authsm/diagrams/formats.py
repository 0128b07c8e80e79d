"""Every format a machine can be drawn in: a new one is a function and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authsm.core.machine import Machine
from authsm.diagrams import data, dot, markdown, mermaid, scxml, sequence, svg
from authsm.diagrams.picture import picture_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsm.diagrams.picture import Picture


@dataclass(frozen=True, slots=True)
class Format:
    """A way to draw a picture.

    Attributes:
        ending: How names of such files end, without a dot.
        render: Draws a picture as text.
        needs_graphviz: Whether Graphviz lays it out.
        of_a_run: Whether it shows one run, and not the machine.
    """

    ending: str
    render: Callable[[Picture], str]
    needs_graphviz: bool = False
    of_a_run: bool = False


FORMATS: Final[Mapping[str, Format]] = {
    "mermaid": Format("mmd", mermaid.render),
    "mermaid-outline": Format("outline.mmd", mermaid.render_outline),
    "mermaid-flowchart": Format("flowchart.mmd", mermaid.render_flowchart),
    "mermaid-sequence": Format("sequence.mmd", sequence.render, of_a_run=True),
    "dot": Format("dot", dot.render),
    "markdown": Format("md", markdown.render),
    "scxml": Format("scxml", scxml.render),
    "json": Format("json", data.render),
    "svg": Format("svg", svg.render, needs_graphviz=True),
}
"""The formats that are text, by name."""

PNG: Final = "png"
"""The one format that is no text."""


def draw(machine: Machine[Any] | Picture, format_name: str) -> str:
    """Draw a machine as text.

    Args:
        machine: Any machine, or a picture of one.
        format_name: One of `FORMATS`.

    Returns:
        The picture.

    Raises:
        ValueError: There is no such format (the message lists those there are), or it shows a run and none is given.
        NoGraphvizError: The format is laid out by Graphviz, and there is none here; the message says how to get one.
        RuntimeError: Graphviz refused it, or took too long.
    """
    if format_name == PNG:
        raise ValueError("PNG is no text: use authsm.diagrams.formats.paint, or authsm diagram --format png -o FILE.")
    if format_name not in FORMATS:
        raise ValueError(f"There is no format {format_name!r}: use one of {', '.join((*FORMATS, PNG))}.")
    return FORMATS[format_name].render(_picture(machine))


def paint(machine: Machine[Any] | Picture, format_name: str) -> bytes:
    """Draw a machine as what a file holds.

    Args:
        machine: Any machine, or a picture of one.
        format_name: One of `FORMATS`, or `PNG`.

    Returns:
        The picture; text is in UTF-8.

    Raises:
        ValueError: As of `draw`.
        NoGraphvizError: As of `draw`.
        RuntimeError: As of `draw`.
    """
    if format_name == PNG:
        return dot.render_png(_picture(machine))
    return draw(machine, format_name).encode()


def mime_bundle(machine: Machine[Any]) -> dict[str, str]:
    """Show a machine in a notebook: as SVG where Graphviz draws it, and as Mermaid, which JupyterLab draws itself.

    Args:
        machine: Any machine.

    Returns:
        The pictures by their media types.
    """
    picture = picture_of(machine)
    bundle = {"text/plain": repr(machine), "text/vnd.mermaid": mermaid.render(picture)}
    try:
        return bundle | {"image/svg+xml": svg.render(picture)}
    except (RuntimeError, OSError):
        return bundle


def _picture(machine: Machine[Any] | Picture) -> Picture:
    return picture_of(machine) if isinstance(machine, Machine) else machine
