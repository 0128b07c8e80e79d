"""A second opinion on a machine: the same chart, run by python-statemachine's own engine.

`Machine` compiles a chart into a pure function. python-statemachine can run the very same class, a hundred times slower
and by code that is not ours, so where both give the same step for everything that can happen, the compiler is right.
Walk your own chart with `authsm.explore` and ask for each edge::

    reference = ReferenceEngine(machine)
    graph = explore(machine, [machine.start(context)])
    assert all(reference.disagreement(edge.source, edge.event) is None for edge in graph.edges)
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from statemachine.exceptions import TransitionNotAllowed

from authsm.core.chart import Doing
from authsm.core.machine import Snapshot, Step, UnexpectedEventError
from authsm.core.vocabulary import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statemachine import State

    from authsm.core.machine import Machine
    from authsm.core.vocabulary import Effect, Event

C = TypeVar("C", bound=Context)

_STATE_FIELD = "_state"


class ReferenceEngine(Generic[C]):
    """A chart, run by python-statemachine's own engine.

    Args:
        machine: The machine whose chart is run. Nothing that the machine compiled is used.
    """

    def __init__(self, machine: Machine[C]) -> None:
        self._machine = machine
        self._chart: Any = machine.chart  # python-statemachine types its classes only in part
        guards = {guard: property(attrgetter(f"_context.{guard}")) for guard in _guards(self._chart)}
        self._model: type[_Model[C]] = type(f"{machine.name}Model", (_Model,), guards)

    def step(self, snapshot: Snapshot[C], event: Event) -> Step[C]:
        """Give what follows an event, as python-statemachine has it.

        Args:
            snapshot: Where the machine stands.
            event: What happened.

        Returns:
            The next snapshot, and the effect that it asks for, if any.

        Raises:
            UnexpectedEventError: python-statemachine refuses the event.
        """
        model = self._model(snapshot)
        engine = self._chart(model, state_field=_STATE_FIELD)
        try:
            engine.send(event.name, outcome=event)
        except TransitionNotAllowed:
            known = tuple(str(each) for each in engine.allowed_events)
            raise UnexpectedEventError(snapshot.state, event.name, known) from None
        (state,) = engine.configuration
        return Step(Snapshot(state.id, model.remembered), model.asked)

    def disagreement(self, snapshot: Snapshot[C], event: Event) -> str | None:
        """Tell in which way the two engines differ about an event.

        Args:
            snapshot: Where the machine stands.
            event: What happened, or what the state there does not know and should refuse.

        Returns:
            Both answers, in words; None where they are the same.
        """
        compiled, reference = _answer(self._machine, snapshot, event), _answer(self, snapshot, event)
        if compiled == reference:
            return None
        return f"In {snapshot} on {event}, the machine says {compiled}, and python-statemachine says {reference}."


def _answer(engine: Machine[C] | ReferenceEngine[C], snapshot: Snapshot[C], event: Event) -> Step[C] | str:
    try:
        return engine.step(snapshot, event)
    except UnexpectedEventError as refused:
        return str(refused)


def _guards(chart: Any) -> Iterator[str]:
    for state in chart.states_map.values():
        for transition in state.transitions:
            yield from (spec.func for spec in transition.cond if not spec.is_convention)


class _Model(Generic[C]):
    """What python-statemachine calls the model: it holds the context, and a subclass gives each guard as a property.

    Attributes:
        asked: The effect that the state asked for on entry.
    """

    def __init__(self, snapshot: Snapshot[C]) -> None:
        self._state = snapshot.state
        self._context = snapshot.context
        self._happened: Event | None = None
        self.asked: Effect | None = None

    @property
    def remembered(self) -> C:
        """The context, with what happened taken in."""
        return self._context

    def prepare_event(self, outcome: Event) -> dict[str, object]:
        """Take in what happened. python-statemachine calls this for each row that it tries, before the row's guard."""
        if outcome is not self._happened:
            self._happened = outcome
            self._context = self._context.after(outcome)
        return {}

    def on_enter_state(self, target: State) -> None:
        """Ask for the effect of a state that is entered."""
        self.asked = target.effect.asked_in(self._context, 1) if isinstance(target, Doing) else None
