"""How the command shows a sign-out: its transitions as they happen, and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from authsm.core.drive import Transition
from authsm.core.vocabulary import FailedReply
from authsm.flows.sign_out.results import (
    CompleteSignOut,
    Done,
    Failed,
    FailedSignOut,
    NotRequested,
    PartialSignOut,
    Skipped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from authsm.errors import AuthException
    from authsm.flows.sign_out.results import SignOutResult, StepResult
    from authsm.observe import Notice

_COLOURS = {CompleteSignOut: "green", PartialSignOut: "yellow", FailedSignOut: "red"}


def show_transition(console: Console, notice: Notice) -> None:
    """Show a transition on a line, and no other notice.

    Args:
        console: Where to.
        notice: What happened.
    """
    if not isinstance(notice, Transition):
        return
    failed = isinstance(notice.event, FailedReply)
    took = f"  {notice.seconds * 1000:.0f} ms" if notice.effect is not None else ""
    line = Text.assemble(
        ("  ✗ " if failed else "  ✓ ", "red" if failed else "green"),
        f"{notice.source.state} ",
        (f"─{notice.event.name}→ ", "dim"),
        (notice.target.state, "bold"),
        (took, "dim"),
    )
    console.print(line)


def show_result(console: Console, result: SignOutResult) -> None:
    """Show what a sign-out ended in, step by step, with what to do about each error.

    Args:
        console: Where to.
        result: The result.
    """
    table = Table(title=Text(type(result).__name__, _COLOURS[type(result)]), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, step in result.steps:
        table.add_row(name.replace("_", " "), Text(in_words(step)))
    table.add_row("signed out here", Text(_here(result)))
    if isinstance(result, CompleteSignOut | PartialSignOut) and result.tokens_valid_until is not None:
        until = f"{result.tokens_valid_until:%Y-%m-%d %H:%M %Z}, at services that do not ask Cognito"
        table.add_row("copies of the tokens end", Text(until))
    console.print(table)
    for exception in exceptions_of(result):
        show_exception(console, exception)


def show_exception(console: Console, exception: AuthException) -> None:
    """Show what went wrong, and what to do about it.

    Args:
        console: Where to.
        exception: What went wrong.
    """
    console.print(Text(exception.message, "red"), Text(exception.recovery_suggestion), sep="\n")


def in_words(step: StepResult) -> str:
    """Give what became of a step as people read it."""
    match step:
        case NotRequested():
            return "not requested"
        case Skipped(reason):
            return f"skipped: {reason.words}"
        case Done(note):
            return f"done: {note}" if note else "done"
        case Failed(failure):
            return f"failed: {failure.code}: {failure.message}"


def exceptions_of(result: SignOutResult) -> Iterator[AuthException]:
    """Give every exception that a result holds."""
    match result:
        case FailedSignOut():
            yield result.exception
        case PartialSignOut():
            for error in (result.hosted_ui_error, result.global_sign_out_error, result.revoke_token_error):
                if error is not None:
                    yield error.exception
        case CompleteSignOut():
            return


def _here(result: SignOutResult) -> str:
    match result.signed_out_locally:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "not known: the clear failed"


def as_builtins(result: SignOutResult) -> dict[str, object]:
    """Give a result as plain values for JSON, without any token.

    Args:
        result: The result.

    Returns:
        Its kind, steps and errors.
    """
    said: dict[str, object] = {
        "result": type(result).__name__,
        "signed_out_locally": result.signed_out_locally,
        "resumed": result.resumed,
        "steps": {name: _step_as_builtins(step) for name, step in result.steps},
        "errors": [exception_as_builtins(exception) for exception in exceptions_of(result)],
    }
    if isinstance(result, CompleteSignOut | PartialSignOut):
        until = result.tokens_valid_until
        said["tokens_valid_until"] = until.isoformat() if until else None
    if isinstance(result, PartialSignOut) and result.hosted_ui_error is not None:
        said["hosted_ui_url"] = result.hosted_ui_error.url
    return said


def exception_as_builtins(exception: AuthException) -> dict[str, str]:
    """Give what went wrong as plain values for JSON.

    Args:
        exception: What went wrong.

    Returns:
        Its type, what it says, and what to do about it.
    """
    return {
        "type": type(exception).__name__,
        "message": exception.message,
        "recovery_suggestion": exception.recovery_suggestion,
    }


def _step_as_builtins(step: StepResult) -> dict[str, str]:
    match step:
        case NotRequested():
            return {"outcome": "not_requested"}
        case Skipped(reason):
            return {"outcome": "skipped", "reason": reason.value}
        case Done(note):
            return {"outcome": "done", "note": note} if note else {"outcome": "done"}
        case Failed(failure):
            return {
                "outcome": "failed",
                "kind": failure.kind.value,
                "code": failure.code,
                "message": failure.message,
            }
