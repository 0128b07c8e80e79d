"""Ctrl-C as it is: SIGINT to a process of its own, once and twice, at every state."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.auth.world import GUARD

STEPS = ("ShowHostedUISignOut", "RefreshTokens", "GlobalSignOut", "RevokeToken", "ClearCredentials")
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")


class Child:
    """A program that signs out over a store in files, and hangs at one step."""

    def __init__(self, style: str, step: str, folder: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - this suite's own program
            [sys.executable, "-W", "error", "-m", "tests.auth.child", style, step, str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt(self, times: int) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "stuck\n"
        for still_to_come in reversed(range(times)):
            self.process.send_signal(signal.SIGINT)
            if still_to_come:
                with pytest.raises(subprocess.TimeoutExpired):
                    self.process.wait(0.05)  # so that the system does not make one signal of two

    def end(self) -> dict[str, Any]:
        """Let the process end by itself, and give what it said."""
        out, err = self.process.communicate(timeout=GUARD)
        assert (self.process.returncode, err) == (0, "")
        said: dict[str, Any] = json.loads(out.splitlines()[-1])
        return said


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Any]:
    children: list[Child] = []

    def start(style: str, step: str) -> Child:
        children.append(Child(style, step, tmp_path / "store"))
        return children[-1]

    yield start
    for each in children:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("style", ["threads", "asyncio", "async", "trio"])
def test_ctrl_c_ends_the_sign_out_and_then_the_program(style: str, step: str, child: Any) -> None:
    """B, once: a cancel at the hosted UI first; later the clear happens, and KeyboardInterrupt goes on its way."""
    interrupted = child(style, step)
    interrupted.interrupt(times=1)
    at_hosted_ui = step == "ShowHostedUISignOut"
    results = {"ShowHostedUISignOut": "FailedSignOut", "ClearCredentials": "CompleteSignOut"}
    assert interrupted.end() == {
        "raised": "KeyboardInterrupt",
        "result": results.get(step, "PartialSignOut"),
        "locally": not at_hosted_ui,
        "state": "live" if at_hosted_ui else "tombstone",
        "threads": [],
    }


@pytest.mark.parametrize("step", STEPS[1:])
@pytest.mark.parametrize("style", ["threads", "trio"])
def test_a_second_ctrl_c_ends_the_time_of_grace(style: str, step: str, child: Any) -> None:
    """B, twice: a minute of grace is over at once, and the credentials are cleared all the same."""
    interrupted = child(style, f"{step} twice")
    interrupted.interrupt(times=2)
    said = interrupted.end()
    assert (said["raised"], said["locally"], said["state"]) == ("KeyboardInterrupt", True, "tombstone")


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_second_ctrl_c_on_asyncio_breaks_the_loop_and_still_clears(step: str, child: Any) -> None:
    """There the second one is raised at once; what asyncio then cancels is the flight, which clears."""
    interrupted = child("async", f"{step} twice")
    interrupted.interrupt(times=2)
    said = interrupted.end()
    assert (said["raised"], said["locally"], said["state"]) == ("KeyboardInterrupt", True, "tombstone")


def test_a_program_that_only_imports_authsm_and_signs_out_prints_nothing(tmp_path: Path) -> None:
    """Silent by default, a failed step included."""
    program = (
        "import sys; from pathlib import Path; from authsm import *; from tests.auth.world import session\n"
        "def fails(effect, call): raise OSError('no network')\n"
        "auth = Auth(FileCredentialStore(Path(sys.argv[1])), {RevokeToken: fails})\n"
        "auth.sign_in(session()); assert type(auth.sign_out()).__name__ == 'PartialSignOut'\n"
    )
    ran = subprocess.run(  # noqa: S603 - this suite's own program
        [sys.executable, "-W", "error", "-c", program, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
