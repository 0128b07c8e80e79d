"""Flights whose owners are gone: nobody may wait for a flight that nobody flies."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    CompleteSignOut,
    FileCredentialStore,
    InvalidStateException,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    SignedOutLocally,
    SignOutPolicy,
    Transition,
)
from authsm.auth.flights import FLIGHTS
from authsm.stores.contract import EntryState
from tests.auth.test_resume_and_retry import crashed, journal_at
from tests.auth.world import GUARD, Cast, Gate, faulty, gate, pool_tokens, session

ROOT = Path(__file__).parents[2]


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this suite's own program
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )


def test_a_loop_that_is_closed_over_its_flight_leaves_the_session_to_others(
    store: MemoryCredentialStore, cast: Cast
) -> None:
    runner = cast.runner()
    Auth(store, runner).sign_in(session())
    loop = asyncio.new_event_loop()
    with gate() as made:
        cast.before[RevokeToken] = made

        async def begin() -> None:
            AsyncAuth(store, runner).sign_out_steps()
            await made.reached_async()

        loop.run_until_complete(begin())
        waiting = Auth(store, runner).sign_out_future()
        loop.close()
        cast.before.clear()
        made.open()
    other = Auth(store, Cast().runner())
    assert isinstance(other.sign_out_future().result(GUARD), CompleteSignOut)
    with pytest.raises(RuntimeError, match="Call `resume`"):
        waiting.result(GUARD)
    assert store.load("default").state is EntryState.TOMBSTONE


@pytest.mark.parametrize("policy", [None, SignOutPolicy(local_only=True)], ids=["the same", "another"])
def test_an_observer_that_waits_for_its_own_sign_out_is_refused(
    policy: SignOutPolicy | None, store: MemoryCredentialStore, cast: Cast
) -> None:
    refused: list[InvalidStateException] = []

    def sign_out_again(notice: object) -> None:
        if isinstance(notice, Transition):
            try:
                auth.sign_out(policy=policy)
            except InvalidStateException as error:
                refused.append(error)

    auth = Auth(store, cast.runner(), observers=[sign_out_again])
    auth.sign_in(session())
    assert isinstance(auth.sign_out_future().result(GUARD), CompleteSignOut)
    assert len(refused) == 3
    assert "sign_out_future" in refused[0].recovery_suggestion


def test_an_observer_that_is_told_of_the_end_may_sign_out_what_is_there_now(
    store: MemoryCredentialStore, cast: Cast
) -> None:
    ended: list[object] = []

    def sign_out_again(notice: object) -> None:
        if isinstance(notice, SignedOutLocally) and not ended:
            ended.append(None)
            ended[:] = [auth.sign_out()]

    auth = Auth(store, cast.runner(), observers=[sign_out_again])
    auth.sign_in(session())
    auth.sign_out_future().result(GUARD)
    assert isinstance(ended[0], CompleteSignOut)


@pytest.mark.parametrize("leaver", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_a_caller_that_is_hit_while_it_starts_a_flight_strands_nobody(
    leaver: type[BaseException], store: MemoryCredentialStore, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = Auth(store, cast.runner())
    auth.sign_in(session())
    for name in ("_start", "_joined"):
        with monkeypatch.context() as patched:
            patched.setattr(auth, name, _raising(leaver))
            with pytest.raises(leaver):
                auth.sign_out()
        assert FLIGHTS._flights == {}
    assert store.load("default").state is EntryState.LIVE
    assert isinstance(auth.sign_out_future().result(GUARD), CompleteSignOut)


def _raising(error: type[BaseException]) -> Callable[..., Any]:
    def act(*_: object) -> None:
        raise error

    return act


def test_a_caller_that_is_hit_just_after_the_start_leaves_a_flight_that_ends(
    store: MemoryCredentialStore, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = Auth(store, cast.runner())
    auth.sign_in(session())
    true_start = auth._start
    with gate() as made, monkeypatch.context() as patched:
        cast.before[RevokeToken] = made

        def start(flight: Any) -> None:
            true_start(flight)
            made.reached()
            raise KeyboardInterrupt

        patched.setattr(auth, "_start", start)
        with pytest.raises(KeyboardInterrupt):
            auth.sign_out()
        made.open()
    assert isinstance(auth.sign_out_future().result(GUARD), CompleteSignOut)
    assert store.load("default").state is EntryState.TOMBSTONE


def test_a_long_queue_that_was_called_off_settles(store: MemoryCredentialStore, cast: Cast) -> None:
    """More than Python's stack is deep: each of them has to be settled in its turn, and none inside another."""
    auth = Auth(store, cast.runner())
    auth.sign_in(session())
    with gate() as made:
        cast.before[RevokeToken] = made
        first = auth.sign_out_future()
        made.reached()
        flights = [Auth(store, Cast().runner())._sign_out(None, to_all=False) for _ in range(400)]
        for flight in flights:
            assert flight.leave()
            flight.interrupt()
        made.open()
        assert isinstance(first.result(GUARD), CompleteSignOut)
        for flight in flights:
            flight.settled.result(GUARD)
    assert auth.state == "signed_out"


