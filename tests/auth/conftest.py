"""What the tests of `Auth` use, and what each of them is watched by."""

from collections.abc import Iterator

import pytest

from authsm import MemoryCredentialStore
from authsm.auth.flights import FLIGHTS
from tests.auth.styles import Told
from tests.auth.world import Cast


@pytest.fixture(autouse=True)
def no_flight_is_left() -> Iterator[None]:
    """A flight that never leaves the registry would hang the next sign-out of its session."""
    yield
    assert FLIGHTS._flights == {}


@pytest.fixture
def store() -> MemoryCredentialStore:
    return MemoryCredentialStore()


@pytest.fixture
def cast() -> Cast:
    return Cast()


@pytest.fixture
def told() -> Told:
    return Told()
