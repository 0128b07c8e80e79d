"""What the tests of `Auth` share: tokens that are easy to find again, scripted handlers, and stores with faults."""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import anyio

from authsm import (
    AWSCredentials,
    Call,
    ClearCredentials,
    CredentialStore,
    EffectFailedError,
    Failure,
    FailureKind,
    GlobalSignOut,
    Notice,
    RefreshTokens,
    RevokeToken,
    RevokeTokenException,
    Runner,
    Secret,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    UserCancelledException,
    UserPoolTokens,
)
from authsm.core.vocabulary import Effect
from authsm.runners.handlers import Handler
from tests.leaks import shapes

GUARD: Final = 20.0
"""Nothing here takes a second; a wait that comes to this has hung, and fails its test."""

SOON: Final = 0.02
"""The time limit of what is scripted to hang."""

REMOTE: Final[tuple[type[Effect], ...]] = (ShowHostedUISignOut, RefreshTokens, GlobalSignOut, RevokeToken)

NOW: Final = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(days=1), NOW + timedelta(days=30)


class Token(StrEnum):
    """What a token may be like."""

    ABSENT = "absent"
    FRESH = "fresh"
    EXPIRED = "expired"
    WITHOUT_SCOPE = "without scope"
    WITHOUT_ORIGIN = "without origin_jti"
    MALFORMED = "malformed"


def jwt(what: Token, name: str, *, expires_at: datetime | None = None) -> str | None:
    """A JSON Web Token whose last part names it, so that it is easily found where it should not be."""
    if what is Token.ABSENT:
        return None
    if what is Token.MALFORMED:
        return f"not.a.token-{name}-malformed"
    claims = {
        "sub": "user-1",
        "username": "ada",
        "exp": (expires_at or (PAST if what is Token.EXPIRED else FUTURE)).timestamp(),
        "scope": "openid" if what is Token.WITHOUT_SCOPE else "aws.cognito.signin.user.admin",
        "origin_jti": "origin-1",
    }
    if what is Token.WITHOUT_ORIGIN:
        del claims["origin_jti"]
    parts = (json.dumps({"alg": "RS256"}), json.dumps(claims), f"signature-of-{name}")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def pool_tokens(
    edition: str = "1", *, access: Token = Token.FRESH, identity: Token = Token.FRESH, refresh: bool = True
) -> UserPoolTokens:
    return UserPoolTokens.from_text(
        access_token=jwt(access, f"access-{edition}"),
        id_token=jwt(identity, f"id-{edition}"),
        refresh_token=f"opaque-refresh-token-{edition}" if refresh else None,
    )


def session(
    method: SignInMethod = SignInMethod.USER_POOL, tokens: UserPoolTokens | None = None, **others: Any
) -> SignedInData:
    fields: dict[str, Any] = {
        "username": "ada",
        "sign_in_method": method,
        "tokens": tokens or pool_tokens(),
        "aws_credentials": AWSCredentials(
            access_key_id="AKIA",
            secret_access_key=Secret("aws/secret+key=1"),
            session_token=Secret("aws/session+token=1"),
            expiration=FUTURE,
        ),
        "signed_in_at": NOW,
    }
    return SignedInData(**{**fields, **others})


EVERY_STEP: Final[tuple[type[Effect], ...]] = (
    ShowHostedUISignOut,
    RefreshTokens,
    GlobalSignOut,
    RevokeToken,
    ClearCredentials,
)
EVERYTHING_IS_DUE: Final = session(SignInMethod.HOSTED_UI, pool_tokens(access=Token.EXPIRED))
"""A session whose global sign-out takes every step there is."""


def shouted(secrets: Iterable[Secret]) -> str:
    """A text that shows tokens in every shape, as a careless service might."""
    return f"it said: {' '.join(shapes(secrets))}!"


