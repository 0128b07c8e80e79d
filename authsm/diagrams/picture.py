"""A machine as a small immutable picture: what every format draws."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from authsm.core.chart import Ending
from authsm.core.vocabulary import FailedReply
from authsm.core.words import first_line
from authsm.diagrams.spine import longest_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authsm.core.graph import Edge, Graph
    from authsm.core.machine import Machine
    from authsm.core.table import Row, StateInfo, StateKind, Table
    from authsm.core.vocabulary import Event


class Tone(StrEnum):
    """What an edge tells: whether what was asked for was done."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OUTSIDE = "outside"
    """The event comes from outside; it answers no effect."""


FAILURES = frozenset({Tone.FAILED, Tone.CANCELLED})
"""The tones that say that something was not done."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An event that a state knows.

    Attributes:
        event: Its name.
        tone: What it tells.
    """

    event: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Node:
    """A state.

    Attributes:
        name: As written in the chart.
        kind: What it is for.
        effect: The name of what it asks for; empty where it asks for nothing.
        about: One line about it.
        initial: Whether the machine starts there.
        ending: How a run that comes there has ended; None where the chart does not say it, or no run ends there.
        replies: What it knows, in the order of declaration.
        party: Whom the runner turns to for it; empty where that is not said.
        taken: Whether the highlighted run comes there.
    """

    name: str
    kind: StateKind
    effect: str
    about: str
    initial: bool
    ending: Ending | None
    replies: tuple[Reply, ...]
    party: str = ""
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """One transition.

    Attributes:
        source: The state it leaves.
        target: The state it leads to.
        event: What happened.
        guard: The guard's name; empty where there is none.
        guard_in_words: The guard as people read it.
        place: Its place among the picture's rows of this state and event, from 1: they are tried in order.
        tone: What the event tells.
        taken: Whether the highlighted run takes it.
    """

    source: str
    target: str
    event: str
    guard: str
    guard_in_words: str
    place: int
    tone: Tone
    taken: bool = False

    @property
    def condition(self) -> str:
        """When it is taken, in words within a line; empty where it is the only one of its state and event."""
        if self.guard_in_words[1:2].isupper():  # an abbreviation
            return self.guard_in_words
        if self.guard_in_words:
            return self.guard_in_words[0].lower() + self.guard_in_words[1:]
        return "otherwise" if self.place > 1 else ""


@dataclass(frozen=True, slots=True)
class Link:
    """All transitions of one pair of states: a reader follows lines, not rows.

    Attributes:
        source: The state that they leave.
        target: The state that they lead to.
        arrows: Those transitions.
        on_spine: Whether it is a part of the picture's main line.
        ending: How a run that takes it has ended; None where it has not.
    """

    source: str
    target: str
    arrows: tuple[Arrow, ...]
    on_spine: bool
    ending: Ending | None

    @property
    def is_failure(self) -> bool:
        """Whether it is taken only after failures and cancels, or the run has failed by it."""
        return self.ending is Ending.FAILED or all(arrow.tone in FAILURES for arrow in self.arrows)

    @property
    def taken(self) -> bool:
        """Whether the highlighted run takes it."""
        return any(arrow.taken for arrow in self.arrows)

    @property
    def by_condition(self) -> dict[str, tuple[Arrow, ...]]:
        """Its transitions by the words of their conditions."""
        groups: dict[str, tuple[Arrow, ...]] = {}
        for arrow in self.arrows:
            groups[arrow.condition] = (*groups.get(arrow.condition, ()), arrow)
        return groups


