"""Threads that may be left behind: used again while wanted, gone when they are not, and never across a fork."""

import contextvars
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from authsm.runners import threads
from authsm.runners.threads import start_thread
from tests.auth.world import GUARD, SOON, eventually, gate


@pytest.fixture(autouse=True)
def no_idle_threads() -> Iterator[None]:
    """Threads that other tests left idle are none of this test's."""
    idle = list(threads._idle)
    threads._idle.clear()
    yield
    threads._idle.extend(idle)


def done_in_a_thread(work: Callable[[], object] = lambda: None) -> threading.Thread:
    """Do some work in a thread, and wait until that is idle; give the thread."""
    used: list[threading.Thread] = []
    idle = len(threads._idle)

    def note() -> None:
        used.append(threading.current_thread())
        work()

    start_thread("work", note)
    eventually(lambda: used and len(threads._idle) >= max(idle, 1), "the thread becomes idle")
    return used[0]


def test_an_idle_thread_is_used_again() -> None:
    assert done_in_a_thread() is done_in_a_thread()


def test_as_many_run_at_once_as_are_asked_for() -> None:
    together = threading.Barrier(31)

    def meet() -> None:
        together.wait(GUARD)

    for _ in range(30):
        start_thread("work", meet)
    together.wait(GUARD)


def test_a_thread_is_named_after_its_work_only_while_it_does_it() -> None:
    names: list[str] = []
    with gate() as hang:

        def work() -> None:
            names.append(threading.current_thread().name)
            hang()

        start_thread("authsm-effect", work)
        hang.reached()
        thread = next(each for each in threading.enumerate() if each.name == "authsm-effect")
        hang.open()
        eventually(lambda: thread.name == "authsm", "the thread gets its own name back")
    assert names == ["authsm-effect"]


def test_context_variables_come_from_the_caller_and_none_stays_in_the_thread() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[str] = []

    def look() -> None:
        seen.append(variable.get("none"))
        variable.set("of the thread")

    def caller() -> None:
        variable.set("of the caller")
        done_in_a_thread(look)

    contextvars.copy_context().run(caller)
    done_in_a_thread(look)
    assert seen == ["of the caller", "none"]
    assert variable.get("none") == "none"


def test_an_idle_thread_ends_when_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_IDLE_SECONDS", SOON)
    used: list[threading.Thread] = []
    start_thread("work", lambda: used.append(threading.current_thread()))
    eventually(lambda: used and not used[0].is_alive(), "the thread ends")
    assert threads._idle == []


def test_a_thread_that_is_taken_just_as_it_gives_up_does_its_work_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a thread owns it before the work is in its queue; the wait may run out between the two."""
    tried: list[object] = []

    class Idle(list[threads._Thread]):
        def remove(self, thread: threads._Thread) -> None:
            tried.append(thread)
            super().remove(thread)

    monkeypatch.setattr(threads, "_IDLE_SECONDS", SOON)
    monkeypatch.setattr(threads, "_idle", Idle())
    thread = threads._Thread()
    eventually(lambda: len(tried) > 1, "its wait runs out, and it is none of the idle ones")
    done = threading.Event()

    thread.work.put(("work", contextvars.copy_context(), done.set))

    assert done.wait(GUARD)


def test_no_work_is_lost_where_threads_end_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_IDLE_SECONDS", 0.0001)
    done: list[int] = []
    for number in range(300):
        start_thread("work", lambda number=number: done.append(number))  # type: ignore[misc]  # a default binds it
    eventually(lambda: len(done) == 300, "all the work is done")
    assert sorted(done) == list(range(300))


IN_A_FORK = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")  # the fork of a process with threads is the point
from authsm.runners import threads

first = threading.Event()
threads.start_thread("parent", first.set)
first.wait(20)
while not threads._idle:
    pass
child = os.fork()
if child == 0:
    done = threading.Event()
    threads.start_thread("child", done.set)  # the idle thread of the parent does not exist here
    os._exit(0 if done.wait(20) else 1)
_, status = os.waitpid(child, 0)
again = threading.Event()
threads.start_thread("parent", again.set)
print(os.waitstatus_to_exitcode(status), again.wait(20))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_the_child_begins_threads_of_its_own_and_the_parent_keeps_its() -> None:
    ended = subprocess.run(  # noqa: S603 - the program is the text above
        [sys.executable, "-c", IN_A_FORK], capture_output=True, text=True, timeout=GUARD * 3, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0 True\n", "")
