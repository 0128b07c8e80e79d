"""An implementation of a machine is held against the machine: what is right passes, and each planted bug is found."""

from __future__ import annotations

import contextlib
import io
import re
import unittest
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from authsm import SIGN_OUT, Chart, Context, End, Event, Machine, UnexpectedEventError, Waiting
from authsm.testing import as_state_machine
from authsm.testing.reference import ReferenceEngine
from authsm.testing.strategies import sign_out_contexts
from tests.core import bakery
from tests.core.bakery import BAKERY, Bakery, Remembered
from tests.testing.stateful.patisserie import NotNowError, Order, Patisserie

if TYPE_CHECKING:
    from authsm.core.vocabulary import Effect
    from authsm.flows.sign_out.context import SignOutContext

BRIEFLY: Final = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    phases=[Phase.generate],  # nobody waits for the shortest way to a planted bug
)
THOROUGHLY: Final = settings(BRIEFLY, max_examples=400)
"""Where something has to be found: what Hypothesis draws differs between its versions, and by what else is loaded."""

ORDERS: Final = (Remembered(), Remembered(pays=False), Remembered(pays=False, layers=1))
FEW_LAYERS: Final = {bakery.Ordered: st.builds(bakery.Ordered, layers=st.integers(-1, 3))}


def hold(system: Any, *, within: settings = BRIEFLY, **how: Any) -> None:
    """Hold an implementation of the bakery's order against the bakery."""
    how = {"contexts": ORDERS, "events": FEW_LAYERS, "refusal": NotNowError, **how}
    run_state_machine_as_test(as_state_machine(BAKERY, system, **how), settings=within)


class ByReference:
    """Sign-out, run by python-statemachine's own engine; it comes up again from its state and context."""

    engine: Final = ReferenceEngine(SIGN_OUT)

    def __init__(self, context: SignOutContext) -> None:
        self.snapshot = SIGN_OUT.start(context)
        self.asked: Effect | str | None = None

    @property
    def state(self) -> str:
        return self.snapshot.state

    @property
    def context(self) -> SignOutContext:
        return self.snapshot.context

    def send(self, event: Event) -> None:
        step = self.engine.step(self.snapshot, event)
        self.snapshot, self.asked = step.snapshot, step.effect

    def restart(self) -> None:
        self.snapshot = SIGN_OUT.from_json(SIGN_OUT.to_json(self.snapshot))
        self.asked = self.asked if self.asked is None or isinstance(self.asked, str) else self.asked.name


SignOutByReference = as_state_machine(SIGN_OUT, ByReference, contexts=sign_out_contexts())
SignOutByReference.TestCase.settings = settings(BRIEFLY, max_examples=40)
TestSignOutByReference = SignOutByReference.TestCase


class ByMachine:
    """The bakery's order, run by the bakery's machine itself; it shows all there is."""

    def __init__(self, context: Remembered) -> None:
        self.snapshot = BAKERY.start(context)

    @property
    def state(self) -> str:
        return self.snapshot.state

    @property
    def asked(self) -> Effect | None:
        return BAKERY.pending(self.snapshot)

    @property
    def context(self) -> Remembered:
        return self.snapshot.context

    def send(self, event: Event) -> None:
        self.snapshot = BAKERY.step(self.snapshot, event).snapshot

    def restart(self) -> None:
        if self.asked is not None:
            self.snapshot = BAKERY.again(self.snapshot).snapshot


PatisserieMachine = as_state_machine(BAKERY, Patisserie, contexts=ORDERS, events=FEW_LAYERS, refusal=NotNowError)
PatisserieMachine.TestCase.settings = BRIEFLY
TestPatisserie = PatisserieMachine.TestCase


class ForgetsALayer(Order):
    def layer_done(self) -> None:
        super().layer_done()
        self.status = "cooling" if self.layers == 1 else self.status


class BakesUnpaid(Order):
    def refuse_money(self) -> None:
        self.pay()


class ServesBurntCake(Order):
    def layer_burnt(self) -> None:
        super().layer_burnt()
        self.spoilt = False


