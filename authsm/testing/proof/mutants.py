"""Machines with one mistake each: whoever says that a machine is right should tell these from it.

A mutant differs from its machine in one place of the table. It is **killed** by an invariant that it violates.
It is **equivalent** if it takes the very same steps in everything that can happen, which is tried in full: that is
the proof, and no invariant could tell it apart. What is neither has **survived**: the invariants allow what it does.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from authsm.core import graph
from authsm.core.graph import TooManySnapshotsError, every_reply
from authsm.core.machine import Machine, Snapshot, Step
from authsm.core.table import StateKind
from authsm.core.vocabulary import Context
from authsm.testing.proof.choice import telling_contexts
from authsm.testing.proof.exploration import BOUND, Search, explore
from authsm.testing.proof.faults import Faults
from authsm.testing.proof.invariants import INVARIANTS, TERMINATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from authsm.core.table import Row, Table
    from authsm.core.vocabulary import Event
    from authsm.testing.proof.exploration import Exploration
    from authsm.testing.proof.invariants import Invariant
    from authsm.testing.proof.worlds import World

C = TypeVar("C", bound=Context)


class Operator(StrEnum):
    """What is done to a table."""

    DROP = "drop"
    """A row is gone."""
    REDIRECT = "redirect"
    """A row leads to another state."""
    REORDER = "reorder"
    """Two neighbouring rows are tried in the other order."""
    SWAP_GUARDS = "swap guards"
    """Two neighbouring rows have each other's guards."""
    DROP_EFFECT = "drop an effect"
    """A state is entered, and asks for nothing."""
    FORGET = "forget an outcome"
    """An event changes nothing that is remembered."""


class Mutant(Machine[C]):
    """A machine with one mistake.

    Args:
        machine: The machine without it.
        operator: What was done to its table.
        about: Where, in one line.
        table: The table with the mistake.
        forgets: The state and event of which nothing is remembered, if that is the mistake.
        differs: The states in which it makes a difference.

    Attributes:
        operator: What was done.
        about: Where.
        differs: In which states it makes a difference.
    """

    __slots__ = ("_forgets", "about", "differs", "operator")

    def __init__(
        self,
        machine: Machine[C],
        operator: Operator,
        about: str,
        *,
        table: Table | None = None,
        forgets: tuple[str, type[Event]] | None = None,
        differs: Iterable[str],
    ) -> None:
        self.chart = machine.chart
        self.table = table or machine.table
        self._compile()
        self._forgets = forgets
        self.operator = operator
        self.about = about
        self.differs = frozenset(differs)

    def __repr__(self) -> str:
        return f"Mutant({self.operator}: {self.about})"

    def step(self, snapshot: Snapshot[C], event: Event) -> Step[C]:
        """Give what follows an event, with the mistake; see `Machine.step`."""
        if (snapshot.state, type(event)) != self._forgets:
            return super().step(snapshot, event)
        for guard, target, effect in self._rows[snapshot.state][type(event)]:
            if guard is None or guard(snapshot.context):
                asked = None if effect is None else effect.asked_in(snapshot.context, 1)
                return Step(Snapshot(target, snapshot.context), asked)
        raise AssertionError(snapshot.state)  # pragma: no cover - a chart whose last row has a guard is refused


def mutants(machine: Machine[C]) -> Iterator[Mutant[C]]:
    """Make every mutant of a machine.

    Args:
        machine: The machine.

    Yields:
        The mutants, always in the same order: what `Operator` lists, at every place.
    """
    for operator in (_dropped, _redirected, _neighbours, _without_effect, _forgetful):
        yield from operator(machine)


def _dropped(machine: Machine[C]) -> Iterator[Mutant[C]]:
    rows = machine.table.rows
    for number, row in enumerate(rows):
        yield _with_rows(machine, Operator.DROP, _words(row), (*rows[:number], *rows[number + 1 :]), row)


def _redirected(machine: Machine[C]) -> Iterator[Mutant[C]]:
    rows = machine.table.rows
    for number, row in enumerate(rows):
        for state in machine.table.states:
            if state != row.target:
                redirected = (*rows[:number], replace(row, target=state), *rows[number + 1 :])
                yield _with_rows(machine, Operator.REDIRECT, f"{_words(row)}, to {state}", redirected, row)


