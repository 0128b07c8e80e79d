"""A picture as Markdown tables: every state with what it asks for, and every row in the order in which it is tried."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from authsm.diagrams.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authsm.diagrams.picture import Node, Picture


def render(picture: Picture) -> str:
    """Write a picture as Markdown tables.

    Args:
        picture: What to write down.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield f"# {picture.name}"
    yield ""
    if picture.about:
        yield _plain(picture.about)
        yield ""
    yield "## States"
    yield ""
    yield from _table(
        ("State", "Kind", "Asks for", "About"),
        (
            (f"`{node.name}`", _kind(node), f"`{node.effect}`" if node.effect else "", _plain(node.about))
            for node in picture.nodes
        ),
    )
    yield ""
    yield "## Transitions"
    yield ""
    yield "The rows of a state and event are tried from the top; the first one whose guard holds is taken."
    yield ""
    yield from _table(
        ("In", "on", "if", "go to"),
        (
            (
                f"`{arrow.source}`",
                f"`{arrow.event}`",
                _condition(arrow.guard, arrow.guard_in_words),
                f"`{arrow.target}`" + (" (taken)" if arrow.taken else ""),
            )
            for arrow in picture.arrows
        ),
    )


def _kind(node: Node) -> str:
    return f"{node.kind.value}: {node.ending.value}" if node.ending else node.kind.value


def _condition(guard: str, words: str) -> str:
    return f"{_plain(words)} (`{guard}`)" if guard else ""


def _plain(text: str) -> str:
    """Write a text in one line, so that no part of it is taken for HTML, code or the end of a cell."""
    return re.sub(r"[\\`|]", r"\\\g<0>", html.escape(" ".join(well_formed(text).split()), quote=False))


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(heading)
    yield _row(("---",) * len(heading))
    for row in rows:
        yield _row(row)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