class Act(StrEnum):
    """What a handler may do."""

    RETURNS = "returns"
    NOTES = "returns a note"
    NOTES_TOKENS = "returns a note with tokens"
    RETURNS_NONSENSE = "returns a number"
    REFUSED = "raises EffectFailedError, refused"
    UNREACHABLE = "raises EffectFailedError, unreachable"
    TIMED_OUT = "raises EffectFailedError, timed out"
    INTERRUPTED = "raises EffectFailedError, interrupted"
    CONFIGURATION = "raises EffectFailedError, configuration"
    NOT_ATTEMPTED = "raises EffectFailedError, not attempted"
    CANCELLED = "raises EffectFailedError, cancelled"
    UNEXPECTED = "raises EffectFailedError, unexpected"
    CALLS_OFF = "raises UserCancelledException"
    RAISES_AUTH = "raises an AuthException"
    RAISES_VALUE = "raises ValueError"
    RAISES_OS = "raises OSError"
    RAISES_UNPRINTABLE = "raises what cannot be shown"
    RAISES_TOKENS = "raises what shows tokens"
    FAILS_WITH_TOKENS = "raises an EffectFailedError that shows tokens"
    RAISES_EXIT = "raises SystemExit"
    HANGS = "answers once it is told to stop"
    HANGS_AND_RAISES = "raises once it is told to stop"

    @property
    def works(self) -> bool:
        return self in {Act.RETURNS, Act.NOTES, Act.NOTES_TOKENS}

    @property
    def hangs(self) -> bool:
        return self in {Act.HANGS, Act.HANGS_AND_RAISES}


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


_ANSWERS: Final[Mapping[Act, Callable[[str], object]]] = {
    Act.RETURNS: lambda _: None,
    Act.NOTES: lambda _: "a note",
    Act.NOTES_TOKENS: lambda shouted_tokens: shouted_tokens,
    Act.RETURNS_NONSENSE: lambda _: 7,
    Act.HANGS: lambda _: "too late",
}
_ERRORS: Final[Mapping[Act, Callable[[str], BaseException]]] = {
    Act.CALLS_OFF: lambda _: UserCancelledException(),
    Act.RAISES_AUTH: RevokeTokenException,
    Act.RAISES_VALUE: lambda _: ValueError("a value"),
    Act.RAISES_OS: lambda _: ConnectionRefusedError(111, "refused"),
    Act.RAISES_UNPRINTABLE: lambda _: UnprintableError(),
    Act.RAISES_TOKENS: RuntimeError,
    Act.FAILS_WITH_TOKENS: lambda text: EffectFailedError(Failure(FailureKind.REFUSED, text, text)),
    Act.RAISES_EXIT: lambda _: SystemExit(3),
    Act.HANGS_AND_RAISES: lambda _: ValueError("too late"),
}
_SHOUTING: Final = {Act.NOTES_TOKENS, Act.RAISES_AUTH, Act.RAISES_TOKENS, Act.FAILS_WITH_TOKENS}


def _perform(act: Act, tokens: Callable[[], Iterable[Secret]]) -> object:
    text = shouted(tokens()) if act in _SHOUTING else ""
    if act in _ANSWERS:
        return _ANSWERS[act](text)
    if act in _ERRORS:
        raise _ERRORS[act](text)
    kind = FailureKind[act.name]
    raise EffectFailedError(Failure(kind, f"Scripted{kind.name.title()}", "as the script says"))


@dataclass(frozen=True)
class Called:
    """One call of a handler."""

    effect: Effect
    call: Call
    tokens: UserPoolTokens


@dataclass
class Cast:
    """Scripted handlers, and what was asked of them.

    Attributes:
        acts: What each handler does; it returns where nothing else is said.
        before: Called in a handler before it does its act, with the call.
        asynchronous: Whether the handlers are async functions.
    """

    acts: Mapping[type[Effect], Act] = field(default_factory=dict)
    before: dict[type[Effect], Callable[[Call], object]] = field(default_factory=dict)
    asynchronous: bool = False
    called: list[Called] = field(default_factory=list)
    answered: list[type[Effect]] = field(default_factory=list)
    hung: list[type[Effect]] = field(default_factory=list)

    def runner(self, **others: Any) -> Runner:
        make = self._async_handler if self.asynchronous else self._handler
        return Runner(handlers={effect: make(effect) for effect in REMOTE}, **others)

    def tokens_seen(self) -> tuple[Secret, ...]:
        """Every token that a handler was ever given: those from before a refresh, too."""
        return tuple(
            secret for each in self.called for secret in (*each.tokens.secrets(), *each.call.tokens().secrets())
        )

    def names(self) -> list[str]:
        return [each.effect.name for each in self.called]

    def _begin(self, effect: Effect, call: Call) -> Act:
        self.called.append(Called(effect, call, call.tokens()))
        if before := self.before.get(type(effect)):
            before(call)
        return self.acts.get(type(effect), Act.RETURNS)

    def _handler(self, kind: type[Effect]) -> Handler:
        def handler(effect: Any, call: Call) -> Any:
            act = self._begin(effect, call)
            if act.hangs and not call.stop.wait(GUARD):
                self.hung.append(kind)
            self.answered.append(kind)
            return _perform(act, self.tokens_seen)

        return handler

    def _async_handler(self, kind: type[Effect]) -> Handler:
        async def handler(effect: Any, call: Call) -> Any:
            act = self._begin(effect, call)
            if act.hangs:
                try:
                    await anyio.sleep_forever()
                except anyio.get_cancelled_exc_class():
                    if act is Act.HANGS_AND_RAISES:
                        raise  # as a handler should; the other one swallows it
            self.answered.append(kind)
            return _perform(act, self.tokens_seen)

        return handler


