"""Locks, threads and forks: a child inherits the locks of all threads of its parent, and none of the threads."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LONGEST: Final = 10.0
"""How long a fork waits for a lock, in seconds. Whoever keeps it longer has hung, and must not keep the fork, too."""


class ForkSafeLock:
    """A lock that is free, and what it guards in order, in both processes after a fork.

    Args:
        before_fork: Called with the lock held; a method, which is not kept alive.
    """

    def __init__(self, before_fork: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._before_fork = weakref.WeakMethod(before_fork) if before_fork else None
        self._is_held_for_fork = False
        with _REGISTERING:
            _LOCKS.add(self)

    def acquire(self, seconds: float = -1) -> bool:
        """Take it.

        Args:
            seconds: How long to wait, in seconds; for ever if negative.

        Returns:
            Whether it was free in time.
        """
        return self._lock.acquire(timeout=seconds)

    def release(self) -> None:
        """Let it go."""
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    def hold_for_fork(self) -> None:
        """Take it, and put in order what it guards."""
        self._is_held_for_fork = self._lock.acquire(timeout=_LONGEST)
        before = self._before_fork and self._before_fork()
        if self._is_held_for_fork and before is not None:
            before()

    def let_go_after_fork(self) -> None:
        """Let it go, in the parent and in the child."""
        if self._is_held_for_fork:
            self._is_held_for_fork = False
            self._lock.release()


_REGISTERING: Final = threading.Lock()
_LOCKS: Final = weakref.WeakSet[ForkSafeLock]()
_HELD: Final[list[ForkSafeLock]] = []


def _hold_all() -> None:
    _REGISTERING.acquire()
    _HELD.extend(_LOCKS)
    for lock in _HELD:
        lock.hold_for_fork()


def _let_all_go() -> None:
    for lock in _HELD:
        lock.let_go_after_fork()
    _HELD.clear()
    _REGISTERING.release()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(before=_hold_all, after_in_parent=_let_all_go, after_in_child=_let_all_go)
