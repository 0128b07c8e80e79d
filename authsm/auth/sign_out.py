"""One sign-out from its facts to its result: plans it, fences off the store, journals, clears, and reads the result."""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

from authsm._version import __version__
from authsm.auth.facts import evidence_of, session_of, still_to_come, username_of
from authsm.auth.holders import SUPERSEDED, Found, Held
from authsm.core.drive import Limits, Transition, drive
from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import scrub
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.effects import (
    Begin,
    ClearCredentials,
    CredentialsCleared,
    HostedUISignOutFailed,
    ShowHostedUISignOut,
    SignOutEffect,
)
from authsm.flows.sign_out.plan import Plan, Why, settle, settle_retry
from authsm.flows.sign_out.results import result_of
from authsm.observe import Audience, JournalFailed, SignedOutLocally
from authsm.runners.carrying import failure_of
from authsm.runners.handlers import Call

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
    from datetime import datetime

    from authsm.auth.holders import Holder
    from authsm.core.drive import Ask, Message
    from authsm.core.machine import Snapshot
    from authsm.core.vocabulary import Effect
    from authsm.credentials import Secret, UserPoolTokens
    from authsm.flows.sign_out.plan import Session, Unfinished
    from authsm.flows.sign_out.policy import Authority, SignOutPolicy
    from authsm.flows.sign_out.results import Evidence, SignOutResult
    from authsm.observe import Notice, Observer
    from authsm.runners.handlers import EffectRunner, Handler

_CLOCKS_DIFFER_BY: Final = 60.0

SignOutDriver: TypeAlias = "Generator[Ask[SignOutContext], Message | None, Snapshot[SignOutContext]]"


class Request(Protocol):
    """What a caller asked for. Requests that are equal may share one flight."""

    def plan(self, session: Session, authority: Authority) -> Plan:
        """Settle what is to be done."""
        ...


@dataclass(frozen=True, slots=True)
class SignOutRequest:
    """Sign out.

    Attributes:
        policy: What the application chose.
        global_sign_out: Whether every session of the user is to end.
    """

    policy: SignOutPolicy
    global_sign_out: bool

    def plan(self, session: Session, authority: Authority) -> Plan:
        """Settle what is to be done."""
        return settle(self.policy, session, authority, global_sign_out=self.global_sign_out)


def sign_out_request(policy: SignOutPolicy, *, global_sign_out: bool) -> SignOutRequest:
    """Ask for a sign-out.

    Args:
        policy: What the application chose.
        global_sign_out: Whether every session of the user is to end.

    Returns:
        The request.

    Raises:
        ConfigurationException: A global sign-out was asked for that the policy forbids.
    """
    if policy.local_only and global_sign_out:
        raise ConfigurationException(
            "A global sign-out was asked for, and the policy says local_only.", "Drop one of the two."
        )
    return SignOutRequest(policy, global_sign_out)


@dataclass(frozen=True, slots=True)
class SuspendingRequest(SignOutRequest):
    """Sign out, but for the hosted UI, which answers later.

    Attributes:
        through: Who hears that answer. Sign-outs that are suspended in the same way may share one flight.
    """

    through: Hashable


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Try again what failed in a partial sign-out.

    Attributes:
        policy: What the application chose.
        unfinished: What failed.
        tokens_valid_until: What the partial result said.
    """

    policy: SignOutPolicy
    unfinished: Unfinished
    tokens_valid_until: datetime | None = None

    def plan(self, session: Session, authority: Authority) -> Plan:
        """Settle what is to be done."""
        return settle_retry(self.policy, session, authority, self.unfinished)


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written down of a sign-out in progress. It holds no token.

    Attributes:
        version: The version of authsm that wrote it.
        run: Which run it belongs to.
        epoch: The session's epoch in the store.
        global_sign_out: Whether every session of the user is to end; read even where the snapshot cannot be.
        snapshot: Where the machine stood, as `Machine.to_json` wrote it.
    """

    version: str
    run: str
    epoch: int
    global_sign_out: bool
    snapshot: str


