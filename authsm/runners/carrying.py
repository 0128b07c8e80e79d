"""How an effect is carried out, whatever waits for it: a handler returns or raises, and that becomes the reply."""

from __future__ import annotations

import dataclasses
import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from authsm.core.vocabulary import EffectCancelledError, EffectFailedError, Failure, FailureKind
from authsm.credentials import scrub
from authsm.errors import AuthException, ConfigurationException

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from authsm.core.drive import Ask
    from authsm.core.vocabulary import Effect, Event
    from authsm.credentials import Secret, UserPoolTokens
    from authsm.runners.handlers import Call, Handler

_LONGEST_MESSAGE = 500


class Carrier(Protocol):
    """What a runner's loop needs to carry effects out."""

    @property
    def handlers(self) -> Mapping[type[Effect], Handler]:
        """The handler for each type of effect."""
        ...

    def before(self, ask: Ask[Any]) -> None:
        """Do what has to be durable before the effect begins. Called where blocking is allowed."""
        ...

    def call(self, ask: Ask[Any], stop: threading.Event) -> Call:
        """Make what the handler is given."""
        ...

    def hold(self, tokens: UserPoolTokens) -> None:
        """Give these refreshed tokens to the handlers that come after, before they are stored. Does not block."""
        ...

    def secrets(self) -> Iterable[Secret]:
        """Give what must not be seen in any message."""
        ...


class Reply:
    """Turns what a handler does within a ``with`` block into the reply to its effect.

    Nothing but the reply comes out of the block: a live exception would carry the handler's variables along.

    Args:
        effect: What is carried out.
        carrier: Who carries it out.
        passing: What is no answer of the handler, and passes through: the cancellation of its task.

    Attributes:
        value: To be set to what the handler returned.
        event: The reply, once the block has ended.
    """

    def __init__(self, effect: Effect, carrier: Carrier, *passing: type[BaseException]) -> None:
        self._effect = effect
        self._carrier = carrier
        self._passing = passing
        self.value: object = None
        self.event: Event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, self._passing):
            return False
        try:
            self.event = self._done() if error is None else self._not_done(error)
        except Exception as trouble:  # noqa: BLE001 - without a reply the run would wait for its time limit
            failure = Failure(FailureKind.UNEXPECTED, type(trouble).__name__, "What the handler did cannot be told.")
            self.event = self._effect.failed(failure)
        return True

    def _done(self) -> Event:
        effect, value = self._effect, self.value
        if value is None:
            return effect.done()
        if type(value) is effect.done:
            return self._scrubbed(value)
        if isinstance(value, str):
            done = cast("Callable[..., Event]", effect.done)
            try:
                return done(scrub(value, self._carrier.secrets()))
            except TypeError:
                pass  # this effect's reply takes no note
        if inspect.iscoroutine(value):
            value.close()
        failure = Failure(
            FailureKind.UNEXPECTED,
            "WrongReturn",
            f"The handler of {effect.name} returned a value of type {type(value).__name__}: it returns None, a note or "
            f"{effect.done.__name__}, or raises; and what has to be awaited is a handler that is itself an async "
            "function.",
        )
        return effect.failed(failure)

    def _scrubbed(self, event: Event) -> Event:
        secrets = tuple(self._carrier.secrets())
        said: dict[str, Any] = {each.name: getattr(event, each.name) for each in dataclasses.fields(event)}
        texts = {
            name: scrub(it, secrets) for name, it in said.items() if isinstance(it, str) and not isinstance(it, Enum)
        }
        return type(event)(**{**said, **texts})

    def _not_done(self, error: BaseException) -> Event:
        effect = self._effect
        if isinstance(error, EffectCancelledError) and effect.cancelled is not None:
            return effect.cancelled()
        return effect.failed(failure_of(error, self._carrier.secrets()))


def failure_of(error: BaseException, secrets: Iterable[Secret] = ()) -> Failure:
    """Turn an exception into a value that holds no secret.

    Args:
        error: What was raised.
        secrets: The secrets in hand, to be scrubbed from its message.

    Returns:
        The failure: the one that an `EffectFailedError` brings, else what the kind of the exception says.
    """
    if isinstance(error, EffectFailedError):
        failure = error.failure
        secrets = tuple(secrets)
        return Failure(failure.kind, scrub(failure.code, secrets), scrub(failure.message, secrets))
    if isinstance(error, EffectCancelledError):
        kind = FailureKind.CANCELLED
    elif isinstance(error, AuthException):
        kind = FailureKind.CONFIGURATION if isinstance(error, ConfigurationException) else FailureKind.REFUSED
    elif isinstance(error, TimeoutError):
        kind = FailureKind.TIMED_OUT
    elif isinstance(error, OSError):
        kind = FailureKind.UNREACHABLE
    else:
        kind = FailureKind.UNEXPECTED
    return Failure(kind, type(error).__name__, scrub(_message(error), secrets)[:_LONGEST_MESSAGE])


def handler_of(carrier: Carrier, effect: Effect) -> Handler:
    """Give the handler for an effect.

    Raises:
        EffectFailedError: There is none. Before a sign-out begins this is asked for all effects; one that is resumed
            by another program may still find it out here.
    """
    handler = carrier.handlers.get(type(effect))
    if handler is None:
        message = f"The runner has no handler for {effect.name}."
        raise EffectFailedError(Failure(FailureKind.CONFIGURATION, "MissingHandler", message))
    return handler


def refuse_given_up(stop: threading.Event) -> None:
    """Refuse to begin what nobody waits for any more.

    Args:
        stop: Set when nobody waits.

    Raises:
        EffectFailedError: It is set.
    """
    if stop.is_set():
        raise EffectFailedError(Failure(FailureKind.INTERRUPTED, "GivenUp", "It was given up before it was begun."))


def _message(error: BaseException) -> str:
    try:
        return " ".join(str(error).split()) or type(error).__name__
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything, and the reply must still come
        return "an exception that cannot be shown"
