# pyright: basic, reportPrivateUsage=none
# python-statemachine is typed only in part, and lists callbacks only in private attributes.
"""A chart as plain data: its states and rows, read by introspection, and everything in a chart that is refused.

What python-statemachine can do and a pure step cannot (actions, nested states, history, delays, listeners) is refused
here by name, with the reason; so is what would be silently wrong (a row that can never be taken, a reply that nobody
answers).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_origin

from statemachine.callbacks import CallbackGroup

from authsm.core.chart import Chart, ChartState, Doing, End, Waiting
from authsm.core.vocabulary import Context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authsm.core.vocabulary import Effect, Event


class ChartError(TypeError):
    """A chart that cannot be compiled: says which part, and why."""


class StateKind(StrEnum):
    """What a state is for."""

    WAITING = "waiting"
    DOING = "doing"
    END = "end"


@dataclass(frozen=True, slots=True)
class StateInfo:
    """A state of a chart, as data.

    Attributes:
        name: As written in the chart.
        kind: What it is for.
        events: The events that it answers, in the order of declaration.
        effect: What it asks for on entry.
        when: Its guard.
        about: One line for tables.
    """

    name: str
    kind: StateKind
    events: tuple[type[Event], ...]
    effect: type[Effect] | None
    when: str | None
    about: str


@dataclass(frozen=True, slots=True)
class Row:
    """One transition: in ``source``, on ``event``, to ``target`` when ``guard`` holds and no row before it did."""

    source: str
    event: type[Event]
    guard: str | None
    target: str


@dataclass(frozen=True, slots=True)
class Table:
    """A chart as data.

    Attributes:
        name: The chart's name.
        context: The type of what it remembers.
        initial: The state it starts in.
        states: Its states by name, in the order of declaration.
        rows: Its transitions; those of one state and event stand together, in the order in which they are tried.
        digest: 16 hexadecimal digits that change with the states, rows, guards, effects and fields of the context.
    """

    name: str
    context: type[Context]
    initial: str
    states: Mapping[str, StateInfo]
    rows: tuple[Row, ...]
    digest: str

    def guard_in_words(self, guard: str) -> str:
        """Give a guard as people read it: the first line of its property's docstring, else its name with spaces."""
        documented = getattr(self.context, guard).__doc__ or ""
        return documented.partition("\n")[0].rstrip(".") or guard.replace("_", " ")


def read(chart: type[Chart[Any]]) -> Table:
    """Read a chart.

    Args:
        chart: The chart's class.

    Returns:
        The chart as data.

    Raises:
        ChartError: The chart uses what a pure step cannot do, or has a row that is wrong.
    """
    _refuse_foreign_parts(chart)
    context = _context_of(chart)
    states = {state.id: _read_state(state) for state in chart.states_map.values()}
    rows = tuple(row for state in chart.states_map.values() for row in _read_rows(chart, state, states[state.id]))
    _refuse_bad_guards(chart, context, states.values())
    for state in states.values():
        _refuse_bad_rows(chart, state, [row for row in rows if row.source == state.name])
    initial = next(state.id for state in chart.states_map.values() if state.initial)
    return Table(chart.__name__, context, initial, states, rows, _digest(chart.__name__, context, states, rows))


def _refuse(chart: type[Chart[Any]], what: str) -> ChartError:
    return ChartError(f"{chart.__name__}: {what}")


def _refuse_foreign_parts(chart: type[Chart[Any]]) -> None:
    own = [base for base in chart.__mro__ if issubclass(base, Chart) and base is not Chart]
    if len(own) > 1:
        raise _refuse(
            chart,
            f"it extends the chart {own[1].__name__}; python-statemachine adds the transitions of a subclass to the "
            "states of its base. Write the rows out in one class.",
        )
    if chart._class_listeners:  # noqa: SLF001 - python-statemachine offers no public way to see them
        raise _refuse(chart, "listeners are not supported: give `drive` observers instead.")
    for name, value in vars(chart).items():
        if name.startswith("__") and name.endswith("__"):
            continue
        if isinstance(value, property | classmethod | staticmethod) or type(value).__name__ == "function":
            raise _refuse(
                chart,
                f"{name!r} is a callback or method. Charts have no actions: what an event changes is said by "
                "`Context.after`, guards are properties of the context, and what is to be done is an effect.",
            )
    for state in chart.states_map.values():
        _refuse_foreign_state(chart, state)


def _refuse_foreign_state(chart: type[Chart[Any]], state: Any) -> None:
    if state.states or state.history or state.parallel:
        raise _refuse(
            chart, f"state {state.id!r} is nested, parallel or has a history; only flat charts are supported."
        )
    if not isinstance(state, ChartState):
        raise _refuse(chart, f"state {state.id!r} is a plain State: write it as Waiting, Doing or End.")
    for spec in state._specs:  # noqa: SLF001 - the callbacks of a state are listed nowhere else
        if not spec.is_convention:
            raise _refuse(
                chart,
                f"state {state.id!r} has the {spec.group.name.lower()} callback {spec.attr_name!r}; states have none.",
            )


