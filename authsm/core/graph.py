"""Every snapshot a machine can reach, every edge between them, and the shortest way to each.

The search walks the real `Machine.step`, so what it finds is what runs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from authsm.core.vocabulary import Context, FailedReply, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from authsm.core.machine import Machine, Snapshot, Step
    from authsm.core.table import Row
    from authsm.core.vocabulary import Event

C = TypeVar("C", bound=Context)


class TooManySnapshotsError(Exception):
    """The search met its bound before it had seen everything."""


@dataclass(frozen=True, slots=True)
class Edge(Generic[C]):
    """One step that can happen."""

    source: Snapshot[C]
    event: Event
    step: Step[C]

    @property
    def target(self) -> Snapshot[C]:
        """Where it leads."""
        return self.step.snapshot


@dataclass(frozen=True, slots=True)
class Graph(Generic[C]):
    """What a search found.

    Attributes:
        machine: The machine that was searched.
        arrivals: Every reachable snapshot, with the edge by which it was reached first; None for a start.
        edges: Every edge.
    """

    machine: Machine[C]
    arrivals: Mapping[Snapshot[C], Edge[C] | None]
    edges: tuple[Edge[C], ...]

    @property
    def snapshots(self) -> Iterable[Snapshot[C]]:
        """Every reachable snapshot, nearest first."""
        return self.arrivals.keys()

    @property
    def finals(self) -> Iterator[Snapshot[C]]:
        """Every reachable snapshot in which the machine has ended."""
        return (snapshot for snapshot in self.arrivals if self.machine.is_final(snapshot))

    def trace(self, snapshot: Snapshot[C]) -> tuple[Edge[C], ...]:
        """Give the shortest way from a start to a snapshot.

        Args:
            snapshot: One of the reachable snapshots.

        Returns:
            The edges of the way, first one first; none for a start.

        Raises:
            KeyError: The snapshot cannot be reached.
        """
        way: list[Edge[C]] = []
        edge = self.arrivals[snapshot]
        while edge is not None:
            way.append(edge)
            edge = self.arrivals[edge.source]
        return tuple(reversed(way))

    def dead_rows(self) -> tuple[Row, ...]:
        """Give the transitions of the chart that no edge takes."""
        taken = {(edge.source.state, type(edge.event), edge.target.state) for edge in self.edges}
        return tuple(row for row in self.machine.table.rows if (row.source, row.event, row.target) not in taken)


def every_reply(machine: Machine[C], snapshot: Snapshot[C]) -> Iterator[Event]:
    """Give one event of each kind that a snapshot knows; failures come as refusals.

    Args:
        machine: The machine.
        snapshot: Where it stands.

    Yields:
        The events, made with their defaults.
    """
    for event in machine.table.states[snapshot.state].events:
        if issubclass(event, FailedReply):
            yield event(Failure(FailureKind.REFUSED, "Refused", "refused"))
        else:
            yield event()


def explore(
    machine: Machine[C],
    starts: Iterable[Snapshot[C]],
    *,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    bound: int = 100_000,
) -> Graph[C]:
    """Find everything that a machine can reach, breadth first.

    Args:
        machine: The machine.
        starts: Where to begin.
        events: What may happen in a snapshot; one event of each known kind, if not given.
        bound: How many snapshots may be found at the most.

    Returns:
        The reachable snapshots and edges.

    Raises:
        TooManySnapshotsError: More snapshots than the bound can be reached; nothing is cut off silently.
    """
    arrivals: dict[Snapshot[C], Edge[C] | None] = dict.fromkeys(starts)
    edges: list[Edge[C]] = []
    queue = deque(arrivals)
    while queue:
        snapshot = queue.popleft()
        for event in events(machine, snapshot):
            edge = Edge(snapshot, event, machine.step(snapshot, event))
            edges.append(edge)
            if edge.target not in arrivals:
                if len(arrivals) >= bound:
                    raise TooManySnapshotsError(
                        f"{machine.name} reaches more than {bound} snapshots: raise `bound`, or give fewer starts."
                    )
                arrivals[edge.target] = edge
                queue.append(edge.target)
    return Graph(machine, arrivals, tuple(edges))
