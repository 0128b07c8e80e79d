"""The server in an event loop: what browsers may do to it, on asyncio and on trio."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import anyio
import anyio.to_thread
import pytest

from authsm.runners.hosted_ui import Answer, async_listener, listener
from authsm.runners.hosted_ui.async_listener import AsyncListener
from authsm.runners.hosted_ui.exchange import write_answer
from authsm.runners.hosted_ui.listener import hold
from authsm.runners.hosted_ui.urls import SignOutURL
from tests.runners.hosted_ui.browser import WAIT_SECONDS
from tests.runners.hosted_ui.test_listener import GET, HELLO, OpenFiles, free_port, listens, read_all


class Served:
    """A server, and clients that block: so they live in threads, where they have to wait for it."""

    def __init__(self, answer: Answer = HELLO) -> None:
        self.port = free_port()
        self.asked: list[str] = []
        self.answer = answer
        self.sockets = hold(SignOutURL.parse(f"http://127.0.0.1:{self.port}/"))
        self.listener: AsyncListener
        self.clients = contextlib.ExitStack()

    def _respond(self, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        del method, headers
        self.asked.append(target)
        return self.answer

    def connect(self) -> socket.socket:
        return self.clients.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS))

    async def turn_until_asked(self, times: int = 1) -> None:
        while len(self.asked) < times:
            await self.listener.turn(WAIT_SECONDS)

    async def turn_until_serving(self, connections: int) -> None:
        while len(self.listener._connections) != connections:
            await self.listener.turn(0.001)


async def reads(client: socket.socket) -> bytes:
    with client:
        return await anyio.to_thread.run_sync(read_all, client)


Scene = Callable[[Served], Coroutine[Any, Any, None]]


def play(scene: Scene, backend: str, served: Served | None = None) -> None:
    served = served or Served()

    async def main() -> None:
        served.listener = AsyncListener(served.sockets, served._respond)
        with anyio.fail_after(WAIT_SECONDS):
            await scene(served)

    with served.clients:
        anyio.run(main, backend=backend)
    assert not listens("127.0.0.1", served.port)
    assert not served.listener._connections


on_both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@on_both
def test_a_request_is_answered_when_it_is_complete(backend: str) -> None:
    async def scene(served: Served) -> None:
        async with served.listener:
            client = served.connect()
            for byte in GET:
                assert served.asked == []
                client.send(bytes([byte]))
                await served.listener.turn(0.001)
            await served.turn_until_asked()
            assert await reads(client) == write_answer("GET", HELLO)

    play(scene, backend)


@on_both
def test_the_last_answer_arrives_although_the_server_closes_at_once(backend: str) -> None:
    async def scene(served: Served) -> None:
        client = served.connect()
        async with served.listener:
            client.send(GET)
            await served.turn_until_asked()
            client.send(b"x" * 10_000)  # nobody reads it
            client.shutdown(socket.SHUT_WR)
        assert read_all(client) == write_answer("GET", HELLO)

    play(scene, backend)


@on_both
def test_a_second_request_that_has_arrived_is_answered_before_the_end(backend: str) -> None:
    async def scene(served: Served) -> None:
        first, second = served.connect(), served.connect()
        async with served.listener:
            await served.turn_until_serving(2)
            first.send(GET)
            await served.turn_until_asked()
            second.send(GET)
            first.shutdown(socket.SHUT_WR)
            second.shutdown(socket.SHUT_WR)
        assert read_all(first) == read_all(second) == write_answer("GET", HELLO)

    play(scene, backend)


@on_both
def test_a_client_that_never_hangs_up_is_hung_up_on(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LINGER_SECONDS", 0.05)

    async def scene(served: Served) -> None:
        client = served.connect()
        async with served.listener:
            client.send(GET)
            await served.turn_until_asked()
        assert read_all(client) == write_answer("GET", HELLO)

    play(scene, backend)


@on_both
def test_a_silent_connection_is_given_up_after_its_time(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "READ_SECONDS", 0.01)

    async def scene(served: Served) -> None:
        async with served.listener:
            assert await reads(served.connect()) == b""

    play(scene, backend)


@on_both
def test_a_silent_connection_does_not_hold_the_end_up(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "READ_SECONDS", 10 * WAIT_SECONDS)

    async def scene(served: Served) -> None:
        async with served.listener:
            client = served.connect()
            await served.turn_until_serving(1)
        assert read_all(client) == b""

    play(scene, backend)


@on_both
def test_the_oldest_connection_makes_room_for_a_new_one(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MOST_CONNECTIONS", 2)

    async def scene(served: Served) -> None:
        async with served.listener:
            oldest, second, newest = served.connect(), served.connect(), served.connect()
            assert await reads(oldest) == b""
            for client in (second, newest):
                client.send(GET)
            await served.turn_until_asked(2)
            second.close()
            newest.close()

    play(scene, backend)


@on_both
@pytest.mark.parametrize("ending", [b"", b"GET /x HT"])
@pytest.mark.parametrize("resets", [True, False])
def test_a_client_that_hangs_up_early_is_forgotten(backend: str, ending: bytes, *, resets: bool) -> None:
    async def scene(served: Served) -> None:
        async with served.listener:
            client = served.connect()
            await served.turn_until_serving(1)
            client.send(ending)
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            client.close()
            await served.turn_until_serving(0)
            assert served.asked == []

    play(scene, backend)


@on_both
def test_an_answer_that_does_not_fit_is_sent_piece_by_piece(backend: str) -> None:
    long = Answer(HTTPStatus.OK, (), b"x" * 20_000_000)

    async def scene(served: Served) -> None:
        async with served.listener:
            client = served.connect()
            client.send(GET)
            assert await reads(client) == write_answer("GET", long)

    play(scene, backend, Served(long))


@on_both
@pytest.mark.parametrize("asked", [True, False])
def test_a_cancelled_task_frees_the_port_at_once(backend: str, *, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("READ_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(listener, name, 10 * WAIT_SECONDS)

    async def scene(served: Served) -> None:
        client = served.connect()
        with anyio.CancelScope() as scope:
            async with served.listener:
                if asked:
                    client.send(GET)
                    await served.turn_until_asked()
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert not listens("127.0.0.1", served.port)

    play(scene, backend)


def test_a_task_that_asyncio_cancels_frees_the_port_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("READ_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(listener, name, 10 * WAIT_SECONDS)

    async def scene(served: Served) -> None:
        client, waits = served.connect(), asyncio.Event()

        async def wait() -> None:
            async with served.listener:
                client.send(GET)
                await served.turn_until_asked()
                waits.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(wait())
        await waits.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert not listens("127.0.0.1", served.port)

    play(scene, "asyncio")


@on_both
def test_every_turn_waits_for_a_request_of_its_own(backend: str) -> None:
    async def scene(served: Served) -> None:
        async with served.listener:
            for asked in (1, 2, 3):
                client = served.connect()
                client.send(GET)
                await served.listener.turn(WAIT_SECONDS)
                assert len(served.asked) == asked
                client.close()

    play(scene, backend)


@on_both
def test_a_connection_that_was_given_up_before_its_turn_is_passed_over(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, refusals = socket.socket.accept, [BlockingIOError()]

    def given_up(self: socket.socket) -> Any:
        if refusals:
            raise refusals.pop()
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", given_up)

    async def scene(served: Served) -> None:
        async with served.listener:
            served.connect().send(GET)
            await served.turn_until_asked()

    play(scene, backend)
    assert refusals == []


@on_both
def test_where_too_many_files_are_open_the_oldest_connection_makes_room_after_a_pause(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, paused = OpenFiles(monkeypatch, most=2), list[float]()
    sleep = anyio.sleep

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        await sleep(0)

    monkeypatch.setattr(anyio, "sleep", pause)

    async def scene(served: Served) -> None:
        async with served.listener:
            oldest, second = served.connect(), served.connect()
            await served.turn_until_serving(2)
            newest = served.connect()
            assert await reads(oldest) == b""
            for client in (second, newest):
                client.send(GET)
            await served.turn_until_asked(2)
            second.close()
            newest.close()

    play(scene, backend)
    assert files.refused == len(paused) > 0
    assert {*paused} == {listener.PAUSE_SECONDS}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")  # the one that asyncio forgets
def test_a_connection_is_closed_although_the_event_loop_ends_before_its_task_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trio begins every task."""
    accept, accepted = socket.socket.accept, list[socket.socket]()

    def accept_in_the_end(listening: socket.socket) -> Any:
        stream, address = accept(listening)
        accepted.append(stream)
        asyncio.get_running_loop().call_soon(cancel_all)  # before the first step of the task that is begun now
        return stream, address

    def cancel_all() -> None:
        """As `asyncio.run` does when the main task is done."""
        for task in asyncio.all_tasks():
            task.cancel()

    monkeypatch.setattr(socket.socket, "accept", accept_in_the_end)
    served = Served()

    async def main() -> None:
        async with AsyncListener(served.sockets, served._respond):
            served.connect()
            await anyio.sleep_forever()

    with served.clients, pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert [stream.fileno() for stream in accepted] == [-1]
    gc.collect()  # what is said of the coroutine is said here


class Reluctant:
    """A socket on which, the first time, nothing waits although its owner was woken."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._woken: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name in {"recv", "send"} and name not in self._woken:
            self._woken.add(name)
            return self._block
        return getattr(self._stream, name)

    def _block(self, *_: object) -> Any:
        raise BlockingIOError


@on_both
def test_being_woken_for_nothing_does_no_harm(backend: str) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(0.0)
            theirs.send(GET)
            stream: Any = Reluctant(ours)
            assert await async_listener._receive(stream) == GET
            theirs.shutdown(socket.SHUT_WR)
            await async_listener._send(stream, b"hello")
            assert read_all(theirs) == b"hello"

    anyio.run(main, backend=backend)
