"""Locks, threads and forks: a child inherits the locks of all threads of its parent, and none of the threads."""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST: Final = 10.0
"""How long a fork waits for all locks, in seconds. Whoever keeps one longer has hung, and must not hang the fork."""


class ForkSafeLock:
    """A lock that is free, and what it guards in order, in both processes after a fork.

    Args:
        before_fork: Called with the lock held; a method, which is not kept alive.

    Attributes:
        lock: The lock itself: in a ``with`` statement, no signal handler comes between its being taken and guarded.
    """

    def __init__(self, before_fork: Callable[[], None] | None = None) -> None:
        self.lock = threading.Lock()
        self._before_fork = weakref.WeakMethod(before_fork) if before_fork else None
        self._is_held_for_fork = False
        with _REGISTERING:
            _LOCKS.add(self)

    def hold_for_fork(self, ends: float) -> None:
        """Take it, and put in order what it guards; give it up in the end."""
        self._is_held_for_fork = self.lock.acquire(timeout=max(0.0, ends - time.monotonic()))
        before = self._before_fork and self._before_fork()
        if self._is_held_for_fork and before is not None:
            before()

    def let_go_after_fork(self, *, is_child: bool) -> None:
        """Let it go, in the parent and in the child; where it was given up, whoever has it is not in the child."""
        if self._is_held_for_fork:
            self._is_held_for_fork = False
            self.lock.release()
        elif is_child:
            self.lock = threading.Lock()


_REGISTERING: Final = threading.Lock()
_LOCKS: Final = weakref.WeakSet[ForkSafeLock]()
_HELD: Final[list[ForkSafeLock]] = []


def _hold_all() -> None:
    _REGISTERING.acquire()
    _HELD.extend(_LOCKS)
    ends = time.monotonic() + _LONGEST
    for lock in _HELD:
        lock.hold_for_fork(ends)


def _let_all_go(*, is_child: bool) -> None:
    for lock in _HELD:
        lock.let_go_after_fork(is_child=is_child)
    _HELD.clear()
    _REGISTERING.release()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_hold_all,
        after_in_parent=functools.partial(_let_all_go, is_child=False),
        after_in_child=functools.partial(_let_all_go, is_child=True),
    )
