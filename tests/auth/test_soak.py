"""Long runs: races that need many tries, and what must not grow in a process that signs out all day."""

import gc
import logging
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    ClearCredentials,
    CompleteSignOut,
    Credentials,
    CredentialStore,
    FileCredentialStore,
    Limits,
    MemoryCredentialStore,
    RevokeToken,
    Runner,
    Transition,
)
from tests.auth.world import GUARD, Cast, Token, pool_tokens, session
from tests.leaks import Watch
from tests.soak import SOAK

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_no_refresh_ever_brings_a_session_back(kind: str, tmp_path: Path) -> None:
    """S4, where a refresh saves at a random moment of a sign-out, as often as a store without the fence fails it."""
    store: CredentialStore = MemoryCredentialStore() if kind == "memory" else FileCredentialStore(tmp_path)
    cast = Cast()
    moment = 0
    begin = threading.Event()

    def watch(notice: object) -> None:
        """The session is read, and not yet leaving: this is the race."""
        if isinstance(notice, Transition) and moment == 1:
            begin.set()

    cast.before[RevokeToken] = lambda _: begin.set()  # leaving by now, at the latest
    auth = Auth(store, cast.runner(), observers=[watch])
    saved = [0, 0]
    with ThreadPoolExecutor(1) as refresher:
        for number in range(60 * SOAK):
            moment = number % 3
            auth.sign_in(session(), replace=True)
            held = auth.credentials()
            assert held is not None
            begin.clear()

            def refresh(held: Credentials = held) -> bool:
                assert begin.wait(GUARD)
                return auth.save_refreshed(held, pool_tokens("1", access=Token.EXPIRED))

            refreshed = refresher.submit(refresh)
            if moment == 0:
                begin.set()
                assert refreshed.result(GUARD)
            assert isinstance(auth.sign_out(), CompleteSignOut)
            saved[refreshed.result(GUARD)] += 1
            assert store.load("default").data is None
    assert all(saved), f"both orders are to be met: refused {saved[0]} times, saved {saved[1]} times"


PATIENT: Final = Limits(deadline=120, seconds=dict.fromkeys((RevokeToken, ClearCredentials), 120))
"""Of ten thousand at once, on a machine that has other things to do, some wait for longer than the defaults allow."""


class Crowd:
    """Users who sign in and out again, all at once, on one event loop."""

    def __init__(self) -> None:
        self.store = MemoryCredentialStore()
        self.runner = Runner(handlers={RevokeToken: lambda *_: None})
        self.results: Counter[type] = Counter()

    async def come_and_go(self, count: int) -> None:
        for number in range(count):
            self.store.begin(str(number), session(), replace=True)
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(self._sign_out, str(number))

    async def _sign_out(self, key: str) -> None:
        result = await AsyncAuth(self.store, self.runner, key=key, limits=PATIENT).sign_out()
        self.results[type(result)] += 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ten_thousand_sign_outs_at_once_are_all_complete(backend: str) -> None:
    crowd = Crowd()
    anyio.run(crowd.come_and_go, 10_000, backend=backend)
    assert crowd.results == {CompleteSignOut: 10_000}


def test_a_process_that_signs_out_all_day_does_not_grow(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Neither threads nor flights nor memory: many rounds leave no more than one does."""
    caplog.set_level(logging.CRITICAL, "authsm")  # pytest keeps every record
    crowd, at_once = Crowd(), 200

    def weigh() -> int:
        assert watch.leaks() == []
        watch.shown.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        anyio.run(crowd.come_and_go, at_once)
        before = weigh()
        for _ in range(SOAK):
            anyio.run(crowd.come_and_go, at_once)
        grown = weigh() - before
    finally:
        tracemalloc.stop()
    sign_outs = at_once * SOAK
    assert crowd.results == {CompleteSignOut: sign_outs + at_once}
    # A sign-out needs several thousand bytes while it runs; some threads more or less come to less than this.
    assert grown < 1000 * sign_outs, f"{grown / sign_outs:.0f} bytes more with each sign-out"
    assert threading.active_count() < 200
