"""Everything that can happen to a machine in a world with faults, and what must hold of all of it.

The search is breadth first over the real `Machine.step` and the real `drive`, so what it finds is what runs, and the
first situation that breaks an invariant is reached by the shortest way there is.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from authsm.core.graph import TooManySnapshotsError, every_reply
from authsm.core.vocabulary import Context
from authsm.testing.proof.faults import NO_FAULTS, Faults
from authsm.testing.proof.invariants import INVARIANTS, TERMINATION, Seen, Violation, Watch
from authsm.testing.proof.moves import CRASH, Moves
from authsm.testing.proof.situations import Situation, Stage
from authsm.testing.proof.worlds import Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event
    from authsm.testing.proof.invariants import Invariant
    from authsm.testing.proof.worlds import Outside, World

C = TypeVar("C", bound=Context)
W = TypeVar("W", bound="Hashable")

BOUND = 500_000
"""How many situations are found at the most, unless another bound is given."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step that can happen: the numbers of the situations that it leads from and to, and its name."""

    source: int
    name: str
    target: int


@dataclass(frozen=True)
class Exploration(Generic[C, W]):
    """All that a search found.

    Attributes:
        machine: The machine that was explored.
        faults: What could go wrong.
        contexts: With what each run began; one context for each process.
        starts: The number of the situation in which each run began.
        situations: Every situation that can be reached, nearest first.
        moves: Every move between them.
        violations: Every situation that breaks an invariant, nearest first; nothing was explored behind these.
        reached: In how many situations the condition of each invariant held, by the invariant's name.
        numbers: The number of each situation.
    """

    machine: Machine[C]
    faults: Faults
    contexts: tuple[tuple[C, ...], ...]
    starts: tuple[int, ...]
    situations: tuple[Situation[C, W], ...]
    moves: tuple[Move, ...]
    violations: tuple[Violation, ...]
    reached: Mapping[str, int]
    numbers: Mapping[Situation[C, W], int]

    @cached_property
    def onward(self) -> tuple[tuple[Move, ...], ...]:
        """The moves that lead on from each situation, by its number."""
        onward: list[list[Move]] = [[] for _ in self.situations]
        for move in self.moves:
            onward[move.source].append(move)
        return tuple(map(tuple, onward))

    def assert_invariants(self) -> None:
        """Raise if an invariant is broken anywhere.

        Raises:
            AssertionError: It is; the message has the shortest run that breaks it.
        """
        if self.violations:
            raise AssertionError(self.violations[0].told(self.run_to(self.violations[0].situation)))

    def assert_terminates(self) -> None:
        """Raise if there is a situation from which no end can be reached, or a run that never ends by itself.

        Crashes, and events from outside, may come as often as somebody likes; without them, every run has to end.

        Raises:
            AssertionError: There is; the message has the shortest run that leads there.
        """
        for violation in self.endless():
            raise AssertionError(violation.told(self.run_to(violation.situation)))

    @cached_property
    def all_violations(self) -> tuple[Violation, ...]:
        """What `violations` has, and what `endless` finds, which goes over the whole graph."""
        return (*self.violations, *self.endless())

    def run_to(self, situation: int) -> tuple[int, tuple[str, ...]]:
        """Give the shortest run that leads to a situation.

        Args:
            situation: Its number in `situations`.

        Returns:
            The number of the contexts that it begins with, in `contexts`, and the names of the moves.
        """
        arrivals: dict[int, Move | None] = dict.fromkeys(self.starts)
        for move in self.moves:
            arrivals.setdefault(move.target, move)
        names: list[str] = []
        while (arrival := arrivals[situation]) is not None:
            names.append(arrival.name)
            situation = arrival.source
        return self.starts.index(situation), tuple(reversed(names))

    @property
    def states(self) -> Counter[str]:
        """In how many situations a process stands in each state of the chart."""
        standing = (process.snapshot for each in self.situations for process in each.processes)
        return Counter(snapshot.state for snapshot in standing if snapshot is not None)

    def digest(self) -> str:
        """Give 16 hexadecimal digits that change with what can happen: with any situation added, and any move."""
        said = [[move.source, move.name, move.target] for move in self.moves]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]

    def endless(self) -> Iterator[Violation]:
        """Find the nearest situation that can never end, and the nearest that can be come back to without a crash.

        Yields:
            At most one of each, as violations of `TERMINATION`.
        """
        for numbers, complaint in (
            (self._without_end(), "no end can be reached from here"),
            (self._in_circles(), "a run can come back here again and again, without a crash or anything from outside"),
        ):
            if numbers:
                yield Violation(TERMINATION, min(numbers), complaint)

    def _without_end(self) -> set[int]:
        before: dict[int, list[int]] = {}
        for move in self.moves:
            before.setdefault(move.target, []).append(move.source)
        stopped = {violation.situation for violation in self.violations}
        ends = [number for number, each in enumerate(self.situations) if self._has_ended(each)]
        ending = {*ends, *stopped}
        waiting = deque(ending)
        while waiting:
            for source in before.get(waiting.popleft(), ()):
                if source not in ending:
                    ending.add(source)
                    waiting.append(source)
        return self._visited - ending

    @property
    def _visited(self) -> set[int]:
        return {*self.starts, *(move.target for move in self.moves)}

    def _has_ended(self, situation: Situation[C, W]) -> bool:
        """Tell whether nothing is left to be done: every process has ended, or does not run and has nothing to do."""
        return all(
            process.stage is Stage.AWAY if process.snapshot is None else self.machine.is_final(process.snapshot)
            for process in situation.processes
        )

    def _in_circles(self) -> set[int]:
        own = [(move.source, move.target) for move in self.moves if self._goes_by_itself(move)]
        # What nothing leads to is on no circle, and neither is what leads to nothing.
        return _trimmed(_trimmed(self._visited, own), [(target, source) for source, target in own])

    def _goes_by_itself(self, move: Move) -> bool:
        name = move.name
        if len(self.situations[move.source].processes) > 1:
            number, _, rest = name.partition(": ")
            name = rest if number.isdecimal() else name
        return name != CRASH and name.partition(" ")[0] not in self._from_outside

    @cached_property
    def _from_outside(self) -> frozenset[str]:
        states = self.machine.table.states.values()
        return frozenset(event.__name__ for state in states if state.effect is None for event in state.events)


