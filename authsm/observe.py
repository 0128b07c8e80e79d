"""Observers: who is told what a sign-out does, after it did it.

An observer is any callable that takes one argument, the notice. It is called in the thread or event loop that runs the
sign-out, and has to return quickly. One that raises is logged and dropped; it never breaks a sign-out.

`log_notices` is always there. It writes to the standard library's logger ``authsm``, through structlog, and costs
nothing until the application configures that logger.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from authsm.core.drive import LateAnswer, Transition
from authsm.core.vocabulary import FailedReply
from authsm.flows.sign_out.effects import TokenRevoked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class SignedOutLocally:
    """Told once, when the local credentials of a session are gone.

    Attributes:
        run: Which run it belongs to.
        key: The session's key in the store.
        epoch: The session's epoch there.
        resumed: Whether this ends a sign-out that a crash had interrupted; it may then have been told before.
    """

    run: str
    key: str
    epoch: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The journal of a sign-out could not be written or read. The sign-out goes on.

    Attributes:
        run: Which run it belongs to.
        key: The session's key in the store.
        reason: Why, in one line without a secret.
    """

    run: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class ObserverDropped:
    """An observer raised, and is told nothing any more.

    Attributes:
        run: Which run it belongs to.
        observer: Its name.
        reason: The kind of the exception. Its text stays unseen: it may show anything.
    """

    run: str
    observer: str
    reason: str


Notice: TypeAlias = "Transition[Any] | LateAnswer | SignedOutLocally | JournalFailed | ObserverDropped"
"""What an observer is called with."""

Observer: TypeAlias = "Callable[[Notice], object]"
"""Whoever wants to know; called with each `Notice`."""


class Audience:
    """The observers of a sign-out, from any thread.

    Args:
        run: Which run they observe.
        observers: Who is told.
    """

    def __init__(self, run: str, observers: Iterable[Observer]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._observers: list[Observer] = [log_notices]
        self.add(observers)

    def add(self, observers: Iterable[Observer]) -> None:
        """Let more observers see what happens from now on."""
        with self._lock:
            self._observers.extend(each for each in observers if each not in self._observers)

    def tell(self, notice: Notice) -> None:
        """Tell every observer. Never raises."""
        with self._lock:
            observers = tuple(self._observers)
        for observer in observers:
            try:
                observer(notice)
            except KeyboardInterrupt:
                raise  # Ctrl-C that came in this moment; it is nobody's to swallow
            except BaseException as error:  # noqa: BLE001 - an observer is a stranger, and must not break a sign-out
                self._drop(observer, error)

    def _drop(self, observer: Observer, error: BaseException) -> None:
        with self._lock:
            self._observers = [each for each in self._observers if each is not observer]
        name = type(observer).__qualname__
        with contextlib.suppress(Exception):  # a stranger's attributes may raise, too
            name = getattr(observer, "__qualname__", name)
        with contextlib.suppress(Exception):  # a filter or handler of the application's logging may raise, too
            log_notices(ObserverDropped(self._run, name, type(error).__name__))


_logger = logging.getLogger("authsm")
_logger.addHandler(logging.NullHandler())


def log_notices(notice: Notice) -> None:
    """Log a notice: steps at DEBUG, ends at INFO, what failed or could not be done at WARNING.

    Args:
        notice: What happened.
    """
    level = _level(notice)
    if not _logger.isEnabledFor(level):
        return
    import structlog  # noqa: PLC0415 - heavy, and of no use until the application wants to see the log

    log = structlog.wrap_logger(
        _logger,
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
    )
    log.log(level, type(notice).__name__, **_fields(notice))


def _level(notice: Notice) -> int:
    match notice:
        case Transition(event=FailedReply()) | LateAnswer() | JournalFailed() | ObserverDropped():
            return logging.WARNING
        case Transition(event=TokenRevoked() as revoked) if revoked.sso_session_lives_on:
            return logging.WARNING
        case SignedOutLocally():
            return logging.INFO
        case Transition():
            return logging.DEBUG


def _fields(notice: Notice) -> dict[str, object]:
    match notice:
        case Transition():
            said: dict[str, object] = {
                "run": notice.run,
                "source": notice.source.state,
                "cause": notice.event.name,
                "target": notice.target.state,
            }
            if notice.effect is not None:
                said |= {"effect": notice.effect.name, "attempt": notice.effect.attempt, "seconds": notice.seconds}
            if isinstance(notice.event, FailedReply):
                failure = notice.event.failure
                said |= {"kind": failure.kind.value, "code": failure.code, "message": failure.message}
            if isinstance(notice.event, TokenRevoked) and notice.event.sso_skipped is not None:
                said |= {"end_sso_session": notice.event.sso_skipped.value}
            return said
        case LateAnswer():
            return {"run": notice.run, "ask": notice.ask, "cause": notice.event.name}
        case SignedOutLocally():
            return {"run": notice.run, "key": notice.key, "epoch": notice.epoch, "resumed": notice.resumed}
        case JournalFailed():
            return {"run": notice.run, "key": notice.key, "reason": notice.reason}
        case ObserverDropped():
            return {"run": notice.run, "observer": notice.observer, "reason": notice.reason}
