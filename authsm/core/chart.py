# pyright: reportUnknownMemberType=none
# python-statemachine types its transition lists only in part.
"""How a chart is written: states that wait, do or end, and rows that try their targets in order.

A chart is a `StateChart` of python-statemachine with three kinds of states. A guard belongs to the state it leads to
(``when=``), so a row only lists its targets in the order in which they are tried::

    class Door(Chart[DoorContext]):
        Closed = Waiting(Push, initial=True)
        Opening = Doing(TurnHandle, when="unlocked")
        Open, Stuck = End(), End()

        Push = Closed.first_of(Opening, Stuck)
        ...

Charts have no actions: what an event changes is said by `Context.after`, and what a state asks for by its effect.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from statemachine import State, StateChart
from statemachine.transition import Transition
from statemachine.transition_list import TransitionList

from authsm.core.vocabulary import Context
from authsm.core.words import first_line

if TYPE_CHECKING:
    from authsm.core.vocabulary import Effect, Event

C = TypeVar("C", bound=Context)


class Ending(StrEnum):
    """How a run ended, for the eye: pictures mark and colour the final states by it, and nothing else reads it."""

    COMPLETE = "complete"
    """All that was wanted is done."""
    PARTIAL = "partial"
    """Some of it is."""
    FAILED = "failed"
    """What was wanted is not done."""


class ChartState(State):
    """A state of a chart: use `Waiting`, `Doing` or `End`.

    Attributes:
        when: The guard: the name of a boolean property of the context, true when this state may be entered.
        about: One line for the generated tables.
    """

    def __init__(self, *, when: str | None, about: str, initial: bool = False, final: bool = False) -> None:
        super().__init__(initial=initial, final=final)
        self.when = when
        self.about = about

    def __set_name__(self, owner: type, name: str) -> None:
        """Keep the name as it is written; python-statemachine would make a sentence of it."""
        self.name = name

    def first_of(self, *targets: ChartState) -> TransitionList:
        """Go to the first target whose guard holds; the last one is taken when no other was.

        Args:
            targets: The states that may follow, in the order in which they are tried.

        Returns:
            The transitions, to be given the name of an event, or joined by ``|`` with those of other states.
        """
        rows = TransitionList()
        for target in targets:
            last = target is targets[-1]
            transition = Transition(self, target, cond=None if last else target.when)
            self.transitions.add_transitions(transition)
            rows.add_transitions(transition)
        return rows


class Waiting(ChartState):
    """A state that waits for something from outside.

    Args:
        events: The events that may come.
        when: The guard of this state.
        about: One line for the generated tables.
        initial: Whether the machine starts here.
    """

    def __init__(self, *events: type[Event], when: str | None = None, about: str = "", initial: bool = False) -> None:
        super().__init__(when=when, about=about, initial=initial)
        self.events = events


class Doing(ChartState):
    """A state that asks for an effect when it is entered, and waits for one of its replies.

    Args:
        effect: The effect to ask for.
        when: The guard of this state.
        about: One line for the generated tables; the first line of the effect's docstring where it is empty.
    """

    def __init__(self, effect: type[Effect], *, when: str | None = None, about: str = "") -> None:
        super().__init__(when=when, about=about or first_line(effect))
        self.effect = effect


class End(ChartState):
    """A final state.

    Args:
        ending: How a run that comes here has ended; pictures leave it neutral where it is not said.
        when: The guard of this state.
        about: One line for the generated tables.
    """

    def __init__(self, ending: Ending | None = None, *, when: str | None = None, about: str = "") -> None:
        super().__init__(when=when, about=about, final=True)
        self.ending = ending


class Chart(StateChart[C], Generic[C]):
    """The base of every chart: ``class SignOut(Chart[SignOutContext])``.

    `Machine` compiles it. It can also be run by python-statemachine's own engine, and a test holds the two together.
    """

    # With the defaults an exception in a guard is swallowed while the state still advances, and events that do not fit
    # vanish (python-statemachine 3.2.2, StateChart).
    catch_errors_as_events = False
    allow_event_without_transition = False
