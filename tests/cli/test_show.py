"""How a result looks to a person and as JSON: every kind of result, of step and of error."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from rich.console import Console

from authsm import (
    AuthException,
    CompleteSignOut,
    FailedSignOut,
    Failure,
    FailureKind,
    GlobalSignOutException,
    HostedUISignOutException,
    InvalidStateException,
    PartialSignOut,
    RevokeTokenException,
    SignOutResult,
)
from authsm.cli.show import as_builtins, exceptions_of, in_words, show_result, show_transition
from authsm.core.drive import Transition
from authsm.credentials import Secret
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.results import (
    Done,
    Failed,
    GlobalSignOutError,
    HostedUIError,
    NotRequested,
    RevokeTokenError,
    Skipped,
    StepResult,
    Steps,
)
from tests.core import bakery
from tests.core.bakery import BAKERY, Remembered
from tests.leaks import leaks_in

TOKEN: Final = Secret("opaque-refresh-token-of-ada")
UNTIL: Final = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
REFUSED: Final = Failure(FailureKind.REFUSED, "NotAuthorizedException", "[bold]No[/bold] more.")

STEPS: Final[dict[str, tuple[StepResult, str, dict[str, str]]]] = {
    "not requested": (NotRequested(), "not requested", {"outcome": "not_requested"}),
    "skipped": (
        Skipped(Why.ALREADY_DONE),
        f"skipped: {Why.ALREADY_DONE.words}",
        {"outcome": "skipped", "reason": "already_done"},
    ),
    "done": (Done(), "done", {"outcome": "done"}),
    "done with a note": (Done("a note"), "done: a note", {"outcome": "done", "note": "a note"}),
    "failed": (
        Failed(REFUSED),
        "failed: NotAuthorizedException: [bold]No[/bold] more.",
        {
            "outcome": "failed",
            "kind": "refused",
            "code": "NotAuthorizedException",
            "message": "[bold]No[/bold] more.",
        },
    ),
}


def steps(step: StepResult | None = None) -> Steps:
    every = dict.fromkeys(
        ("hosted_ui", "refresh_tokens", "global_sign_out", "revoke_token", "clear_credentials", "end_sso_session"),
        step or Done(),
    )
    return Steps(**every)


def shown(show: Callable[[Console], object]) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    show(console)
    return console.export_text()


HOSTED_UI = HostedUIError("https://example.auth/logout", HostedUISignOutException("No browser.", "Open it."))
GLOBAL = GlobalSignOutError(TOKEN, GlobalSignOutException("No answer.", "Try again."))
FEDERATED = InvalidStateException("Federated.", "Do not.")
REVOKE = RevokeTokenError(TOKEN, RevokeTokenException("Not enabled.", "Enable it."))

RESULTS: Final[dict[str, tuple[SignOutResult, list[AuthException], dict[str, object]]]] = {
    "complete": (
        CompleteSignOut(steps=steps(), signed_out_locally=True, tokens_valid_until=UNTIL),
        [],
        {"signed_out_locally": True, "tokens_valid_until": "2030-01-02T03:04:05+00:00"},
    ),
    "complete with nothing that lasts": (
        CompleteSignOut(steps=steps(), signed_out_locally=True, resumed=True),
        [],
        {"resumed": True, "tokens_valid_until": None},
    ),
    "partial: all three": (
        PartialSignOut(
            steps=steps(),
            signed_out_locally=True,
            hosted_ui_error=HOSTED_UI,
            global_sign_out_error=GLOBAL,
            revoke_token_error=REVOKE,
        ),
        [HOSTED_UI.exception, GLOBAL.exception, REVOKE.exception],
        {"hosted_ui_url": "https://example.auth/logout"},
    ),
    "partial: revocation": (
        PartialSignOut(steps=steps(), signed_out_locally=True, tokens_valid_until=UNTIL, revoke_token_error=REVOKE),
        [REVOKE.exception],
        {"tokens_valid_until": "2030-01-02T03:04:05+00:00"},
    ),
    "failed, still signed in": (
        FailedSignOut(steps=steps(), signed_out_locally=False, exception=FEDERATED),
        [FEDERATED],
        {"signed_out_locally": False},
    ),
    "failed, not known": (
        FailedSignOut(steps=steps(), signed_out_locally=None, exception=InvalidStateException("No disk.", "Buy one.")),
        [InvalidStateException("No disk.", "Buy one.")],
        {"signed_out_locally": None},
    ),
}

HERE: Final = {True: "yes", False: "no", None: "not known: the clear failed"}


@pytest.mark.parametrize(("result", "exceptions", "said"), RESULTS.values(), ids=RESULTS)
class TestResults:
    def test_as_json_it_has_its_kind_and_every_step_and_error_and_no_token(
        self, result: SignOutResult, exceptions: list[AuthException], said: dict[str, object]
    ) -> None:
        text = json.dumps(as_builtins(result))
        builtins = json.loads(text)
        assert builtins.items() >= {"result": type(result).__name__, **said}.items()
        assert set(builtins["steps"]) == {name for name, _ in result.steps}
        assert builtins["errors"] == [
            {"type": type(each).__name__, "message": each.message, "recovery_suggestion": each.recovery_suggestion}
            for each in exceptions
        ]
        assert ("hosted_ui_url" in builtins) == ("hosted_ui_url" in said)
        assert leaks_in([text], [TOKEN]) == []

    def test_to_a_person_it_says_what_is_gone_here_and_what_to_do_and_shows_no_token(
        self, result: SignOutResult, exceptions: list[AuthException], said: dict[str, object]
    ) -> None:
        text = shown(lambda console: show_result(console, result))
        lines = [line.strip("│ ") for line in text.splitlines()]
        rows = [[cell.strip() for cell in line.split("│")] for line in lines]
        assert type(result).__name__ in text
        assert ["signed out here", HERE[result.signed_out_locally]] in rows
        for each in exceptions:
            assert each.message in lines
            assert each.recovery_suggestion in lines
        assert ("2030-01-02 03:04 UTC" in text) == (said.get("tokens_valid_until") is not None)
        assert leaks_in([text], [TOKEN]) == []

    def test_its_exceptions_are_given_in_the_order_of_the_steps(
        self, result: SignOutResult, exceptions: list[AuthException], said: dict[str, object]
    ) -> None:
        del said
        assert [str(each) for each in exceptions_of(result)] == [str(each) for each in exceptions]


@pytest.mark.parametrize(("step", "words", "builtins"), STEPS.values(), ids=STEPS)
def test_each_outcome_of_a_step_has_words_and_json(step: StepResult, words: str, builtins: dict[str, str]) -> None:
    result = CompleteSignOut(steps=steps(step), signed_out_locally=True)
    assert in_words(step) == words
    assert as_builtins(result)["steps"] == {name: builtins for name, _ in result.steps}
    # What a service says is text, and no markup of the console.
    assert shown(lambda console: show_result(console, result)).count(words) == 6


def test_each_transition_is_a_line_that_says_whether_it_went_well_and_how_long_it_took() -> None:
    start = BAKERY.start(Remembered(pays=False))
    baking = BAKERY.step(start, bakery.Ordered(layers=1)).snapshot
    burnt = bakery.LayerBurnt(REFUSED)
    transitions: list[Transition[Any]] = [
        Transition("run", start, bakery.Ordered(layers=1), baking, None, 0.0),
        Transition("run", baking, burnt, BAKERY.step(baking, burnt).snapshot, bakery.BakeLayer(), 0.25),
    ]
    lines = [shown(lambda console, each=each: show_transition(console, each)) for each in transitions]  # type: ignore[misc]
    assert lines == ["  ✓ Open ─Ordered→ Baking\n", "  ✗ Baking ─LayerBurnt→ CleaningUp  250 ms\n"]