class SwallowsWhatItDoesNotKnow(Order):
    def leave(self) -> None:
        if self.status in {"open", "cooling"}:
            super().leave()


class ObeysWhatItDoesNotKnow(Order):
    def withdraw(self) -> None:
        self.status = "closed"


class StumblesOverWhatItDoesNotKnow(Order):
    def cool(self) -> None:
        if self.status != "cooling":
            raise KeyError(self.status)
        super().cool()


class RefusesAndObeysAllTheSame(Order):
    def cool(self) -> None:
        before, self.status = self.status, "decorating"
        if before != "cooling":
            raise NotNowError(before)


class RefusesWhatItShouldKnow(Order):
    def withdraw(self) -> None:
        raise NotNowError(self.status)


class LosesItsStateAtRestart(Order):
    def reload(self) -> None:
        self.status = "open"


class LosesItsLayersAtRestart(Order):
    def reload(self) -> None:
        super().reload()
        self.layers = 0


FOUND: Final = {
    ForgetsALayer: (
        "After LayerBaked() in state 'Baking', Bakery is in state 'Baking', and the system is in state 'Cooling'.",
        "state.LayerBaked()",
    ),
    BakesUnpaid: (
        "in state 'TakingMoney', Bakery is in state 'Closed', and the system is in state 'Baking'.",
        "state.MoneyRefused(event=MoneyRefused(",
    ),
    ServesBurntCake: (
        "in state 'CleaningUp', Bakery is in state 'Wasted', and the system is in state 'Served'.",
        "state.Cleaned()",
    ),
    SwallowsWhatItDoesNotKnow: ("The system took Left() in state", "state.unexpected(event=Left())"),
    ObeysWhatItDoesNotKnow: (
        ", which Bakery does not know there; it is to raise NotNowError.",
        "state.unexpected(event=Withdrawn())",
    ),
    StumblesOverWhatItDoesNotKnow: (
        "The system raised this at CooledDown() in state",
        "state.unexpected(event=CooledDown())",
    ),
    RefusesAndObeysAllTheSame: (
        ", which Bakery does not know there, Bakery is in state",
        "state.unexpected(event=CooledDown())",
    ),
    RefusesWhatItShouldKnow: (
        "The system raised this at Withdrawn() in state 'TakingMoney', which Bakery knows there.",
        "state.Withdrawn()",
    ),
    LosesItsStateAtRestart: ("and the system is in state 'Open'.", "state.restart()"),
    LosesItsLayersAtRestart: ("Bakery is in state 'Baking', and the system is in state", "state.restart()"),
}
"""Planted bugs: what is said of each, and which step it takes."""


@pytest.mark.parametrize("kind", FOUND)
def test_a_planted_bug_is_found_and_told_in_steps_that_can_be_read(kind: type[Order]) -> None:
    said, step = FOUND[kind]
    found = found_in(type(kind.__name__, (Patisserie,), {"kind": kind}))
    assert said in found
    assert "state = BakeryStateMachine()\nstate.start(context=Remembered(" in found
    assert step in found
    rules = {"start", "restart", "unexpected", "teardown"}
    names = {row.event.__name__ for row in BAKERY.table.rows}
    assert {*re.findall(r"^state\.(\w+)", found, re.MULTILINE)} <= rules | names


def found_in(system: Any, **how: Any) -> str:
    """What is told of an implementation that is not right."""
    with pytest.raises(Exception, match=r".") as caught:
        hold(system, within=THOROUGHLY, **how)
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


class AsksForTheWrongThing(Patisserie):
    @property
    def asked(self) -> str | None:
        return "BakeLayer" if self.state == "Decorating" else super().asked


class AsksWithoutSayingForTheHowManiethTime(ByMachine):
    def restart(self) -> None:
        """Forget to count."""


class RemembersTheWrongThing(ByMachine):
    @property
    def context(self) -> Remembered:
        return replace(super().context, mishaps=())


class CannotTellItsState(ByMachine):
    @property
    def asked(self) -> Effect | None:
        raise AttributeError("a mistake in the adapter")

    def restart(self) -> None:
        """Ask for nothing."""