def _context_of(chart: type[Chart[Any]]) -> type[Context]:
    for base in getattr(chart, "__orig_bases__", ()):
        if get_origin(base) is Chart:
            (context,) = get_args(base)
            if isinstance(context, type) and issubclass(context, Context):
                return context
    raise _refuse(chart, "it does not say what it remembers: write `class ...(Chart[YourContext])`.")


def _read_state(state: Any) -> StateInfo:
    match state:
        case Waiting():
            return StateInfo(state.id, StateKind.WAITING, state.events, None, state.when, state.about)
        case Doing():
            events = tuple(state.effect.replies())
            return StateInfo(state.id, StateKind.DOING, events, state.effect, state.when, state.about)
        case End():
            return StateInfo(state.id, StateKind.END, (), None, state.when, state.about)
        case _:
            raise AssertionError(state)


def _read_rows(chart: type[Chart[Any]], state: Any, info: StateInfo) -> Iterator[Row]:
    known = {event.__name__: event for event in info.events}
    for transition in state.transitions:
        where = f"{state.id} -> {', '.join(target.id for target in transition.targets) or 'nowhere'}"
        if len(transition.targets) != 1 or transition.internal:
            raise _refuse(chart, f"the row {where} must have one target and leave its state.")
        if not transition.events:
            raise _refuse(chart, f"the row {where} has no event, so it would be taken at once.")
        guard = _guard_of(chart, where, transition)
        for event in transition.events:
            if event.delay or event.internal:
                raise _refuse(chart, f"{event.id}: delayed and internal events are not supported; a runner keeps time.")
            if event.id not in known:
                raise _refuse(
                    chart,
                    f"state {state.id!r} has a row for {event.id}, but nothing sends that event there: "
                    f"it knows {', '.join(known) or 'none'}.",
                )
            yield Row(state.id, known[event.id], guard, transition.target.id)


def _guard_of(chart: type[Chart[Any]], where: str, transition: Any) -> str | None:
    guards: list[str] = []
    for spec in transition._specs:  # noqa: SLF001 - the callbacks of a transition are listed nowhere else
        if spec.is_convention:
            continue
        if spec.group is not CallbackGroup.COND:
            raise _refuse(chart, f"the row {where} has the {spec.group.name.lower()} callback {spec.attr_name!r}.")
        if spec.expected_value is False:
            raise _refuse(
                chart, f"the row {where} says unless={spec.attr_name!r}: name the opposite as a guard of its own."
            )
        if not isinstance(spec.func, str):
            raise _refuse(chart, f"the guard of the row {where} must be the name of a property of the context.")
        guards.append(spec.func)
    if len(guards) > 1:
        raise _refuse(chart, f"the row {where} has the guards {guards}: name their conjunction as one guard.")
    return guards[0] if guards else None


def _refuse_bad_guards(chart: type[Chart[Any]], context: type[Context], states: Iterable[StateInfo]) -> None:
    guards = {state.when for state in states if state.when is not None}
    for state in chart.states_map.values():
        guards.update(spec.func for row in state.transitions for spec in row._specs if not spec.is_convention)  # noqa: SLF001 - as above
    for guard in sorted(guards):
        if not isinstance(getattr(context, guard, None), property):
            raise _refuse(chart, f"the guard {guard!r} is not a property of {context.__name__}.")


def _refuse_bad_rows(chart: type[Chart[Any]], state: StateInfo, rows: list[Row]) -> None:
    for event in state.events:
        tried = [row for row in rows if row.event is event]
        if not tried:
            raise _refuse(chart, f"state {state.name!r} does not answer {event.__name__}.")
        for row in tried[:-1]:
            if row.guard is None:
                raise _refuse(
                    chart,
                    f"in state {state.name!r} on {event.__name__}, the row to {row.target} has no guard and is not the "
                    "last: the rows behind it can never be taken.",
                )
        last = tried[-1]
        if last.guard is not None:
            raise _refuse(
                chart,
                f"in state {state.name!r} on {event.__name__}, the last row (to {last.target}) has the guard "
                f"{last.guard!r}: when it does not hold, the machine could not go on.",
            )
        guards = Counter(f"guard {row.guard!r}" for row in tried)
        targets = Counter(f"target {row.target!r}" for row in tried)
        for what, times in (guards + targets).items():
            if times > 1:
                raise _refuse(chart, f"in state {state.name!r} on {event.__name__}, the {what} stands {times} times.")


def _digest(name: str, context: type[Context], states: Mapping[str, StateInfo], rows: tuple[Row, ...]) -> str:
    said = {
        "name": name,
        "context": [[field.name, str(field.type)] for field in fields(context)],
        "states": [[state.name, state.kind, state.effect and state.effect.__name__] for state in states.values()],
        "rows": [[row.source, row.event.__name__, row.guard, row.target] for row in rows],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
