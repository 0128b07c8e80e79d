"""What must hold in every situation that can be reached: for any machine; and how a flow says what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from authsm.core.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from authsm.core.chart import Chart
    from authsm.core.machine import Snapshot
    from authsm.testing.proof.situations import Situation

V = TypeVar("V")


class Seen(NamedTuple):
    """A situation, and the machine that came to it."""

    machine: Machine[Any]
    situation: Situation[Any, Any]


def whole(machine: Machine[Any], situation: Situation[Any, Any]) -> Iterable[Seen]:
    """Look at the situation as a whole.

    Args:
        machine: The machine.
        situation: The situation.

    Yields:
        Both, once.
    """
    yield Seen(machine, situation)


Look: TypeAlias = "Callable[[Machine[Any], Situation[Any, Any]], Iterable[V]]"


@dataclass(frozen=True)
class Invariant(Generic[V]):
    """Something that must hold of every situation, or of everything of some kind in it.

    Attributes:
        name: A few words, under which tables list it.
        check: Called with what it is about: what is wrong, in one line; empty where nothing is.
        when: Its condition, called with the same; always, if not given. Reports say how often it was met, because an
            invariant whose condition is never met says nothing.
        look: Gives what it is about, in a machine's situation; the situation as a whole, if not given. It is asked
            once for all invariants that share it.
    """

    name: str
    check: Callable[[V], str]
    when: Callable[[V], bool] = field(default=lambda _: True)
    look: Look[V] = field(default=whole)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - V is Seen then


@dataclass(frozen=True, slots=True)
class Violation:
    """A situation that breaks an invariant.

    Attributes:
        invariant: Which.
        situation: The number of the situation.
        complaint: What is wrong there, in one line.
    """

    invariant: Invariant[Any]
    situation: int
    complaint: str

    def told(self, run: tuple[int, tuple[str, ...]]) -> str:
        """Give the violation and the run that leads to it, as text of several lines.

        Args:
            run: The number of the contexts that it began with, and the names of its moves.

        Returns:
            The text.
        """
        number, names = run
        steps = "".join(f"\n  {place}. {name}" for place, name in enumerate(names, 1))
        return f"{self.invariant.name}: {self.complaint}\nThe shortest run, from context {number}:{steps or ' none'}"


class Watch:
    """Looks whether invariants hold.

    Args:
        invariants: Which.

    Attributes:
        reached: In how many situations the condition of each was met, by name.
    """

    def __init__(self, invariants: Sequence[Invariant[Any]]) -> None:
        self.reached = {invariant.name: 0 for invariant in invariants}
        if len(self.reached) < len(invariants):
            twice = sorted({each.name for each in invariants if [e.name for e in invariants].count(each.name) > 1})
            raise ValueError(f"Two invariants are called {', '.join(map(repr, twice))}: give each a name of its own.")
        self._by_look: dict[Look[Any], list[Invariant[Any]]] = {}
        for invariant in invariants:
            self._by_look.setdefault(invariant.look, []).append(invariant)

    def violations(self, number: int, seen: Seen) -> list[Violation]:
        """Give what a situation violates.

        Args:
            number: The number of the situation.
            seen: The situation.

        Returns:
            The violations, one an invariant at the most.
        """
        found: list[Violation] = []
        for look, invariants in self._by_look.items():
            try:
                views: tuple[Any, ...] = tuple(look(seen.machine, seen.situation))
            except Exception as error:  # noqa: BLE001 - a stranger's, and the run that led here is to be shown
                found.append(Violation(invariants[0], number, _raised(error)))
                continue
            for invariant in invariants if views else ():
                complaint = self._complaint(invariant, views)
                if complaint:
                    found.append(Violation(invariant, number, complaint))
        return found

    def _complaint(self, invariant: Invariant[Any], views: tuple[Any, ...]) -> str:
        try:
            met = [view for view in views if invariant.when(view)]
            self.reached[invariant.name] += bool(met)
            return next((complaint for view in met if (complaint := invariant.check(view))), "")
        except Exception as error:  # noqa: BLE001 - as above
            return _raised(error)


def _raised(error: Exception) -> str:
    return f"the check itself raised {type(error).__name__}: {error}"


def _nothing_raises(seen: Seen) -> str:
    return seen.situation.trouble


def _waits_for_somebody(seen: Seen) -> str:
    for process in seen.situation.processes:
        snapshot = process.snapshot
        if snapshot is not None and process.stage == "rests" and not seen.machine.is_final(snapshot):
            state = seen.machine.table.states[snapshot.state]
            if state.kind != "waiting":
                expected = " or ".join(kind.__name__ for kind in state.events)
                return f"the machine rests in {state.name}, which asks for no effect, and waits for {expected}"
    return ""


def _survives_json(seen: Seen) -> str:
    for process in seen.situation.processes:
        if process.snapshot is not None and not _comes_back(seen.machine.chart, process.snapshot):
            return f"a snapshot in {process.snapshot.state} does not come back from its JSON as it was"
    return ""


@lru_cache(maxsize=50_000)  # many situations share a snapshot, and many mutants
def _comes_back(chart: type[Chart[Any]], snapshot: Snapshot[Any]) -> bool:
    machine = _machine_of(chart)
    return machine.from_json(machine.to_json(snapshot)) == snapshot


@lru_cache(maxsize=8)
def _machine_of(chart: type[Chart[Any]]) -> Machine[Any]:
    return Machine(chart)


NOTHING_RAISES: Final = Invariant("nothing raises", _nothing_raises)
"""Every event that may happen is taken, and what comes late or twice is dropped."""

SOMEBODY_ANSWERS: Final = Invariant("no wait without an effect", _waits_for_somebody)
"""Where the machine waits for a reply, it has asked for the effect."""

SURVIVES_JSON: Final = Invariant("snapshots survive JSON", _survives_json)
"""Every snapshot comes back from its journal as it was."""

INVARIANTS: Final[tuple[Invariant[Any], ...]] = (NOTHING_RAISES, SOMEBODY_ANSWERS, SURVIVES_JSON)
"""What must hold of every machine."""

TERMINATION: Final[Invariant[Seen]] = Invariant("every run ends", lambda _: "")
"""From every situation an end can be reached, and without crashes no run goes on for ever; seen on the whole graph."""
