"""A whole sign-out of `Auth`, threads, store and all, is stepped through from outside and held against the machine."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from authsm import (
    SIGN_OUT,
    Auth,
    Authority,
    EffectFailedError,
    Event,
    FailedReply,
    GlobalSignOut,
    MemoryCredentialStore,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutContext,
    SignOutPolicy,
    Transition,
)
from authsm.auth.facts import session_of
from authsm.core.vocabulary import Failure, FailureKind
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.context import Outcome
from authsm.flows.sign_out.plan import settle
from authsm.stores.contract import StoreUnavailableError
from authsm.testing import Cancel, Gate, Raise, ScriptedRunner, Succeed, as_state_machine, sample_session, sample_tokens
from tests.auth.world import GUARD, faulty
from tests.testing.stateful.test_machine import BRIEFLY

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from authsm import Notice, SignOutResult

REMOTE: Final = (ShowHostedUISignOut, RefreshTokens, GlobalSignOut, RevokeToken)


@dataclass(frozen=True)
class Asked:
    """A sign-out to be stepped through."""

    data: SignedInData
    policy: SignOutPolicy
    authority: Authority
    to_all: bool

    def context(self) -> SignOutContext:
        """What it remembers as it begins."""
        facts = session_of(self.data, key="default", epoch=1)
        return SignOutContext(settle(self.policy, facts, self.authority, global_sign_out=self.to_all))


EVERYTHING_IS_DUE: Final = sample_session(SignInMethod.HOSTED_UI, tokens=sample_tokens(expired=True))
SIGN_OUTS: Final = {
    asked.context(): asked
    for asked in (
        *(
            Asked(EVERYTHING_IS_DUE, policy, authority, to_all)
            for policy, authority, to_all in itertools.product(
                (
                    SignOutPolicy(),
                    SignOutPolicy(hosted_ui="last"),
                    SignOutPolicy.amplify_android(),
                    SignOutPolicy.amplify_swift(),
                ),
                Authority,
                (True, False),
            )
        ),
        *(Asked(sample_session(method), SignOutPolicy(), Authority.IAM, to_all=True) for method in SignInMethod),
    )
}

REFRESHING: Final = [context for context in SIGN_OUTS if context.plan.refresh_tokens is None]
"""Those that take every step there is."""


class SteppedSignOut:
    """`Auth` in the machine's terms: each of its handlers, and its store, waits until it is told what to answer."""

    def __init__(self, context: SignOutContext) -> None:
        self._asked = SIGN_OUTS[context]
        self._gate = Gate()
        self._clear = Clearing()
        self._runner = ScriptedRunner(
            dict.fromkeys(REMOTE, self._gate),
            authority=self._asked.authority,
            patience=GUARD,
        )
        store = MemoryCredentialStore()
        store.begin("default", self._asked.data)
        self._auth = Auth(
            faulty(store, clear=self._clear),
            self._runner,
            policy=self._asked.policy,
            observers=[self._see],
        )
        self._changed = threading.Condition()
        self._seen: list[Transition[SignOutContext]] = []
        self._start = SIGN_OUT.start(context)
        self._result: Future[SignOutResult] | None = None

    def _see(self, notice: Notice) -> None:
        if isinstance(notice, Transition):
            with self._changed:
                self._seen.append(notice)
                self._changed.notify_all()

    @property
    def state(self) -> str:
        return self._seen[-1].target.state if self._seen else self._start.state

    @property
    def context(self) -> SignOutContext:
        return self._seen[-1].target.context if self._seen else self._start.context

    @property
    def asked(self) -> str | None:
        """What it really waits for, whatever its transitions say."""
        match self.state:
            case "NotStarted" | "SignedOut" | "PartialSignedOut" | "Error":
                return None
            case "SigningOutLocally":
                assert self._clear.reached.wait(GUARD)
                return "ClearCredentials"
            case _:
                return self._gate.reached(GUARD).name

    def send(self, event: Event) -> None:
        before = len(self._seen)
        if isinstance(event, effects.Begin):
            self._result = self._auth.sign_out_future(global_sign_out=self._asked.to_all)
        elif isinstance(event, effects.CredentialsCleared | effects.ClearCredentialsFailed):
            self._clear.answer(works=isinstance(event, effects.CredentialsCleared))
        else:
            self._gate.answer(_answer(event))
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._seen) > before, GUARD), f"{event} changed nothing"

    def close(self) -> None:
        """Let everything that still waits succeed, and wait for the end."""
        self._gate.open()
        self._clear.answer(works=True)
        if self._result is not None:
            self._result.result(GUARD)
        assert [each.state for each in self._ends()] == ([self.state] if self._result else [])
        self._runner.assert_played()

    def _ends(self) -> list[Any]:
        return [each.target for each in self._seen if SIGN_OUT.is_final(each.target)]


def _answer(event: Any) -> Any:
    if isinstance(event, effects.UserCancelled):
        return Cancel()
    if isinstance(event, FailedReply):
        return Raise(EffectFailedError(event.failure))
    return Succeed(event.note)


class Clearing:
    """Stands before the clear of a store until it is told whether that works."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._answered = threading.Event()
        self._works = True

    def __call__(self, clear: Callable[[], object]) -> object:
        self.reached.set()
        assert self._answered.wait(GUARD), "nobody said whether the clear works"
        if not self._works:
            raise StoreUnavailableError("The disk is full.")
        return clear()

    def answer(self, *, works: bool) -> None:
        if not self._answered.is_set():
            self._works = works
            self._answered.set()


STILL_THERE: Final = Failure(
    FailureKind.REFUSED,
    "StillThere",
    "The credentials are still there: the session is leaving (StoreUnavailableError: The disk is full.).",
)
"""What `Auth` says of a store whose clear fails."""

EVENTS: Final = {
    effects.CredentialsCleared: st.just(effects.CredentialsCleared()),
    effects.ClearCredentialsFailed: st.just(effects.ClearCredentialsFailed(STILL_THERE)),
}


def hold(system: Any) -> None:
    contexts = st.sampled_from(REFRESHING) | st.sampled_from(list(SIGN_OUTS))
    made = as_state_machine(SIGN_OUT, system, contexts=contexts, events=EVENTS, refusal=None)
    run_state_machine_as_test(made, settings=settings(BRIEFLY, max_examples=60))


def test_every_event_of_a_sign_out_goes_through_all_of_it_as_the_machine_says() -> None:
    sent: set[tuple[str, str]] = set()

    class Counting(SteppedSignOut):
        def send(self, event: Event) -> None:
            sent.add((self.state, event.name))
            super().send(event)

    hold(Counting)
    assert sent == {(row.source, row.event.__name__) for row in SIGN_OUT.table.rows}


def test_a_step_that_is_not_the_machines_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody had given `Auth` rows of its own."""
    true_after = SignOutContext.after

    def forget_the_failure(context: SignOutContext, event: Event) -> SignOutContext:
        after = true_after(context, event)
        in_auth = threading.current_thread() is not threading.main_thread()
        return (
            replace(after, revoke_token=Outcome())
            if in_auth and isinstance(event, effects.RevokeTokenFailed)
            else after
        )

    monkeypatch.setattr(SignOutContext, "after", forget_the_failure)
    with pytest.raises(AssertionError, match=r"After RevokeTokenFailed\(.*SignOut remembers .*the system remembers"):
        hold(SteppedSignOut)
