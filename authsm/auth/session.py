"""What `Auth` and `AsyncAuth` share: one session in a store, and the runs that sign it out. Everything here blocks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from authsm.auth.flights import FLIGHTS, Flight
from authsm.auth.holders import KeptHolder, StoreHolder
from authsm.auth.sign_out import (
    RetryRequest,
    SignOutRequest,
    SignOutRun,
    SuspendingRequest,
    asked_for_all,
    sign_out_request,
)
from authsm.credentials import SignedInData, SignInMethod, UserPoolTokens
from authsm.errors import ConfigurationException, CredentialStoreException, InvalidStateException
from authsm.flows.sign_out.effects import RevokeToken, ShowHostedUISignOut
from authsm.flows.sign_out.plan import Unfinished
from authsm.flows.sign_out.policy import HostedUIOrder
from authsm.runners.carrying import failure_of
from authsm.runners.handlers import as_runner
from authsm.stores.contract import EntryState, Saved, SessionExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from authsm.auth.holders import Holder
    from authsm.auth.sign_out import Request, Suspension
    from authsm.core.drive import Limits
    from authsm.flows.sign_out.policy import SignOutPolicy
    from authsm.flows.sign_out.results import PartialSignOut
    from authsm.observe import Observer
    from authsm.runners.handlers import EffectRunner, RunnerLike
    from authsm.stores.contract import CredentialStore, Entry, Refused

Answer = TypeVar("Answer")

Start: TypeAlias = "Callable[[Flight], None]"


_MEND_IT: Final = "Mend it, or, where that session may be lost, sign in with replace=True."


class AuthState(StrEnum):
    """Whether a user is signed in."""

    SIGNED_IN = "signed_in"
    """A session is stored, and its credentials are handed out."""
    SIGNING_OUT = "signing_out"
    """A sign-out is under way, or was interrupted by a crash: `resume` ends it."""
    SIGNED_OUT = "signed_out"
    """There is no session."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of the signed-in user, and which edition of them: a refresh hands it back with the new tokens.

    Attributes:
        data: The credentials.
        epoch: Which sign-in they belong to.
        generation: How often they have been saved.
    """

    data: SignedInData
    epoch: int
    generation: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A sign-out that was interrupted.

    Attributes:
        journal: What was written down of it; empty where that is missing.
        epoch: Of the session that it was signing out.
    """

    journal: str
    epoch: int


def refuse_unknown_method(data: SignedInData, runner: EffectRunner, policy: SignOutPolicy) -> None:
    """Refuse to guess whether a browser has to be signed out, where the runner could do it.

    Args:
        data: How the user signed in.
        runner: Who carries out the remote effects.
        policy: How sign-outs are done.

    Raises:
        ConfigurationException: The runner can show the hosted UI, and it is not known whether the user signed in there.
    """
    if (
        data.sign_in_method is SignInMethod.UNKNOWN
        and ShowHostedUISignOut in runner.handlers
        and policy.hosted_ui is not HostedUIOrder.NEVER
        and SignInMethod.UNKNOWN not in policy.choices.hosted_ui_methods
    ):
        raise ConfigurationException(
            "The runner can sign the browser out, and the data does not say whether the user signed in there.",
            "Pass SignedInData(sign_in_method=SignInMethod.HOSTED_UI, ...), or USER_POOL where no browser was used.",
        )


def _passes_by(_: Flight) -> None:
    """Keep nothing of a flight that is joined."""


def _refuse_unhashable(store: CredentialStore) -> None:
    try:
        hash(store)
    except TypeError:
        raise ConfigurationException(
            f"{type(store).__name__} cannot be hashed, so nobody can tell which sign-outs are of the same session.",
            "Give the store a __hash__ that agrees with its __eq__; for a dataclass, say frozen=True or eq=False.",
        ) from None


