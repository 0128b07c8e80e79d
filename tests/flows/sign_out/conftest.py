"""The whole graph of sign-out, searched once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authsm.core.graph import Graph, explore
from authsm.flows.sign_out.chart import SIGN_OUT
from tests.flows.sign_out.inputs import (
    STOPPED,
    Run,
    every_retry,
    every_run,
    every_settlement,
    everything_that_may_happen,
    start,
)

if TYPE_CHECKING:
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.plan import Plan


@pytest.fixture(scope="session")
def plans() -> frozenset[Plan]:
    """Every plan of a first sign-out: all policies, sessions and authorities, global or not."""
    return frozenset(settled.plan for settled in every_settlement())


@pytest.fixture(scope="session")
def retry_plans() -> frozenset[Plan]:
    return frozenset(settled.plan for settled in every_retry())


@pytest.fixture(scope="session")
def graph(plans: frozenset[Plan], retry_plans: frozenset[Plan]) -> Graph[SignOutContext]:
    starts = [start(plan) for plan in sorted(plans | retry_plans | {*STOPPED}, key=repr)]
    return explore(SIGN_OUT, starts, events=everything_that_may_happen)


@pytest.fixture(scope="session")
def runs(graph: Graph[SignOutContext]) -> tuple[Run, ...]:
    return tuple(every_run(graph))
