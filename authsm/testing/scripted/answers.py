"""What a scripted handler may do: the words in which the script of a `ScriptedRunner` is written.

`Succeed`, `Fail`, `Refuse`, `Cancel` and `Raise` answer at once. `Hang` answers when nobody waits any more, and a
`Gate` when the test says so.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import anyio

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.errors import UserCancelledException

if TYPE_CHECKING:
    from types import TracebackType

    from authsm.core.vocabulary import Effect
    from authsm.credentials import UserPoolTokens
    from authsm.runners.handlers import Call

PATIENCE: Final = 30.0
"""How long anything here waits at the most, in seconds: what takes longer hangs, and fails its test."""

LOOK_UP_SECONDS: Final = 0.002
"""How often whoever waits looks whether it may go on, in seconds."""


class Immediate:
    """The base of the answers that are given at once."""

    __slots__ = ()

    def give(self, call: Call) -> str | None:
        """Answer as a handler does.

        Args:
            call: What the handler was given.

        Returns:
            The note, or None.

        Raises:
            BaseException: As the script says.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Succeed(Immediate):
    """It is done.

    Attributes:
        note: What there is to say about it.
        refreshed: Tokens that it stores first, as a handler of `RefreshTokens` does.
    """

    note: str | None = None
    refreshed: UserPoolTokens | None = None

    def give(self, call: Call) -> str | None:
        """Store the tokens, if any, and return."""
        if self.refreshed is not None:
            call.save_refreshed(self.refreshed)
        return self.note


@dataclass(frozen=True, slots=True)
class Fail(Immediate):
    """It fails.

    Attributes:
        kind: Why, in the few words that a machine may ask about.
        code: The other side's code; the kind where it is empty.
        message: One line for a person.
    """

    kind: FailureKind
    code: str = ""
    message: str = "It fails, as scripted."

    def give(self, call: Call) -> str | None:
        """Raise the failure."""
        del call
        raise EffectFailedError(Failure(self.kind, self.code or self.kind.name, self.message))


@dataclass(frozen=True, slots=True)
class Refuse(Immediate):
    """The other side answers, and the answer is no.

    Attributes:
        code: Its code, such as ``"NotAuthorizedException"``.
        message: Its words.
    """

    code: str
    message: str = "Refused, as scripted."

    def give(self, call: Call) -> str | None:
        """Raise the refusal."""
        return Fail(FailureKind.REFUSED, self.code, self.message).give(call)


@dataclass(frozen=True, slots=True)
class Cancel(Immediate):
    """A person calls it off, as at the hosted UI."""

    def give(self, call: Call) -> str | None:
        """Raise what a handler raises then."""
        del call
        raise UserCancelledException


@dataclass(frozen=True, slots=True)
class Raise(Immediate):
    """The handler raises.

    Attributes:
        error: What; an exception, or the class of one.
    """

    error: BaseException | type[BaseException]

    def give(self, call: Call) -> str | None:
        """Raise it; each time without what was found out about the last time."""
        del call
        error = self.error
        raise error if isinstance(error, type) else error.with_traceback(None)


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer comes within the time allowed; use `authsm.Limits` to make that short.

    Attributes:
        then: What is answered once nobody waits any more: observers see it as a `LateAnswer`.
    """

    then: Immediate | None = None


class Gate:
    """The handler waits until the test lets it go on. As a context manager it is open at the end for whoever waits.

    One gate may stand before several effects: `reached` tells which of them has come.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, tuple[Effect, Call]] = {}
        self._answers: dict[str, Immediate] = {}
        self._open: Immediate | None = None

    def __repr__(self) -> str:
        names = [effect.name for effect, _ in self._still_waiting()]
        return f"Gate(waiting={names}, is_open={self._open is not None})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.open()

    def reached(self, seconds: float = PATIENCE) -> Effect:
        """Wait until a handler has come here.

        Args:
            seconds: How long to wait at the most, in seconds.

        Returns:
            The effect that it carries out; of several, the one that came first.

        Raises:
            TimeoutError: None came.
        """
        with self._changed:
            if not self._changed.wait_for(self._still_waiting, seconds):
                raise TimeoutError(f"No handler came to the gate within {seconds:g} s.")
            return self._still_waiting()[0][0]

    async def reached_async(self, seconds: float = PATIENCE) -> Effect:
        """Wait until a handler has come here, without blocking the event loop.

        Args:
            seconds: How long to wait at the most, in seconds.

        Returns:
            As of `reached`.

        Raises:
            TimeoutError: None came.
        """
        with anyio.move_on_after(seconds):
            while not self._still_waiting():  # noqa: ASYNC110 - it may be a thread that comes
                await anyio.sleep(LOOK_UP_SECONDS)
        return self.reached(0)

    def answer(self, answer: Immediate) -> None:
        """Let the handler that came first go on; the next one waits anew.

        Args:
            answer: What it answers.

        Raises:
            RuntimeError: No handler waits here: call `reached` first.
        """
        with self._changed:
            waiting = self._still_waiting()
            if not waiting:
                raise RuntimeError("No handler waits at the gate: wait for one with `reached` first.")
            self._answers[waiting[0][1].id] = answer
            self._changed.notify_all()

    def open(self, answer: Immediate | None = None) -> None:
        """Let every handler go on, from now on.

        Args:
            answer: What they answer; they succeed, if not given.
        """
        with self._changed:
            self._open = answer or Succeed()
            self._changed.notify_all()

    def let_in(self, effect: Effect, call: Call) -> Immediate | None:
        """Tell a handler whether it may go on.

        Args:
            effect: What it carries out.
            call: What it was given.

        Returns:
            What it answers; None as long as it has to wait.
        """
        with self._changed:
            self._waiting.setdefault(call.id, (effect, call))
            answer = self._said_to(call)
            if answer is None:
                self._changed.notify_all()
            else:
                del self._waiting[call.id]
            return answer

    def _said_to(self, call: Call) -> Immediate | None:
        said = self._answers.pop(call.id, self._open)
        return GIVEN_UP if said is None and call.stop.is_set() else said

    def _still_waiting(self) -> list[tuple[Effect, Call]]:
        """Give who waits and has no answer; whoever was given up meanwhile is gone."""
        return [
            (effect, call)
            for effect, call in tuple(self._waiting.values())
            if call.id not in self._answers and not call.stop.is_set()
        ]


Answer: TypeAlias = Immediate | Hang | Gate
"""What a scripted handler does."""

GIVEN_UP: Final = Fail(FailureKind.INTERRUPTED, "GivenUp", "Nobody waits for this answer any more.")
"""What is answered, too late, by a handler that was to do nothing."""
