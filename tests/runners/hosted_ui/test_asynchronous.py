"""What only a task can do to the handler: be cancelled; and which of the two calls takes which handler."""

import contextlib
import http.client
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from authsm import (
    AsyncAuth,
    AsyncLoopbackHostedUI,
    Auth,
    CompleteSignOut,
    ConfigurationException,
    FailedSignOut,
    LoopbackHostedUI,
    MemoryCredentialStore,
    RevokeToken,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutResult,
    UserCancelledException,
    UserPoolTokens,
)
from authsm.runners.hosted_ui.flight import Flight
from tests.runners.hosted_ui.browser import WAIT_SECONDS, Browser, make_call, send
from tests.runners.hosted_ui.desktop import PROVIDER
from tests.runners.hosted_ui.test_listener import free_port, listens

DATA = SignedInData(
    username="ada",
    sign_in_method=SignInMethod.HOSTED_UI,
    tokens=UserPoolTokens.from_text(refresh_token="r" * 40),
)

on_both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class Page:
    """Where the user is shown the URL, and waits for it without blocking the event loop."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start_url = ""
        self._shown = anyio.Event()

    def settings(self) -> dict[str, Any]:
        return {
            "domain": PROVIDER,
            "client_id": "abc",
            "sign_out_urls": [f"http://127.0.0.1:{self.port}/x"],
            "open_browser": lambda _: None,
            "show_url": self._show,
        }

    def _show(self, url: str) -> None:
        self.start_url = url
        self._shown.set()

    async def shown(self) -> str:
        await self._shown.wait()
        return self.start_url


def play(scene: Callable[[Page], Awaitable[None]], backend: str) -> None:
    async def main() -> None:
        page = Page()
        with anyio.fail_after(WAIT_SECONDS):
            await scene(page)
        assert not listens("127.0.0.1", page.port)

    anyio.run(main, backend=backend)


@on_both
def test_a_cancelled_task_frees_the_port_and_forgets_the_flight(backend: str) -> None:
    async def scene(page: Page) -> None:
        handler = AsyncLoopbackHostedUI(**page.settings())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(handler, ShowHostedUISignOut(), make_call())
            await page.shown()
            assert await anyio.to_thread.run_sync(listens, "127.0.0.1", page.port)
            tasks.cancel_scope.cancel()
        assert not listens("127.0.0.1", page.port)
        assert not handler._flights

    play(scene, backend)


async def signed_in(handler: Any) -> AsyncAuth:
    auth = AsyncAuth(MemoryCredentialStore(), {ShowHostedUISignOut: handler, RevokeToken: lambda *_: None})
    await auth.sign_in(DATA)
    return auth


@on_both
def test_the_browser_comes_back_to_a_sign_out_in_an_event_loop(backend: str) -> None:
    async def scene(page: Page) -> None:
        auth = await signed_in(AsyncLoopbackHostedUI(**page.settings()))
        results: list[SignOutResult] = []

        async def sign_out() -> None:
            results.append(await auth.sign_out())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sign_out)
            url, browser = await page.shown(), Browser()
            await anyio.to_thread.run_sync(lambda: browser.get(url, follow=False))
            await anyio.to_thread.run_sync(lambda: browser.get(f"http://127.0.0.1:{page.port}/x"))
        assert [type(result) for result in results] == [CompleteSignOut]

    play(scene, backend)


@on_both
def test_a_cancelled_sign_out_frees_the_port_and_leaves_the_user_signed_in(backend: str) -> None:
    async def scene(page: Page) -> None:
        auth = await signed_in(AsyncLoopbackHostedUI(**page.settings()))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(auth.sign_out)
            await page.shown()
            tasks.cancel_scope.cancel()
        assert isinstance(auth.last_result, FailedSignOut)
        assert isinstance(auth.last_result.exception, UserCancelledException)
        assert auth.last_result.signed_out_locally is False

    play(scene, backend)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
@on_both
def test_ctrl_c_while_a_request_is_answered_leaves_the_user_signed_in(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On trio, it is raised in whatever task runs at that moment, unless that one is protected."""
    answer, clients = Flight.answer, list[threading.Thread]()

    def interrupted(self: Flight, *request: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return answer(self, *request)

    def open_browser(url: str) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # there may be no answer
            send(url)

    def show_url(url: str) -> None:
        clients.append(threading.Thread(target=open_browser, args=(url,)))
        clients[0].start()

    monkeypatch.setattr(Flight, "answer", interrupted)
    page = Page()
    handler = AsyncLoopbackHostedUI(**page.settings() | {"show_url": show_url})
    ended: list[AsyncAuth] = []

    async def main() -> None:
        ended.append(await signed_in(handler))
        with anyio.fail_after(WAIT_SECONDS):
            await ended[0].sign_out()

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)
    clients[0].join(WAIT_SECONDS)
    result = ended[0].last_result
    assert isinstance(result, FailedSignOut)
    assert isinstance(result.exception, UserCancelledException)
    assert not listens("127.0.0.1", page.port)


def test_a_call_that_blocks_takes_the_handler_for_threads_only() -> None:
    settings: dict[str, Any] = {"domain": PROVIDER, "client_id": "abc", "sign_out_urls": ["http://127.0.0.1:8400/"]}
    Auth(MemoryCredentialStore(), {ShowHostedUISignOut: LoopbackHostedUI(**settings)})
    with pytest.raises(ConfigurationException, match="ShowHostedUISignOut is async"):
        Auth(MemoryCredentialStore(), {ShowHostedUISignOut: AsyncLoopbackHostedUI(**settings)})
