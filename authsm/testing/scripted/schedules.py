"""What can go wrong in a run, as plain values: which answers never come, come late or come twice, where a store dies.

`authsm.testing.strategies.fault_schedules` draws them; your own loop asks them what goes wrong now::

    >>> schedule = FaultSchedule(
    ...     answers=(AnswerFault("RevokeToken", 1, Fate.LOST),), crashes=(StoreCrash("clear", 2, Moment.AFTER),)
    ... )
    >>> schedule.fate_of("RevokeToken", 1), schedule.fate_of("RevokeToken", 2)
    (<Fate.LOST: 'lost'>, None)
    >>> schedule.crash_at("clear", 2)
    <Moment.AFTER: 'after'>
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STORE_OPERATIONS: Final = ("load", "begin", "save", "leave", "write_journal", "read_journal", "erase_journal", "clear")
"""The operations of a store that may die half-way. `verify_cleared` never raises."""


class Fate(StrEnum):
    """What becomes of an answer."""

    LOST = "lost"
    """It never comes."""
    LATE = "late"
    """It comes when nobody waits for it any more."""
    REPEATED = "repeated"
    """It comes twice."""


class Moment(StrEnum):
    """When an operation of a store dies."""

    BEFORE = "before"
    """Before it did anything."""
    AFTER = "after"
    """After it did all, and before anybody was told."""


@dataclass(frozen=True, slots=True)
class AnswerFault:
    """One answer that goes wrong.

    Attributes:
        effect: The name of the effect that it answers.
        time: The how-manieth asking for that effect: 1 for the first.
        fate: What becomes of it.
    """

    effect: str
    time: int
    fate: Fate


@dataclass(frozen=True, slots=True)
class StoreCrash:
    """One operation of a store during which the process dies.

    Attributes:
        operation: Its name: one of `STORE_OPERATIONS`.
        time: The how-manieth call of that operation: 1 for the first.
        moment: Whether it was done by then.
    """

    operation: str
    time: int
    moment: Moment


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """Everything that goes wrong in a run.

    Attributes:
        answers: The answers that go wrong.
        crashes: Where the process dies.

    Raises:
        ValueError: Two faults are about the same answer, or the same call.
    """

    answers: tuple[AnswerFault, ...] = ()
    crashes: tuple[StoreCrash, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        moments = [(fault.effect, fault.time) for fault in self.answers]
        moments += [(crash.operation, crash.time) for crash in self.crashes]
        for name, time in moments:
            if moments.count((name, time)) > 1:
                raise ValueError(f"The schedule has several faults for call {time} of {name}.")

    def fate_of(self, effect: str, time: int) -> Fate | None:
        """Tell what becomes of an answer.

        Args:
            effect: The name of the effect.
            time: The how-manieth asking for it: 1 for the first.

        Returns:
            Its fate; None where nothing goes wrong.
        """
        return next((fault.fate for fault in self.answers if (fault.effect, fault.time) == (effect, time)), None)

    def crash_at(self, operation: str, time: int) -> Moment | None:
        """Tell when a call of a store's operation dies.

        Args:
            operation: The name of the operation.
            time: The how-manieth call of it: 1 for the first.

        Returns:
            The moment; None where it does not.
        """
        return next(
            (crash.moment for crash in self.crashes if (crash.operation, crash.time) == (operation, time)), None
        )