def test_a_sign_out_of_a_new_session_does_not_join_one_of_the_old(store: MemoryCredentialStore, cast: Cast) -> None:
    """S1 and S13, where the new session can be seen already, and `sign_in` has not returned yet."""
    with gate() as seen:

        def begin(true: Callable[[], object]) -> object:
            entry = true()
            seen()
            return entry

        slow = faulty(store, begin=begin)
        auth = Auth(slow, cast.runner())
        store.begin("default", session())
        with gate() as made:
            cast.before[RevokeToken] = made
            old = auth.sign_out_future()
            made.reached()
            signing_in = threading.Thread(
                target=auth.sign_in, args=(session(tokens=pool_tokens("2")),), kwargs={"replace": True}, daemon=True
            )
            signing_in.start()
            seen.reached()
            new = auth.sign_out_future()
            made.open()
            assert new.result(GUARD) is not old.result(GUARD)
        assert store.load("default").state is EntryState.TOMBSTONE
        seen.open()
        signing_in.join(GUARD)


def test_a_forked_process_does_not_wait_for_the_flights_of_its_parent() -> None:
    ran = _run(
        """
        import os, sys, threading, warnings
        from authsm import Auth, MemoryCredentialStore, RevokeToken
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of what is asked for here
        from tests.auth.world import session
        store, begun, on = MemoryCredentialStore(), threading.Event(), threading.Event()
        def revoke(effect, call):
            begun.set()
            on.wait(10)
        auth = Auth(store, {RevokeToken: revoke})
        auth.sign_in(session())
        future = auth.sign_out_future()
        begun.wait(10)
        child = os.fork()
        if child == 0:
            on.set()
            result = Auth(store, {RevokeToken: lambda effect, call: None}).sign_out()
            os._exit(0 if type(result).__name__ == "CompleteSignOut" else 1)
        status = os.waitpid(child, 0)[1]
        on.set()
        print(status, type(future.result()).__name__)
        """
    )
    assert (ran.stdout, ran.stderr) == ("0 CompleteSignOut\n", "")


def test_a_program_that_ends_waits_for_what_it_began(tmp_path: Path) -> None:
    ran = _run(
        """
        import sys, time
        from pathlib import Path
        from authsm import Auth, FileCredentialStore, RevokeToken
        from tests.auth.world import session
        def revoke(effect, call):
            time.sleep(0.3)
        auth = Auth(FileCredentialStore(Path(sys.argv[1])), {RevokeToken: revoke})
        auth.sign_in(session())
        auth.sign_out_future()
        """,
        str(tmp_path),
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert Auth(FileCredentialStore(tmp_path), {}).state == "signed_out"


def test_a_program_that_ends_waits_for_those_who_are_told(tmp_path: Path) -> None:
    ran = _run(
        """
        import sys, time
        from authsm import Auth, MemoryCredentialStore, RevokeToken
        from tests.auth.world import session
        def tell(done):
            time.sleep(0.3)
            print(type(done.result()).__name__)
        auth = Auth(MemoryCredentialStore(), {RevokeToken: lambda effect, call: time.sleep(0.1)})
        auth.sign_in(session())
        auth.sign_out_future().add_done_callback(tell)
        """,
        str(tmp_path),
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "CompleteSignOut\n", "")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_sign_in_does_not_come_true_later(backend: str, store: MemoryCredentialStore, cast: Cast) -> None:
    """It would otherwise open a session after a sign-out that found nobody."""

    async def main(made: Gate) -> None:
        auth = AsyncAuth(faulty(store, begin=made.fault), cast.runner())
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(auth.sign_in, session())
                await made.reached_async()
                scope.cancel()
        assert isinstance(await auth.sign_out(), CompleteSignOut)
        made.open()
        with anyio.fail_after(GUARD):
            while store.load("default").state is not EntryState.TOMBSTONE:  # noqa: ASYNC110 - a thread makes it one
                await anyio.sleep(0.01)

    with gate() as made:
        anyio.run(main, made, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_resume_strands_nobody(backend: str, store: MemoryCredentialStore, cast: Cast) -> None:
    epoch = store.begin("default", session()).epoch
    store.leave("default", epoch=epoch, journal="{}")

    async def main(made: Gate) -> None:
        auth = AsyncAuth(faulty(store, read_journal=made.fault), cast.runner())
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(auth.resume)
                await made.reached_async()
                scope.cancel()
        made.open()
        with anyio.fail_after(GUARD):
            assert isinstance(await AsyncAuth(store, cast.runner()).sign_out(), CompleteSignOut)

    with gate() as made:
        anyio.run(main, made, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_watcher_that_polls_leaves_its_flight_only_once(
    backend: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    """Each time-out of its wait is a cancel; a second one must not count for the caller who still waits."""

    async def main() -> None:
        runner = cast.runner()
        auth, other = AsyncAuth(store, runner), AsyncAuth(store, runner)
        await auth.sign_in(session())
        with gate() as made:
            cast.before[RevokeToken] = made
            steps = auth.sign_out_steps()
            results: list[object] = []

            async def wait() -> None:
                results.append(await other.sign_out())

            with anyio.fail_after(GUARD):
                async with anyio.create_task_group() as tasks:
                    await made.reached_async()
                    tasks.start_soon(wait)
                    await anyio.wait_all_tasks_blocked()
                    for _ in range(6):
                        with anyio.move_on_after(0.01):
                            await anext(steps)
                    made.open()
            assert isinstance(results[0], CompleteSignOut)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_resume_without_its_handler_ends_all_the_same(backend: str) -> None:
    """A program resumes with fewer handlers than began: what cannot be done is a failure, and the rest happens."""
    store = crashed(journal_at(RevokeToken))

    async def main() -> None:
        with anyio.fail_after(GUARD):
            result = await AsyncAuth(store, {}).resume()
        assert isinstance(result, PartialSignOut)
        assert result.steps.revoke_token.failure.code == "MissingHandler"  # type: ignore[union-attr]  # it failed

    anyio.run(main, backend=backend)
