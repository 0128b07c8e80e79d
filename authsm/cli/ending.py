"""How a command ends sign-outs, new or resumed: what Ctrl-C does, what is shown, and what is kept for a retry."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from authsm.cli.countdown import Countdown
from authsm.cli.kept import RetryFile
from authsm.cli.show import show_result, show_transition
from authsm.core.drive import Transition
from authsm.flows.sign_out.effects import ShowHostedUISignOut
from authsm.flows.sign_out.results import PartialSignOut, SignOutResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authsm.auth.blocking import Auth
    from authsm.observe import Notice, Observer

Ended = TypeVar("Ended", bound=SignOutResult | None)


class _ErrorConsole(Console):
    """The standard error stream. Where it cannot be written, the command does all the same what it was asked for."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False)

    def print(self, *objects: Any, **options: Any) -> None:
        with contextlib.suppress(OSError, ValueError):  # a full disk, or a stream that is closed
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        self.quiet = True  # to end the process, as rich would, is not what a reader that left asks for


class Ending:
    """Ends sign-outs for a command. Ctrl-C ends one sooner, and what it ended in is kept and shown all the same.

    Args:
        cancelled: What Ctrl-C at the hosted UI leaves, in words.
        as_json: Whether the results go to standard output as JSON, so that they are not shown.
        keep_file: The new file that keeps what a retry needs; None where that is not kept.

    Attributes:
        console: Where everything is shown.
        interrupted: Whether Ctrl-C has ended one sooner.
    """

    def __init__(self, *, cancelled: str, as_json: bool, keep_file: Path | None) -> None:
        self.console: Console = _ErrorConsole()
        self.interrupted = False
        self._words = f"Ctrl-C cancels; {cancelled}."
        self._countdown = Countdown(self.console, self._words)
        self._as_json = as_json
        self._keep_file = keep_file

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Who shows every step."""
        return () if self._as_json else (self._show,)

    def _show(self, notice: Notice) -> None:
        if isinstance(notice, Transition) and isinstance(notice.effect, ShowHostedUISignOut):
            self._countdown.end()
        show_transition(self.console, notice)

    def show_url(self, url: str) -> None:
        """Show where to sign out in the browser, and how long that is waited for; the latter not with JSON.

        Args:
            url: The address.
        """
        self.console.print(Text(f"Sign out in the browser: {url}", "bold"), soft_wrap=True)
        if not self._as_json:
            self._countdown.begin(ShowHostedUISignOut.seconds)

    def end(self, auth: Auth, act: Callable[[], Ended]) -> Ended | SignOutResult:
        """End a sign-out; keep what a retry needs of it, and show it.

        Args:
            auth: Whose sign-out it is.
            act: Waits for its end.

        Returns:
            What it ended in.

        Raises:
            KeyboardInterrupt: Ctrl-C came before it had begun.
            UsageError: The file that would keep what a retry needs cannot be made; nothing has begun.
        """
        with self._retry_file() as retry_file:
            result = self._result(auth, act)
            # Before it is shown: whatever cuts that short, the only copy of a live token must not be lost with it.
            hint = self._kept(result, retry_file) if isinstance(result, PartialSignOut) else None
            if result is not None and not self._as_json:
                show_result(self.console, result)
            if hint is not None:
                self.console.print(hint, soft_wrap=True)
        return result

    def _result(self, auth: Auth, act: Callable[[], Ended]) -> Ended | SignOutResult:
        self._countdown = Countdown(self.console, self._words)
        try:
            return act()
        except KeyboardInterrupt:
            if auth.last_result is None:
                raise
            self.interrupted = True
            return auth.last_result
        finally:
            self._countdown.end()

    def _retry_file(self) -> contextlib.AbstractContextManager[RetryFile | None]:
        if self._keep_file is None:
            return contextlib.nullcontext()
        try:
            return RetryFile(self._keep_file)
        except FileExistsError:
            raise click.UsageError(f"{self._keep_file} exists already: --keep-for-retry writes a new file.") from None
        except OSError as error:
            raise click.UsageError(f"{self._keep_file} cannot be written: {error.strerror}.") from None

    def _kept(self, partial: PartialSignOut, retry_file: RetryFile | None) -> Text:
        """Keep what a retry needs, and say how to go about it."""
        if retry_file is None:
            hint = "authsm sign-out --retry FILE finishes it, if the tokens were kept with --keep-for-retry FILE."
            return Text(hint, "dim")
        try:
            retry_file.keep(partial)
        except OSError as error:
            return Text(f"{self._keep_file} could not be written: {error.strerror}.", "red")
        hint = f"Kept for a retry, with live tokens in it: authsm sign-out --retry {self._keep_file} ..."
        return Text(hint, "bold")
