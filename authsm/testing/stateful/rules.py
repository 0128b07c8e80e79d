"""The rules of `as_state_machine`: what Hypothesis may do to a system, and what has to hold after each step."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from authsm.core.vocabulary import Context, Effect, Event
from authsm.testing.strategies import every_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hypothesis.strategies import SearchStrategy

    from authsm.core.machine import Machine
    from authsm.testing.stateful.machine import System

C = TypeVar("C", bound=Context)


@dataclass(frozen=True, slots=True)
class Subject(Generic[C]):
    """What is held against what.

    Attributes:
        machine: What is right.
        system: What is tested: called with a context.
        refusal: What the system raises at an event that its state does not know; () where it is never sent one.
    """

    machine: Machine[C]
    system: Callable[[C], System]
    refusal: tuple[type[Exception], ...]


class Trial(Generic[C]):
    """One run of a system beside the machine that it is to be like.

    Args:
        subject: What is held against what.
        context: What is remembered at the start.
    """

    def __init__(self, subject: Subject[C], context: C) -> None:
        self._subject = subject
        self._machine = subject.machine
        self._expected = subject.machine.start(context)
        self._last = _AT_THE_START
        self._tried: set[str] = set()
        self._system: Any = subject.system(context)

    @property
    def rests(self) -> bool:
        """Whether nothing has happened yet, or nothing can any more."""
        return self._last == _AT_THE_START or self._machine.is_final(self._expected)

    def knows(self, event: type[Event]) -> bool:
        """Tell whether the machine knows an event where it stands."""
        return event in self._machine.table.states[self._expected.state].events

    def may_try(self, name: str) -> bool:
        """Tell whether something that moves nothing was not yet tried since the last event: once will do."""
        return name not in self._tried

    def has(self, name: str) -> bool:
        """Tell whether the system has something, without asking for it: what a property raises is no "no"."""
        return inspect.getattr_static(self._system, name, _NOTHING) is not _NOTHING or hasattr(self._system, name)

    def send(self, event: Event) -> None:
        """Let something happen that the machine knows."""
        what = f"{event} in state {self._expected.state!r}"
        self._last = f"After {what}"
        self._tried.clear()
        self._expected = self._machine.step(self._expected, event).snapshot
        try:
            self._system.send(event)
        except Exception as error:
            error.add_note(f"The system raised this at {what}, which {self._machine.name} knows there.")
            raise
        self.look()

    def send_unexpected(self, event: Event) -> None:
        """Send what the machine does not know there: the system has to refuse it."""
        what = f"{event} in state {self._expected.state!r}, which {self._machine.name} does not know there"
        self._last = f"After {what}"
        self._tried.add("unexpected")
        to_do = f"it is to raise {' or '.join(kind.__name__ for kind in self._subject.refusal)}"
        try:
            self._system.send(event)
        except self._subject.refusal:
            self.look()
        except Exception as error:
            error.add_note(f"The system raised this at {what}; {to_do}.")
            raise
        else:
            raise AssertionError(f"The system took {what}; {to_do}.")

    def restart(self) -> None:
        """Let the process die and come up again; the effect whose outcome is lost is asked for once more."""
        self._last = f"After a restart in state {self._expected.state!r}"
        self._tried.add("restart")
        if self._machine.pending(self._expected) is not None:
            self._expected = self._machine.again(self._expected).snapshot
        self._system.restart()
        self.look()

    def look(self) -> None:
        """Look whether the system is like the machine, as far as it shows."""
        self._compare("is in state", self._expected.state, self._system.state)
        if self.has("asked"):
            self._compare_effects(self._machine.pending(self._expected), self._system.asked)
        if self.has("context"):
            self._compare("remembers", self._expected.context, self._system.context)

    def _compare_effects(self, expected: Effect | None, found: Effect | str | None) -> None:
        if expected is None or isinstance(found, Effect):
            self._compare("asks for", expected, found)
        else:
            self._compare("asks for", expected.name, found)

    def _compare(self, what: str, expected: object, found: object) -> None:
        if found != expected:
            name = self._machine.name
            raise AssertionError(f"{self._last}, {name} {what} {expected!r}, and the system {what} {found!r}.")

    def close(self) -> None:
        """Free what the system holds."""
        if self.has("close"):
            self._system.close()


_AT_THE_START: Final = "At the start"
_NOTHING: Final = object()


class Trials(RuleBasedStateMachine):
    """Runs of a system, one after the other. Subclasses have the rules.

    Attributes:
        subject: What is held against what.
        trials: The run until now; none before it is begun.
    """

    subject: Subject[Any]

    def __init__(self) -> None:
        super().__init__()
        self.trials: list[Trial[Any]] = []

    def teardown(self) -> None:
        """Free what the system holds."""
        while self.trials:
            self.trials.pop().close()


def state_machine_of(
    subject: Subject[C], contexts: SearchStrategy[C], events: Mapping[type[Any], SearchStrategy[Any]]
) -> type[RuleBasedStateMachine]:
    """Make the class with a rule for each event.

    Args:
        subject: What is held against what.
        contexts: What may be remembered at the start.
        events: What to draw for some types of events.

    Returns:
        The class.

    Raises:
        TypeError: A field of an event cannot be drawn.
        ValueError: ``events`` names an event that the machine does not know.
    """
    machine = subject.machine
    drawn = every_event(machine, events)
    rules = {"start": _start_rule(contexts), "restart": _restart_rule()}
    if subject.refusal:
        rules["unexpected"] = _unexpected_rule(drawn)
    for event, strategy in drawn.items():
        name = event.__name__
        while name in rules or name in _TAKEN:
            name += "_"
        rules[name] = _event_rule(name, event, strategy)
    body = {"subject": subject, "__module__": __name__, "__doc__": f"A system, held against {machine.name}."}
    return type(f"{machine.name}StateMachine", (Trials,), {**body, **rules})


_TAKEN: Final = frozenset({*dir(Trials), *Trials.__annotations__, "trials"})
"""What a rule cannot be called."""


def _start_rule(contexts: SearchStrategy[Any]) -> Any:
    def start(self: Trials, context: Any) -> None:
        self.teardown()
        self.trials.append(Trial(self.subject, context))
        self.trials[-1].look()  # once it is sure to be closed

    return precondition(lambda self: all(trial.rests for trial in self.trials))(rule(context=contexts)(start))


def _restart_rule() -> Any:
    def restart(self: Trials) -> None:
        for trial in self.trials:
            trial.restart()

    return precondition(lambda self: any(trial.has("restart") and trial.may_try("restart") for trial in self.trials))(
        rule()(restart)
    )


def _event_rule(name: str, kind: type[Event], drawn: SearchStrategy[Any]) -> Any:
    def send(self: Trials, event: Event) -> None:
        for trial in self.trials:
            trial.send(event)

    def send_plain(self: Trials) -> None:
        send(self, kind())

    send.__name__ = send_plain.__name__ = name  # under which Hypothesis prints the step
    knows = precondition(lambda self: any(trial.knows(kind) for trial in self.trials))
    return knows(rule(event=drawn)(send) if fields(kind) else rule()(send_plain))


def _unexpected_rule(drawn: Mapping[type[Any], SearchStrategy[Any]]) -> Any:
    def unknown(self: Trials) -> list[type[Event]]:
        return [kind for trial in self.trials if trial.may_try("unexpected") for kind in drawn if not trial.knows(kind)]

    def unexpected(self: Trials, event: Event) -> None:
        for trial in self.trials:
            trial.send_unexpected(event)

    some = st.runner().flatmap(lambda self: st.sampled_from(unknown(self)).flatmap(drawn.__getitem__))
    return precondition(lambda self: bool(unknown(self)))(rule(event=some)(unexpected))
