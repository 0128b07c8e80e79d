"""`ScriptedRunner`: a runner whose handlers answer by script.

What does the user see when the global sign-out fails? Three lines bring it about::

    >>> from authsm import Auth, GlobalSignOut, MemoryCredentialStore, RevokeToken
    >>> from authsm.testing import Refuse, ScriptedRunner, sample_session
    >>> runner = ScriptedRunner({GlobalSignOut: Refuse("TooManyRequestsException", "Rate exceeded")})
    >>> auth = Auth(MemoryCredentialStore(), runner)
    >>> auth.sign_in(sample_session())

    >>> result = auth.sign_out(global_sign_out=True)  # in your test: what your own code makes of it
    >>> print(result.global_sign_out_error.exception.failure.message)
    Rate exceeded
    >>> runner.names
    ['GlobalSignOut', 'RevokeToken']
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import anyio

from authsm.core.vocabulary import Effect
from authsm.flows.sign_out.effects import (
    ClearCredentials,
    GlobalSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
)
from authsm.flows.sign_out.policy import Authority
from authsm.testing.scripted.answers import GIVEN_UP, LOOK_UP_SECONDS, PATIENCE, Answer, Gate, Hang, Immediate, Succeed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsm.credentials import UserPoolTokens
    from authsm.runners.handlers import Call, Handler

Scripted: TypeAlias = "Answer | Callable[[Any, Call], str | None]"
"""What a handler does once: an answer, or a plain function that is called as a handler is."""

Script: TypeAlias = "Mapping[type[Any], Scripted | Sequence[Scripted]]"
"""What each handler does: one answer for every call, or a list with one for each call and none for any other."""


class UnexpectedCallError(AssertionError):
    """A handler was called more often than the script has answers for it."""


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """One call of a scripted handler. It shows no token.

    Attributes:
        effect: What was asked for.
        call: What the handler was given beside it.
        tokens: The tokens that it would have used.
    """

    effect: Effect
    call: Call = field(repr=False)
    tokens: UserPoolTokens

    @property
    def attempt(self) -> int:
        """1, or more when a crash lost the outcome of an earlier attempt."""
        return self.effect.attempt


class ScriptedRunner:
    """A runner whose handlers do what a script says, and that remembers what it was asked for.

    Effects that the script does not name succeed. As with a `CognitoRunner`, nobody shows the hosted UI unless the
    script names it or its URL is given.

    Args:
        script: What the handler of each effect does: one answer for every call, or a list with one for each call.
        authority: What authorises the global sign-out.
        hosted_ui_url: The URL that signs the browser out, for results.
        asynchronous: Whether the handlers are async functions, for `AsyncAuth`.
        patience: How long a handler hangs or stands at a gate at the most, in seconds.

    Attributes:
        authority: As given.
        hosted_ui_url: As given.

    Raises:
        TypeError: The script names something that is no effect, or no answer.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        authority: Authority = Authority.ACCESS_TOKEN,
        hosted_ui_url: str | None = None,
        asynchronous: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self.authority = authority
        self.hosted_ui_url = hosted_ui_url
        self._always, self._in_turn = _read(script or {})
        self._patience = patience
        self._lock = threading.Lock()
        self._calls: list[ScriptedCall] = []
        self._troubles: list[str] = []
        make = self._async_handler if asynchronous else self._handler
        browser = [ShowHostedUISignOut] if hosted_ui_url else []
        effects: list[type[Any]] = [*browser, RefreshTokens, GlobalSignOut, RevokeToken, *(script or ())]
        self._handlers: dict[type[Any], Handler] = {effect: make() for effect in effects}

    def __repr__(self) -> str:
        return f"ScriptedRunner(calls={self.names})"

    @property
    def handlers(self) -> Mapping[type[Any], Handler]:
        """The handler for each type of effect."""
        return self._handlers

    @property
    def calls(self) -> list[ScriptedCall]:
        """Every call until now, in order."""
        with self._lock:
            return list(self._calls)

    @property
    def names(self) -> list[str]:
        """The names of the effects that were asked for until now, in order."""
        return [each.effect.name for each in self.calls]

    def assert_played(self) -> None:
        """Look whether everything went by the script.

        A call for which there is no answer raises in its handler, and so is a failure in the result, where it may go
        unseen; here it does not.

        Raises:
            AssertionError: A handler was called more or less often than the script has answers for it, or nobody let it
                go on from a gate.
        """
        names = self.names
        left = [
            f"Of the {len(answers)} answers for {effect.__name__}, {names.count(effect.__name__)} were given."
            for effect, answers in self._in_turn.items()
            if names.count(effect.__name__) < len(answers)
        ]
        if troubles := [*self._troubles, *left]:
            raise AssertionError(" ".join(troubles))

    def _handler(self) -> Handler:
        def handler(effect: Effect, call: Call) -> str | None:
            scripted = self._begin(effect, call)
            if not isinstance(scripted, Immediate | Hang | Gate):
                return scripted(effect, call)
            turn = self._turn(scripted, effect, call)
            while (answer := turn()) is None:
                call.stop.wait(LOOK_UP_SECONDS)
            return answer.give(call)

        return handler

    def _async_handler(self) -> Handler:
        async def handler(effect: Effect, call: Call) -> str | None:
            scripted = self._begin(effect, call)
            if not isinstance(scripted, Immediate | Hang | Gate):
                return scripted(effect, call)
            turn = self._turn(scripted, effect, call)
            # A handler that is given up is cancelled; one that is to answer all the same does not listen.
            with anyio.CancelScope(shield=isinstance(scripted, Hang) and scripted.then is not None):
                while (answer := turn()) is None:  # noqa: ASYNC110 - what it waits for may come from a thread
                    await anyio.sleep(LOOK_UP_SECONDS)
                return answer.give(call)
            raise AssertionError(effect)  # pragma: no cover - nobody cancels this scope

        return handler

    def _begin(self, effect: Effect, call: Call) -> Scripted:
        """Remember a call, and give what the script has for it."""
        called = ScriptedCall(effect, call, call.tokens())
        with self._lock:
            self._calls.append(called)
            time_asked = sum(type(each.effect) is type(effect) for each in self._calls)
        answers = self._in_turn.get(type(effect))
        if answers is None:
            return self._always.get(type(effect), _SUCCEED)
        if time_asked > len(answers):
            raise self._trouble(
                UnexpectedCallError,
                f"Call {time_asked} of {effect.name} has no answer: the script has {len(answers)}.",
            )
        return answers[time_asked - 1]

    def _turn(self, scripted: Answer, effect: Effect, call: Call) -> Callable[[], Immediate | None]:
        """Give what a handler asks again and again: what it answers now, or None as long as it has to wait."""
        ends = time.monotonic() + self._patience

        def turn() -> Immediate | None:
            if isinstance(scripted, Immediate):
                return scripted
            if isinstance(scripted, Gate):
                answer = scripted.let_in(effect, call)
            else:
                answer = (scripted.then or GIVEN_UP) if call.stop.is_set() else None
            if answer is None and time.monotonic() > ends:
                raise self._trouble(
                    TimeoutError, f"{effect.name} was neither answered nor given up within {self._patience:g} s."
                )
            return answer

        return turn

    def _trouble(self, kind: type[Exception], what: str) -> Exception:
        with self._lock:
            self._troubles.append(what)
        return kind(what)


