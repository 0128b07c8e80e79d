"""A picture as SCXML, the W3C's notation for state machines; python-statemachine's own loader reads it back.

What SCXML has no word for (effects, how a run ended, guards as people read them) stands in attributes of a namespace of
its own, which other programs pass over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from authsm.core.table import StateKind
from authsm.diagrams.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.diagrams.picture import Arrow, Node, Picture

NAMESPACE: Final = "urn:authsm:diagram"
"""The namespace of what SCXML has no word for."""


def render(picture: Picture) -> str:
    """Write a picture as SCXML.

    Args:
        picture: What to write down.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    initial = next(node.name for node in picture.nodes if node.initial)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:authsm="{NAMESPACE}" version="1.0"'
        f"{_attributes(name=picture.name, initial=initial)}>"
    )
    for node in picture.nodes:
        yield from _state(node, [arrow for arrow in picture.arrows if arrow.source == node.name])
    yield "</scxml>"


def _state(node: Node, arrows: list[Arrow]) -> Iterator[str]:
    own = {"authsm:effect": node.effect, "authsm:ending": node.ending or "", "authsm:about": node.about}
    if node.kind is StateKind.END:
        yield f"  <final{_attributes(id=node.name, **own)}/>"
        return
    yield f"  <state{_attributes(id=node.name, **own)}>"
    for arrow in arrows:
        own = {"authsm:guard": arrow.guard_in_words, "authsm:taken": "true" if arrow.taken else ""}
        said = _attributes(event=arrow.event, cond=arrow.guard, target=arrow.target, **own)
        yield f"    <transition{said}/>"
    yield "  </state>"


def _attributes(**values: str) -> str:
    return "".join(f" {name}={quoteattr(well_formed(value))}" for name, value in values.items() if value)
