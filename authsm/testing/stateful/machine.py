"""Your own implementation of a machine, held against the machine by Hypothesis.

`as_state_machine` makes a ``RuleBasedStateMachine`` of any `Machine`: it has one rule for each event, enabled exactly
where the machine knows that event, and looks after each step whether your implementation stands where the machine does.
Your implementation is reached through a `System`, which is two things long::

    >>> from authsm import SIGN_OUT
    >>> from authsm.testing.strategies import sign_out_contexts
    >>> class MySignOut:
    ...     def __init__(self, context):  # a new one, in the initial state
    ...         self._snapshot = SIGN_OUT.start(context)  # yours is your own code
    ...
    ...     @property
    ...     def state(self):
    ...         return self._snapshot.state
    ...
    ...     def send(self, event):
    ...         self._snapshot = SIGN_OUT.step(self._snapshot, event).snapshot
    >>> MySignOutMachine = as_state_machine(SIGN_OUT, MySignOut, contexts=sign_out_contexts())
    >>> TestMySignOut = MySignOutMachine.TestCase  # for pytest and unittest
    >>> from hypothesis import settings
    >>> from hypothesis.stateful import run_state_machine_as_test  # and without either
    >>> run_state_machine_as_test(MySignOutMachine, settings=settings(max_examples=20))

What fails is printed as the steps that lead there, under the events' own names::

    state = SignOutStateMachine()
    state.start(context=SignOutContext(plan=Plan(...)))
    state.Begin()
    state.HostedUISignOutFailed(event=HostedUISignOutFailed(failure=Failure(...)))
    state.unexpected(event=TokenRevoked(...))
    state.restart()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from authsm.core.chart import Chart
from authsm.core.machine import Machine, UnexpectedEventError
from authsm.core.vocabulary import Context
from authsm.testing.extras import HYPOTHESIS_IS_MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hypothesis.stateful import RuleBasedStateMachine
    from hypothesis.strategies import SearchStrategy


C = TypeVar("C", bound=Context)


class System(Protocol):
    """What is tested, in the machine's terms: an adapter of a few lines to an implementation of any kind.

    It is made by calling its class, or any function, with a context: then it stands in the machine's initial state.
    Beyond what is here it may have any of these, and each is then tested, too:

    - ``asked``: the effect that it waits for, or just its name; None where it waits for none.
    - ``context``: what it remembers, equal to the machine's.
    - ``restart()``: let the process die and come up again: it stands where it stood, and asks again for what it had
      asked for.
    - ``close()``: free what it holds; called at the end of each run, whatever happened.
    """

    @property
    def state(self) -> str:
        """The name of the state in which it stands."""
        ...

    def send(self, event: Any) -> object:
        """Let something happen, and wait until it has.

        Args:
            event: What happens: an event of the machine.

        Raises:
            UnexpectedEventError: It does not know this event in its state; `as_state_machine` takes another exception
                for that, too.
        """
        ...


Refusal: TypeAlias = type[Exception] | tuple[type[Exception], ...]
"""What a system raises at an event that its state does not know."""


def as_state_machine(
    machine: Machine[C],
    system: Callable[[C], System],
    *,
    contexts: Iterable[C] | SearchStrategy[C],
    events: Mapping[type[Any], SearchStrategy[Any]] | None = None,
    refusal: Refusal | None = UnexpectedEventError,
) -> type[RuleBasedStateMachine]:
    """Make a Hypothesis state machine that holds a system against a machine.

    Args:
        machine: What is right.
        system: What is tested: called with a context, it gives a `System`.
        contexts: What may be remembered at the start: some contexts, or a strategy.
        events: What to draw for some types of events; the others are made from their annotations.
        refusal: What the system raises at an event that its state does not know; None where it is never to be sent one.

    Returns:
        The class. Its attribute ``TestCase`` is for pytest and unittest, and has Hypothesis's ``settings``.

    Raises:
        ImportError: Hypothesis is not installed.
        TypeError: The machine, the system or a context is none; or a field of an event cannot be drawn: the message
            names it, and says what to pass.
        ValueError: There are no contexts, or ``events`` names one that the machine does not know.
    """
    try:
        from hypothesis.strategies import SearchStrategy, sampled_from  # noqa: PLC0415 - the rest of the kit does without Hypothesis
    except ImportError as missing:
        raise ImportError(HYPOTHESIS_IS_MISSING, name="hypothesis") from missing
    from authsm.testing.stateful.rules import Subject, state_machine_of  # noqa: PLC0415 - the same

    _refuse_what_is_no_machine(machine)
    if not callable(system):
        raise TypeError(f"The system is a class or function that takes a context, not {system!r}.")
    drawn = contexts if isinstance(contexts, SearchStrategy) else sampled_from(_some(contexts, machine))
    subject = Subject(machine, system, refusal if isinstance(refusal, tuple) else (refusal,) if refusal else ())
    return state_machine_of(subject, drawn, events or {})


def _refuse_what_is_no_machine(machine: object) -> None:
    if isinstance(machine, type) and issubclass(machine, Chart):
        raise TypeError(f"{machine.__name__} is a chart: compile it first, Machine({machine.__name__}).")
    if not isinstance(machine, Machine):
        raise TypeError(f"The machine is a compiled chart, Machine(YourChart), not {machine!r}.")


def _some(contexts: Iterable[C], machine: Machine[C]) -> tuple[C, ...]:
    some = tuple(contexts)
    if not some:
        raise ValueError("There are no contexts: say what may be remembered at the start.")
    for context in some:
        if not isinstance(context, machine.table.context):
            raise TypeError(f"{machine.name} remembers a {machine.table.context.__name__}, not {context!r}.")
    return some
