"""Programs of this suite, each in a process of its own, that are told things and say things, a line of JSON each."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parents[1]

PATIENCE: Final = 60.0
"""Seconds. Nothing here takes a tenth of it, on a slow machine neither; what does has hung, and fails its test."""


class Program:
    """A program that runs.

    Args:
        module: What to run, as with ``python -m``. It ends when there is nothing more to read.
        arguments: For its command line.
        patience: How long to wait for its next line, and for its end, in seconds.
    """

    def __init__(self, module: str, *arguments: str, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._process = _begin("-m", module, *arguments, stdin=subprocess.PIPE)
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Read on, so that nobody else has to wait for a line longer than it is patient."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            self._process.stdin.close()
        try:
            self._process.wait(self._patience)
        except subprocess.TimeoutExpired:
            _kill(self._process)
        self._listener.join(self._patience)
        assert error is not None or self._process.returncode == 0, f"It ended with {self._process.returncode}."

    def tell(self, said: object) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(said)}\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """Wait for its next line."""
        try:
            line = self._lines.get(timeout=self._patience)
        except Empty:
            raise AssertionError(f"The program has said nothing for {self._patience:g} s.") from None
        assert line, "The program has ended."
        return json.loads(line)


def run(text: str, *arguments: str) -> str:
    """Run a program to its end.

    Args:
        text: The program.
        arguments: For its command line.

    Returns:
        What it printed.
    """
    with _begin("-c", text, *arguments, stderr=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise
    assert (process.returncode, err) == (0, "")
    return out


def _begin(*arguments: str, stdin: int | None = None, stderr: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this suite's own
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,  # to be killed with its children
    )


def _kill(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
