"""What a test can make go wrong: a fault is queued for an operation and used up by its next calls."""

import enum
import threading
from collections import defaultdict, deque
from dataclasses import dataclass

__all__ = ["Fault", "FaultKind", "FaultQueue"]


class FaultKind(enum.Enum):
    """How a call is spoilt."""

    ERROR = enum.auto()
    DELAY = enum.auto()
    CUT_BEFORE_WORK = enum.auto()
    CUT_AFTER_WORK = enum.auto()
    HTML = enum.auto()
    HANG = enum.auto()
    ECHO_TOKEN = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a call goes wrong. Make one with the constructors below and queue it with ``FakeCognito.fail``.

    Attributes:
        kind: How the call is spoilt.
        code: The error code to answer with.
        message: The error message to answer with.
        status: The HTTP status to answer with.
        seconds: How long to wait before the work.
    """

    kind: FaultKind
    code: str = ""
    message: str = ""
    status: int = 400
    seconds: float = 0.0

    @classmethod
    def error(cls, code: str, message: str = "The fake was told to fail.", status: int = 400) -> "Fault":
        """Refuse without doing the work.

        Args:
            code: The exception's name, such as ``"InternalErrorException"``; on the OAuth endpoints the ``error``.
            message: What the service says about it.
            status: The HTTP status code.

        Returns:
            The fault to queue.
        """
        return cls(kind=FaultKind.ERROR, code=code, message=message, status=status)

    @classmethod
    def throttle(cls) -> "Fault":
        """Refuse because there are too many requests: 400, which botocore's legacy retries do not know."""
        return cls.error("TooManyRequestsException", "Rate exceeded")

    @classmethod
    def delay(cls, seconds: float) -> "Fault":
        """Wait so many seconds, then do the work and answer."""
        return cls(kind=FaultKind.DELAY, seconds=seconds)

    @classmethod
    def cut_before_work(cls) -> "Fault":
        """Close the connection without doing anything."""
        return cls(kind=FaultKind.CUT_BEFORE_WORK)

    @classmethod
    def cut_after_work(cls) -> "Fault":
        """Do the work, then close the connection without an answer: the lost answer."""
        return cls(kind=FaultKind.CUT_AFTER_WORK)

    @classmethod
    def html(cls, status: int = 200) -> "Fault":
        """Answer with an HTML page and no request id, as a captive portal does, and do no work."""
        return cls(kind=FaultKind.HTML, status=status)

    @classmethod
    def hang(cls) -> "Fault":
        """Never answer; the connection is closed when the server stops. No work is done."""
        return cls(kind=FaultKind.HANG)

    @classmethod
    def echo_token(cls) -> "Fault":
        """Refuse with a message that repeats the token which was sent, as some services do. No work is done."""
        return cls(kind=FaultKind.ECHO_TOKEN, code="NotAuthorizedException")


@dataclass(slots=True)
class _Queued:
    fault: Fault
    left: int | None


class FaultQueue:
    """The queued faults of every operation, first in, first out. Safe to share among threads."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, deque[_Queued]] = defaultdict(deque)
        self._lock = threading.Lock()

    def put(self, operation: str, fault: Fault, times: int | None) -> None:
        """Queue a fault for the next so many calls of an operation, or for all of them."""
        if times is not None and times < 1:
            raise ValueError(f"times is at least 1, or None for always, not {times}")
        with self._lock:
            self._queues[operation].append(_Queued(fault, times))

    def take(self, operation: str) -> Fault | None:
        """Return the fault that this call meets, if any, and count it as used."""
        with self._lock:
            queue = self._queues.get(operation)
            if not queue:
                return None
            queued = queue[0]
            if queued.left is not None:
                queued.left -= 1
                if queued.left == 0:
                    queue.popleft()
            return queued.fault

    def clear(self) -> None:
        """Forget every queued fault."""
        with self._lock:
            self._queues.clear()
