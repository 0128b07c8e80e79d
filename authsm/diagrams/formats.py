"""Every format a machine can be drawn in: a new one is a function and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authsm.diagrams import markdown, mermaid
from authsm.diagrams.picture import picture_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsm.core.machine import Machine
    from authsm.diagrams.picture import Picture


@dataclass(frozen=True, slots=True)
class Format:
    """A way to draw a picture.

    Attributes:
        ending: How names of such files end, without a dot.
        render: Draws a picture as text.
    """

    ending: str
    render: Callable[[Picture], str]


FORMATS: Final[Mapping[str, Format]] = {
    "mermaid": Format("mmd", mermaid.render),
    "mermaid-outline": Format("outline.mmd", mermaid.render_outline),
    "markdown": Format("md", markdown.render),
}
"""The formats by name."""


def draw(machine: Machine[Any], format_name: str) -> str:
    """Draw a machine.

    Args:
        machine: Any machine.
        format_name: One of `FORMATS`.

    Returns:
        The picture as text.

    Raises:
        ValueError: There is no such format; the message lists those there are.
    """
    if format_name not in FORMATS:
        raise ValueError(f"There is no format {format_name!r}: use one of {', '.join(FORMATS)}.")
    return FORMATS[format_name].render(picture_of(machine))
