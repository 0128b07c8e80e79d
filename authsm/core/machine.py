"""The machine: a chart compiled once into a pure function of a snapshot and an event.

No clock, no chance, no I/O and no log stand below `Machine.step`; what has to be done in the world comes out of it as
an effect, and whoever carries it out feeds the reply back in.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec

from authsm.core import table
from authsm.core.vocabulary import Context, Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsm.core.chart import Chart
    from authsm.core.vocabulary import Event

C = TypeVar("C", bound=Context)


_Choice: TypeAlias = "tuple[Callable[[C], object] | None, str, type[Effect] | None]"
"""A row as `Machine.step` tries it: the guard, the target, and what is asked for there."""


class UnexpectedEventError(Exception):
    """An event came that the current state does not know.

    Attributes:
        state: The state's name.
        event: The event's name.
    """

    def __init__(self, state: str, event: str, known: tuple[str, ...]) -> None:
        what = f"it knows {', '.join(known)}" if known else "it is final and knows none"
        super().__init__(f"State {state!r} does not know the event {event}: {what}.")
        self.state = state
        self.event = event


class SnapshotError(ValueError):
    """A text that is no snapshot of this machine: says what does not fit."""


class Snapshot(msgspec.Struct, Generic[C], frozen=True):
    """Where a machine stands: an immutable value that turns into JSON and back, and holds no secret.

    Attributes:
        state: The name of the state.
        context: What is remembered.
        attempt: The how-manieth attempt at this state's effect is pending: above 1, earlier outcomes were lost.
    """

    state: str
    context: C
    attempt: int = 1


class Step(msgspec.Struct, Generic[C], frozen=True):
    """What follows an event: the next snapshot, and the effect that it asks for, if any."""

    snapshot: Snapshot[C]
    effect: Effect | None


class Machine(Generic[C]):
    """A chart, compiled.

    Args:
        chart: The class in which the states and transitions are written.

    Attributes:
        chart: That class.
        table: The chart as data; diagrams and proofs read it.

    Raises:
        ChartError: The chart uses what a pure step cannot do, or has a row that is wrong.
    """

    __slots__ = ("_effects", "_rows", "chart", "table")

    def __init__(self, chart: type[Chart[C]]) -> None:
        self.chart = chart
        self.table = table.read(chart)
        self._compile()

    def _compile(self) -> None:
        self._effects: Mapping[str, type[Effect] | None] = {
            name: state.effect for name, state in self.table.states.items()
        }
        compiled: dict[str, dict[type[Event], tuple[_Choice[C], ...]]] = {name: {} for name in self.table.states}
        for row in self.table.rows:
            guard = None if row.guard is None else attrgetter(row.guard)
            choice = (guard, row.target, self._effects[row.target])
            choices = compiled[row.source]
            choices[row.event] = (*choices.get(row.event, ()), choice)
        self._rows: Mapping[str, Mapping[type[Event], tuple[_Choice[C], ...]]] = compiled

    def __repr__(self) -> str:
        return f"Machine({self.chart.__name__})"

    def __format__(self, format_spec: str) -> str:
        """Draw the machine: ``format(machine, "mermaid")``; see `authsm.diagrams.formats.FORMATS`."""
        if not format_spec:
            return str(self)
        from authsm.diagrams.formats import draw  # noqa: PLC0415 - only whoever draws needs it

        return draw(self, format_spec)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show the machine in a notebook, as IPython asks for it."""
        from authsm.diagrams.formats import mime_bundle  # noqa: PLC0415 - only whoever draws needs it

        return mime_bundle(self)

    @property
    def name(self) -> str:
        """The chart's name."""
        return self.table.name

    @property
    def digest(self) -> str:
        """What changes whenever the chart does: stored snapshots of another digest are refused."""
        return self.table.digest

    def start(self, context: C) -> Snapshot[C]:
        """Give the snapshot in which the machine starts.

        Args:
            context: What is remembered from the beginning.

        Returns:
            The chart's initial state with that context.
        """
        return Snapshot(self.table.initial, context)

    def step(self, snapshot: Snapshot[C], event: Event) -> Step[C]:
        """Give what follows an event. Pure: the same arguments give the same answer, and nothing else happens.

        Args:
            snapshot: Where the machine stands.
            event: What happened.

        Returns:
            The next snapshot, and the effect that it asks for, if any.

        Raises:
            UnexpectedEventError: The state does not know this event.
        """
        choices = self._rows[snapshot.state].get(type(event))
        if choices is None:
            raise self._unexpected(snapshot, event)
        context = snapshot.context.after(event)
        for guard, target, effect in choices:
            if guard is None or guard(context):
                return Step(Snapshot(target, context), None if effect is None else effect.asked_in(context, 1))
        raise AssertionError(snapshot.state)  # pragma: no cover - a chart whose last row has a guard is refused

    def _unexpected(self, snapshot: Snapshot[C], event: Event) -> UnexpectedEventError:
        known = tuple(event.__name__ for event in self._rows[snapshot.state])
        return UnexpectedEventError(snapshot.state, type(event).__name__, known)

    def pending(self, snapshot: Snapshot[C]) -> Effect | None:
        """Give the effect that a snapshot waits for.

        Args:
            snapshot: Where the machine stands.

        Returns:
            The effect, or None where the state asks for none.
        """
        effect = self._effects[snapshot.state]
        return None if effect is None else effect.asked_in(snapshot.context, snapshot.attempt)

    def again(self, snapshot: Snapshot[C]) -> Step[C]:
        """Ask once more for the effect whose outcome was lost, by a crash say.

        Args:
            snapshot: Where the machine stood.

        Returns:
            The same state with the attempt counted up, and its effect, which says so to the handler.

        Raises:
            ValueError: The snapshot waits for no effect.
        """
        if self._effects[snapshot.state] is None:
            raise ValueError(f"State {snapshot.state!r} asks for no effect, so there is nothing to ask again.")
        once_more = Snapshot(snapshot.state, snapshot.context, snapshot.attempt + 1)
        return Step(once_more, self.pending(once_more))

    def is_final(self, snapshot: Snapshot[C]) -> bool:
        """Tell whether the machine has ended there."""
        return self.table.states[snapshot.state].kind is table.StateKind.END

    def to_json(self, snapshot: Snapshot[C]) -> str:
        """Turn a snapshot into JSON text.

        Args:
            snapshot: Where the machine stands.

        Returns:
            One JSON object, which names the machine and the digest of its chart.
        """
        said = {
            "machine": self.name,
            "digest": self.digest,
            "state": snapshot.state,
            "attempt": snapshot.attempt,
            "context": msgspec.to_builtins(snapshot.context),
        }
        return json.dumps(said, separators=(",", ":"))

    def from_json(self, text: str | bytes) -> Snapshot[C]:
        """Read back what `to_json` wrote.

        Args:
            text: The JSON text.

        Returns:
            The snapshot.

        Raises:
            SnapshotError: The text is no snapshot of this machine, or one of another version of its chart.
        """
        try:
            # Not msgspec's own decoder: a message may hold half a surrogate, from a file name say, and it refuses that.
            said = msgspec.convert(json.loads(text), type=_Stored)
        except (ValueError, RecursionError) as error:
            raise SnapshotError(f"This is no snapshot: {error}") from None
        if (said.machine, said.digest) != (self.name, self.digest):
            raise SnapshotError(
                f"The snapshot belongs to {said.machine} {said.digest}, and this machine is {self.name} {self.digest}: "
                "finish it with the version that began it."
            )
        if said.state not in self.table.states:
            raise SnapshotError(f"{self.name} has no state {said.state!r}.")
        try:
            context: Any = msgspec.convert(said.context, type=self.table.context)
        except msgspec.ValidationError as error:
            raise SnapshotError(f"The context of the snapshot does not fit: {error}") from None
        if json.loads(json.dumps(msgspec.to_builtins(context))) != said.context:
            # msgspec fills in what is missing and passes over what it does not know; both would change what was said.
            raise SnapshotError("The context of the snapshot does not fit: fields are missing, or there are others.")
        return Snapshot(said.state, context, said.attempt)


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    machine: str
    digest: str
    state: str
    attempt: Annotated[int, msgspec.Meta(ge=1)]
    context: dict[str, Any]
