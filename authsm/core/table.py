# pyright: basic, reportPrivateUsage=none
# python-statemachine is typed only in part, and lists callbacks only in private attributes.
"""A chart as plain data: its states and rows, read by introspection, and everything in a chart that is refused.

What python-statemachine can do and a pure step cannot (actions, nested states, history, delays, listeners) is refused
here by name, with the reason; so is what would be silently wrong (a row that can never be taken, a reply that nobody
answers).
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_origin

from statemachine import Event as StateChartEvent
from statemachine import State
from statemachine.callbacks import CallbackGroup

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.vocabulary import Context
from authsm.core.words import first_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from authsm.core.chart import Ending
    from authsm.core.vocabulary import Effect, Event


_SETTINGS = frozenset({"allow_event_without_transition", "catch_errors_as_events"})
"""What `Chart` has set, and no chart may undo."""

_OF_EVERY_CHART = frozenset({*vars(Chart), "initial_state", "final_states"})
"""What Python and python-statemachine put into the class of every chart."""

_TAKEN = frozenset({*dir(Chart), "history_values", "model", "state_field"})
"""What every instance of a chart has already."""


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
        ending: How a run that comes there has ended; None where the chart does not say it, or no run ends there.
    """

    name: str
    kind: StateKind
    events: tuple[type[Event], ...]
    effect: type[Effect] | None
    when: str | None
    about: str
    ending: Ending | None = None


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
        return first_line(getattr(self.context, guard)).rstrip(".") or guard.replace("_", " ")


def read(chart: type[Chart[Any]]) -> Table:
    """Read a chart.

    Args:
        chart: The chart's class.

    Returns:
        The chart as data.

    Raises:
        ChartError: The chart uses what a pure step cannot do, or has a row that is wrong.
    """
    _refuse_what_is_no_chart(chart)
    _refuse_foreign_parts(chart)
    context = _context_of(chart)
    states = {state.id: _read_state(chart, state) for state in chart.states_map.values()}
    rows = tuple(row for state in chart.states_map.values() for row in _read_rows(chart, state, states[state.id]))
    _refuse_namesakes(chart, states.values())
    _refuse_bad_guards(chart, context, states.values())
    for state in states.values():
        _refuse_bad_rows(chart, state, [row for row in rows if row.source == state.name])
    initial = next(state.id for state in chart.states_map.values() if state.initial)
    return Table(chart.__name__, context, initial, states, rows, _digest(chart.__name__, context, states, rows))


def _refuse(chart: type[Chart[Any]], what: str) -> ChartError:
    return ChartError(f"{chart.__name__}: {what}")


def _refuse_what_is_no_chart(chart: object) -> None:
    if not (isinstance(chart, type) and issubclass(chart, Chart)):
        raise ChartError(f"{chart!r} is no chart: write `class ...(Chart[YourContext])`.")


def _refuse_foreign_parts(chart: type[Chart[Any]]) -> None:
    for base in chart.__mro__[1:]:
        if issubclass(base, Chart) and base is not Chart:
            raise _refuse(
                chart,
                f"it extends the chart {base.__name__}; python-statemachine adds the transitions of a subclass to the "
                "states of its base. Write the rows out in one class.",
            )
        if base not in Chart.__mro__:
            raise _refuse(
                chart,
                f"it inherits from {base.__name__}, and python-statemachine looks for callbacks and guards there.",
            )
    if not chart.states_map:
        raise _refuse(chart, "it has no states.")
    if chart._class_listeners:  # noqa: SLF001 - python-statemachine offers no public way to see them
        raise _refuse(chart, "listeners are not supported: give `drive` observers instead.")
    for name, value in vars(chart).items():
        _refuse_foreign_attribute(chart, name, value)
    for state in chart.states_map.values():
        _refuse_foreign_state(chart, state)
    _refuse_taken_names(chart)


def _refuse_foreign_attribute(chart: type[Chart[Any]], name: str, value: object) -> None:
    if isinstance(value, State | StateChartEvent):
        return
    if name in _SETTINGS:
        raise _refuse(chart, f"it sets {name!r}, which only `Chart` may: python-statemachine would act on it alone.")
    if name in _OF_EVERY_CHART or name.startswith("__annot"):
        return
    if callable(value) or isinstance(value, property | classmethod | staticmethod):
        raise _refuse(
            chart,
            f"{name!r} is a callback or method. Charts have no actions: what an event changes is said by "
            "`Context.after`, guards are properties of the context, and what is to be done is an effect.",
        )
    raise _refuse(chart, f"{name!r} is neither a state nor a row: what a machine remembers is its context.")


