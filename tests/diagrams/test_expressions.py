"""Values as source: running the source makes an equal value, with nothing imported that it does not name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from authsm.core.vocabulary import Failure, FailureKind
from authsm.diagrams.expressions import Expression, NoExpressionError, expression_of
from authsm.diagrams.sign_out_tour import SIGN_OUT_TOUR
from authsm.flows.sign_out.chart import SIGN_OUT
from tests.core import bakery


def made_by(expression: Expression) -> Any:
    names: dict[str, Any] = {}
    for module, name in expression.imports:
        exec(f"from {module} import {name}", names)  # noqa: S102 - that is what the source is for
    return eval(expression.text, names)  # noqa: S307 - the same


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -7,
        0.5,
        "a 'text' with\nlines",
        (),
        (1,),
        (1, ("two", None)),
        bakery.Flavour.LEMON,
        bakery.Remembered(),
        bakery.Remembered(mishaps=(bakery.Mishap("here", Failure(FailureKind.REFUSED, "No", "no")),)),
        *(start.context for start in SIGN_OUT_TOUR.starts),
    ],
)
def test_the_source_makes_an_equal_value(value: object) -> None:
    assert made_by(expression_of(value)) == value


def test_every_event_of_a_sign_out_can_be_written_down() -> None:
    events = {choice.event for choices in SIGN_OUT_TOUR.places(SIGN_OUT).values() for choice in choices}
    assert len(events) == 15
    for event in events:
        assert made_by(expression_of(event)) == event


def test_fields_that_have_their_defaults_are_left_out() -> None:
    assert expression_of(bakery.Remembered(layers=2)) == Expression(
        "Remembered(layers=2)", (("tests.core.bakery", "Remembered"),)
    )


def test_what_cannot_be_written_down_is_refused() -> None:
    @dataclass(frozen=True)
    class Hidden:
        pass

    with pytest.raises(NoExpressionError, match="Hidden is defined within a function"):
        expression_of((Hidden(),))
    with pytest.raises(NoExpressionError, match="type set"):
        expression_of({1})
