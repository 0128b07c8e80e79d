"""A clock that moves when it is told to, and only then."""

import math

import pytest

from authsm.testing import FakeClock


def test_it_shows_what_it_was_told() -> None:
    clock = FakeClock()
    assert (clock(), clock()) == (0.0, 0.0)
    clock.advance(2.5)
    clock.advance(0)
    assert clock() == 2.5
    assert repr(FakeClock(1000.0)) == "FakeClock(1000.0)"


@pytest.mark.parametrize("seconds", [-0.1, math.inf, math.nan])
def test_it_never_goes_backward(seconds: float) -> None:
    clock = FakeClock(7.0)
    with pytest.raises(ValueError, match=r"goes forward by a finite number of seconds, 0 or more, not by"):
        clock.advance(seconds)
    assert clock() == 7.0