@dataclass(frozen=True, slots=True)
class Picture:
    """A machine, to be drawn.

    Attributes:
        name: The chart's name.
        about: The first line of the chart's docstring.
        nodes: Its states, in the order of declaration.
        arrows: Its transitions; those of one state and event stand together, in the order in which they are tried.
        spine: The states of its main line, in order: the longest way in which everything is done, among those in which
            the states of a cycle follow one another as they are declared.
        trail: The transitions of the highlighted run, in order; none where none is.
    """

    name: str
    about: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    spine: tuple[str, ...]
    trail: tuple[Arrow, ...] = ()

    @property
    def links(self) -> tuple[Link, ...]:
        """Its transitions, those of one pair of states together, and those of the main line first.

        What lays graphs out turns round what comes back to an earlier edge: so the main line keeps its direction.
        """
        pairs: dict[tuple[str, str], list[Arrow]] = {}
        for arrow in self.arrows:
            pairs.setdefault((arrow.source, arrow.target), []).append(arrow)
        line = set(zip(self.spine, self.spine[1:], strict=False))
        endings = {node.name: node.ending for node in self.nodes}
        links = [
            Link(*pair, tuple(arrows), on_spine=pair in line, ending=endings[pair[1]]) for pair, arrows in pairs.items()
        ]
        return tuple(sorted(links, key=lambda link: not link.on_spine))

    @property
    def has_rivals(self) -> bool:
        """Whether the conditions of several transitions may hold at once: the first one is taken then."""
        groups = Counter((arrow.source, arrow.event) for arrow in self.arrows if arrow.guard)
        return any(times > 1 for times in groups.values())


def picture_of(machine: Machine[Any], *, within: Graph[Any] | None = None) -> Picture:
    """Take the picture of a machine.

    Args:
        machine: Any machine.
        within: What was explored of it; the picture then has just what can be reached there.

    Returns:
        Its states and transitions.
    """
    table = machine.table
    arrows = [_arrow(table, row) for row in table.rows]
    states = list(table.states.values())
    if within is not None:
        reached = {snapshot.state for snapshot in within.snapshots}
        taken = {(edge.source.state, edge.event.name, edge.target.state) for edge in within.edges}
        states = [state for state in states if state.name in reached]
        arrows = [arrow for arrow in arrows if (arrow.source, arrow.event, arrow.target) in taken]
    arrows = list(_placed(arrows))
    return Picture(
        name=table.name,
        about=first_line(machine.chart),
        nodes=tuple(_node(table, state, arrows) for state in states),
        arrows=tuple(arrows),
        spine=longest_way(
            [state.name for state in states],
            table.initial,
            {(arrow.source, arrow.target) for arrow in arrows if arrow.tone not in FAILURES},
        ),
    )


def highlight(picture: Picture, run: Iterable[Edge[Any]]) -> Picture:
    """Highlight a run in a picture.

    Args:
        picture: The picture.
        run: The edges of the run, from its beginning.

    Returns:
        The picture, in which the states and transitions of the run are marked as taken.

    Raises:
        KeyError: The run takes a transition that is not in the picture.
    """
    steps = [(edge.source.state, edge.event.name, edge.target.state) for edge in run]
    states = {state for source, _, target in steps for state in (source, target)}
    arrows = {
        step: replace(arrow, taken=step in steps)
        for arrow in picture.arrows
        for step in [(arrow.source, arrow.event, arrow.target)]
    }
    return replace(
        picture,
        nodes=tuple(replace(node, taken=node.name in states) for node in picture.nodes),
        arrows=tuple(arrows.values()),
        trail=tuple(arrows[step] for step in steps),
    )


def _node(table: Table, state: StateInfo, arrows: list[Arrow]) -> Node:
    known = {arrow.event for arrow in arrows if arrow.source == state.name}
    return Node(
        name=state.name,
        kind=state.kind,
        effect=state.effect.__name__ if state.effect else "",
        about=state.about,
        initial=state.name == table.initial,
        ending=state.ending,
        replies=tuple(Reply(event.__name__, _tone(state, event)) for event in state.events if event.__name__ in known),
        party=state.effect.party if state.effect else "",
    )


def _arrow(table: Table, row: Row) -> Arrow:
    return Arrow(
        source=row.source,
        target=row.target,
        event=row.event.__name__,
        guard=row.guard or "",
        guard_in_words=table.guard_in_words(row.guard) if row.guard else "",
        place=1,
        tone=_tone(table.states[row.source], row.event),
    )


def _placed(arrows: Iterable[Arrow]) -> Iterator[Arrow]:
    places: Counter[tuple[str, str]] = Counter()
    for arrow in arrows:
        group = (arrow.source, arrow.event)
        places[group] += 1
        yield replace(arrow, place=places[group])


def _tone(state: StateInfo, event: type[Event]) -> Tone:
    if state.effect is None:
        return Tone.OUTSIDE
    if issubclass(event, FailedReply):
        return Tone.FAILED
    return Tone.CANCELLED if event is state.effect.cancelled else Tone.DONE
