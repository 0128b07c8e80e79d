"""The bakery, and everything that can happen in it."""

from __future__ import annotations

import pytest

from authsm.core.graph import Graph, explore
from tests.core.bakery import BAKERY, Remembered


@pytest.fixture(scope="session")
def bakery_graph() -> Graph[Remembered]:
    return explore(BAKERY, [BAKERY.start(Remembered()), BAKERY.start(Remembered(pays=False))])
