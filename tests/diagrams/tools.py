"""Programs that the tests use where they are installed."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip a test by name, or fail it where everything has to be there."""
    said = f"{what} is not installed: make node-packages system-packages"
    pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    raise AssertionError
