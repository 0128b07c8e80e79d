"""How wide text is, without a font: by the widths of Helvetica, which Arial and Liberation Sans share."""

from __future__ import annotations

import html
import itertools
import re
import textwrap
from typing import Final

FONTS: Final = "Helvetica, Arial, 'Liberation Sans', Arimo, Roboto, sans-serif"
"""Fonts of these widths, for every system."""

_WIDTHS: Final = {
    character: width
    for width, characters in (
        (222, "ijl'|"),
        (278, " !,./:;I[]ft\\"),
        (333, '()-r`"'),
        (500, "Jckszvxy"),
        (556, "abdeghnopqu0123456789L$#_?*+<=>"),
        (611, "FTZ"),
        (667, "ABEKPSVXY&"),
        (722, "CDHNRUw"),
        (778, "GOQ"),
        (833, "Mm"),
        (944, "W%@"),
    )
    for character in characters
}
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OTHER: Final = 620
_WIDE: Final = 1000
_BOLD: Final = 1.08


def well_formed(text: str) -> str:
    """Drop what no XML may have, not even escaped: most control characters, and halves of characters.

    Args:
        text: Any text.

    Returns:
        What is left.
    """
    return _FORBIDDEN.sub("", text)


def escape(text: str) -> str:
    """Write a text so that it is shown within XML or HTML.

    Args:
        text: Any text.

    Returns:
        The text, with codes for what would be taken for markup.
    """
    return html.escape(well_formed(text))


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Tell how wide a text is, to some 2 %.

    Args:
        text: One line.
        size: The size of the font.
        bold: Whether it is bold.

    Returns:
        The width, in the unit of the size.
    """
    units = sum(_WIDTHS.get(each, _OTHER if each < "\u0800" else _WIDE) for each in text)
    return units * size / 1000 * (_BOLD if bold else 1)


def wrap(text: str, characters: int) -> list[str]:
    """Break a text between its words into lines of about one length.

    Args:
        text: The text.
        characters: How many characters a line may have; a longer word stays whole.

    Returns:
        The lines.
    """
    lines = _wrap(text, characters)
    narrower = (_wrap(text, width) for width in range(characters - 1, 0, -1))
    return [lines, *itertools.takewhile(lambda each: len(each) == len(lines), narrower)][-1]


def _wrap(text: str, characters: int) -> list[str]:
    return textwrap.wrap(well_formed(text), characters, break_long_words=False, break_on_hyphens=False)
