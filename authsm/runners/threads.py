"""Threads that may be left behind: daemons, so that a handler that hangs does not keep the process from ending."""

from __future__ import annotations

import contextvars
import os
import queue
import threading
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_IDLE_SECONDS = 10.0
"""How long a thread waits for more work before it ends."""


def start_thread(name: str, work: Callable[[], None]) -> None:
    """Do some work in a thread, with the context variables of the caller. As many run at once as are asked for.

    A thread that has done its work is used again: starting one waits for it to run, which takes long on a busy process.

    Args:
        name: What debuggers call the thread meanwhile.
        work: What to do. It must not raise.

    Raises:
        RuntimeError: The system gives no more threads, or the interpreter is shutting down.
    """
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
    thread.work.put((name, contextvars.copy_context(), work))


class NoAnswerError(TimeoutError):
    """What was waited for took too long."""


def in_time(name: str, act: Callable[[], T], seconds: float, *, too_late: Callable[[], object] | None = None) -> T:
    """Wait for something that is done in a thread, and leave it behind where it takes too long.

    Args:
        name: What debuggers call the thread meanwhile.
        act: What to do.
        seconds: How long to wait for it, in seconds.
        too_late: Called in the thread if it ends after that.

    Returns:
        What it returned; what it raised is raised.

    Raises:
        NoAnswerError: It takes longer.
        RuntimeError: As for `start_thread`.
    """
    done: Future[T] = Future()

    def work() -> None:
        settle: Callable[[], object]
        try:
            settle = partial(done.set_result, act())
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            settle = partial(done.set_exception, error)
        if done.set_running_or_notify_cancel():
            settle()
        elif too_late is not None:
            too_late()

    start_thread(name, work)
    if not wait([done], min(seconds, threading.TIMEOUT_MAX)).done and done.cancel():
        raise NoAnswerError
    return done.result()


class _Thread:
    def __init__(self) -> None:
        self.work: queue.SimpleQueue[tuple[str, contextvars.Context, Callable[[], None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="authsm", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                name, context, work = self.work.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                try:
                    _idle.remove(self)
                except ValueError:
                    continue  # it was taken in this moment, and its work is on the way
                return
            threading.current_thread().name = name
            context.run(work)
            del context, work  # they hold the session of somebody who is gone
            threading.current_thread().name = "authsm"
            _idle.append(self)


_idle: list[_Thread] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # a fork takes no threads along
