"""Where things stand in a world of processes that run a machine."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from authsm.core.vocabulary import Context, Effect, Event

if TYPE_CHECKING:
    from collections.abc import Hashable

    from authsm.core.machine import Snapshot

C = TypeVar("C", bound=Context)
W = TypeVar("W", bound="Hashable")


class Stage(StrEnum):
    """How far a process has come."""

    AWAY = "away"
    """It does not run: it has not begun, or it has crashed."""
    RESTS = "rests"
    """It waits for something from outside, or has ended."""
    ASKED = "asked"
    """It has asked for an effect, and has still to write down where it stands."""
    READY = "ready"
    """The effect may begin."""
    DOING = "doing"
    """The effect has begun."""
    ANSWERED = "answered"
    """The answer is on its way."""


class Doing(msgspec.Struct, frozen=True):
    """An effect that goes one of its ways.

    Attributes:
        effect: The effect.
        way: The name of the way.
        steps: How many of its steps are done.
        reply: The answer, once all are.
    """

    effect: Effect
    way: str
    steps: int = 0
    reply: Event | None = None


class Process(msgspec.Struct, Generic[C], frozen=True):
    """One process that runs the machine.

    Attributes:
        stage: How far it has come.
        snapshot: Where the machine stands; None while it does not run. Attempts count to 2: from the second one on, a
            machine goes the same way.
        doing: The effect that has begun.
        late: An effect that was given up, and goes on all the same.
    """

    stage: Stage = Stage.AWAY
    snapshot: Snapshot[C] | None = None
    doing: Doing | None = None
    late: Doing | None = None


class Situation(msgspec.Struct, Generic[C, W], frozen=True):
    """All there is at one moment.

    Attributes:
        processes: The processes that run the machine.
        world: What is outside of them.
        trouble: What went wrong with the machine itself; empty where nothing did, and nothing follows where something
            did.
    """

    processes: tuple[Process[C], ...]
    world: W
    trouble: str = ""
