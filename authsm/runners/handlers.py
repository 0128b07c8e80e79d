"""Handlers: who carries out an effect. A runner is a handler for each type of effect it can carry out.

A handler is called with the effect and a `Call`. **It returns, and that is done, or it raises, and that is failed or
cancelled**, so it cannot give a wrong reply. What it returns is None, or a note for the result, or, to tell more than a
note can, the reply that says done: `TokenRevoked` to `RevokeToken`. To say why something failed, it raises
`EffectFailedError`; `UserCancelledException` says that a person called it off.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from authsm.errors import ConfigurationException
from authsm.flows.sign_out.effects import GlobalSignOut
from authsm.flows.sign_out.policy import Authority

if TYPE_CHECKING:
    import threading

    from authsm.core.vocabulary import Event
    from authsm.credentials import UserPoolTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a handler is given beside the effect.

    Attributes:
        id: Names this call among all calls of all runs: ``"3f2a.../2"``.
        attempt: 1, or more when a crash lost the outcome of an earlier attempt.
        ends: When its time is over, on the clock of `time.monotonic`, in seconds.
        stop: Set when the call is given up: nobody waits for its answer any more.
        username: Whose session it is; empty where that is not known.
        tokens: Gives the freshest tokens of the session: read at this moment; for an async handler, as it begins.
        save_refreshed: Stores tokens that were refreshed for this sign-out; for an async handler, as it ends. What a
            refresh did not return is kept as it was.
    """

    id: str
    attempt: int
    ends: float
    stop: threading.Event
    username: str
    tokens: Callable[[], UserPoolTokens]
    save_refreshed: Callable[[UserPoolTokens], None]

    def seconds_left(self) -> float:
        """Give the seconds that are left; 0 when its time is over."""
        return max(0.0, self.ends - time.monotonic())


Said: TypeAlias = "Event | str | None"
"""What a handler returns: nothing, a note, or the effect's reply that says done."""

Handler: TypeAlias = Callable[[Any, Call], "Awaitable[Said] | Said"]
"""Carries out an effect: called with the effect and a `Call`; a plain function, or an async one for `AsyncAuth`."""


@runtime_checkable
class EffectRunner(Protocol):
    """Who carries out the remote effects of a sign-out."""

    @property
    def handlers(self) -> Mapping[type[Any], Handler]:
        """The handler for each type of effect that this runner carries out."""
        ...

    @property
    def authority(self) -> Authority:
        """What authorises its global sign-out; it decides which remote step comes first."""
        ...

    @property
    def hosted_ui_url(self) -> str | None:
        """The URL that signs the browser out, to be tried by hand after a failure; None where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A runner put together by hand.

    Attributes:
        handlers: The handler for each type of effect.
        authority: What authorises its global sign-out.
        hosted_ui_url: The URL that signs the browser out.
    """

    handlers: Mapping[type[Any], Handler] = field(default_factory=dict["type[Any]", Handler])
    authority: Authority = Authority.ACCESS_TOKEN
    hosted_ui_url: str | None = None


RunnerLike: TypeAlias = "EffectRunner | Mapping[type[Any], Handler]"
"""A runner, or just its handlers, by the type of effect.

`Mapping` does not vary in its keys, so ``type[Any]`` is what lets a dict with one type of effect pass a type checker.
"""


def as_runner(runner: RunnerLike) -> EffectRunner:
    """Accept plain handlers as a runner.

    Args:
        runner: A runner, or a handler for each type of effect.

    Returns:
        The runner.

    Raises:
        ConfigurationException: It is neither.
    """
    if isinstance(runner, Mapping):
        return Runner(handlers=runner)
    if isinstance(runner, EffectRunner):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return runner
    raise ConfigurationException(
        f"{type(runner).__name__} is no runner.",
        "Pass a CognitoRunner, an object with handlers, authority and hosted_ui_url, or a dict of handlers.",
    )


def compose(*runners: RunnerLike) -> Runner:
    """Put runners together.

    Args:
        runners: Runners or handlers; for an effect that several carry out, the last one does.

    Returns:
        One runner, with the authority of the part that carries out the global sign-out, and the last URL given.
    """
    handlers: dict[type[Any], Handler] = {}
    authority = Authority.ACCESS_TOKEN
    url: str | None = None
    for each in runners:
        part = as_runner(each)
        handlers.update(part.handlers)
        if GlobalSignOut in part.handlers:
            authority = part.authority
        url = part.hosted_ui_url or url
    return Runner(handlers=handlers, authority=authority, hosted_ui_url=url)


def refuse_async(runner: EffectRunner) -> None:
    """Refuse a runner that a thread cannot run.

    Args:
        runner: The runner.

    Raises:
        ConfigurationException: A handler has to be awaited.
    """
    names = sorted(effect.__name__ for effect, handler in runner.handlers.items() if is_async(handler))
    if names:
        raise ConfigurationException(
            f"The handler for {', '.join(names)} is async, and this call blocks.",
            "Use AsyncAuth, or a plain handler.",
        )


def is_async(handler: Callable[..., object]) -> bool:
    """Tell whether a handler, or another function of the application's, has to be awaited."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004 - asked of the method, not whether there is one