def faulty(store: CredentialStore, **faults: Callable[..., Any]) -> Any:
    """A store in which some operations go wrong; `faults` may be changed later.

    Args:
        store: What keeps the credentials.
        faults: By the name of an operation: what is called in its place, with the true operation.
    """
    return _FaultyStore(store, faults)


class _FaultyStore:
    def __init__(self, store: CredentialStore, faults: dict[str, Callable[..., Any]]) -> None:
        self.store = store
        self.faults = faults

    def __getattr__(self, name: str) -> Any:
        true = getattr(self.store, name)
        fault = self.faults.get(name)
        return true if fault is None else lambda *args, **named: fault(lambda: true(*args, **named))


def raising(error: BaseException) -> Callable[..., Any]:
    def fault(_: Callable[[], object]) -> object:
        raise error

    return fault


def raising_after(error: BaseException) -> Callable[..., Any]:
    def fault(true: Callable[[], object]) -> object:
        true()
        raise error

    return fault


def answering(answer: object) -> Callable[..., Any]:
    return lambda _: answer


class Gate:
    """Where a thread waits until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, *_: object) -> None:
        self.entered.set()
        if not self._open.wait(GUARD):
            raise TimeoutError("the gate was never opened")

    def fault(self, true: Callable[[], object]) -> object:
        """Stand before an operation of a `faulty` store."""
        self()
        return true()

    def reached(self) -> None:
        """Wait until a thread stands here."""
        assert self.entered.wait(GUARD), "nobody came to the gate"

    async def reached_async(self) -> None:
        with anyio.fail_after(GUARD):
            while not self.entered.is_set():  # noqa: ASYNC110 - a thread sets it
                await anyio.sleep(0.001)

    def open(self) -> None:
        self._open.set()


def only_first(stands: Callable[[Call], object]) -> Callable[[Call], object]:
    """Let the first call alone stand at a gate."""
    calls = iter([stands])

    def before(call: Call) -> object:
        mine = next(calls, None)
        return mine and mine(call)

    return before


@contextlib.contextmanager
def gate() -> Iterator[Gate]:
    """A gate that opens when the test ends, so that no thread stays behind."""
    made = Gate()
    try:
        yield made
    finally:
        made.open()


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait for something that another thread is about to do."""
    ticking = threading.Event()
    for _ in range(int(GUARD / 0.002)):
        if condition():
            return
        ticking.wait(0.002)
    raise AssertionError(f"this never happened: {what}")


async def eventually_async(condition: Callable[[], object], what: str) -> None:
    with anyio.move_on_after(GUARD):
        while not condition():  # noqa: ASYNC110 - a thread makes it true
            await anyio.sleep(0.002)
    assert condition(), f"this never happened: {what}"


def of_kind(notices: Iterable[Notice], kind: type[Any]) -> list[Any]:
    return [each for each in notices if isinstance(each, kind)]


def states(notices: Iterable[Any]) -> list[str]:
    return [each.target.state for each in notices if hasattr(each, "target")]


EFFECT_OF_STATE: Final[Mapping[str, type[Effect]]] = {
    "SigningOutHostedUI": ShowHostedUISignOut,
    "RefreshingTokens": RefreshTokens,
    "SigningOutGlobally": GlobalSignOut,
    "RevokingToken": RevokeToken,
    "SigningOutLocally": ClearCredentials,
}