@pytest.mark.parametrize(
    ("system", "said"),
    [
        (AsksForTheWrongThing, "Bakery asks for 'Decorate', and the system asks for 'BakeLayer'."),
        (AsksWithoutSayingForTheHowManiethTime, "(attempt=2"),
        (RemembersTheWrongThing, "and the system remembers Remembered("),
        (CannotTellItsState, "a mistake in the adapter"),
    ],
)
def test_whatever_a_system_shows_is_compared(system: Any, said: str) -> None:
    refusal = NotNowError if issubclass(system, Patisserie) else UnexpectedEventError
    assert said in found_in(system, refusal=refusal)


def test_a_system_shows_what_it_can() -> None:
    class Least:
        def __init__(self, context: Remembered) -> None:
            self._patisserie = Patisserie(context)

        @property
        def state(self) -> str:
            return self._patisserie.state

        def send(self, event: Event) -> None:
            self._patisserie.send(event)

    hold(Least)
    hold(lambda context: Delegating(ByMachine(context)), refusal=UnexpectedEventError)
    assert "(attempt=2" in found_in(
        lambda context: Delegating(AsksWithoutSayingForTheHowManiethTime(context)),
        refusal=UnexpectedEventError,
    )


class Delegating:
    """An adapter in which nothing can be seen before it is asked for."""

    def __init__(self, system: ByMachine) -> None:
        self._system = system

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)


def test_a_system_that_refuses_nothing_is_sent_nothing_unexpected() -> None:
    sent: set[tuple[str, type[Event]]] = set()

    class Swallowing(ByMachine):
        def send(self, event: Event) -> None:
            sent.add((self.state, type(event)))
            with contextlib.suppress(UnexpectedEventError):
                super().send(event)

    hold(Swallowing, refusal=None)
    assert sent
    assert {event for _, event in sent} == {event for state in BAKERY.table.states.values() for event in state.events}
    assert all(event in BAKERY.table.states[state].events for state, event in sent)
    assert "The system took" in found_in(Swallowing, refusal=UnexpectedEventError)


def test_every_state_and_event_is_tried_known_or_not() -> None:
    known: set[tuple[str, str]] = set()
    unknown: set[tuple[str, str]] = set()
    restarted: set[str] = set()

    class Counting(ByMachine):
        def send(self, event: Event) -> None:
            (known if type(event) in BAKERY.table.states[self.state].events else unknown).add((self.state, event.name))
            super().send(event)

        def restart(self) -> None:
            restarted.add(self.state)
            super().restart()

    hold(Counting, within=THOROUGHLY, refusal=(UnexpectedEventError, NotNowError))
    rows = {(row.source, row.event.__name__) for row in BAKERY.table.rows}
    assert known == rows
    not_final = {row.source for row in BAKERY.table.rows}
    assert not_final < restarted
    assert not_final < {state for state, _ in unknown}
    assert {event for _, event in unknown} == {event for _, event in rows}


def test_every_system_is_closed_and_only_once() -> None:
    open_ones: list[ByMachine] = []
    begun = 0

    class Closing(ByMachine):
        def __init__(self, context: Remembered) -> None:
            nonlocal begun
            begun += 1
            super().__init__(context)
            open_ones.append(self)

        def close(self) -> None:
            open_ones.remove(self)

    hold(Closing, refusal=UnexpectedEventError)
    assert (begun > 10, open_ones) == (True, [])

    class Wrong(Closing):
        state = "Nowhere"

    assert "At the start, Bakery is in state 'Open'" in found_in(Wrong, refusal=UnexpectedEventError)
    assert open_ones == []


def test_it_runs_under_unittest() -> None:
    case = as_state_machine(BAKERY, ByMachine, contexts=ORDERS, events=FEW_LAYERS).TestCase
    case.settings = BRIEFLY
    wrong = as_state_machine(BAKERY, RemembersTheWrongThing, contexts=ORDERS, events=FEW_LAYERS).TestCase
    wrong.settings = BRIEFLY
    results = [unittest.TextTestRunner(stream=io.StringIO()).run(each()) for each in (case, wrong)]
    assert [(result.testsRun, result.wasSuccessful()) for result in results] == [(1, True), (1, False)]


