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
    from authsm.core.vocabulary import Effect, Event

C = TypeVar("C", bound=Context)


class TooManySnapshotsError(Exception):
    """The search met its bound before it had seen everything."""


class NoSuchRunError(ValueError):
    """Events that no run consists of: says how far there is one, and what could have followed."""


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

    def start_of(self, snapshot: Snapshot[C]) -> Snapshot[C]:
        """Give the start from which a snapshot is reached by the shortest way.

        Args:
            snapshot: One of the reachable snapshots.

        Returns:
            The start.

        Raises:
            KeyError: The snapshot cannot be reached.
        """
        while (edge := self.arrivals[snapshot]) is not None:
            snapshot = edge.source
        return snapshot

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
    yield from map(_example, machine.table.states[snapshot.state].events)


def replies_to(effect: Effect) -> Iterator[Event]:
    """Give one event of each kind that can answer an effect; failures come as refusals.

    Args:
        effect: The effect.

    Yields:
        The events, made with their defaults.
    """
    yield from map(_example, effect.replies())


def _example(kind: type[Event]) -> Event:
    if issubclass(kind, FailedReply):
        return kind(Failure(FailureKind.REFUSED, "Refused", "refused"))
    return kind()


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


def follow(
    machine: Machine[C],
    starts: Iterable[Snapshot[C]],
    names: Iterable[str],
    *,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
) -> tuple[Edge[C], ...]:
    """Find a run by the names of its events.

    Args:
        machine: The machine.
        starts: Where the run may begin; of several runs, the one with the earlier start is taken.
        names: The names of its events, in order.
        events: What may happen in a snapshot; one event of each known kind, if not given.

    Returns:
        The edges of the run.

    Raises:
        NoSuchRunError: There is none; the message says how far there is one, and what could have followed.
    """
    ways: dict[Snapshot[C], tuple[Edge[C], ...]] = dict.fromkeys(starts, ())
    so_far: list[str] = []
    for name in names:
        onward: dict[Snapshot[C], tuple[Edge[C], ...]] = {}
        for snapshot, way in ways.items():
            for event in events(machine, snapshot):
                if event.name == name:
                    edge = Edge(snapshot, event, machine.step(snapshot, event))
                    onward.setdefault(edge.target, (*way, edge))
        if not onward:
            raise NoSuchRunError(_nothing_follows(machine, so_far, name, ways))
        ways = onward
        so_far.append(name)
    return next(iter(ways.values()), ())


def _nothing_follows(machine: Machine[C], so_far: list[str], name: str, ways: Iterable[Snapshot[C]]) -> str:
    states = list(dict.fromkeys(snapshot.state for snapshot in ways))
    known = dict.fromkeys(event.__name__ for state in states for event in machine.table.states[state].events)
    after = f"After {', '.join(so_far)}" if so_far else "At its start"
    may = f"what may follow is {', '.join(known)}" if known else "nothing may follow"
    return f"{after}, {machine.name} is in {' or '.join(states) or 'no state'}: {name} does not happen there; {may}."
