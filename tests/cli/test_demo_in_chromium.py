"""``authsm demo`` as users run it, where a real browser is there to open."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.chromium import chromium_program
from tests.programs import PATIENCE
from tests.runners.hosted_ui.users_browser import ONLY_THIS_MACHINE


def test_the_users_browser_opens_and_is_signed_out(tmp_path: Path) -> None:
    chromium = [chromium_program(), "--headless", "--no-sandbox", "--no-first-run", ONLY_THIS_MACHINE]
    # Each time a browser of its own, that shows on the error stream what its user sees, and ends.
    script = tmp_path / "browser.sh"
    script.write_text(
        f'exec {shlex.join(chromium)} --user-data-dir="$(mktemp -d -p {shlex.quote(str(tmp_path))})" '
        f'--timeout={1000 * PATIENCE:.0f} --dump-dom "$1" >&2\n'
    )
    browser = f"sh {shlex.quote(str(script))} %s &"
    ended = subprocess.run(
        [sys.executable, "-m", "authsm.cli", "demo"],
        env={**os.environ, "BROWSER": browser, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = " ".join(ended.stdout.split())
    assert ended.returncode == 0
    assert "At the hosted UI, your browser opens." in said
    assert said.count("your browser opened") == 2  # the other four sign-outs need none
    assert said.count("server: browser sessions │ 1 │ 0") == 2
    assert "HTTP client" not in said
    assert ended.stderr.count("<h1>You are signed out in this browser</h1>") == 2