def asked_for_all(journal: str) -> bool:
    """Tell from a journal whether every session of the user is to end; False where it cannot be read.

    Args:
        journal: What was written down.

    Returns:
        What the interrupted sign-out was asked for.
    """
    try:
        return msgspec.json.decode(journal, type=Journal).global_sign_out
    except msgspec.DecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Standing:
    """A sign-out that stands at the hosted UI, with everything else behind it. It holds no token.

    Attributes:
        run: The name of its run.
        snapshot: Where the machine stands.
        username: Whose session it was.
        tokens_valid_until: When the last of the session's tokens ends.
    """

    run: str
    snapshot: Snapshot[SignOutContext]
    username: str
    tokens_valid_until: datetime | None


class Suspension(Protocol):
    """Keeps a sign-out that stands at the hosted UI, for whoever hears that the browser has come back."""

    def keep(self, standing: Standing) -> None:
        """Keep it, durably. May block, and may raise whatever writing can raise: the hosted UI has failed then."""
        ...


_ON_ITS_WAY: Final = Failure(
    FailureKind.NOT_ATTEMPTED, "Suspended", "The browser is on its way, and has not come back yet."
)


class SignOutRun:
    """One sign-out, for a runner's loop to run.

    Args:
        holder: Who holds the credentials.
        runner: Who carries out the remote effects.
        request: What was asked for.
        limits: How long things may take.
        observers: Who is told.
        journal: What was written down of a sign-out that a crash interrupted, if this one is to end it.
        suspension: Keeps this sign-out where it comes to the hosted UI; if not given, a handler carries that out.

    Attributes:
        id: The name of this run.
        audience: Who is told.
        cleared: Called when the local clear has an outcome.
        newer_epoch: Of a sign-in that came after this sign-out was asked for: that session is none of its business.
        handlers: Who carries out the effects.
        suspension: Who keeps this sign-out where it comes to the hosted UI.
        is_suspended: Whether it is kept there now.
    """

    def __init__(
        self,
        holder: Holder,
        runner: EffectRunner,
        request: Request,
        *,
        limits: Limits,
        observers: Iterable[Observer] = (),
        journal: str | None = None,
        suspension: Suspension | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.audience = Audience(self.id, observers)
        self.cleared: Callable[[], None] = _nothing
        self.newer_epoch: float = math.inf
        self.handlers: Mapping[type[Effect], Handler] = {**runner.handlers, ClearCredentials: self._clear}
        self._holder = holder
        self._runner = runner
        self._request = request
        self._limits = limits
        self._was_signed_in = False
        self._username = ""
        self._journal = journal
        self._clear_is_last = True
        self._has_cleared = False
        self._resumed = journal is not None
        self.suspension = suspension
        self.is_suspended = False

    @property
    def seconds_to_open(self) -> float:
        """How long the holder may take to say what it holds, in seconds."""
        return self._limits.seconds.get(ClearCredentials, ClearCredentials.seconds)

    def start(self) -> SignOutDriver:
        """Read the facts, settle the plan, and begin; or go on where a crash interrupted. Blocks, and never raises.

        Returns:
            The driver, for a runner's loop.
        """
        if self._journal is not None:
            try:
                return self._resume(self._journal)
            except (msgspec.DecodeError, ValueError) as error:
                # Another version wrote it. Every remote step can safely be tried again, so begin from the start.
                self.audience.tell(JournalFailed(self.id, self._holder.key, scrub(str(error))))
        try:
            held = self._holder.open()
            if held.epoch >= self.newer_epoch:
                held = self._nothing_left_of(0)
            self._was_signed_in = held.data is not None
            self._username = username_of(held.data)
            session = session_of(held.data, key=self._holder.key, epoch=held.epoch, leeway=self._leeway)
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything
            return self.start_unread(failure_of(error).message)
        return self._begin_for(session)

    @property
    def _leeway(self) -> float:
        """How long the access token must still be valid for the global sign-out, in seconds."""
        if ShowHostedUISignOut not in self.handlers:
            return _CLOCKS_DIFFER_BY
        return _CLOCKS_DIFFER_BY + self._limits.seconds.get(ShowHostedUISignOut, ShowHostedUISignOut.seconds)

    def _nothing_left_of(self, epoch: int) -> Held:
        """Give what is held of a session that is over; whatever stands in its place is left alone."""
        self._holder.reopen(epoch)
        return Held(epoch, None)

    def start_unread(self, reason: str) -> SignOutDriver:
        """Begin, and end at once, because the credentials could not be read.

        Args:
            reason: Why, in one line.

        Returns:
            The driver, for a runner's loop.
        """
        return self._begin(self._stopped(Why.STORE_UNREADABLE, scrub(reason)))

    def start_called_off(self) -> SignOutDriver:
        """Begin, and end at once, because every caller left before the turn of this sign-out had come.

        Returns:
            The driver, for a runner's loop.
        """
        return self._begin(self._stopped(Why.USER_CANCELLED))

    def _stopped(self, why: Why, message: str = "", *, epoch: int = 0) -> Plan:
        plan = Plan.stopped(self._holder.key, why, message, epoch=epoch)
        if isinstance(self._request, RetryRequest):
            return replace(plan, clear_credentials=Why.ALREADY_DONE)
        return plan

    def _begin_for(self, session: Session) -> SignOutDriver:
        return self._begin(self._stop_if_a_handler_is_missing(self._request.plan(session, self._runner.authority)))

    def _begin(self, plan: Plan) -> SignOutDriver:
        start = SIGN_OUT.start(SignOutContext(plan))
        until = ShowHostedUISignOut if self.suspension is not None else None
        return drive(SIGN_OUT, start, Begin(), run=self.id, limits=self._limits, observe=self.observe, until=until)

    def _resume(self, text: str) -> SignOutDriver:
        journal = msgspec.json.decode(text, type=Journal)
        step = SIGN_OUT.again(SIGN_OUT.from_json(journal.snapshot))
        again = step.snapshot
        found = self._holder.reopen(journal.epoch)
        if found is Found.NOTHING or (found is Found.TOMBSTONE and not isinstance(step.effect, ClearCredentials)):
            # Somebody else has ended it since the journal was read: there is nothing to be done twice.
            return self._begin_for(session_of(None, key=self._holder.key, epoch=journal.epoch))
        self._was_signed_in = True
        self._username = username_of(self._holder.known)
        return drive(SIGN_OUT, again, run=self.id, limits=self._limits, observe=self.observe)

    def _stop_if_a_handler_is_missing(self, plan: Plan) -> Plan:
        if plan.stop is not None:
            return plan
        missing = [effect.__name__ for effect in _due(plan) if effect not in self.handlers]
        if not missing:
            return plan
        message = f"The runner has no handler for {', '.join(missing)}, which this sign-out needs."
        return self._stopped(Why.MISSING_HANDLER, message, epoch=plan.epoch)

    def observe(self, notice: Notice) -> None:
        """Tell the observers; when the clear has an outcome, whoever waits for this session may go on."""
        self.audience.tell(notice)
        if not isinstance(notice, Transition) or not isinstance(notice.effect, ClearCredentials):
            return
        event = notice.event
        self.cleared()  # first: an observer that is told may begin another sign-out, which must not wait for this one
        if isinstance(event, CredentialsCleared) and self._was_signed_in and event.note != SUPERSEDED:
            effect = notice.effect
            self.audience.tell(SignedOutLocally(self.id, effect.key, effect.epoch, self._resumed))

    def before(self, ask: Ask[Any]) -> None:
        """Fence off saves and journal, before each effect that cannot be undone. Blocks, and never raises."""
        effect = ask.effect
        if not (self._was_signed_in and isinstance(effect, SignOutEffect) and effect.irreversible):
            return
        plan = ask.snapshot.context.plan
        self._clear_is_last = not (plan.hosted_ui_last and plan.hosted_ui is None)
        to_all = isinstance(self._request, SignOutRequest) and self._request.global_sign_out
        journal = Journal(__version__, self.id, effect.epoch, to_all, SIGN_OUT.to_json(ask.snapshot))
        self._write(lambda: self._holder.write_journal(msgspec.json.encode(journal).decode()))

    def _write(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever a store raises: a journal never stops a sign-out
            reason = failure_of(error, self.secrets()).message
            self.audience.tell(JournalFailed(self.id, self._holder.key, reason))

    def call(self, ask: Ask[Any], stop: threading.Event) -> Call:
        """Make what a handler is given; see `Call`."""
        return Call(
            id=f"{self.id}/{ask.id}",
            attempt=ask.effect.attempt,
            ends=time.monotonic() + ask.seconds,
            stop=stop,
            username=self._username,
            tokens=self._holder.tokens,
            save_refreshed=self._holder.save_refreshed,
        )

    def hold(self, tokens: UserPoolTokens) -> None:
        """Use refreshed tokens from now on, before they are stored. Does not block."""
        self._holder.hold(tokens)

    def _clear(self, _: ClearCredentials, __: Call) -> str | None:
        note = self._holder.clear()
        self._has_cleared = note in {None, SUPERSEDED}  # what is left to be destroyed is for `resume`
        # Where nobody was signed in, the journal may be that of a suspended sign-out which died after its clear.
        is_ours = self._was_signed_in or self._resumed or self.suspension is None
        if self._has_cleared and self._clear_is_last and is_ours:
            self._write(self._holder.erase_journal)
        return note

    @property
    def has_to_finish(self) -> bool:
        """Whether `finish` has something to do."""
        return self._has_cleared and not self._clear_is_last

    def finish(self) -> None:
        """Forget the journal of a sign-out that had more to do after the clear. Blocks, and never raises."""
        if self.has_to_finish:
            self._write(self._holder.erase_journal)

    def give_up_finishing(self) -> None:
        """Tell that `finish` took too long."""
        reason = f"The credential store gave no answer within {self.seconds_to_open:g} s."
        self.audience.tell(JournalFailed(self.id, self._holder.key, reason))

    def suspend(self, end: Snapshot[SignOutContext]) -> Snapshot[SignOutContext]:
        """Have a sign-out that stands at the hosted UI kept there. Blocks, and never raises.

        Args:
            end: Where the machine rests.

        Returns:
            Where it would have ended, were the browser never to come back; or where it has ended.
        """
        effect = SIGN_OUT.pending(end)
        if effect is None or self.suspension is None:
            return end
        evidence = self._evidence()
        try:
            self.suspension.keep(Standing(self.id, end, self._username, evidence.tokens_valid_until))
        except Exception as error:  # noqa: BLE001 - whatever a store raises: nobody could hear the browser's return
            event = HostedUISignOutFailed(failure_of(error, self.secrets()))
            failed = SIGN_OUT.step(end, event).snapshot
            self.observe(Transition(self.id, end, event, failed, effect, 0.0))
            return failed
        self.is_suspended = True
        return SIGN_OUT.step(end, HostedUISignOutFailed(_ON_ITS_WAY)).snapshot

    def secrets(self) -> Iterable[Secret]:
        """Give every secret of the session that was seen."""
        return self._holder.secrets()

    def result(self, end: Snapshot[SignOutContext]) -> SignOutResult:
        """Read the result.

        Args:
            end: Where the machine ended.

        Returns:
            The result.
        """
        evidence = self._evidence()
        if isinstance(self._request, RetryRequest):
            # The tokens that need no retry are gone; copies of them are as valid as before.
            evidence = replace(evidence, tokens_valid_until=still_to_come(self._request.tokens_valid_until))
        return result_of(end, evidence)

    def _evidence(self) -> Evidence:
        return evidence_of(
            self._holder.known,
            authority=self._runner.authority,
            hosted_ui_url=self._runner.hosted_ui_url,
            resumed=self._resumed,
        )


def _nothing() -> None:
    """Nobody waits."""


def _due(plan: Plan) -> Iterable[type[Effect]]:
    """Give the types of the effects that a plan makes due."""
    for state in SIGN_OUT.table.states.values():
        effect = state.effect
        if effect is not None and issubclass(effect, SignOutEffect) and getattr(plan, effect.step) is None:
            yield effect
