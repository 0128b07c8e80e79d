"""Where strangers' code runs: each wait is bounded, and what has to be awaited is awaited, on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from authsm.runners.handlers import is_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

_CLOSING_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a call.

    Attributes:
        ended: Whether it ended within its time; otherwise it was left behind.
        value: What it returned.
        error: What it raised.
    """

    ended: bool
    value: object = None
    error: BaseException | None = None

    def result(self, what: str) -> Any:
        """Give what it returned.

        Args:
            what: What was called, for the message.

        Raises:
            AssertionError: It has not ended, or has raised.
        """
        if not self.ended:
            raise AssertionError(f"expected that {what} returns, found that it does not end")
        if self.error is not None:
            raise AssertionError(f"expected that {what} returns, found {described(self.error)}") from self.error
        return self.value


class Wait(Protocol):
    """Waits for the end of a call."""

    def __call__(self, seconds: float, seconds_to_cancel: float = 0.0, /) -> Ran:
        """Wait for so many seconds; then cancel what can be cancelled, and wait for that."""
        ...


class Stage:
    """Runs plain functions in threads of their own, and async ones on one event loop; in a ``with`` statement."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is None or self._thread is None:
            return
        ending = asyncio.run_coroutine_threadsafe(_cancel_the_rest(), self._loop)
        with contextlib.suppress(TimeoutError):  # a task that swallows its cancellation is left behind
            ending.result(_CLOSING_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def run(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Ran:
        """Call a function and wait for its end.

        Args:
            function: A plain function or an async one.
            arguments: What to call it with.
            seconds: How long to wait.

        Returns:
            What became of it.
        """
        return self.begin(function, *arguments)(seconds, 0.0)

    def begin(self, function: Callable[..., Any], *arguments: Any) -> Wait:
        """Call a function, and wait for its end later.

        Args:
            function: A plain function or an async one.
            arguments: What to call it with.

        Returns:
            Waits for so many seconds, and tells what became of it. An async function that has not ended then is
            cancelled, and waited for as long as the second number says.
        """
        if is_async(function):
            return self._await(function(*arguments))
        answers: queue.SimpleQueue[Ran] = queue.SimpleQueue()

        def call() -> None:
            try:
                answers.put(Ran(ended=True, value=function(*arguments)))
            except BaseException as error:  # noqa: BLE001 - a stranger's code may raise anything, and the test judges
                answers.put(Ran(ended=True, error=error))

        threading.Thread(target=call, name="authsm-conformance", daemon=True).start()

        def wait(seconds: float, _: float = 0.0) -> Ran:
            try:
                return answers.get(timeout=seconds)
            except queue.Empty:
                return Ran(ended=False)

        return wait

    def settle(self, value: Any, *, seconds: float) -> Any:
        """Give a value; if it has to be awaited, what comes of that.

        Args:
            value: What a hook of a suite returned.
            seconds: How long to wait.
        """
        if not inspect.isawaitable(value):
            return value

        async def settled() -> Any:
            return await value

        return self.run(settled, seconds=seconds).result("an async function of the suite")

    def _await(self, coroutine: Coroutine[Any, Any, Any]) -> Wait:
        answers: queue.SimpleQueue[Ran] = queue.SimpleQueue()

        async def call() -> None:
            try:
                answers.put(Ran(ended=True, value=await coroutine))
            except BaseException as error:  # noqa: BLE001 - the same; a cancellation is answered by ending, too
                answers.put(Ran(ended=True, error=error))

        future = asyncio.run_coroutine_threadsafe(call(), self._running_loop())

        def wait(seconds: float, seconds_to_cancel: float = 0.0) -> Ran:
            for limit in (seconds, seconds_to_cancel):
                try:
                    return answers.get(timeout=limit)
                except queue.Empty:
                    future.cancel()
            return Ran(ended=False)

        return wait

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="authsm-conformance", daemon=True)
            self._thread.start()
        return self._loop


def described(error: BaseException) -> str:
    """Describe an exception in one line.

    Args:
        error: What was raised.

    Returns:
        Its type and text; the type alone where it cannot be shown.
    """
    try:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything
        return type(error).__name__


async def _cancel_the_rest() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
