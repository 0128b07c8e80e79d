"""`WebSignOut`: begins sign-outs, suspends them at the hosted UI, and ends them when the browser is back, or is not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from authsm.auth.blocking import Auth, start, wait
from authsm.auth.session import Session
from authsm.core.drive import Limits
from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.effects import ShowHostedUISignOut
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.policy import HostedUIOrder, SignOutPolicy
from authsm.flows.sign_out.results import Failed, FailedSignOut, Skipped
from authsm.runners.handlers import Runner, compose, refuse_async
from authsm.runners.hosted_ui import pages
from authsm.runners.hosted_ui.judge import Answer, CameBackWithError, Expected, KeepWaiting, judge
from authsm.runners.hosted_ui.urls import LogoutURL, checked_logout_url, cognito_logout_url, hosted_ui_origin
from authsm.web.addresses import CallbackURL, checked_place
from authsm.web.cookies import TicketCookie, comes_from_elsewhere, new_ticket
from authsm.web.desk import Desk, Ending, Found, Turn, ticket_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from authsm.auth.flights import Flight
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Observer
    from authsm.runners.handlers import Call, RunnerLike
    from authsm.runners.hosted_ui.judge import Headers
    from authsm.stores.contract import CredentialStore
    from authsm.stores.tickets import TicketStore

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
        ticket_seconds: How long the browser is waited for, in seconds.
        hosts: What else may stand in the ``Host`` field of a callback: where a proxy changes it.
        logout_url: Builds the URL at which the provider signs the browser out.
        clock: Tells the time, in seconds since 1970, on all machines that share the tickets.

    Raises:
        ConfigurationException: An address, the client id or the policy cannot be right, or a handler is async.

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
        return Auth(
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
            ConfigurationException: The policy clears locally only, and a global sign-out was asked for.
            InvalidStateException: A sign-out of this session runs in this very thread: an observer must not begin one.
        """
        if comes_from_elsewhere(headers, self._url.origin):
            return Begun(_page(HTTPStatus.FORBIDDEN, pages.FROM_ELSEWHERE))
        if key is None:
            return Begun(self._signed_out(), is_over=True)
        session = Session(
            self._store,
            self._runner,
            key=key,
            policy=self._policy,
            observers=self._observers,
            limits=self._limits,
        )
        session.refuse_in_own_thread()
        turn = Turn(self._desk, key)
        flight = session.board_suspending(_start, turn, global_sign_out=global_sign_out, through=self)
        result = wait(flight)
        ticket = ticket_of(flight)
        if ticket is None and result.steps.hosted_ui == Skipped(Why.NOT_SIGNED_IN):
            # Of a button that was clicked twice, nobody knows which answer the browser has read.
            ticket = self._desk.renewed(key)
        if ticket is not None:
            answer = self._redirect(self._logout_url, self._cookie.header(ticket))
            return Begun(answer, result, is_suspended=True, is_over=True)
        return Begun(self._answer(result), result, is_over=not isinstance(result, FailedSignOut))

    def _answer(self, result: SignOutResult) -> Answer:
        """Say what became of a sign-out that waits for no browser."""
        if isinstance(result, FailedSignOut):
            return _page(HTTPStatus.SERVICE_UNAVAILABLE, pages.NOT_SIGNED_OUT)
        if isinstance(result.steps.hosted_ui, Failed):
            return _page(HTTPStatus.OK, pages.SIGNED_OUT_HERE)
        return self._signed_out()

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
                return Returned(_in_words_of_the_web(verdict.answer))
            failure = verdict.failure if isinstance(verdict, CameBackWithError) else None
            ending, result = self._desk.came_back(found, failure)
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything, and a browser waits
            self._desk.complain("", error)
            return Returned(_page(HTTPStatus.SERVICE_UNAVAILABLE, pages.NOT_NOW))
        if ending is Ending.SIGNED_OUT:
            return Returned(self._signed_out(), result)
        return Returned(_page(HTTPStatus.OK, pages.SIGNED_OUT_HERE), result)

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
        """End every sign-out whose browser has not come back in time. Call it every minute, in one process or in all.

        Returns:
            What they ended in. Observers have been told.

        Raises:
            StoreUnavailableError: The tickets could not be read or written now.
            StoreCorruptError: They are damaged.
        """
        return self._desk.sweep()

    def sweep_until(self, stop: threading.Event, *, seconds: float = SWEEP_SECONDS) -> None:
        """Sweep again and again: the work of a daemon thread, for programs without a scheduler. Never raises.

        Args:
            stop: Ends it.
            seconds: How long to wait before each time, in seconds.
        """
        while not stop.wait(seconds):
            try:
                self._desk.sweep()
            except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything; the next time it may work
                self._desk.complain("", error)

    def _signed_out(self) -> Answer:
        return _page(HTTPStatus.OK, pages.SIGNED_OUT) if self._place is None else self._redirect(self._place)

    def _redirect(self, where: str, *headers: tuple[str, str]) -> Answer:
        return Answer(HTTPStatus.SEE_OTHER, (("Location", where), *headers, *pages.SECURITY_HEADERS), b"")


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
