"""A machine as a small immutable picture: what every format draws."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from authsm.core.vocabulary import FailedReply

if TYPE_CHECKING:
    from authsm.core.machine import Machine
    from authsm.core.table import Row, StateKind, Table


class Tone(StrEnum):
    """What an edge tells: whether what was asked for was done."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OUTSIDE = "outside"
    """The event comes from outside; it answers no effect."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state.

    Attributes:
        name: As written in the chart.
        kind: What it is for.
        effect: The name of what it asks for; empty where it asks for nothing.
        about: One line about it.
        initial: Whether the machine starts there.
    """

    name: str
    kind: StateKind
    effect: str
    about: str
    initial: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """One transition.

    Attributes:
        source: The state it leaves.
        target: The state it leads to.
        event: What happened.
        guard: The guard's name; empty where there is none.
        guard_in_words: The guard as people read it.
        place: Its place among the rows of this state and event, from 1: they are tried in order.
        tone: What the event tells.
    """

    source: str
    target: str
    event: str
    guard: str
    guard_in_words: str
    place: int
    tone: Tone


@dataclass(frozen=True, slots=True)
class Picture:
    """A machine, to be drawn.

    Attributes:
        name: The chart's name.
        about: The first line of the chart's docstring.
        nodes: Its states, in the order of declaration.
        arrows: Its transitions; those of one state and event stand together, in the order in which they are tried.
    """

    name: str
    about: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def picture_of(machine: Machine[Any]) -> Picture:
    """Take the picture of a machine.

    Args:
        machine: Any machine.

    Returns:
        All of its states and transitions.
    """
    table = machine.table
    nodes = tuple(
        Node(
            name=state.name,
            kind=state.kind,
            effect=state.effect.__name__ if state.effect else "",
            about=state.about,
            initial=state.name == table.initial,
        )
        for state in table.states.values()
    )
    return Picture(table.name, (machine.chart.__doc__ or "").strip().partition("\n")[0], nodes, tuple(_arrows(table)))


def _arrows(table: Table) -> list[Arrow]:
    arrows: list[Arrow] = []
    places: dict[tuple[str, str], int] = {}
    for row in table.rows:
        group = (row.source, row.event.__name__)
        places[group] = places.get(group, 0) + 1
        arrows.append(
            Arrow(
                source=row.source,
                target=row.target,
                event=row.event.__name__,
                guard=row.guard or "",
                guard_in_words=table.guard_in_words(row.guard) if row.guard else "",
                place=places[group],
                tone=_tone(table, row),
            )
        )
    return arrows


def _tone(table: Table, row: Row) -> Tone:
    effect = table.states[row.source].effect
    if effect is None:
        return Tone.OUTSIDE
    if issubclass(row.event, FailedReply):
        return Tone.FAILED
    return Tone.CANCELLED if row.event is effect.cancelled else Tone.DONE
