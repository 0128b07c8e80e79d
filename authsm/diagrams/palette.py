"""The colours of all pictures, in light and dark.

The hues are those that colour-blind people tell apart (after Okabe and Ito): blue-green, amber, vermilion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsm.core.table import StateKind

if TYPE_CHECKING:
    from authsm.diagrams.picture import Node

LIGHT: Final = {
    "paper": "#ffffff", "ink": "#1b2530", "soft": "#485563", "line": "#6c7987",
    "calm": "#f1f3f6", "calm_line": "#6c7987", "doing": "#e9f1fc", "doing_line": "#2b62a8",
    "complete": "#def3ea", "complete_line": "#00704f", "partial": "#fdf0d2", "partial_line": "#946000",
    "failed": "#fde7e3", "failed_line": "#bf2316",
}  # fmt: skip
"""What each colour is for, and the colour. What has one to fill it has another one for its line."""

DARK: Final = {
    "paper": "#0d1117", "ink": "#e8edf3", "soft": "#aeb9c5", "line": "#8793a0",
    "calm": "#1d242d", "calm_line": "#8793a0", "doing": "#15263d", "doing_line": "#6ea8f0",
    "complete": "#0b2f25", "complete_line": "#3ecf9f", "partial": "#372808", "partial_line": "#e6ae3c",
    "failed": "#3f1713", "failed_line": "#ff8273",
}  # fmt: skip
"""The same for readers who want dark pages."""


def colour_of(node: Node) -> str:
    """Give the colour that a state has: by how a run ended there, or by what the state is for.

    Args:
        node: The state.

    Returns:
        The name of what fills it; that of its line ends with ``_line``.
    """
    if node.ending is not None:
        return node.ending.value
    return "doing" if node.kind is StateKind.DOING else "calm"
