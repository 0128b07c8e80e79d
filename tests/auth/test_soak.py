"""Long runs: races that need many tries, and what must not grow in a process that signs out all day."""

import gc
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

from authsm import AsyncAuth, Auth, CompleteSignOut, CredentialStore, FileCredentialStore, MemoryCredentialStore
from tests.auth.world import GUARD, Cast, pool_tokens, session
from tests.soak import SOAK

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_no_refresh_ever_brings_a_session_back(kind: str, tmp_path: Path) -> None:
    """S4, where a refresh saves at a random moment of a sign-out, as often as a store without the fence fails it."""
    store: CredentialStore = MemoryCredentialStore() if kind == "memory" else FileCredentialStore(tmp_path)
    auth = Auth(store, Cast().runner())
    saved = [0, 0]
    with ThreadPoolExecutor(1) as refresher:
        for _ in range(120 * SOAK):
            auth.sign_in(session(), replace=True)
            held = auth.credentials()
            assert held is not None
            begin = threading.Event()

            def refresh(held: object = held, begin: threading.Event = begin) -> bool:
                assert begin.wait(GUARD)
                return auth.save_refreshed(held, pool_tokens("2"))  # type: ignore[arg-type]  # bound above

            refreshed = refresher.submit(refresh)
            begin.set()
            assert isinstance(auth.sign_out(), CompleteSignOut)
            saved[refreshed.result(GUARD)] += 1
            assert store.load("default").data is None
    assert all(saved), f"both orders are to be met: refused {saved[0]} times, saved {saved[1]} times"


def test_thousands_of_sign_outs_leave_nothing_behind() -> None:
    """Neither threads nor flights nor memory: what one round of a thousand leaves, five rounds leave, too."""
    store, runner = MemoryCredentialStore(), Cast().runner()

    async def round_of(count: int) -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(one, f"user-{number}")

    async def one(key: str) -> None:
        auth = AsyncAuth(store, runner, key=key)
        await auth.sign_in(session(), replace=True)
        assert isinstance(await auth.sign_out(), CompleteSignOut)

    def weigh() -> int:
        runner_cast.called.clear()
        runner_cast.answered.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    runner_cast = Cast()
    runner = runner_cast.runner()
    anyio.run(round_of, 1000)
    tracemalloc.start()
    try:
        anyio.run(round_of, 1000)
        before = weigh()
        for _ in range(SOAK):
            anyio.run(round_of, 1000)
        grown = weigh() - before
    finally:
        tracemalloc.stop()
    assert grown < 1000 * SOAK * 20, f"{grown} bytes more after {1000 * SOAK} sign-outs"
    assert threading.active_count() < 64
