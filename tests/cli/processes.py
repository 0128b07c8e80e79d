"""The command as a process of its own, and a Ctrl-C at it."""

import signal
import subprocess
import sys
from collections.abc import Callable

from tests.auth.world import GUARD, eventually


def interrupted(
    *arguments: str, once: Callable[[], object], stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run the command, and press Ctrl-C once something is true."""
    command = [sys.executable, "-m", "authsm.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)  # noqa: S603 - ours
    try:
        eventually(once, "the time has come for Ctrl-C")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=GUARD)
    finally:
        process.kill()
        process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)