def _trimmed(numbers: set[int], arrows: Iterable[tuple[int, int]]) -> set[int]:
    """Give what is left once whatever no arrow leads to is taken away, again and again."""
    onward: dict[int, list[int]] = {}
    arrivals = dict.fromkeys(numbers, 0)
    for source, target in arrows:
        if source in numbers and target in numbers:
            onward.setdefault(source, []).append(target)
            arrivals[target] += 1
    free = deque(number for number, times in arrivals.items() if not times)
    left = set(numbers)
    while free:
        number = free.popleft()
        left.discard(number)
        for target in onward.get(number, ()):
            arrivals[target] -= 1
            if not arrivals[target]:
                free.append(target)
    return left


@overload
def explore(
    machine: Machine[C],
    contexts: Iterable[C | tuple[C, ...]],
    faults: Faults = NO_FAULTS,
    *,
    world: None = None,
    invariants: Sequence[Invariant[Any]] = INVARIANTS,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    bound: int = BOUND,
    progress: Callable[[int], None] | None = None,
) -> Exploration[C, Outside[C]]: ...


@overload
def explore(
    machine: Machine[C],
    contexts: Iterable[C | tuple[C, ...]],
    faults: Faults = NO_FAULTS,
    *,
    world: World[C, W] | None,
    invariants: Sequence[Invariant[Any]] = INVARIANTS,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    bound: int = BOUND,
    progress: Callable[[int], None] | None = None,
) -> Exploration[C, W]: ...


def explore(
    machine: Machine[C],
    contexts: Iterable[C | tuple[C, ...]],
    faults: Faults = NO_FAULTS,
    *,
    world: World[C, Any] | None = None,
    invariants: Sequence[Invariant[Any]] = INVARIANTS,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    bound: int = BOUND,
    progress: Callable[[int], None] | None = None,
) -> Exploration[C, Any]:
    """Find everything that can happen to a machine, faults included, and look whether the invariants hold in all of it.

    ::

        found = explore(MACHINE, [MyContext()], EVERY_FAULT)
        found.assert_invariants()
        found.assert_terminates()

    Args:
        machine: The machine.
        contexts: With what runs begin, each in a world of its own. A tuple of contexts is one process for each, which
            run at the same time in one world.
        faults: What may go wrong; nothing, if not given.
        world: What is around the machine; `Plain`, if not given.
        invariants: What must hold in every situation.
        events: What may come from outside in a snapshot that waits for it.
        bound: How many situations may be found at the most.
        progress: Called with the number of situations that were found so far, at each new one.

    Returns:
        Every situation and every move, and what was violated.

    Raises:
        ValueError: No context is given.
        TooManySnapshotsError: More situations than the bound can be reached; nothing is cut off silently.
    """
    search = Search(machine, world, faults=faults, invariants=invariants, events=events, bound=bound, progress=progress)
    return search.run(contexts)


