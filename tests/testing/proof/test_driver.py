"""What is explored is the library's own loop: one that takes what it should drop is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authsm.core import drive as driving
from authsm.core.drive import Answer
from authsm.testing.proof import Faults, explore
from tests.core.bakery import BAKERY, Remembered
from tests.testing.proof.kettle import KETTLE, Kitchen

if TYPE_CHECKING:
    from collections.abc import Generator

TRUE_DRIVE = driving.drive


def trusting(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
    """Take every answer for that of the effect which is pending."""
    true = TRUE_DRIVE(*arguments, **keywords)
    try:
        ask = next(true)
        while True:
            message = yield ask
            ask = true.send(Answer(ask.id, message.event) if isinstance(message, Answer) else message)
    except StopIteration as stop:
        return stop.value


@pytest.mark.parametrize("faults", [Faults(late=True), Faults(repeated=True)])
def test_a_loop_that_takes_late_or_repeated_answers_is_found_out(
    faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    explore(BAKERY, [Remembered()], faults).assert_invariants()
    monkeypatch.setattr(driving, "drive", trusting)
    with pytest.raises(AssertionError, match=r"nothing raises: .*Unexpected"):
        explore(BAKERY, [Remembered()], faults).assert_invariants()


def swallowing(*arguments: Any, observe: Any, **keywords: Any) -> Generator[Any, Any, Any]:
    """Drop what is late, and tell nobody."""
    return TRUE_DRIVE(
        *arguments,
        observe=lambda notice: None if isinstance(notice, driving.LateAnswer) else observe(notice),
        **keywords,
    )


def test_a_loop_that_drops_late_answers_unseen_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "drive", swallowing)
    with pytest.raises(AssertionError, match="Filled, which came late or twice, was not dropped and told"):
        explore(KETTLE, [Kitchen()], Faults(repeated=True)).assert_invariants()