_SUCCEED: Final = Succeed()


def _read(script: Script) -> tuple[dict[type[Any], Scripted], dict[type[Any], tuple[Scripted, ...]]]:
    """Tell what is answered always from what is answered in turn."""
    always: dict[type[Any], Scripted] = {}
    in_turn: dict[type[Any], tuple[Scripted, ...]] = {}
    for effect, scripted in script.items():
        _refuse_what_is_no_effect(effect)
        if isinstance(scripted, list | tuple):
            in_turn[effect] = tuple(_answer(effect, each) for each in cast("Sequence[Scripted]", scripted))
        else:
            always[effect] = _answer(effect, scripted)
    return always, in_turn


def _refuse_what_is_no_effect(effect: object) -> None:
    if not (isinstance(effect, type) and issubclass(effect, Effect)):
        raise TypeError(f"A script names types of effects, such as RevokeToken, not {effect!r}.")
    if effect is ClearCredentials:
        raise TypeError("No runner carries out ClearCredentials: `Auth` asks its store. Give it a store that fails.")


def _answer(effect: type[Any], answer: Any) -> Scripted:
    if isinstance(answer, type) or not (isinstance(answer, Immediate | Hang | Gate) or callable(answer)):
        raise TypeError(
            f"The script of {effect.__name__} has {answer!r}, which is no answer: write Succeed(), "
            'Refuse("NotAuthorizedException"), Hang(), a Gate, or a function of (effect, call).'
        )
    return cast("Scripted", answer)
