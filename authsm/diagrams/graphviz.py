"""Graphviz, which lays pictures out: the package graphviz-pure where it is installed, else ``dot`` on the path."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

_SECONDS = 120
_PINNED = "graphviz-pure"


class NoGraphvizError(RuntimeError):
    """There is no Graphviz here; the message says how to get one."""


@cache
def program() -> str:
    """Find Graphviz.

    Returns:
        The path of graphviz-pure, of this Python's environment or on the path; else that of ``dot``.

    Raises:
        NoGraphvizError: There is neither.
    """
    for name, folder in ((_PINNED, sysconfig.get_path("scripts")), (_PINNED, None), ("dot", None)):
        found = shutil.which(name, path=folder)
        if found is not None:
            return found
    raise NoGraphvizError(
        "SVG and PNG are laid out by Graphviz, and there is none here: pip install 'authsm[svg]', or install the "
        "package graphviz of your system, which brings the command dot."
    )


def is_pinned() -> bool:
    """Tell whether Graphviz is here as the package graphviz-pure, which draws the same bytes on every system."""
    try:
        return Path(program()).stem == _PINNED
    except NoGraphvizError:
        return False


def run(text: str, kind: str, *options: str) -> bytes:
    """Let Graphviz lay a graph out.

    Args:
        text: The graph, in the language DOT.
        kind: What to give: ``"json"``, ``"png"``...
        options: Further words for its command line.

    Returns:
        What Graphviz wrote.

    Raises:
        NoGraphvizError: There is none.
        RuntimeError: It refused the graph, or took more than two minutes.
    """
    command = [program(), "-Kdot", f"-T{kind}", *options]
    try:
        done = subprocess.run(  # noqa: S603 - a program found as above, and no word of its line comes from outside
            command, input=text.encode(), capture_output=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{Path(command[0]).name} took more than {_SECONDS} seconds.") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"{Path(command[0]).name} could not draw this: {said}")
    return done.stdout
