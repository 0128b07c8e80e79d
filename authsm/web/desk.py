"""The desk: where suspended sign-outs get their tickets, and where those who bring one are served. It knows no HTTP."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from authsm.auth.facts import still_to_come
from authsm.core.drive import Transition
from authsm.core.machine import SnapshotError
from authsm.core.vocabulary import Failure, FailureKind
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.effects import HostedUISignedOut, HostedUISignOutFailed
from authsm.flows.sign_out.results import CompleteSignOut, Evidence, Failed, result_of
from authsm.observe import Audience, JournalFailed
from authsm.runners.carrying import failure_of
from authsm.runners.threads import NoAnswerError, in_time
from authsm.stores.contract import StoreUnavailableError
from authsm.stores.tickets import Ticket
from authsm.web import kept as keeping
from authsm.web.cookies import digest_of, new_ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.auth.flights import Flight
    from authsm.auth.sign_out import Standing
    from authsm.credentials import Secret
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Observer
    from authsm.runners.handlers import EffectRunner
    from authsm.stores.tickets import TicketStore

T = TypeVar("T")


class Ending(StrEnum):
    """How a suspended sign-out ended, as it is kept for callbacks that come again."""

    SIGNED_OUT = "signed_out"
    """The browser came back."""
    REFUSED = "refused"
    """It came back with an error."""
    EXPIRED = "expired"
    """It did not come back in time."""
    IN_PART = "in_part"
    """The tokens could not be revoked, or not everywhere, whether the browser came back or not."""

    @classmethod
    def _missing_(cls, value: object) -> Ending:
        """Take what another version has written for the least that can be said."""
        del value
        return cls.IN_PART


def ending_of(result: SignOutResult, hosted_ui: Ending) -> Ending:
    """Give how a sign-out ended that is over in this application.

    Args:
        result: Its result.
        hosted_ui: How it ended if nothing but the hosted UI has failed.

    Returns:
        The ending.
    """
    if isinstance(result, CompleteSignOut):
        return Ending.SIGNED_OUT
    tokens = (result.steps.global_sign_out, result.steps.revoke_token)
    return Ending.IN_PART if any(isinstance(step, Failed) for step in tokens) else hosted_ui


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket that somebody brought, or that a sweeper came across.

    Attributes:
        digest: What it is kept under.
        ticket: What is kept.
        sent: What the browser holds; None for a sweeper.
    """

    digest: str
    ticket: Ticket
    sent: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where suspended sign-outs get their tickets, and where they end.

    Attributes:
        tickets: Where the tickets are kept.
        runner: Who carried out the other steps.
        observers: Who is told of the last one.
        callback: Where the browser is expected, for what is said when it did not come.
        seconds: How long it is waited for, in seconds.
        clock: Tells the time, in seconds since 1970.
    """

    tickets: TicketStore
    runner: EffectRunner
    observers: tuple[Observer, ...]
    callback: str
    seconds: float
    clock: Callable[[], float]

    def suspend(self, ticket: Secret, key: str, standing: Standing) -> None:
        """Keep a sign-out that stands at the hosted UI. May raise whatever the ticket store raises."""
        now = self.clock()
        text = keeping.to_text(standing, now)
        try:
            self.tickets.put(digest_of(ticket), Ticket(key=key, expires=now + self.seconds, suspended=text))
        except Exception:
            self.withdraw(ticket)
            raise

    def withdraw(self, ticket: Secret) -> None:
        """Take a ticket back that nobody was given; it may have been kept, or not."""
        with contextlib.suppress(Exception):  # a stranger's store may raise anything; the sweeper will come by
            self.tickets.end(digest_of(ticket), Ending.EXPIRED.value)

    def stands_still(self, key: str, journal: str | None) -> float:
        """Tell for how long a sign-out is known to stand still, in seconds. It is noted beside the tickets.

        Args:
            key: The key of its session.
            journal: Where it stands, as the store of the credentials has it.
        """
        now = self.clock()
        digest = hashlib.sha256(f"{key}\n{journal}".encode()).hexdigest()
        ticket = self.tickets.read(digest)
        if ticket is None:
            self.tickets.put(digest, Ticket(key=key, expires=now, suspended="", ending=Ending.IN_PART.value))
            return 0.0
        return now - ticket.expires

    def find(self, sent: list[Secret]) -> Found | None:
        """Find a ticket that is one: the first that waits, or else the first that has ended."""
        found: Found | None = None
        for each in sent:
            digest = digest_of(each)
            ticket = self.tickets.read(digest)
            if ticket is not None and ticket.is_waiting:
                return Found(digest, ticket, each)
            if ticket is not None:
                found = found or Found(digest, ticket, each)
        return found

    def came_back(self, found: Found, failure: Failure | None) -> tuple[Ending, SignOutResult | None]:
        """Serve a browser that has come back.

        Args:
            found: Its ticket.
            failure: What the provider says went wrong; None where it says nothing.

        Returns:
            How its sign-out has ended, now or earlier; and the result, if it is this that has ended it.
        """
        ticket = found.ticket
        if ticket.is_waiting:
            if ticket.expires <= self.clock():  # and no sweeper has come by yet
                ended = self._end(found, Ending.EXPIRED, self._not_back())
            else:
                ended = self._end(found, Ending.REFUSED, failure)
            if ended is not None:
                return ended
            ticket = self.tickets.read(found.digest) or ticket  # somebody else was faster
        return Ending(ticket.ending), None

    def sweep(self) -> list[SignOutResult]:
        """End what has expired; see `WebSignOut.sweep`. One that cannot be ended now does not hold up the others."""
        now = self.clock()
        results: list[SignOutResult] = []
        for digest in self.tickets.expired(now):
            try:
                ticket = self.tickets.read(digest)
                ended = ticket and self._end(Found(digest, ticket), Ending.EXPIRED, self._not_back())
            except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything
                self.complain("", error)
                continue
            if ended and ended[1] is not None:
                results.append(ended[1])
        self.tickets.forget(now - self.seconds)  # kept as long again, for callbacks that come late
        return results

    def _end(
        self, found: Found, hosted_ui: Ending, failure: Failure | None
    ) -> tuple[Ending, SignOutResult | None] | None:
        """End a sign-out, and tell the observers.

        Returns:
            How it has ended, and the result, if that can be read; None where somebody else has ended it.
        """
        try:
            kept, snapshot = keeping.from_text(found.ticket.suspended)
        except SnapshotError as error:  # another version has begun it; all but this end of it is done
            if not self.tickets.end(found.digest, Ending.IN_PART.value):
                return None
            self.complain(found.ticket.key, error)
            return Ending.IN_PART, None
        event = HostedUISignedOut() if failure is None else HostedUISignOutFailed(failure)
        end = SIGN_OUT.step(snapshot, event).snapshot
        evidence = Evidence(
            username=kept.username,
            hosted_ui_url=self.runner.hosted_ui_url,
            tokens_valid_until=still_to_come(kept.tokens_valid_until),
            needs_access_token=self.runner.authority == "access_token",
        )
        result = result_of(end, evidence)
        ending = ending_of(result, hosted_ui)
        if not self.tickets.end(found.digest, ending.value):
            return None
        took = max(0.0, self.clock() - kept.begun)
        notice = Transition(kept.run, snapshot, event, end, SIGN_OUT.pending(snapshot), took)
        Audience(kept.run, self.observers).tell(notice)
        return ending, result

    def _not_back(self) -> Failure:
        message = (
            f"The browser did not come back within {self.seconds:g} s. {self.callback} must be registered, to the "
            "letter, among the allowed sign-out URLs of the app client."
        )
        return Failure(FailureKind.TIMED_OUT, "TimeLimit", message)

    def complain(self, key: str, error: Exception) -> None:
        """Tell the observers of what could not be read or written, or was refused."""
        Audience("", self.observers).tell(JournalFailed("", key, failure_of(error).message))


@dataclass(frozen=True, slots=True)
class Turn:
    """One sign-out at the desk. It is the `authsm.auth.sign_out.Suspension` of its run.

    Attributes:
        desk: Where it is kept.
        key: The key of the session that it signs out.
        seconds: How long the ticket store may take, in seconds.
        ticket: What its browser is given.
    """

    desk: Desk
    key: str
    seconds: float
    ticket: Secret = field(default_factory=new_ticket)

    def keep(self, standing: Standing) -> None:
        """Keep it; see `authsm.auth.sign_out.Suspension`. A store that does not answer is given up."""

        def suspend() -> None:
            self.desk.suspend(self.ticket, self.key, standing)

        _in_time(suspend, self.seconds, too_late=lambda: self.desk.withdraw(self.ticket))

    def renewed(self) -> Secret | None:
        """Give its ticket to a sign-out that waits already, in place of the old one; None where none waits."""
        desk = self.desk

        def renew() -> bool:
            return desk.tickets.renew(self.key, digest_of(self.ticket), expires=desk.clock() + desk.seconds)

        try:
            # If that comes too late, the sweeper will come by: nobody has either ticket.
            return self.ticket if _in_time(renew, self.seconds) else None
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything
            desk.complain(self.key, error)
            return None


def _in_time(act: Callable[[], T], seconds: float, *, too_late: Callable[[], object] | None = None) -> T:
    """Have a ticket store do something; give up one that does not answer. See `in_time`."""
    try:
        return in_time("authsm-ticket", act, seconds, too_late=too_late)
    except NoAnswerError:
        raise StoreUnavailableError(f"The ticket store gave no answer within {seconds:g} s.") from None


def ticket_of(flight: Flight) -> Secret | None:
    """Give the ticket of a flight that was suspended; callers who share a flight get the same."""
    turn = flight.run.suspension
    return turn.ticket if flight.run.is_suspended and isinstance(turn, Turn) else None