class Voice:
    def __init__(self, pitch) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - nobody can tell what it takes
        self.pitch = pitch


@dataclass(frozen=True, slots=True)
class Told(Event):
    by: Voice
    loudly: bool = False


@dataclass(frozen=True, slots=True)
class Hinted(Event):
    hint: object


@dataclass(frozen=True, slots=True)
class Foretold(Event):
    by: Oracle  # type: ignore[name-defined]  # noqa: F821 - as where only type checkers find it
    when: int = 0


@dataclass(frozen=True, slots=True)
class start(Event):  # noqa: N801 - the name is one that the rules have, too
    target: int = 0


@dataclass(frozen=True)
class Heard(Context):
    def after(self, event: Event) -> Heard:
        del event
        return self


def _rumour(event: type[Event]) -> Machine[Heard]:
    """A machine that knows one event."""
    quiet, loud = Waiting(event, initial=True), End()
    body = {"Quiet": quiet, "Loud": loud, event.__name__: quiet.first_of(loud), "__orig_bases__": (Chart[Heard],)}
    return Machine(type("Rumour", (Chart,), body))


class Listener:
    def __init__(self, _: Heard) -> None:
        self.state = "Quiet"

    def send(self, event: Event) -> None:
        if self.state != "Quiet":
            raise UnexpectedEventError(self.state, event.name, ())
        self.state = "Loud"


UNDRAWN: Final = {
    Told: r"The field 'by' of Told cannot be drawn from its annotation 'Voice': .*events=\{Told: strategy\}",
    Hinted: r"The field 'hint' of Hinted cannot be drawn from its annotation 'object'",
    Foretold: r"The field 'by' of Foretold cannot be drawn from its annotation 'Oracle': name 'Oracle' is not defined",
}


@pytest.mark.parametrize("event", UNDRAWN)
def test_a_field_that_cannot_be_drawn_is_named_with_what_to_do(event: type[Any]) -> None:
    machine = _rumour(event)
    with pytest.raises(TypeError, match=UNDRAWN[event]):
        as_state_machine(machine, Listener, contexts=[Heard()])
    drawn = {event: st.just(event(None))}
    run_state_machine_as_test(as_state_machine(machine, Listener, contexts=[Heard()], events=drawn), settings=BRIEFLY)


def test_an_event_may_be_called_like_a_rule() -> None:
    class Deaf(Listener):
        def send(self, event: Event) -> None:
            """Hear nothing."""

    made = as_state_machine(_rumour(start), Deaf, contexts=[Heard()], refusal=None)
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(made, settings=BRIEFLY)
    assert "state.start_(event=start(target=" in "\n".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"machine": Bakery}, TypeError, r"Bakery is a chart: compile it first, Machine\(Bakery\)\."),
        ({"machine": "Bakery"}, TypeError, r"The machine is a compiled chart, Machine\(YourChart\), not 'Bakery'\."),
        ({"system": None}, TypeError, r"The system is a class or function that takes a context, not None\."),
        ({"contexts": []}, ValueError, r"There are no contexts: say what may be remembered at the start\."),
        ({"contexts": ["Open"]}, TypeError, r"Bakery remembers a Remembered, not 'Open'\."),
        (
            {"events": {Told: st.nothing()}},
            ValueError,
            r"Bakery knows no event Told: it knows Ordered, Left, ",
        ),
    ],
)
def test_what_cannot_be_held_against_a_machine_is_refused(how: Any, error: type[Exception], said: str) -> None:
    given = {"machine": BAKERY, "system": ByMachine, "contexts": ORDERS, **how}
    with pytest.raises(error, match=said):
        as_state_machine(given.pop("machine"), given.pop("system"), **given)


def test_a_strategy_that_gives_something_else_is_named() -> None:
    wrong = {bakery.Left: st.builds(bakery.Ordered)}
    assert "The strategy for Left gave Ordered(" in found_in(ByMachine, events=wrong, refusal=UnexpectedEventError)
