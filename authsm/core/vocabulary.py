"""The words a chart is written in: what it remembers, what it asks for, and what it is told.

A chart moves on **events**. A state may ask for an **effect**; carrying it out gives one of the events that the effect
declares as its replies. What the machine remembers between events is its **context**. All three are frozen values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Subclass it as a frozen, slotted dataclass; the class name is the event's name."""

    @property
    def name(self) -> str:
        """The name under which charts, logs and diagrams know this event."""
        return type(self).__name__


class FailureKind(StrEnum):
    """Why an effect failed, as far as a machine may care."""

    REFUSED = "refused"
    """The other side answered, and the answer was no."""
    UNREACHABLE = "unreachable"
    """The other side could not be asked, or its answer was lost."""
    TIMED_OUT = "timed_out"
    """No answer came within the time allowed."""
    INTERRUPTED = "interrupted"
    """The caller was interrupted, and the time of grace ran out."""
    CANCELLED = "cancelled"
    """A person called it off."""
    NOT_ATTEMPTED = "not_attempted"
    """What the effect needs was missing, or had failed before it."""
    CONFIGURATION = "configuration"
    """It cannot work as it is set up."""
    UNEXPECTED = "unexpected"
    """The handler raised something that it does not name: most likely a mistake in the handler."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an effect failed, as a value: it holds no live exception, so it can be stored and compared.

    Attributes:
        kind: Why, in the few words that guards may ask about.
        code: The other side's own code, or the exception's name: ``"NotAuthorizedException"``.
        message: One line for a person. It holds no secret: whoever makes a failure scrubs it.
    """

    kind: FailureKind
    code: str
    message: str

    def __post_init__(self) -> None:
        """Refuse what no snapshot could keep.

        Raises:
            TypeError: The code or the message is no text, or the kind no `FailureKind`.
        """
        expected: dict[str, type] = {"kind": FailureKind, "code": str, "message": str}
        for name, kind in expected.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"The {name} of a Failure is a {kind.__name__}, not a {type(value).__name__}.")


class EffectFailedError(Exception):
    """What a handler raises to say why an effect failed.

    Attributes:
        failure: Why, as a value.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return self.failure.message


class EffectCancelledError(Exception):
    """What a handler raises when a person called the effect off."""


@dataclass(frozen=True, slots=True)
class FailedReply(Event):
    """The base of every event that says that an effect failed."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be done outside of the machine. It names what it is about, and never holds a secret.

    Subclass it as a frozen, slotted dataclass and set the class attributes; the class name is the effect's name, and
    the first line of its docstring stands in the generated tables.

    Attributes:
        attempt: 1, or more when a crash lost the outcome of an earlier attempt.
        done: The event that says that it was done. Called with the handler's value, or with nothing where that is None.
        failed: The event that says that it failed.
        cancelled: The event that says that a person called it off; None where nobody can.
        always: Whether it is carried out even when the run was interrupted or its deadline has passed.
        counts: Whether the time it takes counts against the deadline of the run.
        seconds: The time allowed for it, unless the limits of the run say otherwise.
        party: Whom a runner turns to for it, for the diagrams: ``"Cognito"``; empty where nobody need know.
    """

    done: ClassVar[type[Event]]
    failed: ClassVar[type[FailedReply]]
    cancelled: ClassVar[type[Event] | None] = None
    always: ClassVar[bool] = False
    counts: ClassVar[bool] = True
    seconds: ClassVar[float] = 10.0
    party: ClassVar[str] = ""

    attempt: int = 1

    @property
    def name(self) -> str:
        """The name under which runners, logs and diagrams know this effect."""
        return type(self).__name__

    @classmethod
    def replies(cls) -> Iterator[type[Event]]:
        """Give every event that can answer this effect."""
        yield cls.done
        yield cls.failed
        if cls.cancelled is not None:
            yield cls.cancelled

    @classmethod
    def asked_in(cls, context: Context, attempt: int) -> Self:
        """Make the effect that a state asks for; override it where the effect names more than its attempt.

        Args:
            context: What the machine remembers as it asks.
            attempt: 1, or more when a crash lost the outcome of an earlier attempt.

        Returns:
            The effect to carry out.
        """
        del context
        return cls(attempt=attempt)


class Context:
    """What a machine remembers.

    Subclass it as a frozen, slotted dataclass; its properties are the guards of the chart. Its fields are plain values
    (numbers, texts, enums, tuples, dataclasses of these), because a snapshot turns them into JSON and back.
    """

    __slots__ = ()

    def after(self, event: Event) -> Self:
        """Give what is remembered once this event has happened.

        This is the one place where an event changes what is remembered. It is asked before the guards are, because a
        guard such as "did anything fail?" is about this very event.

        Args:
            event: What happened.

        Returns:
            The context in which the guards are asked, and which the next snapshot holds.
        """
        raise NotImplementedError
