"""One generator that takes a machine from effect to effect; the blocking and the async runner are thin loops around it.

Everything that decides lives here once, and is tested without a thread or an event loop: how long an effect may take,
what the deadline of the whole run leaves, what an interruption does, and which answers count. The generator yields an
`Ask`: begin it if its number is new, and wait for a message for at most `Ask.seconds`. Send the message in, or None
when none came. It returns the snapshot in which the machine rests.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from authsm.core.vocabulary import Context, Effect, Event, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from authsm.core.machine import Machine, Snapshot

C = TypeVar("C", bound=Context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take, in seconds.

    Attributes:
        deadline: For all effects of a run together that count against it (`Effect.counts`). Effects that are always
            carried out are never shortened by it.
        grace: For what is left to do after an interruption, but for effects that are always carried out.
        seconds: For single effects; `Effect.seconds` holds for those that are not named.
    """

    deadline: float = 30.0
    grace: float = 5.0
    seconds: Mapping[type[Effect], float] = field(default_factory=dict[type[Effect], float])

    def __post_init__(self) -> None:
        """Refuse what is no length of time.

        Raises:
            ValueError: A limit is negative, infinite or not a number.
        """
        named = {"deadline": self.deadline, "grace": self.grace}
        named.update((effect.__name__, seconds) for effect, seconds in self.seconds.items())
        for name, seconds in named.items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"The limit {name} must be a finite number of seconds, 0 or more; it is {seconds!r}.")


@dataclass(frozen=True, slots=True)
class Ask(Generic[C]):
    """An effect that waits for its answer.

    Attributes:
        id: Its number in the run; a number seen before means: keep waiting.
        effect: What to carry out.
        snapshot: Where the machine stands meanwhile.
        seconds: How long to wait for the next message.
    """

    id: int
    effect: Effect
    snapshot: Snapshot[C]
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to an ask."""

    ask: int
    event: Event


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The caller wants to be gone: Ctrl-C, a cancelled task. A second one ends the time of grace."""


Message: TypeAlias = Answer | Interrupt


@dataclass(frozen=True, slots=True)
class Transition(Generic[C]):
    """What observers see after each step.

    Attributes:
        run: Which run it belongs to.
        source: Where the machine stood.
        event: What happened.
        target: Where it stands now.
        effect: The effect that the event answers; None for an event from outside.
        seconds: How long that effect took.
    """

    run: str
    source: Snapshot[C]
    event: Event
    target: Snapshot[C]
    effect: Effect | None
    seconds: float


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """What observers see when an answer is dropped, because its ask was answered or given up before.

    Attributes:
        run: Which run it belongs to.
        ask: The number of the ask.
        event: The answer.
    """

    run: str
    ask: int
    event: Event


Observe: TypeAlias = "Callable[[Any], None]"


def _unseen(notice: object) -> None:
    """Observe nothing."""


def drive(
    machine: Machine[C],
    snapshot: Snapshot[C],
    event: Event | None = None,
    *,
    run: str = "",
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    observe: Observe = _unseen,
    until: type[Effect] | None = None,
) -> Generator[Ask[C], Message | None, Snapshot[C]]:
    """Take a machine from where it stands to where it rests.

    Args:
        machine: The machine.
        snapshot: Where it stands.
        event: What happened there, if anything has.
        run: A name for this run, repeated in what observers see.
        limits: How long things may take; the defaults of `Limits` if not given.
        clock: Gives the time in seconds; only differences count.
        observe: Called with each `Transition` and `LateAnswer` after it happened. It must not raise.
        until: An effect that is carried out elsewhere, and maybe later: where one of this type is asked for, the run is
            suspended. Whoever hears its reply goes on from the snapshot.

    Yields:
        What to wait for.

    Returns:
        The snapshot in which the machine waits for something from outside, is suspended, or has ended.

    Raises:
        UnexpectedEventError: The event, or an answer, is none that the state knows.
    """
    budget = _Budget(limits or Limits(), clock)
    number = 0
    answered: Effect | None = None
    took = 0.0
    while True:
        if event is not None:
            step = machine.step(snapshot, event)
            observe(Transition(run, snapshot, event, step.snapshot, answered, took))
            snapshot = step.snapshot
        answered = machine.pending(snapshot)
        if answered is None or type(answered) is until:
            return snapshot
        number += 1
        budget.begin(answered)
        event = budget.refusal()
        while event is None:
            message = yield Ask(number, answered, snapshot, budget.left())
            match message:
                case Answer(ask, reply) if ask == number:
                    event = reply
                case Answer(ask, reply):
                    observe(LateAnswer(run, ask, reply))
                case Interrupt():
                    budget.interrupt()
                    event = budget.refusal()
                case None:  # pragma: no branch - there is no other message
                    event = budget.refusal()
        took = budget.end()


class _Budget:
    """The time that is left, for the run and for the effect that is pending."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._deadline = limits.deadline
        self._grace_ends = math.inf
        self._effect = Effect()
        self._began = 0.0

    def begin(self, effect: Effect) -> None:
        """Start the clock of an effect."""
        self._effect = effect
        self._began = self._clock()

    def end(self) -> float:
        """Stop the clock of the effect; give the seconds that it took."""
        took = self._clock() - self._began
        if self._effect.counts:
            self._deadline -= took
        return took

    def interrupt(self) -> None:
        """Begin the time of grace, or end it if it has begun."""
        now = self._clock()
        self._grace_ends = now if self._interrupted else now + self._limits.grace

    @property
    def _interrupted(self) -> bool:
        return self._grace_ends < math.inf

    def left(self) -> float:
        """Give the seconds that are left for the pending effect."""
        ends, _ = self._ends()
        return max(0.0, ends - self._clock())

    def refusal(self) -> Event | None:
        """Give the reply to an effect that may not go on; None while it may."""
        effect = self._effect
        if self._interrupted and effect.cancelled is not None:
            return effect.cancelled()
        ends, failure = self._ends()
        return effect.failed(failure()) if self._clock() >= ends else None

    def _ends(self) -> tuple[float, Callable[[], Failure]]:
        """Give the moment at which the pending effect must have ended, and what gives its failure by then."""
        effect = self._effect
        ends, failure = self._began + self._own, self._too_long
        if effect.always:
            return ends, failure
        if effect.counts and self._began + self._deadline < ends:
            ends, failure = self._began + self._deadline, self._past_the_deadline
        if self._grace_ends < ends:
            ends, failure = self._grace_ends, self._out_of_grace
        return ends, failure

    @property
    def _own(self) -> float:
        return self._limits.seconds.get(type(self._effect), self._effect.seconds)

    def _too_long(self) -> Failure:
        message = f"{self._effect.name} gave no answer within {self._own:g} s."
        return Failure(FailureKind.TIMED_OUT, "TimeLimit", message)

    def _past_the_deadline(self) -> Failure:
        limit = f"the deadline of {self._limits.deadline:g} s for the whole run"
        return Failure(FailureKind.TIMED_OUT, "Deadline", f"{self._effect.name} gave no answer before {limit}.")

    def _out_of_grace(self) -> Failure:
        why = f"interrupted, and the {self._limits.grace:g} s of grace ran out"
        return Failure(FailureKind.INTERRUPTED, "Interrupted", f"{self._effect.name} was given up: {why}.")
