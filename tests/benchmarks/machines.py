"""One whole sign-out through the machine, beside python-statemachine's own engine, transitions, and a table by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transitions import Machine as TransitionsMachine

from authsm.core.machine import Snapshot, Step
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT, SignOut
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Plan, Why

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.core.vocabulary import Event

PLAN = Plan(key="default", epoch=1, refresh_tokens=Why.NOT_NEEDED)
EVENTS: tuple[Event, ...] = (
    effects.Begin(),
    effects.HostedUISignedOut(),
    effects.SignedOutGlobally(),
    effects.TokenRevoked(),
    effects.CredentialsCleared(),
)
GUARDS = sorted({row.guard for row in SIGN_OUT.table.rows if row.guard})


def authsm() -> str:
    """Give the final state by way of `Machine.step`."""
    snapshot = SIGN_OUT.start(SignOutContext(PLAN))
    for event in EVENTS:
        snapshot = SIGN_OUT.step(snapshot, event).snapshot
    return snapshot.state


_Chart: Any = SignOut  # its own engine takes any model that answers the guards


class _Model:
    """Holds the context, and answers the guards by it."""

    state: str

    def __init__(self) -> None:
        self.context = SignOutContext(PLAN)

    def prepare_event(self, outcome: Event | None = None) -> dict[str, Any]:
        """Remember what happened, before the guards are asked."""
        if outcome is not None:
            self.context = self.context.after(outcome)
        return {}


def _answer(guard: str) -> Callable[..., bool]:
    return lambda model, *_: getattr(model.context, guard)


for _guard in GUARDS:
    setattr(_Model, _guard, property(_answer(_guard)))


def python_statemachine() -> str:
    """Give the final state by way of the chart's own engine."""
    model = _Model()
    machine: Any = _Chart(model)
    for event in EVENTS:
        machine.send(event.name, outcome=event)
    return model.state


class _TransitionsModel:
    """Holds the context, and answers the guards by it."""

    state: str

    def __init__(self) -> None:
        self.context = SignOutContext(PLAN)

    def remember(self, outcome: Event) -> None:
        """Remember what happened, before the guards are asked."""
        self.context = self.context.after(outcome)


for _guard in GUARDS:
    setattr(_TransitionsModel, _guard, _answer(_guard))

_SHARED = TransitionsMachine(
    model=None,
    states=[*SIGN_OUT.table.states],
    initial=SIGN_OUT.table.initial,
    auto_transitions=False,
    # One `prepare` a row would be called for every row that is tried; once an event is what the others do.
    prepare_event="remember",
    transitions=[
        {
            "trigger": row.event.__name__,
            "source": row.source,
            "dest": row.target,
            "conditions": [row.guard] if row.guard else [],
        }
        for row in SIGN_OUT.table.rows
    ],
)


def transitions() -> str:
    """Give the final state by way of transitions, with one machine for all models, which is its fast way."""
    model = _TransitionsModel()
    _SHARED.add_model(model)
    for event in EVENTS:
        getattr(model, event.name)(event)
    _SHARED.remove_model(model)
    return model.state


_TABLE: dict[tuple[str, type[Event]], list[tuple[str | None, str, type[effects.SignOutEffect] | None]]] = {}
for _row in SIGN_OUT.table.rows:
    _effect: Any = SIGN_OUT.table.states[_row.target].effect
    _TABLE.setdefault((_row.source, _row.event), []).append((_row.guard, _row.target, _effect))


def table_by_hand() -> str:
    """Give the final state by way of what one would write without a library: a dictionary and a loop."""
    state, context = "NotStarted", SignOutContext(PLAN)
    for event in EVENTS:
        context = context.after(event)
        for guard, target, effect in _TABLE[state, type(event)]:
            if guard is None or getattr(context, guard):
                asked = effect(1, PLAN.key, PLAN.epoch) if effect else None
                state = Step(Snapshot(target, context), asked).snapshot.state
                break
    return state


CONTENDERS = {
    "authsm": authsm,
    "table by hand": table_by_hand,
    "transitions": transitions,
    "python-statemachine": python_statemachine,
}