class Search(Generic[C, W]):
    """A breadth-first search.

    Args:
        machine: The machine.
        world: What is around it; `Plain`, if not given.
        faults: What may go wrong.
        invariants: What must hold.
        events: What may come from outside.
        bound: How many situations may be found at the most.
        progress: Called with the number of situations that were found so far.
        steps: Takes every snapshot and event that the machine is stepped with, if given.
        known: What was found of a machine that differs from this one in a few states only. What is not about these
            states is taken from there, and not searched again.
        differs: The states in which the two differ.
    """

    def __init__(
        self,
        machine: Machine[C],
        world: World[C, W] | None,
        *,
        faults: Faults = NO_FAULTS,
        invariants: Sequence[Invariant[Any]] = INVARIANTS,
        events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
        bound: int = BOUND,
        progress: Callable[[int], None] | None = None,
        steps: set[tuple[Snapshot[C], Event]] | None = None,
        known: Exploration[C, W] | None = None,
        differs: Container[str] = (),
    ) -> None:
        around = cast("World[C, W]", Plain[C]()) if world is None else world
        self._machine = machine
        self._faults = faults
        self._bound = bound
        self._progress = progress
        self._known = known
        self._differs = differs
        self._moves_of = {several: Moves(machine, around, faults, events, several=several) for several in (False, True)}
        for moves in self._moves_of.values():
            moves.steps = steps
        self._watch = Watch(invariants)
        self._violations: list[Violation] = []
        self._situations: list[Situation[C, W]] = [] if known is None else list(known.situations)
        self._numbers = {} if known is None else dict(known.numbers)
        self._waiting: deque[int] = deque()
        self._visited: set[int] = set()

    def run(self, contexts: Iterable[C | tuple[C, ...]]) -> Exploration[C, W]:
        """Search.

        Args:
            contexts: With what runs begin; those of what is known, where something is.

        Returns:
            All that was found.

        Raises:
            ValueError: No context is given.
            TooManySnapshotsError: More situations than the bound can be reached.
        """
        openings = tuple(context if isinstance(context, tuple) else (context,) for context in contexts)
        if not openings:
            raise ValueError(f"Give one {self._machine.table.context.__name__} or more to begin with.")
        for context in itertools.chain(*openings):
            if not isinstance(context, self._machine.table.context):
                raise TypeError(
                    f"{self._machine.name} begins with a {self._machine.table.context.__name__}, and this is a "
                    f"{type(context).__name__}: give contexts, not snapshots."
                )
        starts = tuple(self._found(self._moves_of[len(opening) > 1].begin(opening)) for opening in openings)
        moves: list[Move] = []
        while self._waiting:
            number = self._waiting.popleft()
            for move in self._after(number):
                moves.append(move)
                self._come_to(move.target)
        return Exploration(
            self._machine,
            self._faults,
            openings,
            starts,
            tuple(self._situations),
            tuple(moves),
            tuple(self._violations),
            self._watch.reached,
            self._numbers,
        )

    def _after(self, number: int) -> Iterator[Move]:
        situation = self._situations[number]
        known = self._known
        if known is not None and number < len(known.situations) and not self._is_about_differing(situation):
            yield from known.onward[number]
            return
        for name, after in self._moves_of[len(situation.processes) > 1].after(situation):
            yield Move(number, name, self._found(after))

    def _is_about_differing(self, situation: Situation[C, W]) -> bool:
        return any(each.snapshot is not None and each.snapshot.state in self._differs for each in situation.processes)

    def _found(self, situation: Situation[C, W]) -> int:
        number = self._numbers.get(situation)
        if number is None:
            number = len(self._situations)
            if number >= self._bound:
                raise TooManySnapshotsError(
                    f"{self._machine.name} can come to more than {self._bound} situations: raise `bound`, or give "
                    "fewer contexts or faults."
                )
            self._numbers[situation] = number
            self._situations.append(situation)
            if self._progress is not None:
                self._progress(number + 1)
            violations = self._watch.violations(number, Seen(self._machine, situation))
            if violations:
                self._violations.extend(violations)
                self._visited.add(number)  # nothing is explored behind it
        self._come_to(number)
        return number

    def _come_to(self, number: int) -> None:
        if number not in self._visited:
            self._visited.add(number)
            self._waiting.append(number)
