"""`Auth`: sign-out for programs with threads, and for scripts."""

from __future__ import annotations

import contextlib
import queue
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, TypeVar

from authsm.auth.base import AnyAuth
from authsm.runners import blocking
from authsm.runners.threads import NoAnswerError, in_time, start_thread
from authsm.stores.contract import Saved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.auth.flights import Flight
    from authsm.auth.session import AuthState, Credentials
    from authsm.auth.sign_out import SignOutDriver, SignOutRun
    from authsm.core.drive import Transition
    from authsm.credentials import SignedInData, UserPoolTokens
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.policy import SignOutPolicy
    from authsm.flows.sign_out.results import PartialSignOut, SignOutResult

T = TypeVar("T")

_LOOK_UP_SECONDS = 1.0
"""How often a waiting caller looks up: on Windows, Ctrl-C does not end a wait that has no time limit."""


class Auth(AnyAuth):
    """One user's session, and how it ends. Cheap: make one a session, and share store and runner.

    May be used from several threads at once; sign-outs of the same session at the same time become one.

    Args:
        store: Where the credentials live.
        runner: Who carries out the remote effects: a `CognitoRunner`, or a handler for each type of effect.
        key: The session's key in the store.
        policy: How sign-outs are done.
        observers: Who is told of every step: callables that take one `Notice`.
        limits: How long things may take, in seconds.

    Raises:
        ConfigurationException: The runner is none, or has a handler that has to be awaited.
    """

    _awaits = False

    @property
    def state(self) -> AuthState:
        """Whether a user is signed in.

        Raises:
            CredentialStoreException: The store could not be read.
        """
        return self._session.state()

    def sign_in(self, data: SignedInData, *, replace: bool = False) -> None:
        """Store what the embedding SDK obtained when the user signed in.

        Args:
            data: The tokens, and whose they are.
            replace: Whether a session that is stored under this key is to be forgotten, without signing it out.

        Raises:
            ConfigurationException: A token is malformed.
            InvalidStateException: A user is signed in, and ``replace`` is not given.
            CredentialStoreException: The store failed.
        """
        self._session.sign_in(data, replace_it=replace)

    def credentials(self) -> Credentials | None:
        """Give the credentials of the signed-in user.

        Returns:
            The credentials; None where nobody is signed in, and once a sign-out has begun to do what cannot be undone.

        Raises:
            CredentialStoreException: The store could not be read.
        """
        return self._session.credentials()

    def save_refreshed(self, credentials: Credentials, tokens: UserPoolTokens) -> bool:
        """Store tokens that were refreshed. What the refresh did not return is kept as it was.

        Args:
            credentials: What `credentials` gave before the refresh.
            tokens: The new tokens.

        Returns:
            Whether they are stored. If not, the session has moved on meanwhile: refreshed by somebody else, or signed
            out, or signed in anew. Where it is over, nobody keeps the new refresh token, so it is revoked before this
            returns; observers see how that went.

        Raises:
            ConfigurationException: A token is malformed.
            CredentialStoreException: The store failed.
        """
        answer = self._session.save_refreshed(credentials, tokens)
        orphan = self._session.orphan_flight(answer, credentials, tokens)
        if orphan is not None:
            wait(start(orphan))
        return isinstance(answer, Saved)

    def sign_out(self, *, global_sign_out: bool = False, policy: SignOutPolicy | None = None) -> SignOutResult:
        """Sign the user out, and wait for the end.

        Ctrl-C, or any other exception that a signal handler raises here, interrupts: at the hosted UI it is a cancel;
        later the remote steps that are left share a time of grace, the credentials are cleared all the same, and the
        exception goes on its way. `last_result` has the result then. A second one ends the time of grace.

        Args:
            global_sign_out: Whether every session of the user is to end, on all devices.
            policy: How to do it this time; the policy of this object if not given.

        Returns:
            What it ended in. Failures of the service, the network, a handler or the store are in it; none is raised.

        Raises:
            ConfigurationException: The policy clears locally only, and a global sign-out was asked for.
            InvalidStateException: A sign-out of this session runs in this very thread: an observer, or what an event
                loop calls, must not wait for it.
        """
        self._session.refuse_in_own_thread()
        return wait(self._sign_out(policy, to_all=global_sign_out))

    def sign_out_future(
        self, *, global_sign_out: bool = False, policy: SignOutPolicy | None = None
    ) -> Future[SignOutResult]:
        """Sign the user out in the background; `Future.add_done_callback` gives the call style of callbacks.

        A program that ends meanwhile waits for it, for at most its time limits, those of the hosted UI included (cancel
        that, if nobody is there to see it), and some seconds for what its callbacks do.

        Args:
            global_sign_out: As for `sign_out`.
            policy: As for `sign_out`.

        Returns:
            What becomes the result. It cannot be cancelled.

        Raises:
            ConfigurationException: As for `sign_out`.
        """
        mine: Future[SignOutResult] = Future()
        mine.set_running_or_notify_cancel()
        self._sign_out(policy, to_all=global_sign_out).result.add_done_callback(lambda done: _copy(done, mine))
        return mine

    def sign_out_steps(
        self, *, global_sign_out: bool = False, policy: SignOutPolicy | None = None
    ) -> Iterator[Transition[SignOutContext]]:
        """Sign the user out, and watch. The sign-out begins at once, and goes on when the iterator is dropped.

        Args:
            global_sign_out: As for `sign_out`.
            policy: As for `sign_out`.

        Returns:
            Gives each transition after it happened. At its end, `last_result` has the result.

        Raises:
            ConfigurationException: As for `sign_out`.
        """
        self._session.refuse_in_own_thread()
        return self._watch(self._sign_out(policy, to_all=global_sign_out))

    def retry(self, partial: PartialSignOut) -> SignOutResult:
        """Try again what failed in a partial sign-out.

        Args:
            partial: Its result, which holds the tokens that this needs.

        Returns:
            What it ended in: `CompleteSignOut` once everything is done.
        """
        return wait(self._retry(partial))

    def resume(self) -> SignOutResult | None:
        """End a sign-out that a crash interrupted.

        Returns:
            What it ended in; None where none was interrupted.

        Raises:
            CredentialStoreException: The store could not be read.
        """
        self._session.refuse_in_own_thread()
        interrupted = self._session.interrupted()
        if interrupted is None:
            return None
        return wait(self._session.board_resume(interrupted, self._start, self._joined))

    def _start(self, flight: Flight) -> None:
        start(flight)

    def _watch(self, flight: Flight) -> Iterator[Transition[SignOutContext]]:
        seen: queue.SimpleQueue[tuple[Transition[SignOutContext] | None]] = queue.SimpleQueue()
        flight.listen(lambda transition: seen.put((transition,)))
        flight.result.add_done_callback(lambda _: seen.put((None,)))
        while True:
            (transition,) = _await(flight, lambda: _get(seen))
            if transition is None:
                break
            yield transition
        flight.result.result()


