"""`AsyncAuth`: sign-out for programs with an event loop, on asyncio and on trio."""

from __future__ import annotations

import contextlib
import functools
import math
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
from anyio import lowlevel

from authsm.auth.base import AnyAuth
from authsm.auth.flights import LOOP_BROKE
from authsm.runners import asynchronous
from authsm.runners.asynchronous import done
from authsm.runners.blocking import late_answer
from authsm.runners.event_loop import current_event_loop
from authsm.stores.contract import Saved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from authsm.auth.flights import Flight
    from authsm.auth.session import AuthState, Credentials
    from authsm.auth.sign_out import SignOutDriver, SignOutRun
    from authsm.core.drive import Transition
    from authsm.credentials import SignedInData, UserPoolTokens
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.policy import SignOutPolicy
    from authsm.flows.sign_out.results import PartialSignOut, SignOutResult
    from authsm.runners.event_loop import EventLoop

T = TypeVar("T")

MOST_THREADS = 256
"""How many plain handlers, and how many store operations, are waited for at the same time in one event loop."""

MOST_FLIGHTS = 1000
"""How many sign-outs are in the air at the same time in one event loop. The others wait, and so do their time limits:
a burst that takes a busy process long must not end in failures of a store or service that was never asked."""

_for_flights: lowlevel.RunVar[anyio.CapacityLimiter] = lowlevel.RunVar("authsm-flights")
_for_handlers: lowlevel.RunVar[anyio.CapacityLimiter] = lowlevel.RunVar("authsm-handlers")
_for_store: lowlevel.RunVar[anyio.CapacityLimiter] = lowlevel.RunVar("authsm-store")


class AsyncAuth(AnyAuth):
    """One user's session, and how it ends, for event loops. Cheap: make one a session, and share store and runner.

    The same as `Auth`, to be awaited. Handlers may be async functions, which run in the event loop; plain ones, and the
    store, run in threads.

    Args:
        store: Where the credentials live.
        runner: Who carries out the remote effects: a `CognitoRunner`, or a handler for each type of effect.
        key: The session's key in the store.
        policy: How sign-outs are done.
        observers: Who is told of every step: callables that take one `Notice`.
        limits: How long things may take, in seconds.

    Raises:
        ConfigurationException: The runner is none.
    """

    _awaits = True

    async def state(self) -> AuthState:
        """Tell whether a user is signed in; see `Auth.state`."""
        return await _in_thread(self._session.state)

    async def sign_in(self, data: SignedInData, *, replace: bool = False) -> None:
        """Store what the embedding SDK obtained when the user signed in; see `Auth.sign_in`.

        Where the task is cancelled before the store has answered, the session is cleared again as soon as it has.
        """
        await _in_thread(
            functools.partial(self._session.sign_in, data, replace_it=replace), undo=self._session.undo_sign_in
        )

    async def credentials(self) -> Credentials | None:
        """Give the credentials of the signed-in user; see `Auth.credentials`."""
        return await _in_thread(self._session.credentials)

    async def save_refreshed(self, credentials: Credentials, tokens: UserPoolTokens) -> bool:
        """Store tokens that were refreshed; see `Auth.save_refreshed`."""
        answer = await _in_thread(functools.partial(self._session.save_refreshed, credentials, tokens))
        orphan = self._session.orphan_flight(answer, credentials, tokens)
        if orphan is not None:
            self._start(orphan)
            await self._wait(orphan)
        return isinstance(answer, Saved)

    async def sign_out(self, *, global_sign_out: bool = False, policy: SignOutPolicy | None = None) -> SignOutResult:
        """Sign the user out, and wait for the end.

        Cancelling the task interrupts, if no other caller waits for the same sign-out: at the hosted UI it is a cancel;
        later the remote steps that are left share a time of grace, and the credentials are cleared all the same. Only
        then does the cancellation go on its way; `last_result` has the result.

        Args:
            global_sign_out: Whether every session of the user is to end, on all devices.
            policy: How to do it this time; the policy of this object if not given.

        Returns:
            What it ended in. Failures of the service, the network, a handler or the store are in it; none is raised.

        Raises:
            ConfigurationException: The policy clears locally only, and a global sign-out was asked for.
        """
        return await self._wait(self._sign_out(policy, to_all=global_sign_out))

    def sign_out_steps(
        self, *, global_sign_out: bool = False, policy: SignOutPolicy | None = None
    ) -> AsyncIterator[Transition[SignOutContext]]:
        """Sign the user out, and watch. The sign-out begins at once, and goes on when the iterator is dropped.

        Args:
            global_sign_out: As for `sign_out`.
            policy: As for `sign_out`.

        Returns:
            Gives each transition after it happened. At its end, `last_result` has the result.

        Raises:
            ConfigurationException: As for `sign_out`.
        """
        return _Steps(self._sign_out(policy, to_all=global_sign_out), current_event_loop())

    async def retry(self, partial: PartialSignOut) -> SignOutResult:
        """Try again what failed in a partial sign-out; see `Auth.retry`."""
        return await self._wait(self._retry(partial))

    async def resume(self) -> SignOutResult | None:
        """End a sign-out that a crash interrupted; see `Auth.resume`."""
        interrupted = await _in_thread(self._session.interrupted)
        if interrupted is None:
            return None
        return await self._wait(self._session.board_resume(interrupted, self._start, self._joined))

    def _start(self, flight: Flight) -> None:
        loop = current_event_loop()
        flight.is_orphaned = loop.is_closed
        loop.spawn(functools.partial(fly, flight, loop), lambda: call_off(flight))

    async def _wait(self, flight: Flight) -> SignOutResult:
        await _wait(flight.result, flight, current_event_loop(), flight.leave)
        return flight.result.result()


