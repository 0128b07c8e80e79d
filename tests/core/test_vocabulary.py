"""Events and effects bear the names of their classes, and an effect names its replies."""

from __future__ import annotations

import pytest

from authsm.core.vocabulary import Context, EffectFailedError, Event, Failure, FailureKind
from tests.core import bakery


def test_events_and_effects_are_called_as_their_classes() -> None:
    assert (bakery.LayerBaked().name, bakery.CleanUp().name) == ("LayerBaked", "CleanUp")


def test_an_effect_that_nobody_can_call_off_has_two_replies() -> None:
    assert list(bakery.BakeLayer.replies()) == [bakery.LayerBaked, bakery.LayerBurnt]
    assert list(bakery.TakeMoney.replies()) == [bakery.MoneyTaken, bakery.MoneyRefused, bakery.Withdrawn]


def test_an_effect_that_names_nothing_more_is_made_from_its_attempt() -> None:
    assert bakery.CleanUp.asked_in(bakery.Remembered(), 3) == bakery.CleanUp(attempt=3)


def test_a_failure_is_raised_with_its_message() -> None:
    failure = Failure(FailureKind.UNREACHABLE, "ConnectTimeout", "Nobody there.")
    error = EffectFailedError(failure)
    assert (str(error), error.failure) == ("Nobody there.", failure)


def test_a_context_has_to_say_what_an_event_changes() -> None:
    with pytest.raises(NotImplementedError):
        Context().after(Event())
