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
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from authsm.core import graph
from authsm.core.graph import every_reply
from authsm.core.machine import Machine, Snapshot, Step
from authsm.core.table import StateKind
from authsm.core.vocabulary import Context
from authsm.testing.proof.choice import telling_contexts
from authsm.testing.proof.exploration import Search, explore
from authsm.testing.proof.invariants import INVARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from authsm.core.graph import Edge, Graph
    from authsm.core.table import Row, Table
    from authsm.core.vocabulary import Event
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
        steps: How many steps each equivalent one was compared in.
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


def hunt(
    machine: Machine[C],
    contexts: Iterable[C],
    *,
    world: World[C, Any] | None = None,
    invariants: Sequence[Invariant[Any]] = INVARIANTS,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    progress: Callable[[int], None] | None = None,
) -> Hunt[C]:
    """Tell which mutants of a machine the invariants kill.

    Each mutant is tried with a few contexts that show all that the machine can do; what is not killed with these is
    tried with all of them.

    Args:
        machine: The machine.
        contexts: With what runs begin.
        world: What is around the machine; `authsm.testing.proof.worlds.Plain`, if not given.
        invariants: What must hold.
        events: What may happen in a snapshot: for the comparison of equivalent ones, replies too.
        progress: Called with the number of mutants that were tried so far, after each.

    Returns:
        What became of each.
    """
    every = tuple(contexts)
    telling = telling_contexts(machine, every, events=events, pairs=False)
    whole = graph.explore(machine, [machine.start(context) for context in every], events=events)
    known = explore(machine, telling, world=world, invariants=invariants, events=events)

    def killers(mutant: Mutant[C], differing: tuple[C, ...] | None) -> tuple[str, ...]:
        search = Search(
            mutant,
            world,
            invariants=invariants,
            events=events,
            known=known if differing is None else None,
            differs=mutant.differs,
        )
        found = search.run(telling if differing is None else differing)
        names = [violation.invariant.name for violation in (*found.violations, *found.endless())]
        return tuple(dict.fromkeys(names))

    verdicts: list[Verdict[C]] = []
    for mutant in mutants(machine):
        killed_by = killers(mutant, None)
        differing = () if killed_by else tuple(_contexts_that_differ(mutant, whole))
        if differing:
            killed_by = killers(mutant, differing)
        verdicts.append(Verdict(mutant, killed_by, equivalent=not killed_by and not differing))
        if progress is not None:
            progress(len(verdicts))
    return Hunt(tuple(verdicts), len(whole.edges), (len(telling), len(every)))


def _contexts_that_differ(mutant: Mutant[C], whole: Graph[C]) -> Iterator[C]:
    """Give each context of which some run comes to a step that the mutant takes in another way."""
    for start in dict.fromkeys(whole.start_of(edge.source) for edge in whole.edges if _differs(mutant, edge)):
        yield start.context


def _differs(mutant: Mutant[C], edge: Edge[C]) -> bool:
    if edge.source.state not in mutant.differs:
        return False
    try:
        return mutant.step(edge.source, edge.event) != edge.step
    except Exception:  # noqa: BLE001 - whatever a mutant raises, the machine does not
        return True
