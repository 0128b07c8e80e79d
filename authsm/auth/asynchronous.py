"""`AsyncAuth`: sign-out for programs with an event loop, on asyncio and on trio."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import lowlevel, to_thread

from authsm.auth.session import AuthState, Credentials, Session
from authsm.core.drive import Limits, Transition
from authsm.flows.sign_out.policy import SignOutPolicy
from authsm.runners import asynchronous
from authsm.runners.blocking import late_answer
from authsm.runners.event_loop import current_event_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from concurrent.futures import Future

    from authsm.auth.flights import Flight
    from authsm.auth.sign_out import SignOutDriver, SignOutRun
    from authsm.credentials import SignedInData, UserPoolTokens
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.results import PartialSignOut, SignOutResult
    from authsm.observe import Observer
    from authsm.runners.event_loop import EventLoop
    from authsm.runners.handlers import RunnerLike
    from authsm.stores.contract import CredentialStore

T = TypeVar("T")

MOST_THREADS = 64
"""How many plain handlers and store operations run at the same time in one event loop."""

_limiter: lowlevel.RunVar[anyio.CapacityLimiter] = lowlevel.RunVar("authsm-threads")


class AsyncAuth:
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

    def __init__(
        self,
        store: CredentialStore,
        runner: RunnerLike,
        *,
        key: str = "default",
        policy: SignOutPolicy | None = None,
        observers: Iterable[Observer] = (),
        limits: Limits | None = None,
    ) -> None:
        self._session = Session(
            store,
            runner,
            key=key,
            policy=policy or SignOutPolicy(),
            observers=observers,
            limits=limits or Limits(),
        )
        self._last_result: SignOutResult | None = None

    async def state(self) -> AuthState:
        """Tell whether a user is signed in; see `Auth.state`."""
        return await _in_thread(self._session.state)

    @property
    def last_result(self) -> SignOutResult | None:
        """What the last sign-out through this object ended in, also where its caller was cancelled."""
        return self._last_result

    async def sign_in(self, data: SignedInData, *, replace: bool = False) -> None:
        """Store what the embedding SDK obtained when the user signed in; see `Auth.sign_in`."""
        await _in_thread(functools.partial(self._session.sign_in, data, replace_it=replace))

    async def credentials(self) -> Credentials | None:
        """Give the credentials of the signed-in user; see `Auth.credentials`."""
        return await _in_thread(self._session.credentials)

    async def save_refreshed(self, credentials: Credentials, tokens: UserPoolTokens) -> bool:
        """Store tokens that were refreshed; see `Auth.save_refreshed`."""
        return await _in_thread(functools.partial(self._session.save_refreshed, credentials, tokens))

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
        return await self._wait(self._take_off(policy, to_all=global_sign_out))

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
        return self._watch(self._take_off(policy, to_all=global_sign_out))

    async def retry(self, partial: PartialSignOut) -> SignOutResult:
        """Try again what failed in a partial sign-out; see `Auth.retry`."""
        return await self._wait(self._start(self._session.board_retry(partial)))

    async def resume(self) -> SignOutResult | None:
        """End a sign-out that a crash interrupted; see `Auth.resume`."""
        boarded = await _in_thread(self._session.board_resume)
        if boarded is None:
            return None
        flight, new = boarded
        return await self._wait(self._start(flight) if new else self._remember(flight))

    def _take_off(self, policy: SignOutPolicy | None, *, to_all: bool) -> Flight:
        flight, new = self._session.board_sign_out(global_sign_out=to_all, policy=policy)
        return self._start(flight) if new else self._remember(flight)

    def _start(self, flight: Flight) -> Flight:
        self._remember(flight)
        loop = current_event_loop()
        loop.spawn(functools.partial(fly, flight, loop))
        return flight

    def _remember(self, flight: Flight) -> Flight:
        # Added before anybody waits, so that the result stands here when the wait is over.
        flight.result.add_done_callback(self._keep)
        return flight

    def _keep(self, done: Future[SignOutResult]) -> None:
        if done.exception() is None:
            self._last_result = done.result()

    async def _wait(self, flight: Flight) -> SignOutResult:
        loop = current_event_loop()
        try:
            await _done(flight.result, loop)
        except BaseException:
            await _left(flight, loop)
            raise
        return flight.result.result()

    async def _watch(self, flight: Flight) -> AsyncIterator[Transition[SignOutContext]]:
        loop = current_event_loop()
        send, receive = anyio.create_memory_object_stream[Transition[Any]](math.inf)
        flight.listen(lambda transition: loop.call_soon(functools.partial(send.send_nowait, transition)))
        flight.result.add_done_callback(lambda _: loop.call_soon(send.close))
        with receive:
            while True:
                try:
                    transition = await receive.receive()
                except anyio.EndOfStream:
                    break
                except BaseException:
                    await _left(flight, loop)
                    raise
                yield transition
        flight.result.result()


async def fly(flight: Flight, loop: EventLoop) -> None:
    """Run a flight to its end in this task. What goes wrong is raised to those who wait.

    Args:
        flight: What to run.
        loop: The event loop that this task runs in.
    """
    run = flight.run
    try:
        await _done(flight.turn, loop)
        inbox = asynchronous.AsyncInbox(loop, late_answer(run.id, run.observe))
        flight.interrupted_by(inbox.interrupt)
        driver = run.start_called_off() if flight.called_off else await _started(run)
        result = run.result(await asynchronous.run(driver, run, inbox, loop, _threads()))
    except BaseException as error:
        flight.settle()
        flight.result.set_exception(error if isinstance(error, Exception) else RuntimeError(_LOOP_ENDED))
        if not isinstance(error, Exception):
            raise
    else:
        flight.settle()
        flight.result.set_result(result)


_LOOP_ENDED = "The event loop that ran this sign-out was closed before its end. Call `resume`."


async def _started(run: SignOutRun) -> SignOutDriver:
    """Start a run; give up a store that does not answer."""
    with anyio.move_on_after(run.seconds_to_open):
        return await _in_thread(run.start)
    return run.start_unread(f"The credential store gave no answer within {run.seconds_to_open:g} s.")


async def _left(flight: Flight, loop: EventLoop) -> None:
    """Leave a flight as a caller; the last one interrupts it, and stays until it has ended."""
    if flight.leave():
        flight.interrupt()
        with anyio.CancelScope(shield=True):
            await _done(flight.result, loop)


async def _done(future: Future[T], loop: EventLoop) -> None:
    """Wait until a future is done, without blocking the event loop."""
    done = anyio.Event()
    future.add_done_callback(lambda _: loop.call_soon(done.set))
    await done.wait()


def _threads() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MOST_THREADS)
        _limiter.set(limiter)
        return limiter


async def _in_thread(function: Callable[[], T]) -> T:
    return await to_thread.run_sync(function, limiter=_threads(), abandon_on_cancel=True)
