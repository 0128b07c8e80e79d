"""What an interruption or a hang does to a sign-out in threads, at every state; `test_signals` does it for real."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from authsm import (
    Auth,
    ClearCredentials,
    CompleteSignOut,
    CredentialStoreException,
    FailedSignOut,
    LateAnswer,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    ShowHostedUISignOut,
)
from authsm.auth import blocking
from authsm.core.vocabulary import Effect
from authsm.flows.sign_out.results import Done
from authsm.stores.contract import EntryState
from tests.auth.styles import Told
from tests.auth.world import (
    EVERY_STEP,
    EVERYTHING_IS_DUE,
    GUARD,
    SOON,
    Act,
    Cast,
    eventually,
    faulty,
    gate,
    of_kind,
    session,
)

SHORT_GRACE = Limits(grace=SOON)


@pytest.mark.parametrize("operation", ["load", "leave", "clear", "verify_cleared"])
def test_a_store_that_hangs_ends_at_the_time_limit(operation: str) -> None:
    """B: the call ends within its limits, says honestly what is known, and the next one works."""
    with gate() as made:
        true_store = MemoryCredentialStore()
        true_store.begin("default", session())
        store = faulty(true_store, **{operation: made.fault})
        auth = Auth(store, Cast().runner(), limits=Limits(seconds=dict.fromkeys(EVERY_STEP, 0.1)))
        result = auth.sign_out_future().result(GUARD)
        assert isinstance(result, FailedSignOut)
        assert isinstance(result.exception, CredentialStoreException)
        assert result.signed_out_locally is (False if operation == "load" else None)
        store.faults.clear()
        assert isinstance(auth.sign_out_future().result(GUARD), CompleteSignOut)


def test_a_handler_that_never_returns_is_left_behind_at_its_time_limit(
    told: Told, store: MemoryCredentialStore
) -> None:
    cast = Cast({RevokeToken: Act.HANGS})
    auth = Auth(store, cast.runner(), observers=[told], limits=Limits(seconds={RevokeToken: SOON}))
    auth.sign_in(session())
    result = auth.sign_out_future().result(GUARD)
    assert isinstance(result, PartialSignOut)
    assert result.steps.clear_credentials == Done()
    eventually(lambda: of_kind(told.notices, LateAnswer), "the late answer is seen")


def test_what_was_given_up_before_it_began_is_not_begun_later(told: Told) -> None:
    """A journal that hangs takes the time of the effect; nobody waits for that effect any more when it is written."""
    with gate() as made:
        store, cast = faulty(MemoryCredentialStore(), leave=made.fault), Cast()
        limits = Limits(seconds={RevokeToken: SOON, ClearCredentials: 0.2})
        auth = Auth(store, cast.runner(), observers=[told], limits=limits)
        auth.sign_in(session())
        assert isinstance(auth.sign_out_future().result(GUARD), FailedSignOut)
        made.open()
        eventually(lambda: len(of_kind(told.notices, LateAnswer)) == 2, "both late answers are seen")
        assert cast.called == []
        assert {notice.event.failure.code for notice in of_kind(told.notices, LateAnswer)} == {"GivenUp"}


@pytest.mark.parametrize("leaving", [1, 2, 3])
@pytest.mark.parametrize("step", EVERY_STEP[:-1], ids=lambda step: step.__name__)
def test_only_the_last_of_three_callers_interrupts(
    step: type[Effect], leaving: int, interrupt_waits: Callable[[], None]
) -> None:
    """B: one of several interrupted callers leaves at once, and the others get the result."""
    with _blocking_at(step, limits=SHORT_GRACE) as (auth, _, flight):
        flight.join()
        flight.join()
        blocking.start(flight)
        eventually(lambda: flight._transitions, "it began")
        for _ in range(leaving):
            interrupt_waits()
            with pytest.raises(KeyboardInterrupt):
                blocking.wait(flight)
        assert flight.result.done() is (leaving == 3)
        flight.interrupt()
        assert auth.last_result is None or flight.result.done()
        flight.result.result(GUARD)


@pytest.fixture
def interrupt_waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let Ctrl-C come in the next wait of a caller."""
    true_wait, due = concurrent.futures.wait, list[bool]()

    def wait_for(*how: Any) -> Any:
        if due:
            due.pop()
            raise KeyboardInterrupt
        return true_wait(*how)

    monkeypatch.setattr(blocking, "wait_for", wait_for)
    return lambda: due.append(True)


@contextlib.contextmanager
def _blocking_at(step: type[Effect], **how: Any) -> Iterator[tuple[Auth, MemoryCredentialStore, Any]]:
    store, cast = MemoryCredentialStore(), Cast({step: Act.HANGS})
    auth = Auth(store, cast.runner(), **how)
    auth.sign_in(EVERYTHING_IS_DUE)
    flight = auth._session.board_sign_out(lambda _: None, auth._joined, global_sign_out=True, policy=None)
    yield auth, store, flight


@pytest.mark.parametrize("step", EVERY_STEP[:-1], ids=lambda step: step.__name__)
def test_an_interruption_before_the_flight_has_an_inbox_is_not_lost(step: type[Effect]) -> None:
    """Ctrl-C in the moment between the call and its first step."""
    with _blocking_at(step, limits=SHORT_GRACE) as (_, store, flight):
        flight.interrupt()
        blocking.start(flight)
        result = flight.result.result(GUARD)
        assert isinstance(result, FailedSignOut if step is ShowHostedUISignOut else PartialSignOut | FailedSignOut)
        assert store.load("default").state is not EntryState.LEAVING


def test_a_thread_that_cannot_be_started_leaves_no_flight_behind(
    monkeypatch: pytest.MonkeyPatch, store: MemoryCredentialStore, cast: Cast
) -> None:
    """L2, where the system gives no more threads."""
    auth = Auth(store, cast.runner())
    auth.sign_in(session())

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("authsm.auth.blocking.start_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            auth.sign_out()
    assert auth.state == "signed_in"
    assert isinstance(auth.sign_out(), CompleteSignOut)


def test_ending_a_flight_outlives_further_interruptions(interrupt_waits: Callable[[], None]) -> None:
    """Ctrl-C while the end is waited for: each one interrupts again, and none lets the caller go early."""
    with _blocking_at(RevokeToken, limits=Limits(grace=GUARD)) as (_, store, flight):
        blocking.start(flight)
        eventually(lambda: "RevokingToken" in [each.target.state for each in flight._transitions], "it revokes")
        interrupt_waits()
        interrupt_waits()
        blocking._end(flight)
        assert isinstance(flight.result.result(0), PartialSignOut)
        assert store.load("default").state is EntryState.TOMBSTONE
