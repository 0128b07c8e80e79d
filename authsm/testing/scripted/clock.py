"""A clock that moves when it is told to."""

from __future__ import annotations

import math


class FakeClock:
    """A clock for `authsm.drive`, so that time limits run out at once, and never by accident.

    ::

        >>> from authsm import SIGN_OUT, Answer, Limits, SignOutContext, drive
        >>> from authsm.flows.sign_out.effects import Begin, CredentialsCleared, RevokeTokenFailed
        >>> from authsm.flows.sign_out.plan import Plan, Why
        >>> plan = Plan(key="ada", epoch=1, hosted_ui=Why.POLICY, refresh_tokens=Why.NOT_NEEDED,
        ...             global_sign_out=Why.NOT_REQUESTED)
        >>> clock, seen = FakeClock(), []
        >>> run = drive(SIGN_OUT, SIGN_OUT.start(SignOutContext(plan)), Begin(), clock=clock, observe=seen.append)
        >>> ask = next(run)
        >>> ask.effect.name, ask.seconds
        ('RevokeToken', 10.0)
        >>> clock.advance(10)
        >>> run.send(None).effect.name  # no answer came: it counts as failed, and the next step is due
        'ClearCredentials'
        >>> seen[-1].event.failure.code
        'TimeLimit'

    Args:
        now: What it shows at first, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def __call__(self) -> float:
        """Give what it shows, in seconds."""
        return self._now

    def __repr__(self) -> str:
        return f"FakeClock({self._now!r})"

    def advance(self, seconds: float) -> None:
        """Put it forward.

        Args:
            seconds: By how many seconds; 0 or more.

        Raises:
            ValueError: It would go backward, or show no time any more.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"A clock goes forward by a finite number of seconds, 0 or more, not by {seconds!r}.")
        self._now += seconds
