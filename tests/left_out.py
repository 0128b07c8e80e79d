"""What cannot be tested on this machine is left out by name; but not where everything has to be tested."""

import os
from typing import NoReturn

import pytest


def left_out(what: str, why: str) -> NoReturn:
    """Leave out a test, or fail it where CI is set.

    Args:
        what: What is not tested.
        why: What this machine, or this user, has not got.
    """
    said = f"{what} left out: {why}"
    if os.environ.get("CI"):
        pytest.fail(said)
    pytest.skip(said)


def missing(what: str) -> NoReturn:
    """Leave out, or fail, a test that uses a program which is not there."""
    left_out(what, "it is not installed: make system-packages node-packages")
