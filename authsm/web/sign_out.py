"""`WebSignOut`: begins sign-outs, suspends them at the hosted UI, and ends them when the browser is back, or is not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from authsm.auth.blocking import Auth, start, wait
from authsm.auth.functions import refuse_coroutine_functions
from authsm.auth.session import Session
from authsm.core.drive import Limits
from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.effects import ClearCredentials, ShowHostedUISignOut
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.policy import HostedUIOrder, SignOutPolicy
from authsm.flows.sign_out.results import FailedSignOut, PartialSignOut, Skipped
from authsm.runners.handlers import Runner, compose, refuse_async
from authsm.runners.hosted_ui import pages
from authsm.runners.hosted_ui.judge import Answer, CameBackWithError, Expected, KeepWaiting, judge
from authsm.runners.hosted_ui.urls import LogoutURL, checked_logout_url, cognito_logout_url, hosted_ui_origin
from authsm.web.addresses import CallbackURL, checked_place
from authsm.web.cookies import TicketCookie, comes_from_elsewhere, new_ticket
from authsm.web.desk import Desk, Ending, Turn, ending_of, ticket_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from authsm.auth.flights import Flight
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Observer
    from authsm.runners.handlers import Call, RunnerLike
    from authsm.runners.hosted_ui.judge import Headers, Verdict
    from authsm.stores.contract import CredentialStore
    from authsm.stores.tickets import TicketStore
    from authsm.web.desk import Found

T = TypeVar("T")

TICKET_SECONDS: Final = 900
"""How long the browser is waited for: it may show a page of the provider's, and a person may be slow."""

SWEEP_SECONDS: Final = 60.0
"""How long a browser may be late before it is noticed."""

