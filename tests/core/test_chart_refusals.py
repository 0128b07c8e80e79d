"""Charts that are refused, each by name and with the reason: a pure step could not do what they say."""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from statemachine import Event as StateChartEvent
from statemachine import HistoryState, State, StateChart
from statemachine.contrib.timeout import timeout
from statemachine.contrib.weighted import weighted_transitions
from statemachine.states import States
from statemachine.transition import Transition
from statemachine.transition_list import TransitionList

from authsm.core.chart import Chart, ChartState, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.core.table import ChartError
from authsm.core.vocabulary import Context, Effect, Event
from tests.core import door

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSED: Final[list[Any]] = []


def _refused(*parts: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Put a chart on the table, with what the refusal has to say."""

    def register(make: Callable[[], Any]) -> Callable[[], Any]:
        _REFUSED.append(pytest.param(make, parts, id=make.__name__.lstrip("_")))
        return make

    return register


def test_a_chart_of_waiting_doing_and_end_is_accepted() -> None:
    class Door(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Opening = Doing(door.TurnHandle, when="unlocked")
        Stuck = End()
        Open = End()

        Push = Closed.first_of(Opening, Stuck)
        Turned = Opening.first_of(Open)
        Jammed = Opening.first_of(Stuck)

    assert Machine(Door).step(Machine(Door).start(door.Remembered()), door.Push()).snapshot.state == "Opening"


@_refused("state 'House' is nested")
def _nested_states() -> Any:
    class Nested(Chart[door.Remembered]):
        class House(State.Compound, name="House"):
            Hall = State(initial=True)

        Outside = Waiting(door.Push, initial=True)
        Push = Outside.to(House)

    return Nested


@_refused("state 'House' is nested, parallel")
def _parallel_states() -> Any:
    class Parallel(Chart[door.Remembered]):
        class House(State.Parallel, name="House"):
            class Hall(State.Compound, name="Hall"):
                Lit = State(initial=True)

            class Attic(State.Compound, name="Attic"):
                Dark = State(initial=True)

        Outside = Waiting(door.Push, initial=True)
        Push = Outside.to(House)

    return Parallel


@_refused("state 'House' is nested, parallel or has a history")
def _history() -> Any:
    class History(Chart[door.Remembered]):
        class House(State.Compound, name="House"):
            Hall = State(initial=True)
            Last = HistoryState()
            Push = Hall.to(Last)

        Outside = Waiting(door.Push, initial=True)
        Pull = Outside.to(House)

    return History


@_refused("Push", "delayed and internal events are not supported")
def _delayed_event() -> Any:
    class Delayed(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = StateChartEvent(Closed.first_of(Open), delay=100)

    return Delayed


@_refused("Push", "delayed and internal events are not supported")
def _internal_event() -> Any:
    class Internal(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = StateChartEvent(Closed.first_of(Open), internal=True)

    return Internal


@_refused("the row Closed -> Closed must have one target and leave its state")
def _internal_transition() -> Any:
    class InternalTransition(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Open = End()
        Push = Closed.first_of(Open)
        Pull = Closed.to(Closed, internal=True)

    return InternalTransition


@_refused("the row Closed -> nowhere must have one target")
def _row_without_a_target() -> Any:
    class Targetless(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Open = End()
        Push = Closed.first_of(Open)
        Pull = Closed.to(None)

    return Targetless


@_refused("the row Closed -> Open, Stuck must have one target")
def _row_with_two_targets() -> Any:
    class MultiTarget(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Open, Stuck = End(), End()
        Pull = Closed.first_of(Stuck)
        Push = TransitionList([Transition(Closed, [Open, Stuck])])
        Closed.transitions.add_transitions(Push)

    return MultiTarget


@_refused("the row Closed -> Open has no event")
def _row_without_an_event() -> Any:
    class Eventless(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Closed.first_of(Open)
        Push = Closed.first_of(Stuck)

    return Eventless


@_refused("the row Closed -> none of its own leads to a state that is none of this chart")
def _row_to_a_state_of_another_chart() -> Any:
    class Elsewhere(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Open = End()
        Push = Closed.first_of(Open)
        Pull = Closed.to(End()._set_id("none of its own"))

    return Elsewhere


def _with_callback_on_row(kind: str) -> Any:
    class RowCallback(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.to(Open, **{kind: "ring"})

    return RowCallback


for _kind, _group in {"on": "on", "before": "before", "after": "after", "validators": "validator"}.items():
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_callback_on_row, _kind),
            (f"the row Closed -> Open has the {_group} callback 'ring'",),
            id=f"{_kind}_callback_on_a_row",
        )
    )


def _with_callback_on_state(kind: str) -> Any:
    class StateCallback(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)
        getattr(Open, kind).add(print)

    return StateCallback


for _kind in ("enter", "exit", "invoke"):
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_callback_on_state, _kind),
            (f"state 'Open' has the {_kind} callback 'print'; states have none",),
            id=f"{_kind}_callback_on_a_state",
        )
    )


@_refused("state 'Closed' is a plain State")
def _invoke_with_a_time_limit() -> Any:
    class Invoking(Chart[door.Remembered]):
        Closed = State(initial=True, invoke=timeout(5))
        Open = State(final=True)
        Push = Closed.to(Open)

    return Invoking


@_refused("state 'Open' is a plain State")
def _data_of_a_final_state() -> Any:
    class DoneData(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = State(final=True, donedata="result")
        Push = Closed.to(Open)

    return DoneData


def _with_attribute(name: str, value: object) -> Any:
    closed, opened = Waiting(door.Push, initial=True), End()
    body = {"Closed": closed, "Open": opened, "Push": closed.first_of(opened), name: value}
    return types.new_class("Attributed", (Chart[door.Remembered],), exec_body=lambda names: names.update(body))


for _name, _value in {
    "on_enter_Open": lambda: None,
    "on_transition": functools.partial(print),
    "before_Push": print,
    "prepare_event": classmethod(print),
    "helper": staticmethod(print),
    "unlocked": property(bool),
    "__init__": lambda: None,
    "Nested": object,
}.items():
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_attribute, _name, _value),
            (f"{_name!r} is a callback or method. Charts have no actions",),
            id=f"{_name}_in_the_class_body",
        )
    )


for _name, _value in {
    "unlocked": True,
    "start_configuration_values": ["Open"],
    "enable_self_transition_entries": False,
    "validate_trap_states": False,
    "remembered": {},
}.items():
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_attribute, _name, _value),
            (f"{_name!r} is neither a state nor a row",),
            id=f"{_name}_as_a_value_in_the_class_body",
        )
    )


for _name in ("allow_event_without_transition", "catch_errors_as_events"):
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_attribute, _name, True),  # noqa: FBT003 - any value is refused.
            (f"it sets {_name!r}, which only `Chart` may",),
            id=f"{_name}_in_the_class_body",
        )
    )


@_refused("'rung' is a callback or method")
def _decorated_callback() -> Any:
    class Decorated(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

        @Push.on
        def rung(self) -> None: ...

    return Decorated


@_refused("'_' is neither a state nor a row")
def _states_from_a_collection() -> Any:
    class Collected(Chart[door.Remembered]):
        _ = States({"Closed": Waiting(door.Push, initial=True), "Open": End()})
        Push = _.Closed.to(_.Open)

    return Collected


@_refused("listeners are not supported", "observers")
def _listeners() -> Any:
    return _with_attribute("listeners", [object])


@_refused("the guard of the row Closed -> Open must be the name of a property")
def _callable_guard() -> Any:
    class CallableGuard(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.to(Open, cond=lambda: True) | Closed.first_of(Stuck)

    return CallableGuard


@_refused("must be the name of a property")
def _property_object_as_guard() -> Any:
    class PropertyGuard(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.to(Open, cond=door.Remembered.unlocked) | Closed.first_of(Stuck)

    return PropertyGuard


@_refused("must be the name of a property")
def _weighted_transitions() -> Any:
    class Weighted(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = weighted_transitions(Closed, (Open, 9), (Stuck, 1), seed=1)

    return Weighted


def _with_guard(guard: str) -> Any:
    class Guarded(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Opening = Doing(door.TurnHandle, when=guard)
        Stuck = End()
        Push = Closed.first_of(Opening, Stuck)
        Turned = Opening.first_of(Stuck)
        Jammed = Opening.first_of(Stuck)

    return Guarded


for _guard, _part in {
    "unlocked and ajar": "is not a property of Remembered",
    "!unlocked": "is not a property of Remembered",
    "misspelt": "is not a property of Remembered",
    "locked": "is not a property of Remembered",
    "method": "is not a property of Remembered",
    "welcome": "is async: a coroutine that nobody awaits is always true",
    "Push": "has a name that means something else to python-statemachine",
    "history_values": "has a name that means something else",
    "is_terminated": "has a name that means something else",
    "on_enter_state": "has a name that means something else",
    "v": "has a name that means something else",
}.items():
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_guard, _guard), (f"the guard {_guard!r}", _part), id=f"guard_called_{_guard}"
        )
    )


@_refused("the guard 'misspelt' is not a property of Remembered")
def _misspelt_guard_of_a_state_that_only_comes_last() -> Any:
    class Misspelt(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End(when="misspelt")
        Push = Closed.first_of(Open)

    return Misspelt


@_refused("says unless='unlocked'", "name the opposite as a guard of its own")
def _unless() -> Any:
    class Unless(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.to(Stuck, unless="unlocked") | Closed.first_of(Open)

    return Unless


@_refused("has the guards ['unlocked', 'ajar']", "conjunction")
def _two_guards() -> Any:
    class TwoGuards(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.to(Open, cond=["unlocked", "ajar"]) | Closed.first_of(Stuck)

    return TwoGuards


@_refused("state 'Open' is a plain State: write it as Waiting, Doing or End")
def _plain_state() -> Any:
    class Plain(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = State(final=True)
        Push = Closed.to(Open)

    return Plain


@_refused("state 'Open' is a plain State")
def _state_of_a_fourth_kind() -> Any:
    class FourthKind(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = ChartState(when=None, about="", final=True)
        Push = Closed.first_of(Open)

    return FourthKind


@_refused("state 'Shut' is also known as 'Closed'")
def _state_with_two_names() -> Any:
    class TwoNames(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

    TwoNames.states_map["Closed"]._set_id("Shut")
    return TwoNames


@_refused("it does not say what it remembers")
def _no_context() -> Any:
    class Forgetful(Chart):  # type: ignore[type-arg]
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

    return Forgetful


@_refused("it does not say what it remembers")
def _context_that_is_none() -> Any:
    class Foreign(Chart[int]):  # type: ignore[type-var]
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

    return Foreign


@_refused("Absent does not say what an event changes: define `after`")
def _context_without_after() -> Any:
    @dataclass(frozen=True, slots=True)
    class Absent(Context):
        pass

    class Absentminded(Chart[Absent]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

    return Absentminded


@_refused("it extends the chart Base", "adds the transitions of a subclass to the states of its base")
def _subclass_of_a_chart() -> Any:
    class Base(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

    class Extended(Base):
        pass

    return Extended


@_refused("it inherits from Mixin", "looks for callbacks and guards there")
def _mixin() -> Any:
    class Mixin:
        def on_enter_Open(self) -> None: ...  # noqa: N802 - python-statemachine's own convention.

    class Mixed(Mixin, Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.first_of(Open)

    return Mixed


@_refused("it has no states")
def _no_states() -> Any:
    class Empty(Chart[door.Remembered]):
        pass

    return Empty


@_refused("is no chart")
def _plain_state_chart() -> Any:
    class Foreign(StateChart[Any]):
        Closed = State(initial=True)
        Open = State(final=True)
        Push = Closed.to(Open)

    return Foreign


@_refused("is no chart")
def _no_class() -> Any:
    return "Door"


@_refused("in state 'Closed' on Push, the row to Open has no guard and is not the last")
def _row_behind_an_unguarded_one() -> Any:
    class Unreachable(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.first_of(Open, Stuck)

    return Unreachable


@_refused("in state 'Closed' on Push, the guard 'unlocked' stands 2 times")
def _same_guard_twice() -> Any:
    class SameGuard(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Ajar, Stuck = End(when="unlocked"), End(when="unlocked"), End()
        Push = Closed.first_of(Open, Ajar, Stuck)

    return SameGuard


@_refused("in state 'Closed' on Push, the target 'Open' stands 2 times")
def _same_target_twice() -> Any:
    class SameTarget(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End(when="unlocked")
        Push = Closed.to(Open, cond="unlocked") | Closed.first_of(Open)

    return SameTarget


@_refused("in state 'Closed' on Push, the last row (to Open) has the guard 'unlocked'")
def _last_row_with_a_guard() -> Any:
    class LastGuarded(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open = End()
        Push = Closed.to(Open, cond="unlocked")

    return LastGuarded


@_refused("state 'Opening' does not answer Jammed")
def _unanswered_reply() -> Any:
    class Unanswered(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Opening = Doing(door.TurnHandle)
        Open = End()
        Push = Closed.first_of(Opening)
        Turned = Opening.first_of(Open)

    return Unanswered


@_refused("state 'Closed' does not answer Pull")
def _event_without_rows() -> Any:
    class NoRows(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Open = End()
        Push = Closed.first_of(Open)
        Pull = Closed.first_of()

    return NoRows


@_refused("state 'Closed' has a row for Pull, but nothing sends that event there: it knows Push")
def _event_that_nothing_sends() -> Any:
    class Unsent(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.first_of(Open)
        Pull = Closed.first_of(Stuck)

    return Unsent


@_refused("state 'Ajar' has a row for Pull, but nothing sends that event there")
def _rows_from_any_state() -> Any:
    class FromAny(Chart[door.Remembered]):
        Closed = Waiting(door.Push, door.Pull, initial=True)
        Ajar = Waiting(door.Push)
        Open, Stuck = End(), End()
        Push = Closed.first_of(Ajar) | Ajar.first_of(Open)
        Pull = Stuck.from_.any()  # type: ignore[no-untyped-call]

    return FromAny


def _with_event_name(name: str) -> Any:
    class Named(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Open, Stuck = End(), End()
        Push = Closed.first_of(Open)
        Other = StateChartEvent(Closed.to(Stuck), id=name)

    return Named


for _name in ("*", "Push.*", "Push.", "done.state.Open", "error.execution"):
    _REFUSED.append(
        pytest.param(
            functools.partial(_with_event_name, _name),
            (f"state 'Closed' has a row for {_name}, but nothing sends that event there",),
            id=f"event_called_{_name}",
        )
    )


@_refused("has a row for error.Push, but nothing sends that event there")
def _event_that_python_statemachine_gives_a_second_name() -> Any:
    error_push = type("error_Push", (Event,), {})

    class SecondName(Chart[door.Remembered]):
        Closed = Waiting(error_push, initial=True)
        Open = End()
        error_Push = Closed.first_of(Open)  # noqa: N815 - the prefix is what python-statemachine reacts to.

    return SecondName


def _with_event_class(name: str) -> Any:
    closed, opened = Waiting(type(name, (Event,), {}), initial=True), End()
    body = {"Closed": closed, "Open": opened, name: closed.first_of(opened)}
    return types.new_class("Named", (Chart[door.Remembered],), exec_body=lambda names: names.update(body))


for _name, _part in {
    "send": "is a name that python-statemachine uses itself",
    "name": "is a name that python-statemachine uses itself",
    "model": "is a name that python-statemachine uses itself",
    "on_enter_Open": "is a name under which python-statemachine looks for a callback",
    "prepare_event": "is a name under which python-statemachine looks for a callback",
    "after_transition": "is a name under which python-statemachine looks for a callback",
}.items():
    _REFUSED.append(
        pytest.param(functools.partial(_with_event_class, _name), (repr(_name), _part), id=f"event_class_{_name}")
    )


@_refused("'configuration' is a name that python-statemachine uses itself")
def _state_with_a_taken_name() -> Any:
    class Taken(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        configuration = End()  # type: ignore[assignment]
        Push = Closed.to(configuration)

    return Taken


@_refused("two different classes are called Push: rename one")
def _two_events_of_one_name() -> Any:
    class Namesakes(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Ajar = Waiting(type("Push", (Event,), {}))
        Open = End()
        Push = Closed.first_of(Ajar) | Ajar.first_of(Open)

    return Namesakes


@_refused("two different classes are called TurnHandle: rename one")
def _two_effects_of_one_name() -> Any:
    class Namesakes(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Opening = Doing(door.TurnHandle)
        Closing = Doing(type("TurnHandle", (door.TurnHandle,), {}))
        Open = End()
        Push = Closed.first_of(Opening)
        Turned = Opening.first_of(Closing) | Closing.first_of(Open)
        Jammed = Opening.first_of(Open) | Closing.first_of(Open)

    return Namesakes


@_refused("the effect Knock of state 'Knocking' does not say its 'done' reply")
def _effect_without_replies() -> Any:
    @dataclass(frozen=True, slots=True)
    class Knock(Effect):
        """Knock."""

    class Speechless(Chart[door.Remembered]):
        Closed = Waiting(door.Push, initial=True)
        Knocking = Doing(Knock)
        Open = End()
        Push = Closed.first_of(Knocking)
        Turned = Knocking.first_of(Open)

    return Speechless


@pytest.mark.parametrize(("make", "parts"), _REFUSED)
def test_a_chart_is_refused_by_name_with_the_reason(make: Callable[[], Any], parts: tuple[str, ...]) -> None:
    chart = make()
    with pytest.raises(ChartError) as refusal:
        Machine(chart)
    text = str(refusal.value)
    assert getattr(chart, "__name__", repr(chart)) in text
    assert [part for part in parts if part not in text] == []
