"""Threads that may be left behind: daemons, so that a handler that hangs does not keep the process from ending."""

from __future__ import annotations

import contextvars
import os
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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