_HTML: Final = ("Content-Type", "text/html; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-out that was begun.

    Attributes:
        answer: What to answer the browser.
        result: What it ended in; while it is suspended, what it ends in if the browser never comes back: a
            `PartialSignOut` with a ``hosted_ui_error``, and with the tokens for a retry where another step failed, too.
            Of a button that was clicked twice, the second click may find nobody signed in, and says that. None where
            nothing was begun.
        is_suspended: Whether the browser is waited for.
        is_over: Whether the application's own session is to be forgotten: there are no credentials any more.
    """

    answer: Answer
    result: SignOutResult | None = None
    is_suspended: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Returned:
    """A request to the callback.

    Attributes:
        answer: What to answer the browser.
        result: What the sign-out ended in, if this very request has ended it.
    """

    answer: Answer
    result: SignOutResult | None = None


class WebSignOut:
    """Signs users out of a web application that they signed in to at the hosted UI. See `authsm.web` for the theory.

    One object serves all users and threads of a process, and all processes of an application, each with its own, see
    the same tickets. Its methods block: in an event loop, call them in a thread, as the adapters do.

    Args:
        store: Where the credentials live.
        runner: Who carries out the remote effects, without a handler for the hosted UI: a `CognitoRunner`.
        tickets: Where suspended sign-outs wait: a `SQLiteTicketStore` on the same file as the credentials. Each
            application has its own: the first sweeper to come by ends whatever has expired.
        domain: The domain of the hosted UI: a host such as ``"my-app.auth.eu-west-1.amazoncognito.com"``, or an origin.
        client_id: The id of the app client.
        sign_out_url: The URL of the callback, to the letter as it is registered among the allowed sign-out URLs of the
            app client. https, and the cookie is Secure; http is for 127.0.0.1, and the cookie is not.
        signed_out_place: Where users are sent once they are signed out: a path of this site, or an https:// URL. A page
            that says so if not given. Where the hosted UI has failed, it is a page in any case, which says that.
        policy: How sign-outs are done; the hosted UI comes last, or never.
        observers: Who is told of every step, in whichever process it happens.
        limits: How long things may take, in seconds.
        on_partial: Called with the session's key and a result in which tokens were not revoked, or not everywhere, by
            `begin` before it answers, and by `sweep`. Nothing else keeps these tokens, and a result cannot be pickled:
            try ``auth(key).retry(result)`` again, later, in a thread of this process.
        ticket_seconds: How long the browser is waited for, in seconds.
        hosts: What else may stand in the ``Host`` field of a callback: where a proxy changes it.
        logout_url: Builds the URL at which the provider signs the browser out.
        clock: Tells the time, in seconds since 1970, on all machines that share the tickets.

    Raises:
        ConfigurationException: An address, the client id, the policy or a number cannot be right, or a handler or
            function is async.

    Sources: Amazon Cognito Developer Guide, "Logout endpoint"; RFC 6265bis for the cookie; the Fetch Standard.
    """

    def __init__(
        self,
        store: CredentialStore,
        runner: RunnerLike,
        tickets: TicketStore,
        *,
        domain: str,
        client_id: str,
        sign_out_url: str,
        signed_out_place: str | None = None,
        policy: SignOutPolicy | None = None,
        observers: Iterable[Observer] = (),
        limits: Limits | None = None,
        on_partial: Callable[[str, PartialSignOut], object] | None = None,
        ticket_seconds: int = TICKET_SECONDS,
        hosts: Iterable[str] = (),
        logout_url: LogoutURL = cognito_logout_url,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy or SignOutPolicy(hosted_ui=HostedUIOrder.LAST)
        if self._policy.hosted_ui is HostedUIOrder.FIRST:
            raise ConfigurationException(
                "The hosted UI would come first, and a user who never comes back would stay signed in.",
                'Pass SignOutPolicy(hosted_ui="last"), which is the default here.',
            )
        _check_seconds(ticket_seconds)
        _check_hosts(hosts)
        refuse_coroutine_functions(on_partial=on_partial)
        self._url = CallbackURL.parse(sign_out_url)
        origin = hosted_ui_origin(domain)
        self._logout_url = checked_logout_url(logout_url(domain=origin, client_id=client_id, sign_out_url=sign_out_url))
        self._place = checked_place(signed_out_place)
        self._store = store
        elsewhere = Runner(handlers={ShowHostedUISignOut: _without_a_browser}, hosted_ui_url=self._logout_url)
        self._runner = compose(runner, elsewhere)
        refuse_async(self._runner)
        self._observers = tuple(observers)
        self._limits = limits or Limits()
        self._on_partial = on_partial
        self._hosts = (self._url.host, *hosts)
        self._cookie = TicketCookie(self._url, ticket_seconds)
        self._desk = Desk(
            tickets=tickets,
            runner=self._runner,
            observers=self._observers,
            callback=sign_out_url,
            seconds=ticket_seconds,
            clock=clock,
        )

    def __repr__(self) -> str:
        return f"WebSignOut(sign_out_url={self._url.text!r})"

    @property
    def callback_path(self) -> str:
        """The path of the callback, for the router of a framework."""
        return self._url.path

    def auth(self, key: str) -> Auth:
        """Give the session of a user: to sign in, to ask for credentials, to end a sign-out that a crash interrupted.

        Args:
            key: The session's key in the store: random, and kept in the application's own session.

        Returns:
            It, with the same store, runner, policy and observers.
        """
        return self._made(Auth, key)

    def _made(self, make: Callable[..., T], key: str) -> T:
        return make(
            self._store,
            self._runner,
            key=key,
            policy=self._policy,
            observers=self._observers,
            limits=self._limits,
        )

    def begin(self, key: str | None, headers: Headers, *, global_sign_out: bool = False) -> Begun:
        """Sign a user out, and suspend the sign-out where it comes to the hosted UI. Blocks.

        Args:
            key: The session's key in the store; None where the application has no session of this browser.
            headers: The header fields of the request, which has to be a POST of the application's own page.
            global_sign_out: Whether every session of the user is to end, on all devices.

        Returns:
            What to answer, and what it came to. Failures of the service, the network, a handler or a store are in it.

        Raises:
            ConfigurationException: The policy clears locally only, and a global sign-out was asked for; or the key is
                no text, or empty.
            InvalidStateException: A sign-out of this session runs in this very thread: an observer must not begin one.
        """
        if comes_from_elsewhere(headers, self._url.origin):
            message = f"A sign-out was refused: by what its request says, no page of {self._url.origin} asked for it."
            self._desk.complain(key or "", ConfigurationException(message, "If one did, that is the origin to use."))
            return Begun(_page(HTTPStatus.FORBIDDEN, pages.FROM_ELSEWHERE))
        if key is None:
            return Begun(self._nobody_here(), is_over=True)
        _check_key(key)
        session = self._made(Session, key)
        session.refuse_in_own_thread()
        turn = Turn(self._desk, key, self._seconds_of_stores)
        flight = session.board_suspending(_start, turn, global_sign_out=global_sign_out, through=self)
        result = wait(flight)
        if flight.run.suspension is turn:  # and not somebody else's click, who does the same
            self._hand_over(key, result)
        ticket = ticket_of(flight)
        was_nobody_here = result.steps.hosted_ui == Skipped(Why.NOT_SIGNED_IN)
        if ticket is None and was_nobody_here:
            # Of a button that was clicked twice, nobody knows which answer the browser has read.
            ticket = turn.renewed()
        if ticket is not None:
            answer = self._redirect(self._logout_url, self._cookie.header(ticket))
            return Begun(answer, result, is_suspended=True, is_over=True)
        if isinstance(result, FailedSignOut):
            return Begun(_page(HTTPStatus.SERVICE_UNAVAILABLE, pages.NOT_SIGNED_OUT), result)
        answer = self._nobody_here() if was_nobody_here else self._ended(ending_of(result, Ending.REFUSED))
        return Begun(answer, result, is_over=True)

    def _nobody_here(self) -> Answer:
        """Answer a browser that is signed in to nothing here: what it is at the hosted UI, nobody knows."""
        if self._policy.hosted_ui is HostedUIOrder.NEVER or self._policy.local_only:
            return self._ended(Ending.SIGNED_OUT)
        return self._redirect(self._logout_url)

    def _ended(self, ending: Ending) -> Answer:
        if ending is Ending.SIGNED_OUT and self._place is not None:
            return self._redirect(self._place)
        return _page(HTTPStatus.OK, _PAGES[ending])

    def _hand_over(self, key: str, result: SignOutResult) -> None:
        """Give tokens that are still alive to whoever goes on with them; the hosted UI has a way of its own."""
        if self._on_partial is None or not isinstance(result, PartialSignOut):
            return
        if result.global_sign_out_error is None and result.revoke_token_error is None:
            return
        try:
            self._on_partial(key, replace(result, hosted_ui_error=None))
        except Exception as error:  # noqa: BLE001 - a stranger's function may raise anything, and a browser waits
            self._desk.complain(key, error)

    def callback(self, method: str, query: str, headers: Headers) -> Returned:
        """Judge a request to the callback; end the sign-out whose ticket it brings. Blocks, and never raises.

        Args:
            method: The method of the request.
            query: Its query, without the question mark; what stands in it can only say that something went wrong.
            headers: Its header fields.

        Returns:
            What to answer, and the result where this request was the first of its ticket.
        """
        headers = list(headers)
        try:
            found = self._desk.find(self._cookie.tickets(headers))
            verdict = judge(self._expected(found), method, f"{self._url.path}?{query}", headers)
            if found is None or isinstance(verdict, KeepWaiting):
                self._complain_of_host(found, verdict)
                return Returned(_in_words_of_the_web(verdict.answer))
            failure = verdict.failure if isinstance(verdict, CameBackWithError) else None
            ending, result = self._desk.came_back(found, failure)
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything, and a browser waits
            self._desk.complain("", error)
            return Returned(_page(HTTPStatus.SERVICE_UNAVAILABLE, pages.NOT_NOW))
        return Returned(self._ended(ending), result)

    def _complain_of_host(self, found: Found | None, verdict: Verdict) -> None:
        """Tell of a browser that is back, and is turned away for what a proxy has made of its ``Host``."""
        turned_away = isinstance(verdict, KeepWaiting) and verdict.answer.status is HTTPStatus.MISDIRECTED_REQUEST
        if turned_away and found is not None and found.ticket.is_waiting:
            message = f"The browser came back under another Host than {self._hosts}."
            advice = "Have the proxy pass Host on as it is, or name what it makes of it: hosts=[...]."
            self._desk.complain(found.ticket.key, ConfigurationException(message, advice))

    def _expected(self, found: Found | None) -> Expected:
        return Expected(
            hosts=self._hosts,
            path=self._url.path,
            nonce=new_ticket(),  # nobody knows it: no page begins here, for `begin` has sent the cookie
            cookie_name=self._cookie.name,
            cookie=(found and found.sent) or new_ticket(),
            cookie_seconds=0,
            logout_url=self._logout_url,
        )

    def sweep(self) -> list[SignOutResult]:
        """End every sign-out whose browser has not come back in time, or whose process has died.

        Call it every minute, in one process or in all. What a crash interrupted is ended once it has stood still for
        longer than a sign-out may take, from the first sweep that has seen it. Two processes that come across it in the
        same moment may both end it, and tell of it twice.

        Returns:
            What they ended in. Observers have been told, and of what could not be ended now, too.

        Raises:
            StoreUnavailableError: The tickets, or the list of journals, could not be read or written now.
            StoreCorruptError: They are damaged.
        """
        return [*self._desk.sweep(), *self._sweep_interrupted()]

    def _sweep_interrupted(self) -> list[SignOutResult]:
        results: list[SignOutResult] = []
        for key in self._store.journals():
            try:
                if self._desk.stands_still(key, self._store.read_journal(key)) <= self._seconds_of_all:
                    continue
                result = self.auth(key).resume()
            except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything; the others go on
                self._desk.complain(key, error)
                continue
            if result is not None:
                self._hand_over(key, result)
                results.append(result)
        return results

    @property
    def _seconds_of_stores(self) -> float:
        """How long a store may take, in seconds."""
        return self._limits.seconds.get(ClearCredentials, ClearCredentials.seconds)

    @property
    def _seconds_of_all(self) -> float:
        """How long a sign-out may take, in seconds: to open, remotely, to clear, to keep its ticket, and to finish."""
        return self._limits.deadline + self._limits.grace + 4 * self._seconds_of_stores

    def sweep_until(self, stop: threading.Event, *, seconds: float = SWEEP_SECONDS) -> None:
        """Sweep again and again: the work of a daemon thread, for programs without a scheduler. Never raises.

        Args:
            stop: Ends it.
            seconds: How long to wait before each time, in seconds.
        """
        while not stop.wait(seconds):
            try:
                self.sweep()
            except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything; the next time it may work
                self._desk.complain("", error)

    def _redirect(self, where: str, *headers: tuple[str, str]) -> Answer:
        return Answer(HTTPStatus.SEE_OTHER, (("Location", where), *headers, *pages.SECURITY_HEADERS), b"")


_PAGES: Final = {
    Ending.SIGNED_OUT: pages.SIGNED_OUT,
    Ending.REFUSED: pages.SIGNED_OUT_HERE,
    Ending.EXPIRED: pages.SIGNED_OUT_HERE,
    Ending.IN_PART: pages.SIGNED_OUT_IN_PART,
}


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key:
        raise ConfigurationException(
            f"The key of a session is of type {type(key).__name__}, or empty.",
            "Give the text under which its credentials are stored, or None; what is async has to be awaited first.",
        )


def _check_seconds(ticket_seconds: object) -> None:
    if isinstance(ticket_seconds, bool) or not isinstance(ticket_seconds, int) or ticket_seconds < 1:
        raise ConfigurationException(
            f"ticket_seconds is {ticket_seconds!r}.", "Pass a whole number of seconds above 0."
        )


def _check_hosts(hosts: object) -> None:
    if isinstance(hosts, str):
        raise ConfigurationException("hosts is a text.", f"Pass a list: hosts=[{hosts!r}].")


def _start(flight: Flight) -> None:
    start(flight)


def _page(status: HTTPStatus, body: bytes) -> Answer:
    return Answer(status, (_HTML, *pages.SECURITY_HEADERS), body)


def _in_words_of_the_web(answer: Answer) -> Answer:
    """Say it to somebody who sees a web application, and was shown no address to open."""
    return answer if answer.status is HTTPStatus.METHOD_NOT_ALLOWED else replace(answer, body=pages.NOTHING_CHANGED)


def _without_a_browser(_: ShowHostedUISignOut, __: Call) -> None:
    """Answer for a sign-out that no browser asked for: one that a crash interrupted, and that somebody resumes."""
    message = "No browser asked for this sign-out, so none could be sent to the hosted UI."
    raise EffectFailedError(Failure(FailureKind.NOT_ATTEMPTED, "NoBrowser", message))