def start(flight: Flight) -> Flight:
    """Begin a flight in a thread of its own.

    Args:
        flight: What to run.

    Returns:
        The same flight.
    """
    start_thread("authsm-sign-out", lambda: fly(flight))
    return flight


def wait(flight: Flight) -> SignOutResult:
    """Wait for a flight; see `Auth.sign_out` for what an interruption does.

    Args:
        flight: What was started.

    Returns:
        What it ended in.
    """
    _await(flight, lambda: wait_for([flight.result], _LOOK_UP_SECONDS).done or None)
    return flight.result.result()


def fly(flight: Flight) -> None:
    """Run a flight to its end in this thread. Never raises: what goes wrong is raised to those who wait.

    Args:
        flight: What to run.
    """
    if not flight.take_off():
        return
    run = flight.run
    try:
        while not wait_for([flight.turn], _LOOK_UP_SECONDS).done:
            flight.look_after()
        inbox = blocking.Inbox(blocking.late_answer(run.id, run.observe))
        flight.interrupted_by(inbox.interrupt)
        driver = run.start_called_off() if flight.called_off else _started(run)
        result = run.result(run.suspend(blocking.run(driver, run, inbox)))
        if run.has_to_finish:
            _finish(run)
    except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
        flight.fail(error)
    else:
        flight.end(result)


def _started(run: SignOutRun) -> SignOutDriver:
    """Start a run; give up a store that does not answer."""
    try:
        return in_time("authsm-open", run.start, run.seconds_to_open)
    except NoAnswerError:
        return run.start_unread(f"The credential store gave no answer within {run.seconds_to_open:g} s.")


def _finish(run: SignOutRun) -> None:
    """Finish a run; give up a store that does not answer."""
    try:
        in_time("authsm-finish", run.finish, run.seconds_to_open)
    except NoAnswerError:
        run.give_up_finishing()


def _await(flight: Flight, take: Callable[[], T | None]) -> T:
    """Wait for a flight; the last caller who is interrupted interrupts it, and stays until it has ended.

    Args:
        flight: What is waited for.
        take: Waits for a short time, and gives what came, or None.

    Returns:
        What came.
    """
    try:
        while (taken := take()) is None:
            flight.look_after()
    except BaseException:
        if flight.leave():
            _end(flight)
        raise
    return taken


def _end(flight: Flight) -> None:
    """Interrupt a flight, and wait for its end. Another Ctrl-C ends the time of grace, which bounds the wait."""
    while not flight.result.done():
        with contextlib.suppress(BaseException):
            flight.interrupt()
            while not wait_for([flight.result], _LOOK_UP_SECONDS).done:
                flight.look_after()


def _get(seen: queue.SimpleQueue[T]) -> T | None:
    try:
        return seen.get(timeout=_LOOK_UP_SECONDS)
    except queue.Empty:
        return None


def _copy(done: Future[T], to: Future[T]) -> None:
    error = done.exception()
    if error is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())
