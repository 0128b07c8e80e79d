"""The programs of this suite cannot hang it."""

import time

import pytest

from tests.auth.world import GUARD, SOON
from tests.programs import Program

HANGS = ("timeit", "--number=1", "--setup=import time", f"time.sleep({10 * GUARD})")
"""Says nothing, and goes on when there is nothing more to read."""


def test_one_that_says_nothing_is_waited_for_no_longer_than_its_test_is_patient_and_killed() -> None:
    before = time.monotonic()
    with pytest.raises(AssertionError, match="has said nothing"), Program(*HANGS, patience=SOON) as program:
        program.hear()
    assert program._process.returncode
    assert time.monotonic() - before < GUARD


def test_one_that_does_not_end_is_killed_and_fails_its_test() -> None:
    with pytest.raises(AssertionError, match="ended with"), Program(*HANGS, patience=SOON):
        pass


def test_one_that_has_ended_is_not_waited_for() -> None:
    with pytest.raises(AssertionError, match="has ended"), Program("bisect", patience=GUARD) as program:
        program.hear()
