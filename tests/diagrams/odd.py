# ruff: noqa: PLC2401, N801
# Its names are what it is for.
"""A machine of odd names and odd words, all of which Python allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authsm.core.chart import Chart, Doing, End, Ending, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Effect, Event, FailedReply

HOSTILE: Final = "a `b` | <i>c</i> & \\ \x08\x0b\x1b\ufffe d"


@dataclass(frozen=True, slots=True)
class Größe(Event):
    """
    It says so on its second line.
    """


@dataclass(frozen=True, slots=True)
class crash(Event):
    pass


@dataclass(frozen=True, slots=True)
class Bad(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Act(Effect):
    done = crash
    failed = Bad


@dataclass(frozen=True, slots=True)
class Größer(Event):
    pass


@dataclass(frozen=True, slots=True)
class NotAgain(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class ActAgain(Effect):
    """
    Act once more.
    """

    done = Größer
    failed = NotAgain


@dataclass(frozen=True, slots=True)
class Remembered(Context):
    def after(self, event: Event) -> Remembered:
        del event
        return self

    @property
    def first(self) -> bool:
        return True


def _hostile(context: Remembered) -> bool:
    del context
    return False


_hostile.__doc__ = f"""
{HOSTILE}.
"""
Remembered.second = property(_hostile)  # type: ignore[attr-defined]


class Odd(Chart[Remembered]):
    about = Waiting(Größe, initial=True, about=HOSTILE)
    end = Doing(Act, when="first")
    state_end = Doing(ActAgain, when="second")
    Übel = End(Ending.FAILED, about=HOSTILE)

    Größe = about.first_of(state_end, end, Übel)
    crash = end.first_of(state_end)
    Bad = end.first_of(Übel)
    Größer = state_end.first_of(Übel)
    NotAgain = state_end.first_of(Übel)


Odd.__doc__ = f"\n{HOSTILE}\n"
ODD: Final = Machine(Odd)
