"""Where a runner is tried: the service it turns to, calls as `Auth` makes them, and what was done, as Python source."""

from __future__ import annotations

import inspect
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authsm.core.vocabulary import EffectCancelledError
from authsm.flows.sign_out.effects import (
    DoneReply,
    GlobalSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignOutEffect,
)
from authsm.runners.handlers import Call, is_async

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsm.credentials import UserPoolTokens
    from authsm.runners.handlers import EffectRunner
    from authsm.testing.conformance.services import Service, ServiceSession, Trouble
    from authsm.testing.conformance.stage import Ran, Stage

EFFECTS: Final[tuple[type[SignOutEffect], ...]] = (RefreshTokens, GlobalSignOut, RevokeToken, ShowHostedUISignOut)
"""Every remote effect of a sign-out."""

AT_THE_SERVICE: Final[tuple[type[SignOutEffect], ...]] = (RefreshTokens, GlobalSignOut, RevokeToken)
"""Those for which the service is asked by the runner itself, and not by a browser."""

_PAUSE: Final = 0.005

_LONG: Final = 20.0
"""How long to wait, in seconds, for what does not hang."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call of a handler.

    Attributes:
        ran: Whether it ended, what it returned, what it raised.
        saved: The refreshed tokens that it stored.
    """

    ran: Ran
    saved: tuple[UserPoolTokens, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether it ended within its time."""
        return self.ran.ended

    @property
    def answers_rightly(self) -> bool:
        """Whether it returned nothing, a note or a reply that says done, or raised."""
        return self.ran.error is not None or self.ran.value is None or isinstance(self.ran.value, str | DoneReply)

    @property
    def done(self) -> bool:
        """Whether that counts as done."""
        return self.ended and self.ran.error is None and self.answers_rightly

    @property
    def cancelled(self) -> bool:
        """Whether that counts as called off by a person."""
        return isinstance(self.ran.error, EffectCancelledError)

    def __str__(self) -> str:
        if not self.ended:
            return "that it goes on"
        if self.ran.error is not None:
            return f"that it raised {type(self.ran.error).__name__}"
        return "that it returned " + ("nothing" if self.ran.value is None else f"a {type(self.ran.value).__name__}")


@dataclass
class Device:
    """A session of a user who is signed in on another device, too.

    Attributes:
        here: The session that is to be signed out.
        elsewhere: The other one.
    """

    here: ServiceSession
    elsewhere: ServiceSession


@dataclass
class Bench:
    """A runner and its service.

    Attributes:
        stage: Where handlers run.
        service: What they turn to.
        runner: Whose they are.
        seconds: How long a call has where the service never answers.
        patience: How much later than that it may end.
        lines: What was done, as source.
    """

    stage: Stage
    service: Service
    runner: EffectRunner
    seconds: float
    patience: float
    lines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._devices: list[Device] = []
        self._numbers = itertools.count(1)

    def effects(self, among: tuple[type[SignOutEffect], ...] = EFFECTS) -> list[type[SignOutEffect]]:
        """Give the effects that the runner has handlers for."""
        return [effect for effect in among if effect in self.runner.handlers]

    def sign_in(self, again: Device | None = None) -> Device:
        """Sign a user in, here and elsewhere.

        Args:
            again: Whose session: a user who was signed in before; a new one if not given.
        """
        here = self.service.sign_in(again.here.username if again else None)
        device = Device(here, self.service.sign_in(here.username))
        self._devices.append(device)
        self.lines.append(f"{self.name_of(device)} = bench.sign_in({self.name_of(again) if again else ''})")
        return device

    def spoil(self, effect: type[SignOutEffect], trouble: Trouble) -> None:
        """Let something go wrong at the service; see `Service.spoil`."""
        self.lines.append(f"bench.spoil({effect.__name__}, Trouble.{trouble.name})")
        self.service.spoil(effect, trouble)

    def heal(self) -> None:
        """Let nothing go wrong from now on."""
        self.lines.append("bench.heal()")
        self.service.heal()

    def ask(
        self,
        effect: type[SignOutEffect],
        device: Device,
        *,
        attempt: int = 1,
        hangs: bool = False,
        stops: bool = False,
    ) -> Outcome:
        """Have an effect carried out.

        Args:
            effect: Which.
            device: For whose session.
            attempt: Which attempt it is.
            hangs: Whether the service never answers: then the time of the call is short.
            stops: Whether it is given up as soon as the service has been asked.

        Returns:
            What came of it.
        """
        if hangs:
            return self.ask_all({effect: device}, attempt=attempt, stops=stops)[effect]
        self._say_asked(effect, device, attempt=attempt)
        return self.begin(effect, device, attempt=attempt)()

    def ask_all(
        self, devices: Mapping[type[SignOutEffect], Device], *, attempt: int = 1, stops: bool = False
    ) -> dict[type[SignOutEffect], Outcome]:
        """Have effects carried out, all at once, where the service never answers: each takes its time.

        Args:
            devices: For whose session, by the effect.
            attempt: Which attempt it is.
            stops: Whether each is given up as soon as the service has been asked.

        Returns:
            What came of each.
        """
        stop, before = threading.Event(), {effect: self.service.calls(effect) for effect in devices}
        waits: dict[type[SignOutEffect], Callable[[], Outcome]] = {}
        for effect, device in devices.items():
            self._say_asked(effect, device, attempt=attempt, hangs=True, stops=stops)
            waits[effect] = self.begin(effect, device, attempt=attempt, stop=stop, seconds=self.seconds)
        if stops:
            ends = time.monotonic() + self.seconds
            while time.monotonic() < ends and any(self.service.calls(each) == before[each] for each in devices):
                time.sleep(_PAUSE)
            stop.set()
        outcomes = {effect: wait() for effect, wait in waits.items()}
        stop.set()
        return outcomes

    def _say_asked(self, effect: type[SignOutEffect], device: Device, **named: object) -> None:
        usual = {"attempt": 1, "hangs": False, "stops": False}
        said = "".join(f", {name}={value!r}" for name, value in named.items() if value != usual[name])
        self.lines.append(f"outcome = bench.ask({effect.__name__}, {self.name_of(device)}{said})")

    def begin(
        self,
        effect: type[SignOutEffect],
        device: Device,
        *,
        attempt: int = 1,
        stop: threading.Event | None = None,
        seconds: float = _LONG,
    ) -> Callable[[], Outcome]:
        """Begin to have an effect carried out; what is given back waits for what comes of it."""
        saved: list[UserPoolTokens] = []
        number = next(self._numbers)
        call = Call(
            id=f"conformance/{number}",
            attempt=attempt,
            ends=time.monotonic() + seconds,
            stop=stop or threading.Event(),
            username=device.here.username,
            tokens=lambda: device.here.tokens,
            save_refreshed=saved.append,
        )
        handler = self.runner.handlers[effect]
        wait = self.stage.begin(handler, effect(attempt, "conformance", number), call)

        def outcome() -> Outcome:
            # A plain handler gives up by itself; an async one may be cancelled when its time is over, as by AsyncAuth.
            left = call.seconds_left()
            late = max(0.0, call.ends + self.patience - time.monotonic())
            ran = wait(left, self.patience) if is_async(handler) else wait(late)
            if inspect.iscoroutine(ran.value):
                ran.value.close()  # of a plain handler: nobody awaits it
            return Outcome(ran, tuple(saved))

        return outcome

    def is_done(self, effect: type[SignOutEffect], device: Device, outcome: Outcome) -> bool:
        """Tell whether an effect was carried out in truth."""
        if effect is RefreshTokens:
            return bool(outcome.saved) and self.service.is_alive(outcome.saved[-1].over(device.here.tokens))
        if effect is GlobalSignOut and self.service.is_alive(device.elsewhere.tokens):
            return False
        return not self.service.is_alive(device.here.tokens)

    def require(self, condition: object, source: str, what: str, outcome: Outcome | None = None) -> None:
        """Fail unless something is so.

        Args:
            condition: Whether it is so.
            source: The same, as source.
            what: What is expected, as the end of a sentence.
            outcome: What was found instead.
        """
        if not condition:
            self.lines.append(f"assert {source}, outcome" if outcome else f"assert {source}")
            raise AssertionError(f"expected that {what}{f'; found {outcome}' if outcome else ''}")

    def name_of(self, device: Device) -> str:
        """Give the name of a session in the source."""
        return f"session_{self._devices.index(device) + 1}"
