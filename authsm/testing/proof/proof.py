"""A proof: a machine, with what it may begin, the world around it, and what must hold of all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from authsm.core.graph import every_reply
from authsm.core.vocabulary import Context
from authsm.testing.proof.choice import telling_contexts
from authsm.testing.proof.exploration import BOUND, explore
from authsm.testing.proof.faults import ANSWERS, CRASHES, NO_FAULTS, Faults
from authsm.testing.proof.invariants import INVARIANTS, Seen, Watch
from authsm.testing.proof.moves import Moves
from authsm.testing.proof.mutants import hunt
from authsm.testing.proof.worlds import Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event
    from authsm.testing.proof.exploration import Exploration
    from authsm.testing.proof.invariants import Invariant
    from authsm.testing.proof.mutants import Hunt
    from authsm.testing.proof.situations import Situation
    from authsm.testing.proof.worlds import World

C = TypeVar("C", bound=Context)


class NoSuchMoveError(ValueError):
    """A run names a move that is not possible where it stands: says what is."""


@dataclass(frozen=True)
class Setting(Generic[C]):
    """What is explored at a time.

    Attributes:
        name: A few words, under which tables list it.
        faults: What may go wrong.
        contexts: With what runs begin; a tuple of contexts for each, one for each process.
    """

    name: str
    faults: Faults
    contexts: tuple[tuple[C, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Proof(Generic[C]):
    """All that is needed to prove a machine; ``authsm check module:PROOF`` does it.

    Attributes:
        machine: The machine.
        contexts: Gives every context with which it may begin.
        world: What is around it.
        invariants: What must hold: `INVARIANTS`, and what is to hold of this machine.
        events: What may come from outside in a snapshot that waits for it.
        at: Where this proof can be imported from, as ``"module:NAME"``; scripts that repeat a run say it.
        more: Further settings to be explored, beside those that every machine has.
    """

    machine: Machine[C]
    contexts: Callable[[], Iterable[C]]
    world: World[C, Any] = field(default_factory=Plain[Any])
    invariants: Sequence[Invariant[Any]] = INVARIANTS
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = field(default=every_reply)
    at: str = ""
    more: Callable[[], Iterable[Setting[C]]] = field(default=tuple)

    def __post_init__(self) -> None:
        """Refuse what could not be found or called.

        Raises:
            TypeError: The contexts are no function, or the place is no text.
            ValueError: The place is not ``"module:NAME"``.
        """
        if not callable(self.contexts):
            raise TypeError("contexts is a function that gives them: contexts=lambda: [MyContext()].")
        module, colon, name = self.at.partition(":")
        if self.at and not (module and colon and name.isidentifier()):
            raise ValueError(f"at is where this proof can be imported from, as 'module:NAME', and not {self.at!r}.")

    @property
    def says_more(self) -> bool:
        """Whether it says what must hold of this machine beyond what must hold of every machine."""
        return any(invariant not in INVARIANTS for invariant in self.invariants)

    def settings(self, *, bound: int = BOUND) -> tuple[Setting[C], ...]:
        """Give what is to be explored: every context without faults, and a few that show all of them, with faults.

        Args:
            bound: How many snapshots may be found with one context at the most.

        Returns:
            The settings.
        """
        every = tuple(self.contexts())
        few = telling_contexts(self.machine, every, events=self.events, pairs=False, bound=bound)
        return (
            Setting("no faults", NO_FAULTS, _alone(every)),
            Setting("answers lost, late, twice", ANSWERS, _alone(few)),
            Setting("crashes, torn writes", CRASHES, _alone(few)),
            *self.more(),
        )

    def explore(
        self,
        faults: Faults = NO_FAULTS,
        contexts: Iterable[C | tuple[C, ...]] | None = None,
        *,
        bound: int = BOUND,
        progress: Callable[[int], None] | None = None,
    ) -> Exploration[C, Any]:
        """Find everything that can happen; see `authsm.testing.explore`.

        Args:
            faults: What may go wrong.
            contexts: With what runs begin; everything that `contexts` gives, if not given.
            bound: How many situations may be found at the most.
            progress: Called with the number of situations that were found so far.

        Returns:
            Every situation and every move, and what was violated.
        """
        return explore(
            self.machine,
            self.contexts() if contexts is None else contexts,
            faults,
            world=self.world,
            invariants=self.invariants,
            events=self.events,
            bound=bound,
            progress=progress,
        )

    def hunt(self, progress: Callable[[int], None] | None = None, *, bound: int = BOUND) -> Hunt[C]:
        """Tell which mutants of the machine the invariants kill; see `authsm.testing.hunt`.

        Args:
            bound: How many situations the machine itself may come to at the most.
            progress: Called with the number of mutants that were tried so far.

        Returns:
            What became of each.
        """
        return hunt(
            self.machine,
            self.contexts(),
            world=self.world,
            invariants=self.invariants,
            events=self.events,
            bound=bound,
            progress=progress,
        )

    def moves(self, faults: Faults = NO_FAULTS, *, several: bool = False) -> Moves[C, Any]:
        """Give what says which moves can follow in a situation.

        Args:
            faults: What may go wrong.
            several: Whether there are several processes.

        Returns:
            The moves of this machine in this world.
        """
        return Moves(self.machine, self.world, faults, self.events, several=several)

    def run(
        self, contexts: C | tuple[C, ...], moves: Iterable[str], faults: Faults = NO_FAULTS
    ) -> tuple[Situation[C, Any], ...]:
        """Follow one run, whatever it violates.

        Args:
            contexts: With what it begins.
            moves: The names of its moves.
            faults: What may go wrong in it.

        Returns:
            The situations that it comes to, the first one included.

        Raises:
            NoSuchMoveError: A move is not possible where the run stands.
        """
        openings = contexts if isinstance(contexts, tuple) else (contexts,)
        possible = self.moves(faults, several=len(openings) > 1)
        situations = [possible.begin(openings)]
        for name in moves:
            following = dict(possible.after(situations[-1]))
            if name not in following:
                may = ", ".join(map(repr, following)) or "nothing"
                raise NoSuchMoveError(f"After {len(situations) - 1} moves, {name!r} cannot happen. What can: {may}.")
            situations.append(following[name])
        return tuple(situations)

    def replay(
        self, contexts: C | tuple[C, ...], moves: Iterable[str], faults: Faults = NO_FAULTS
    ) -> Situation[C, Any]:
        """Repeat one run, and look whether the invariants hold all the way.

        Args:
            contexts: With what it begins.
            moves: The names of its moves.
            faults: What may go wrong in it.

        Returns:
            The situation that it comes to.

        Raises:
            AssertionError: An invariant is violated; the message says which, and how the run came there.
            NoSuchMoveError: A move is not possible where the run stands.
        """
        names = tuple(moves)
        situations = self.run(contexts, names, faults)
        watch = Watch(self.invariants)
        for number, situation in enumerate(situations):
            for violation in watch.violations(number, Seen(self.machine, situation)):
                raise AssertionError(violation.told((0, names[:number])))
        return situations[-1]


def _alone(contexts: Iterable[C]) -> tuple[tuple[C, ...], ...]:
    return tuple((context,) for context in contexts)