def _neighbours(machine: Machine[C]) -> Iterator[Mutant[C]]:
    rows = machine.table.rows
    for number, (row, following) in enumerate(itertools.pairwise(rows)):
        if (row.source, row.event) != (following.source, following.event):
            continue
        before, behind = rows[:number], rows[number + 2 :]
        about = f"{_words(row)} and {following.target}"
        yield _with_rows(machine, Operator.REORDER, about, (*before, following, row, *behind), row)
        if following.guard is not None:
            swapped = (replace(row, guard=following.guard), replace(following, guard=row.guard))
            yield _with_rows(machine, Operator.SWAP_GUARDS, about, (*before, *swapped, *behind), row)


def _without_effect(machine: Machine[C]) -> Iterator[Mutant[C]]:
    table = machine.table
    for name, state in table.states.items():
        if state.kind is StateKind.DOING:
            states = {**table.states, name: replace(state, effect=None)}
            differs = {name, *(row.source for row in table.rows if row.target == name)}
            yield Mutant(machine, Operator.DROP_EFFECT, name, table=replace(table, states=states), differs=differs)


def _forgetful(machine: Machine[C]) -> Iterator[Mutant[C]]:
    for name, state in machine.table.states.items():
        for event in state.events:
            about = f"{name} on {event.__name__}"
            yield Mutant(machine, Operator.FORGET, about, forgets=(name, event), differs=[name])


def _with_rows(machine: Machine[C], operator: Operator, about: str, rows: tuple[Row, ...], changed: Row) -> Mutant[C]:
    table = replace(machine.table, rows=rows)
    return Mutant(machine, operator, about, table=table, differs=[changed.source])


def _words(row: Row) -> str:
    return f"{row.source} on {row.event.__name__} to {row.target}"


@dataclass(frozen=True)
class Verdict(Generic[C]):
    """What became of a mutant.

    Attributes:
        mutant: Which.
        killed_by: The names of the invariants that it violates; none, if it lives.
        equivalent: Whether it takes the same steps as the machine in everything that can happen.
    """

    mutant: Mutant[C]
    killed_by: tuple[str, ...]
    equivalent: bool

    @property
    def survived(self) -> bool:
        """Whether it lives, and is not the same."""
        return not self.killed_by and not self.equivalent


@dataclass(frozen=True)
class Hunt(Generic[C]):
    """What became of all mutants.

    Attributes:
        verdicts: One for each.
        steps: In how many steps each equivalent one was compared: all that can happen without crashes.
        contexts: With how many contexts the others were tried first, and of how many.
    """

    verdicts: tuple[Verdict[C], ...]
    steps: int
    contexts: tuple[int, int]

    @property
    def killed(self) -> tuple[Verdict[C], ...]:
        """The mutants that violate an invariant."""
        return tuple(each for each in self.verdicts if each.killed_by)

    @property
    def equivalent(self) -> tuple[Verdict[C], ...]:
        """The mutants that are the same machine."""
        return tuple(each for each in self.verdicts if each.equivalent)

    @property
    def survivors(self) -> tuple[Verdict[C], ...]:
        """The mutants that no invariant tells from the machine."""
        return tuple(each for each in self.verdicts if each.survived)

    @property
    def kills(self) -> Counter[str]:
        """How many mutants each invariant kills, by its name."""
        return Counter(name for each in self.verdicts for name in each.killed_by)


class NotProvedError(ValueError):
    """A machine that violates something itself: what its mutants violate would say nothing."""


def hunt(
    machine: Machine[C],
    contexts: Iterable[C],
    *,
    world: World[C, Any] | None = None,
    invariants: Sequence[Invariant[Any]] = INVARIANTS,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    bound: int = BOUND,
    progress: Callable[[int], None] | None = None,
) -> Hunt[C]:
    """Tell which mutants of a machine the invariants kill, in runs without faults.

    Each mutant is tried with a few contexts that show all that the machine can do; what is not killed with these is
    tried with all that come to a step which it takes in another way. One that goes on and on is killed, too: not every
    run of it ends.

    Args:
        machine: The machine.
        contexts: With what runs begin.
        world: What is around the machine; `authsm.testing.proof.worlds.Plain`, if not given.
        invariants: What must hold.
        events: What may come from outside in a snapshot that waits for it.
        bound: How many situations the machine itself may come to at the most.
        progress: Called with the number of mutants that were tried so far, after each.

    Returns:
        What became of each.

    Raises:
        NotProvedError: The machine itself violates an invariant, or does not end.
        TooManySnapshotsError: The machine comes to more situations than the bound.
    """
    every = tuple(contexts)
    hunter = _Hunter(machine, every, world=world, invariants=invariants, events=events, bound=bound)
    verdicts: list[Verdict[C]] = []
    for mutant in mutants(machine):
        verdicts.append(hunter.verdict(mutant))
        if progress is not None:
            progress(len(verdicts))
    return Hunt(tuple(verdicts), len(hunter.steps), (len(hunter.telling), len(every)))


