"""The user's own browser, as `webbrowser` finds it: never one that would run in this terminal.

Such a browser takes the terminal from the program that waits for it: its keyboard, and Ctrl-C.
"""

from __future__ import annotations

import os
from typing import Final

_IN_A_TERMINAL: Final = frozenset({"browsh", "elinks", "links", "links2", "lynx", "w3m", "www-browser"})
"""Most are those that `webbrowser` knows; Debian has ``www-browser`` for whichever of them is installed."""


def has_browser() -> bool:
    """Tell whether there is a browser with a window of its own."""
    return (name := _name()) is not None and name not in _IN_A_TERMINAL


def open_browser(url: str) -> None:
    """Open the user's browser, unless it would run in this terminal.

    Args:
        url: What it opens.
    """
    import webbrowser  # noqa: PLC0415 - it looks for browsers, and most programs that import authsm open none

    if _name() not in _IN_A_TERMINAL:
        webbrowser.open(url)


def _name() -> str | None:
    """Give the name of the program that would be opened; None where there is none."""
    import webbrowser  # noqa: PLC0415 - see above

    try:
        command = webbrowser.get().name
    except webbrowser.Error:
        return None
    return os.path.basename(command.partition(" ")[0]).lower()  # noqa: PTH119 - it is a string, and stays one