class Session:
    """One session in a store.

    Args:
        store: Where its credentials live.
        runner: Who carries out the remote effects.
        key: Its key in the store.
        policy: How it is signed out.
        observers: Who is told.
        limits: How long things may take.
    """

    def __init__(
        self,
        store: CredentialStore,
        runner: RunnerLike,
        *,
        key: str,
        policy: SignOutPolicy,
        observers: Iterable[Observer],
        limits: Limits,
    ) -> None:
        self.key = key
        self.policy = policy
        self.store = store
        _refuse_unhashable(store)
        self.runner = as_runner(runner)
        self.limits = limits
        self.observers = tuple(observers)

    @property
    def whose(self) -> Hashable:
        """Names this session among all sessions of the process."""
        return self.store, self.key

    def sign_in(self, data: SignedInData, *, replace_it: bool) -> int:
        """Store a new session; see `Auth.sign_in`. Gives its epoch."""
        data.check()
        refuse_unknown_method(data, self.runner, self.policy)
        # First: once the new session is seen, nobody may join a flight of the old, and no flight of the old may end it.
        flights = FLIGHTS.close(self.whose)
        if flights:
            old = self._told_plainly(lambda: self.store.load(self.key))
            for flight in flights:
                flight.run.newer_epoch = min(old.epoch + 1, flight.run.newer_epoch)
        try:
            return self._told_plainly(lambda: self.store.begin(self.key, data, replace=replace_it), data).epoch
        except SessionExistsError:
            raise InvalidStateException(
                "There is already a user signed in.", "Sign that user out first, or pass replace=True."
            ) from None

    def undo_sign_in(self, epoch: int) -> None:
        """Clear a session that nobody waited for any more when it was stored."""
        with contextlib.suppress(Exception):  # nobody is left to be told; a later sign-out finds the session
            self.store.clear(self.key, epoch=epoch)

    def _told_plainly(self, act: Callable[[], Answer], data: SignedInData | None = None) -> Answer:
        try:
            return act()
        except SessionExistsError:
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything
            failure = failure_of(error, data.secrets() if data else ())
        # Raised outside of the handler: the store's frames, which may hold tokens, must not hang on to it.
        raise CredentialStoreException(failure.message, "Remove the cause, then try again.", failure=failure)

    def _load(self) -> Entry:
        """Read the entry; refuse a damaged one, which may be a session that the right key would open."""
        entry = self._told_plainly(lambda: self.store.load(self.key))
        if entry.state is EntryState.CORRUPT:
            raise CredentialStoreException(entry.reason, _MEND_IT)
        return entry

    def credentials(self) -> Credentials | None:
        """Give the credentials; see `Auth.credentials`."""
        entry = self._load()
        if entry.state is not EntryState.LIVE or entry.data is None:
            return None
        return Credentials(entry.data, entry.epoch, entry.generation)

    def save_refreshed(self, credentials: Credentials, tokens: UserPoolTokens) -> Saved | Refused:
        """Store refreshed tokens; see `Auth.save_refreshed`."""
        data = replace(credentials.data, tokens=tokens.over(credentials.data.tokens))
        data.check()
        return self._told_plainly(
            lambda: self.store.save(self.key, data, epoch=credentials.epoch, generation=credentials.generation), data
        )

    def orphan_flight(self, answer: Saved | Refused, credentials: Credentials, tokens: UserPoolTokens) -> Flight | None:
        """Make the flight that revokes a refresh token which nobody keeps, because its session is over.

        Args:
            answer: What the store said to it.
            credentials: What was refreshed.
            tokens: What the refresh returned.

        Returns:
            The flight; None where there is no such token. One that lost against another refresh of a live session is
            left alone: revoking it could end the family of tokens that this session lives on.
        """
        orphan, old = tokens.refresh_token, credentials.data.tokens and credentials.data.tokens.refresh_token
        if isinstance(answer, Saved) or orphan is None or orphan == old or self.policy.local_only:
            return None
        if answer.entry.state is EntryState.LIVE and answer.entry.epoch == credentials.epoch:
            return None
        if RevokeToken not in self.runner.handlers:
            return None
        data = SignedInData(username=credentials.data.username, tokens=UserPoolTokens(refresh_token=orphan))
        return Flight(self._run(KeptHolder(data, self.key), RetryRequest(self.policy, Unfinished(revoke_token=True))))

    def state(self) -> AuthState:
        """Tell whether a user is signed in; see `Auth.state`."""
        if FLIGHTS.busy(self.whose):
            return AuthState.SIGNING_OUT
        entry = self._load()
        match entry.state:
            case EntryState.LIVE:
                return AuthState.SIGNED_IN
            case EntryState.LEAVING:
                return AuthState.SIGNING_OUT
            case _:  # absent, or a tombstone: what is damaged was refused
                return AuthState.SIGNED_OUT

    def board_sign_out(
        self, start: Start, joined: Start, *, global_sign_out: bool, policy: SignOutPolicy | None
    ) -> Flight:
        """Join or begin a sign-out.

        Args:
            start: Has a new flight flown.
            joined: Called with the flight before.
            global_sign_out: Whether every session of the user is to end.
            policy: The policy of this sign-out; the session's own if not given.

        Returns:
            The flight.

        Raises:
            ConfigurationException: A global sign-out was asked for that the policy forbids.
        """
        policy = policy or self.policy
        return self._board(sign_out_request(policy, global_sign_out=global_sign_out), start, joined)

    def board_suspending(
        self, start: Start, suspension: Suspension, *, global_sign_out: bool, through: Hashable
    ) -> Flight:
        """Join or begin a sign-out that is suspended where it comes to the hosted UI.

        Args:
            start: Has a new flight flown.
            suspension: Keeps it there; one that is joined has its own.
            global_sign_out: Whether every session of the user is to end.
            through: Who hears that the browser has come back.

        Returns:
            The flight.

        Raises:
            ConfigurationException: A global sign-out was asked for that the policy forbids.
        """
        asked = sign_out_request(self.policy, global_sign_out=global_sign_out)
        request = SuspendingRequest(asked.policy, asked.global_sign_out, through)
        return self._board(request, start, _passes_by, suspension=suspension)

    def _board(
        self,
        request: SignOutRequest,
        start: Start,
        joined: Start,
        interrupted: Interrupted | None = None,
        suspension: Suspension | None = None,
    ) -> Flight:
        def come_aboard(flight: Flight) -> None:
            flight.run.audience.add(self.observers)
            joined(flight)

        # Another runner is another client, perhaps another app client: its sign-outs are not the same sign-out.
        return FLIGHTS.board(
            self.whose,
            (request, self.runner),
            lambda: self._run(StoreHolder(self.store, self.key), request, interrupted, suspension),
            start,
            joined=come_aboard,
        )

    def _run(
        self,
        holder: Holder,
        request: Request,
        interrupted: Interrupted | None = None,
        suspension: Suspension | None = None,
    ) -> SignOutRun:
        run = SignOutRun(
            holder,
            self.runner,
            request,
            limits=self.limits,
            observers=self.observers,
            journal=interrupted.journal if interrupted else None,
            suspension=suspension,
        )
        if interrupted:
            run.newer_epoch = interrupted.epoch + 1  # a sign-in since then is none of its business
        return run

    def retry_flight(self, partial: PartialSignOut) -> Flight:
        """Make the flight that tries the rest of a partial sign-out again; see `Auth.retry`."""
        global_error, revoke_error = partial.global_sign_out_error, partial.revoke_token_error
        data = SignedInData(
            username=partial.username,
            tokens=UserPoolTokens(
                access_token=global_error.access_token if global_error else None,
                refresh_token=revoke_error.refresh_token if revoke_error else None,
            ),
        )
        unfinished = Unfinished(
            hosted_ui=partial.hosted_ui_error is not None,
            global_sign_out=global_error is not None,
            revoke_token=revoke_error is not None,
        )
        request = RetryRequest(self.policy, unfinished, partial.tokens_valid_until)
        return Flight(self._run(KeptHolder(data, self.key), request))

    def refuse_in_own_thread(self) -> None:
        """Refuse to wait in a thread that a sign-out of this session needs; see `Flights.refuse_in_own_thread`."""
        FLIGHTS.refuse_in_own_thread(self.whose)

    def interrupted(self) -> Interrupted | None:
        """Look for a sign-out that was interrupted. Blocks.

        Returns:
            What there is of it; None where nothing was interrupted.
        """
        entry = self._load()
        journal = self._told_plainly(lambda: self.store.read_journal(self.key))
        if journal is None and entry.state is not EntryState.LEAVING:
            return None
        return Interrupted(journal or "", entry.epoch)

    def board_resume(self, interrupted: Interrupted, start: Start, joined: Start) -> Flight:
        """Join or begin what ends a sign-out that was interrupted.

        Args:
            interrupted: What there is of it.
            start: Has a new flight flown.
            joined: Called with the flight before.

        Returns:
            The flight.
        """
        request = SignOutRequest(self.policy, asked_for_all(interrupted.journal))
        return self._board(request, start, joined, interrupted)
