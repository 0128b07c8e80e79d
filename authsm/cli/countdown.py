"""The line that counts down while the browser is waited for."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

_A_MINUTE = 60


class Countdown:
    """Says how long the browser is waited for: on a terminal in a line that counts down, elsewhere once.

    It is for one sign-out: once ended, it does not begin again, for a thread that was left behind may begin it late.

    Args:
        console: Where to.
        words: What follows the time.
    """

    def __init__(self, console: Console, words: str) -> None:
        self._console = console
        self._words = words
        self._ends = 0.0
        self._is_over = False
        self._live: Live | None = None
        self._lock = threading.Lock()

    def begin(self, seconds: float) -> None:
        """Count down from now. It may be begun in one thread and ended in another.

        Args:
            seconds: How long the browser is waited for.
        """
        with self._lock:
            if self._is_over:
                return
            self._ends = time.monotonic() + seconds
            if not self._console.is_terminal or self._console.is_dumb_terminal:
                self._console.print(self.__rich__())
                return
            # What else is written to the two streams is not this line's business.
            self._live = Live(
                self,
                console=self._console,
                transient=True,
                refresh_per_second=4,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def end(self) -> None:
        """Take the line away. Ending what was not begun, or has ended, is fine."""
        with self._lock:
            self._is_over = True
            live, self._live = self._live, None
        if live is not None:
            live.stop()

    def __rich__(self) -> Text:
        minutes, seconds = divmod(max(0, math.ceil(self._ends - time.monotonic())), _A_MINUTE)
        return Text(f"{minutes}:{seconds:02d} left to sign out there. {self._words}", "dim")
