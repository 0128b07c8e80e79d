"""Which browser is opened, and which is not because it would take the terminal."""

import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from authsm.runners.hosted_ui.users_browser import has_browser, open_browser

OPEN = "from authsm.runners.hosted_ui.users_browser import open_browser; open_browser('http://127.0.0.1:1/')"


def none() -> webbrowser.BaseBrowser:
    raise webbrowser.Error


@pytest.mark.parametrize(
    ("get", "has"),
    [
        (none, False),
        (lambda: webbrowser.GenericBrowser("lynx"), False),
        (lambda: webbrowser.GenericBrowser("/usr/bin/w3m -o color=1"), False),
        (lambda: webbrowser.GenericBrowser(["elinks", "%s"]), False),
        (lambda: webbrowser.GenericBrowser("www-browser"), False),
        (lambda: webbrowser.GenericBrowser("/home/ada/my-browser"), True),  # as a script in $BROWSER
        (lambda: webbrowser.BackgroundBrowser("xdg-open"), True),
        (lambda: webbrowser.GenericBrowser(""), True),  # the one of Windows has no name
    ],
)
def test_a_browser_is_one_with_a_window_of_its_own(
    get: Callable[[], webbrowser.BaseBrowser], monkeypatch: pytest.MonkeyPatch, *, has: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "get", get)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    open_browser("http://127.0.0.1:1/")
    assert has_browser() == has
    assert bool(opened) == (has or get is none)  # without any, it does no harm


@pytest.mark.skipif(os.name == "nt", reason="browsers in a terminal are those of Unix")
@pytest.mark.parametrize(("name", "opens"), [("w3m", False), ("my-browser", True)])
@pytest.mark.parametrize("is_set", [True, False])
def test_a_browser_that_runs_in_the_terminal_is_not_opened(
    tmp_path: Path, name: str, *, opens: bool, is_set: bool
) -> None:
    program, opened = tmp_path / name, tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    without = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"}
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "TERM": "xterm",
    }
    if is_set:
        environment["BROWSER"] = str(program)
    subprocess.run([sys.executable, "-c", OPEN], check=True, env=environment, stdin=subprocess.DEVNULL)  # noqa: S603 - our own code
    assert opened.exists() == (opens and is_set)


def test_looking_for_browsers_waits_until_one_is_needed() -> None:
    code = "import authsm.runners.hosted_ui, sys; sys.exit('webbrowser' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0  # noqa: S603 - our own code
