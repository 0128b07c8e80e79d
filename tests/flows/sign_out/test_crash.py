"""A crash at every step of every sign-out: what is resumed ends as it would have, and asks nothing that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.results import Evidence, FailedSignOut, result_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.core.graph import Graph
    from authsm.flows.sign_out.context import SignOutContext


def test_a_crash_at_any_step_only_asks_once_more_for_the_outcome_that_was_lost(
    graph: Graph[SignOutContext], count: Callable[[str], None]
) -> None:
    """Whatever the effect is answered the second time leads where it would have led the first time."""
    crashes = set()
    edges = 0
    for edge in graph.edges:
        pending = SIGN_OUT.pending(edge.source) if edge.source.state != "NotStarted" else None
        if pending is None:
            continue
        journalled = SIGN_OUT.from_json(SIGN_OUT.to_json(edge.source))
        once_more = SIGN_OUT.again(journalled)
        assert type(once_more.effect) is type(pending)
        assert once_more.effect is not None
        assert once_more.effect.attempt == pending.attempt + 1
        assert SIGN_OUT.step(once_more.snapshot, edge.event) == edge.step
        crashes.add(edge.source)
        edges += 1
    assert len(crashes) > 1000
    count(f"crashes: at {len(crashes)} pending effects, {edges} answers after it, each as without the crash")


def test_every_ending_that_can_be_reached_over_a_crash_is_honest(
    graph: Graph[SignOutContext], count: Callable[[str], None]
) -> None:
    """After Complete and Partial nothing is left here; a Failed says whether something is, or that nobody knows."""
    endings: dict[str, int] = {}
    for snapshot in graph.snapshots:
        if not SIGN_OUT.is_final(snapshot):
            continue
        result = result_of(snapshot, Evidence(resumed=True))
        endings[type(result).__name__] = endings.get(type(result).__name__, 0) + 1
        cleared = snapshot.context.clear_credentials
        if isinstance(result, FailedSignOut):
            assert cleared is None or cleared.failure is not None
        else:
            assert result.signed_out_locally is True
            assert snapshot.context.plan.clear_credentials is not None or (cleared is not None and not cleared.failure)
    assert set(endings) == {"CompleteSignOut", "PartialSignOut", "FailedSignOut"}
    count(f"endings over a crash: {endings}")
