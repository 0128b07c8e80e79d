"""What asyncio and trio have beyond anyio: tasks that outlive their caller or that Ctrl-C passes by, and calls to it.

A sign-out that several callers wait for must not end with the one that began it, so it cannot live in a task group of
that caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Work = TypeVar("Work", bound="Callable[..., Coroutine[Any, Any, None]]")


class EventLoop(Protocol):
    """The event loop that runs now."""

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]], not_begun: Callable[[], None]) -> None:
        """Begin a task that no task group waits for.

        Args:
            work: What to do. It must not raise.
            not_begun: Called if the event loop ends before the work has begun; asyncio then forgets it unseen.
        """
        ...

    def is_closed(self) -> bool:
        """Tell whether the loop was closed over tasks that it had begun: they never go on."""
        ...

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread, soon; from any thread. Nothing happens if the loop has ended."""
        ...

    def passed_by(self, work: Work) -> Work:
        """Have Ctrl-C pass by a task, to the one that runs the program.

        Args:
            work: What the task does.

        Returns:
            What the task has to do instead.
        """
        ...


def current_event_loop() -> EventLoop:
    """Give the event loop that runs in this thread.

    Returns:
        The asyncio loop, or trio's run.

    Raises:
        RuntimeError: No event loop runs here.
    """
    token = current_token()
    return _Trio() if type(token.native_token).__module__.partition(".")[0] == "trio" else _Asyncio()


class _Asyncio:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def is_closed(self) -> bool:
        return self._loop.is_closed()

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]], not_begun: Callable[[], None]) -> None:
        begun = False

        async def begin() -> None:
            nonlocal begun
            begun = True
            await work()

        def end(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not begun:
                not_begun()

        for loop in [loop for loop in tuple(_TASKS) if loop.is_closed()]:
            _TASKS.pop(loop, None)
        tasks = _TASKS.setdefault(self._loop, set())
        task = self._loop.create_task(begin())
        tasks.add(task)
        task.add_done_callback(end)

    def call_soon(self, function: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(function)

    def passed_by(self, work: Work) -> Work:
        return work  # asyncio cancels the one that runs the program, and no other


_TASKS: Final[dict[asyncio.AbstractEventLoop, set[asyncio.Task[None]]]] = {}
"""What was spawned: asyncio itself keeps only weak references to its tasks."""


class _Trio:
    def __init__(self) -> None:
        import trio  # noqa: PLC0415 - it is running, so it is installed; asyncio's users need not have it

        self._trio = trio
        self._token = trio.lowlevel.current_trio_token()

    def is_closed(self) -> bool:
        return False  # trio never leaves a task behind

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]], not_begun: Callable[[], None]) -> None:
        del not_begun  # trio begins every task, and cancels it at its first checkpoint
        self._trio.lowlevel.spawn_system_task(work, context=contextvars.copy_context())

    def call_soon(self, function: Callable[[], object]) -> None:
        with contextlib.suppress(self._trio.RunFinishedError):  # nobody is left to be told
            self._token.run_sync_soon(function)

    def passed_by(self, work: Work) -> Work:
        # Trio raises it in whatever task runs at that moment, unless that one is protected.
        return self._trio.lowlevel.enable_ki_protection(work)  # pyright: ignore[reportArgumentType, reportReturnType] - a coroutine function has code
