"""The library's own `drive`, one message at a time, with a clock that stands still until a time limit is to run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from authsm.core import drive as driving
from authsm.core.drive import Answer, Ask, LateAnswer, Limits
from authsm.core.vocabulary import Context

if TYPE_CHECKING:
    from authsm.core.drive import Message
    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event

C = TypeVar("C", bound=Context)
T = TypeVar("T")


def there(value: T | None) -> T:
    """Give what must be there.

    Args:
        value: What is there, or None.

    Returns:
        What is there.
    """
    assert value is not None  # noqa: S101 - as said
    return value


class BrokenDriveError(AssertionError):
    """The loop that every runner shares took an answer that it has to drop."""


_NO_DEADLINE = Limits(deadline=1e12)


class Driver(Generic[C]):
    """The library's own `drive`, for one message.

    Attributes:
        snapshot: Where the machine stands.
        event: What was taken last.
    """

    def __init__(self, machine: Machine[C], snapshot: Snapshot[C], event: Event | None = None) -> None:
        self.snapshot = snapshot
        self.event: Event
        self._now = 0.0
        self._late = 0
        self._drive = driving.drive(
            machine, snapshot, event, limits=_NO_DEADLINE, clock=lambda: self._now, observe=self._observe
        )
        self._ask: Ask[C] | None = None
        self._send(None)

    def _observe(self, notice: Any) -> None:
        if isinstance(notice, LateAnswer):
            self._late += 1
        else:
            self.event = notice.event

    def _send(self, message: Message | None) -> None:
        try:
            self._ask = self._drive.send(message)
            self.snapshot = self._ask.snapshot
        except StopIteration as stop:
            self._ask = None
            self.snapshot = stop.value

    def answer(self, reply: Event | None, *, repeated: bool) -> None:
        """Answer the effect that is pending, or let its time run out."""
        ask = there(self._ask)
        if reply is None:
            self._now += ask.seconds
            self._send(None)
        else:
            self._send(Answer(ask.id, reply))
            if repeated and self._ask is not None:
                self._deliver(Answer(ask.id, reply))

    def deliver_to_another_ask(self, reply: Event) -> None:
        """Deliver an answer to an ask that was given up."""
        self._deliver(Answer(there(self._ask).id - 1, reply))

    def _deliver(self, answer: Answer) -> None:
        before, told = self._ask, self._late
        self._send(answer)
        if self._ask != before or self._late != told + 1:
            raise BrokenDriveError(f"{answer.event.name}, which came late or twice, was not dropped and told.")