class _Hunter(Generic[C]):
    """A machine, and all that it does: what its mutants are held against."""

    def __init__(
        self,
        machine: Machine[C],
        every: tuple[C, ...],
        *,
        world: World[C, Any] | None,
        invariants: Sequence[Invariant[Any]],
        events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]],
        bound: int,
    ) -> None:
        self._every = every
        self._world = world
        self._invariants = invariants
        self._events = events
        self.telling = telling_contexts(machine, every, events=events, pairs=False, bound=bound)
        self._known = explore(machine, self.telling, world=world, invariants=invariants, events=events, bound=bound)
        for violation in self._known.all_violations:
            run = self._known.run_to(violation.situation)
            raise NotProvedError(f"Prove the machine first: it is wrong itself. {violation.told(run)}")
        self._bound = max(_LEAST_BOUND, _TIMES * len(self._known.situations))
        # Whatever the world answers, and what a time limit that runs out is told as; where there are many contexts,
        # with those that take every transition after every other.
        self.steps: set[tuple[Snapshot[C], Event]] = set()
        some = every if len(every) <= _FEW else telling_contexts(machine, every, events=events, bound=bound)
        lost = Faults(lost=True)
        Search(machine, world, faults=lost, invariants=(), events=events, bound=bound, steps=self.steps).run(some)
        self._whole = graph.explore(machine, [machine.start(context) for context in every], events=events, bound=bound)
        self.steps |= {(edge.source, edge.event) for edge in self._whole.edges}
        self._machine = machine

    def verdict(self, mutant: Mutant[C]) -> Verdict[C]:
        """Tell what becomes of a mutant."""
        killed_by = self._killers(mutant, self.telling, self._known)
        if killed_by:
            return Verdict(mutant, killed_by, equivalent=False)
        different = [step for step in self.steps if self._differs(mutant, *step)]
        if different:
            killed_by = self._killers(mutant, self._contexts_of(different), None)
        return Verdict(mutant, killed_by, equivalent=not different)

    def _killers(
        self, mutant: Mutant[C], contexts: tuple[C, ...], known: Exploration[C, Any] | None
    ) -> tuple[str, ...]:
        search = Search(
            mutant,
            self._world,
            invariants=self._invariants,
            events=self._events,
            bound=self._bound,
            known=known,
            differs=mutant.differs,
        )
        try:
            found = search.run(contexts)
        except TooManySnapshotsError:
            return (TERMINATION.name,)
        names = [violation.invariant.name for violation in found.all_violations]
        return tuple(dict.fromkeys(names))

    def _differs(self, mutant: Mutant[C], snapshot: Snapshot[C], event: Event) -> bool:
        if snapshot.state not in mutant.differs:
            return False
        try:
            return mutant.step(snapshot, event) != self._machine.step(snapshot, event)
        except Exception:  # noqa: BLE001 - whatever a mutant raises, the machine does not
            return True

    def _contexts_of(self, steps: Iterable[tuple[Snapshot[C], Event]]) -> tuple[C, ...]:
        """Give contexts with which runs come to these steps; all of them, where that is not known of one."""
        starts: dict[C, None] = {}
        for snapshot, _ in steps:
            if snapshot not in self._whole.arrivals:
                return self._every
            starts[self._whole.start_of(snapshot).context] = None
        return tuple(starts)


_FEW: Final = 200
_LEAST_BOUND: Final = 10_000
_TIMES: Final = 20
"""A mutant that comes to so many times the situations of its machine is taken for one that never ends."""
