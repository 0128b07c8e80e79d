"""A picture as JSON, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import to_builtins

if TYPE_CHECKING:
    from authsm.diagrams.picture import Picture


def render(picture: Picture) -> str:
    """Write a picture as JSON: its fields under their names, see `authsm.diagrams.picture.Picture`.

    Args:
        picture: What to write down.

    Returns:
        The text, with a line feed at its end. The same picture gives the same text.
    """
    return json.dumps(to_builtins(picture), indent=2, ensure_ascii=False) + "\n"
