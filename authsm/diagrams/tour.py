"""Every way through a machine, crashes included, with what there is to say at each place: what the explorer shows.

A **place** is where a run stands and what a crash would leave of it. Before an effect that cannot be undone, whoever
runs a machine writes down where it stands; after a crash, it asks for that effect once more (`Machine.again`). Where
nothing was written down yet, nothing has been done yet either, and everything is as it was at the start. Where the run
ends, what was written down is erased.

Attempts do not tell places apart: a machine goes the same way after the second attempt as after the first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from authsm.core.graph import TooManySnapshotsError, every_reply
from authsm.core.vocabulary import Context
from authsm.diagrams.expressions import NoExpressionError, expression_of, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect, Event

C = TypeVar("C", bound=Context)

BOUND = 20_000
"""How many places a page holds at the most, unless another bound is given; a browser walks that many with ease."""


@dataclass(frozen=True, slots=True)
class Place(Generic[C]):
    """Where a run stands, and what a crash would leave of it.

    Attributes:
        snapshot: Where it stands, in its first attempt.
        safe: What was written down last; the start, where nothing was.
    """

    snapshot: Snapshot[C]
    safe: Snapshot[C]


@dataclass(frozen=True, slots=True)
class Choice(Generic[C]):
    """Something that may happen at a place.

    Attributes:
        event: What happened; None for a crash.
        target: Where it leads.
        again: Whether it asks once more for an effect whose outcome was lost.
    """

    event: Event | None
    target: Place[C]
    again: bool = False


class Sense(StrEnum):
    """How a fact is to be taken."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to say about a place.

    Attributes:
        group: The heading it stands under.
        label: What it is about.
        text: What there is to say.
        sense: How it is to be taken.
    """

    group: str
    label: str
    text: str
    sense: Sense = Sense.PLAIN


@dataclass(frozen=True, slots=True)
class Start(Generic[C]):
    """A place to begin at.

    Attributes:
        key: Its name in links.
        title: Its name for people.
        about: One line about it.
        context: What is remembered there.
    """

    key: str
    title: str
    about: str
    context: C


def writes_down_all(effect: Effect) -> bool:
    """Write down where the machine stands before every effect."""
    del effect
    return True


def fields_as_facts(machine: Machine[C], place: Place[C]) -> Iterator[Fact]:
    """Tell what is remembered, field by field, and what was written down.

    Args:
        machine: The machine.
        place: Where it stands.

    Yields:
        A fact a field, and one about the journal.
    """
    for name, value in fields_of(place.snapshot.context):
        try:
            text = expression_of(value).text
        except NoExpressionError:
            text = repr(value)
        yield Fact("Remembered", name, text)
    yield _journal(machine, place)


def _journal(machine: Machine[C], place: Place[C]) -> Fact:
    empty = machine.pending(place.safe) is None
    if machine.is_final(place.snapshot):
        return Fact("Journal", "", f"{'Empty' if empty else 'Erased'}. There is nothing to resume.")
    if empty:
        return Fact("Journal", "", "Empty. A crash would leave everything as it was.")
    return Fact("Journal", "", f"{place.safe.state}. After a crash it goes on there.", Sense.NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour(Generic[C]):
    """How a machine is shown.

    Attributes:
        starts: Where one may begin.
        events: What may happen in a snapshot; one event of each known kind, if not given.
        writes_down: Whether it is written down where the machine stands before an effect; always, if not given.
        facts: What there is to say about a place; the fields of the context, if not given.
    """

    starts: tuple[Start[C], ...]
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = field(default=every_reply)
    writes_down: Callable[[Effect], bool] = field(default=writes_down_all)
    facts: Callable[[Machine[C], Place[C]], Iterable[Fact]] = field(default=fields_as_facts)

    def begin(self, machine: Machine[C], start: Start[C]) -> Place[C]:
        """Give the place at which a walk begins.

        Args:
            machine: The machine.
            start: One of the starts.

        Returns:
            The machine's initial state, with nothing written down.
        """
        snapshot = machine.start(start.context)
        return Place(snapshot, snapshot)

    def places(
        self,
        machine: Machine[C],
        *,
        bound: int = BOUND,
        progress: Callable[[int], None] | None = None,
    ) -> Mapping[Place[C], tuple[Choice[C], ...]]:
        """Find every place that can be reached, breadth first, and what may happen there.

        Args:
            machine: The machine.
            bound: How many places may be found at the most.
            progress: Called with the number of places that were found so far, at each new one.

        Returns:
            The places, the starts first, each with its choices.

        Raises:
            TooManySnapshotsError: More places than the bound can be reached; nothing is cut off silently.
        """
        found: dict[Place[C], tuple[Choice[C], ...]] = {self.begin(machine, start): () for start in self.starts}
        waiting = deque(found)
        while waiting:
            place = waiting.popleft()
            found[place] = tuple(self._choices(machine, place))
            for choice in found[place]:
                if choice.target in found:
                    continue
                if len(found) >= bound:
                    raise TooManySnapshotsError(
                        f"{machine.name} reaches more than {bound} places: raise the bound, or give fewer starts."
                    )
                found[choice.target] = ()
                waiting.append(choice.target)
                if progress is not None:
                    progress(len(found))
        return found

    def _choices(self, machine: Machine[C], place: Place[C]) -> Iterator[Choice[C]]:
        for event in self.events(machine, place.snapshot):
            snapshot = machine.step(place.snapshot, event).snapshot
            effect = machine.pending(snapshot)
            writes = effect is not None and self.writes_down(effect)
            yield Choice(event, Place(snapshot, snapshot if writes else place.safe))
        # `Machine.again` changes the attempt of what was written down, and nothing else.
        crash = Choice(None, Place(place.safe, place.safe), again=machine.pending(place.safe) is not None)
        changes = machine.pending(place.snapshot) is not None or crash.target != place
        if changes and not machine.is_final(place.snapshot):
            yield crash
