"""What is outside of a machine while its runs are explored: what effects change there, step by step, and what is kept.

A machine by itself has no crashes and no torn writes; those happen in the world around it. A `World` says, for any
machine, in which ways each effect can go, between which of its steps the power may fail, and what of a run outlives the
process. `Plain` does for machines of which no more is known than that their effects are done or fail; a world of your
own makes the proof about your own facts, as `authsm.testing.proof.sign_out` does with tokens and credentials.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from authsm.core.graph import replies_to
from authsm.core.vocabulary import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect, Event

C = TypeVar("C", bound=Context)
W = TypeVar("W", bound="Hashable")


@dataclass(frozen=True)
class Way(Generic[W]):
    """One way in which an effect can go.

    Attributes:
        name: What tells it from the other ways of the effect: ``"done"``.
        reply: What is answered, once the steps are done; read off the world at that moment.
        steps: What becomes of the world, one step after the other; the power may fail between any two.
        torn: Whether this way needs the fault `Faults.torn`.
    """

    name: str
    reply: Callable[[W], Event]
    steps: tuple[Callable[[W], W], ...] = ()
    torn: bool = False


class World(ABC, Generic[C, W]):
    """What there is around the processes that run a machine. ``W`` is one state of it: a value that can be hashed.

    Processes are numbered from 0; each runs the machine from a context of its own, in the same world.
    """

    @abstractmethod
    def begin(self, machine: Machine[C], contexts: tuple[C, ...]) -> W:
        """Give the world as it is before anything happens, with one context for each process."""

    @abstractmethod
    def ways(self, process: int, effect: Effect) -> Iterable[Way[W]]:
        """Give the ways in which an effect can go, each with another name: always the same for the same effect."""

    @abstractmethod
    def opening(self, machine: Machine[C], world: W, process: int) -> Snapshot[C] | None:
        """Give where a process that does not run would begin anew; None where it has nothing to do."""

    @abstractmethod
    def journal(self, machine: Machine[C], world: W, process: int) -> Snapshot[C] | None:
        """Give what was written down of a process; None where nothing was."""

    @abstractmethod
    def write(self, machine: Machine[C], world: W, process: int, snapshot: Snapshot[C]) -> W:
        """Write down where a process stands, before it asks for an effect."""

    def writes(self, effect: Effect) -> bool:
        """Tell whether it is written down where the process stands, before this effect; always, if not overridden."""
        del effect
        return True

    @abstractmethod
    def ended(self, world: W, process: int, snapshot: Snapshot[C]) -> W:
        """Tidy up after a process has ended: forget what was written down, unless it is still needed."""

    def taken(self, world: W, process: int, effect: Effect | None, event: Event) -> W:
        """Note that a process has taken an event; the effect is the one that it answers. Notes nothing, by itself."""
        del process, effect, event
        return world

    def resumed(self, world: W, process: int) -> W:
        """Note that a process goes on from what was written down. Notes nothing, by itself."""
        del process
        return world

    def crashed(self, world: W, process: int) -> W:
        """Note that a process has ended without warning. Notes nothing, by itself."""
        del process
        return world

    def others(self, world: W) -> Iterable[tuple[str, W]]:
        """Give what others may do in this world meanwhile, each with its name. Nothing, if not overridden.

        Each may only happen so often: what can be repeated for ever makes the graph endless.
        """
        del world
        return ()


class Outside(msgspec.Struct, Generic[C], frozen=True):
    """One state of a `Plain` world.

    Attributes:
        openings: Where each process begins; None once it has ended.
        journals: What is written down of each.
        done: The names of the effects that were done for each, sorted, whatever was answered; twice, if twice or more.
        told: The names of the effects that were answered to each, with those of the answers, sorted.
    """

    openings: tuple[Snapshot[C] | None, ...]
    journals: tuple[Snapshot[C] | None, ...]
    done: tuple[tuple[str, ...], ...]
    told: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True)
class Plain(World[C, Outside[C]]):
    """A world in which each effect is done or is not, and every process writes down where it stands.

    Attributes:
        replies: What an effect may be answered; one event of each kind, if not given.
    """

    replies: Callable[[Effect], Iterable[Event]] = field(default=replies_to)

    def begin(self, machine: Machine[C], contexts: tuple[C, ...]) -> Outside[C]:
        """Nothing is done, and nothing is written down; see `World.begin`."""
        number = len(contexts)
        openings = tuple(machine.start(context) for context in contexts)
        return Outside(openings, journals=(None,) * number, done=((),) * number, told=((),) * number)

    def taken(self, world: Outside[C], process: int, effect: Effect | None, event: Event) -> Outside[C]:
        """Note which effect was answered with what; see `World.taken`."""
        if effect is None:
            return world
        told = tuple(sorted({*world.told[process], (effect.name, event.name)}))
        return replace(world, told=with_at(world.told, process, told))

    def ways(self, process: int, effect: Effect) -> Iterator[Way[Outside[C]]]:
        """Do it and say so, or do nothing and say why; see `World.ways`."""
        names: set[str] = set()
        for event in self.replies(effect):
            name = _unlike(event.name, names)
            names.add(name)
            does = type(event) is effect.done
            yield Way(name, _always(event), (_does(process, effect),) if does else ())

    def opening(self, machine: Machine[C], world: Outside[C], process: int) -> Snapshot[C] | None:
        """Begin at the start, unless it has ended; see `World.opening`."""
        del machine
        return world.openings[process]

    def journal(self, machine: Machine[C], world: Outside[C], process: int) -> Snapshot[C] | None:
        """Give what was written last; see `World.journal`."""
        del machine
        return world.journals[process]

    def write(self, machine: Machine[C], world: Outside[C], process: int, snapshot: Snapshot[C]) -> Outside[C]:
        """Write it down; see `World.write`. What JSON cannot keep does not come back."""
        kept = machine.from_json(machine.to_json(snapshot))
        return replace(world, journals=with_at(world.journals, process, kept))

    def ended(self, world: Outside[C], process: int, snapshot: Snapshot[C]) -> Outside[C]:
        """Forget what was written down; see `World.ended`."""
        del snapshot
        return replace(
            world,
            openings=with_at(world.openings, process, None),
            journals=with_at(world.journals, process, None),
        )


_MOST_TIMES: Final = 2
"""More tell nothing new, and would make the graph of a machine that may go on for ever endless."""

T = TypeVar("T")


def with_at(values: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    """Give a tuple with another value at one place.

    Args:
        values: The tuple.
        place: Which place, from 0.
        value: What is to stand there.

    Returns:
        The other tuple.
    """
    return (*values[:place], value, *values[place + 1 :])


def _always(event: Event) -> Callable[[object], Event]:
    return lambda _: event


def _does(process: int, effect: Effect) -> Callable[[Outside[C]], Outside[C]]:
    def step(world: Outside[C]) -> Outside[C]:
        before = world.done[process]
        if before.count(effect.name) == _MOST_TIMES:
            return world
        return replace(world, done=with_at(world.done, process, tuple(sorted((*before, effect.name)))))

    return step


def _unlike(name: str, names: set[str]) -> str:
    """Give a name that is none of those: the same, or with a number behind it."""
    number = 1
    while (numbered := name if number == 1 else f"{name} {number}") in names:
        number += 1
    return numbered
