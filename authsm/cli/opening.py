"""Opens the user's browser in a process of its own, so that nothing it says or is sent mixes with the command's."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from authsm.runners.hosted_ui.users_browser import has_browser

_OPEN: Final = "import sys, webbrowser; webbrowser.open(sys.argv[1])"


def open_browser(url: str) -> None:
    """Open the user's browser. What it prints goes to standard error; Ctrl-C and standard input are not for it.

    Args:
        url: What it opens.
    """
    if has_browser():
        subprocess.run(  # noqa: S603 - the URL is an argument of its own
            [sys.executable, "-I", "-c", _OPEN, url],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__ or subprocess.DEVNULL,  # standard output is for the JSON
            start_new_session=True,
        )