def _refuse_foreign_state(chart: type[Chart[Any]], state: Any) -> None:
    if state.states or state.history or state.parallel:
        raise _refuse(
            chart, f"state {state.id!r} is nested, parallel or has a history; only flat charts are supported."
        )
    if not isinstance(state, Waiting | Doing | End):
        raise _refuse(chart, f"state {state.id!r} is a plain State: write it as Waiting, Doing or End.")
    if state.value != state.id:
        raise _refuse(chart, f"state {state.id!r} is also known as {state.value!r}: give it one name.")
    for spec in state._specs:  # noqa: SLF001 - the callbacks of a state are listed nowhere else
        if not spec.is_convention:
            raise _refuse(
                chart,
                f"state {state.id!r} has the {spec.group.name.lower()} callback {spec.attr_name!r}; states have none.",
            )


def _refuse_taken_names(chart: type[Chart[Any]]) -> None:
    for name in (*(state.id for state in chart.states_map.values()), *chart._events):  # noqa: SLF001 - listed nowhere else
        if name in _TAKEN:
            raise _refuse(chart, f"{str(name)!r} is a name that python-statemachine uses itself: choose another.")
        if name in _callback_names(chart):
            raise _refuse(chart, f"{str(name)!r} is a name under which python-statemachine looks for a callback.")


def _callback_names(chart: type[Chart[Any]]) -> set[str]:
    """Give the names under which python-statemachine would find a callback without being told."""
    holders: list[Any] = [chart, *chart.states_map.values()]
    holders += [transition for state in chart.states_map.values() for transition in state.transitions]
    return {spec.func for holder in holders for spec in holder._specs if spec.is_convention}  # noqa: SLF001 - as above


def _context_of(chart: type[Chart[Any]]) -> type[Context]:
    for base in getattr(chart, "__orig_bases__", ()):
        if get_origin(base) is Chart:
            (context,) = get_args(base)
            if isinstance(context, type) and issubclass(context, Context):
                if context.after is Context.after:
                    raise _refuse(chart, f"{context.__name__} does not say what an event changes: define `after`.")
                return context
    raise _refuse(chart, "it does not say what it remembers: write `class ...(Chart[YourContext])`.")


def _read_state(chart: type[Chart[Any]], state: Any) -> StateInfo:
    match state:
        case Waiting():
            return StateInfo(state.id, StateKind.WAITING, state.events, None, state.when, state.about)
        case Doing():
            events = tuple(_replies(chart, state))
            return StateInfo(state.id, StateKind.DOING, events, state.effect, state.when, state.about)
        case _:
            return StateInfo(state.id, StateKind.END, (), None, state.when, state.about, state.ending)


def _replies(chart: type[Chart[Any]], state: Doing) -> Iterator[type[Event]]:
    effect = state.effect
    for reply in ("done", "failed"):
        if not hasattr(effect, reply):
            raise _refuse(
                chart, f"the effect {effect.__name__} of state {state.id!r} does not say its {reply!r} reply."
            )
    return effect.replies()


def _read_rows(chart: type[Chart[Any]], state: Any, info: StateInfo) -> Iterator[Row]:
    known = {event.__name__: event for event in info.events}
    for transition in state.transitions:
        where = f"{state.id} -> {', '.join(target.id for target in transition.targets) or 'nowhere'}"
        if len(transition.targets) != 1 or transition.internal:
            raise _refuse(chart, f"the row {where} must have one target and leave its state.")
        if transition.target not in chart.states_map.values():
            raise _refuse(chart, f"the row {where} leads to a state that is none of this chart.")
        if transition.is_eventless:
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


def _refuse_namesakes(chart: type[Chart[Any]], states: Iterable[StateInfo]) -> None:
    """Refuse what python-statemachine, and every snapshot in JSON, would take for one another."""
    known: dict[str, type] = {}
    for state in states:
        for each in (*state.events, *((state.effect,) if state.effect else ())):
            if known.setdefault(each.__name__, each) is not each:
                raise _refuse(chart, f"two different classes are called {each.__name__}: rename one.")


def _refuse_bad_guards(chart: type[Chart[Any]], context: type[Context], states: Iterable[StateInfo]) -> None:
    guards = {state.when for state in states if state.when is not None}
    for state in chart.states_map.values():
        guards.update(spec.func for row in state.transitions for spec in row._specs if not spec.is_convention)  # noqa: SLF001 - as above
    for guard in sorted(guards):
        found = getattr(context, guard, None)
        if not isinstance(found, property):
            raise _refuse(chart, f"the guard {guard!r} is not a property of {context.__name__}.")
        if inspect.iscoroutinefunction(found.fget):
            raise _refuse(chart, f"the guard {guard!r} is async: a coroutine that nobody awaits is always true.")
        if hasattr(chart, guard) or guard in _TAKEN or guard in _callback_names(chart) or guard == "v":
            raise _refuse(
                chart,
                f"the guard {guard!r} has a name that means something else to python-statemachine (a state, an event, "
                "a callback, one of its own attributes, or `v` for `or`): choose another.",
            )


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
        "context": str(inspect.signature(context)),
        "states": [[state.name, state.kind, state.effect and state.effect.__name__] for state in states.values()],
        "rows": [[row.source, row.event.__name__, row.guard, row.target] for row in rows],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