class _Steps:
    """The transitions of a flight, for one task. No async generator: trio complains of those that are dropped."""

    def __init__(self, flight: Flight, loop: EventLoop) -> None:
        self._flight = flight
        self._loop = loop
        self._seen: deque[Transition[SignOutContext]] = deque()
        self._news: Future[None] = Future()
        self._has_left = False
        flight.listen(self._hear)
        flight.result.add_done_callback(lambda _: self._tell())

    def _hear(self, transition: Transition[SignOutContext]) -> None:
        self._seen.append(transition)
        self._tell()

    def _tell(self) -> None:
        """Wake the task that waits, if there is one. Called in any thread, for one transition after the other."""
        if not self._news.done():
            self._news.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Transition[SignOutContext]:
        while True:
            news: Future[None] = Future()
            self._news = news
            if self._seen:
                return self._seen.popleft()
            if self._flight.result.done():
                self._flight.result.result()
                raise StopAsyncIteration
            await _wait(news, self._flight, self._loop, self._leave)

    def _leave(self) -> bool:
        """Leave once: who goes on watching after a time-out is no other caller."""
        leaves, self._has_left = not self._has_left, True
        return leaves and self._flight.leave()


async def fly(flight: Flight, loop: EventLoop) -> None:
    """Run a flight to its end in this task. What goes wrong is raised to those who wait.

    Args:
        flight: What to run.
        loop: The event loop that this task runs in.
    """
    if not flight.take_off():
        return
    run = flight.run
    inbox = asynchronous.AsyncInbox(loop, late_answer(run.id, run.observe))
    try:
        driver = await _begun(flight, inbox, loop)
        result = run.result(await asynchronous.run(driver, run, inbox, loop, _limiter(_for_handlers, MOST_THREADS)))
        if run.has_to_finish:
            await _finish(run)
    except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
        flight.fail(error)
    except BaseException:
        flight.fail(RuntimeError(LOOP_BROKE))
        raise
    else:
        flight.end(result)
    finally:
        with contextlib.suppress(Exception):  # it may never have begun, or its event loop be gone
            _limiter(_for_flights, MOST_FLIGHTS).release_on_behalf_of(flight)


def call_off(flight: Flight) -> None:
    """End a flight at once, because the event loop that was to run it has ended.

    Args:
        flight: What has not begun.
    """
    if not flight.take_off():
        return
    try:
        next(flight.run.start_called_off())
    except StopIteration as stop:
        flight.end(flight.run.result(stop.value))


async def _begun(flight: Flight, inbox: asynchronous.AsyncInbox, loop: EventLoop) -> SignOutDriver:
    """Wait for the turn of a flight, and start its run; give up a store that does not answer."""
    run = flight.run
    cancelled = anyio.get_cancelled_exc_class()
    try:
        await done(flight.turn, loop, flight.look_after)
        flight.interrupted_by(inbox.interrupt)
        if flight.called_off:
            return run.start_called_off()
        await _limiter(_for_flights, MOST_FLIGHTS).acquire_on_behalf_of(flight)
        return await _in_thread(run.start, seconds=run.seconds_to_open)
    except TimeoutError:
        return run.start_unread(f"The credential store gave no answer within {run.seconds_to_open:g} s.")
    except cancelled:  # the event loop ends, and nothing has been done yet
        return run.start_called_off()


async def _finish(run: SignOutRun) -> None:
    """Finish a run; give up a store that does not answer."""
    try:
        await _in_thread(run.finish, seconds=run.seconds_to_open)
    except TimeoutError:
        run.give_up_finishing()


async def _wait(future: Future[Any], flight: Flight, loop: EventLoop, leave: Callable[[], bool]) -> None:
    """Wait as a caller of a flight; the last caller who is cancelled interrupts it, and stays until it has ended.

    Args:
        future: What is waited for.
        flight: Whose caller this is.
        loop: The event loop that this task runs in.
        leave: Called when the wait is cancelled; tells whether that was the last caller.
    """
    try:
        await done(future, loop, flight.look_after)
    except GeneratorExit:
        raise  # the event loop is gone, and nobody can wait
    except BaseException:
        if leave():
            await _end(flight, loop)
        raise


async def _end(flight: Flight, loop: EventLoop) -> None:
    """Interrupt a flight, and wait for its end. Another cancellation ends the time of grace, which bounds the wait."""
    while not flight.result.done():
        try:
            flight.interrupt()
            with anyio.CancelScope(shield=True):
                await done(flight.result, loop, flight.look_after)
        except GeneratorExit:
            raise
        except BaseException:  # noqa: BLE001, S112 - a second cancel on asyncio, a second Ctrl-C on trio
            continue


def _limiter(what: lowlevel.RunVar[anyio.CapacityLimiter], most: int) -> anyio.CapacityLimiter:
    try:
        return what.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(most)
        what.set(limiter)
        return limiter


async def _in_thread(
    function: Callable[[], T], *, seconds: float = math.inf, undo: Callable[[T], object] | None = None
) -> T:
    loop = current_event_loop()
    return await asynchronous.in_thread(function, loop, _limiter(_for_store, MOST_THREADS), seconds=seconds, undo=undo)
