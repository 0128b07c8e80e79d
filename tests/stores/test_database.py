"""One SQLite file in several hands: store objects, threads, processes, and processes that fork."""

import contextlib
import os
import random
import secrets
import sqlite3
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from authsm import Auth, CompleteSignOut, RevokeToken, Secret, SignedInData, SQLiteCredentialStore, UserPoolTokens
from authsm._forks import ForkSafeLock
from authsm.stores.contract import Cleared, Entry, EntryState, Saved, StoreUnavailableError, Superseded
from tests.auth.world import GUARD, eventually, pool_tokens, session
from tests.leaks import written_in
from tests.programs import run
from tests.soak import SOAK


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def _elsewhere(program: str, path: Path) -> str:
    """Run a program in another process, with a store of that file; give what it printed."""
    start = "import os, sys, threading\nfrom authsm import *\nfrom tests.auth.world import session\n"
    return run(f"{start}store = SQLiteCredentialStore(sys.argv[1])\n{program}", str(path)).strip()


_SIGNS_OUT: Final = "print(type(Auth(store, {RevokeToken: lambda *_: None}, key='ada').sign_out()).__name__)"


def test_a_second_store_object_does_not_take_the_locks_of_the_first_away(path: Path) -> None:
    """Or else whoever closes the file last elsewhere removes the log, which this process goes on writing to."""
    with SQLiteCredentialStore(path) as first, SQLiteCredentialStore(path) as second:
        first.begin("ada", session())
        second.begin("grace", session())
        assert _elsewhere("print(store.load('ada').state)\nstore.close()", path) == "live"
        first.begin("eve", session())
        assert _elsewhere("print(store.load('eve').state)\nstore.close()", path) == "live"
        assert _elsewhere(f"{_SIGNS_OUT}\nstore.close()", path) == "CompleteSignOut"
        assert first.load("ada").state is EntryState.TOMBSTONE
        second.clear("grace", epoch=second.load("grace").epoch)
    assert _elsewhere("print(store.load('ada').state, store.load('grace').state)", path) == "tombstone tombstone"


def test_a_forked_worker_and_its_parent_and_others_see_the_same(path: Path) -> None:
    """Also after the parent has closed the file, and another process was the last to close it."""
    program = f"""
store.begin("ada", session())
said, heard = os.pipe()
done, told = os.pipe()
child = os.fork()
if child == 0:
    store.begin("eve", session())
    os.write(heard, b"x")
    os.read(done, 1)
    store.begin("late", session())
    print(store.load("ada").state, flush=True)
    os._exit(0)
os.read(said, 1)
store.close()
import subprocess
subprocess.run([sys.executable, "-c", {_looks_and_signs_out()!r}, sys.argv[1]])
os.write(told, b"x")
os.waitpid(child, 0)
print(*(store.load(key).state for key in ("ada", "eve", "late")))
"""
    said = _elsewhere(program, path).splitlines()
    assert said == ["live", "CompleteSignOut", "tombstone", "tombstone live live"]


def _looks_and_signs_out() -> str:
    return (
        "import sys\nfrom authsm import *\nstore = SQLiteCredentialStore(sys.argv[1])\n"
        f"print(store.load('eve').state)\n{_SIGNS_OUT}\nstore.close()"
    )


@pytest.mark.parametrize("made", ["SQLiteCredentialStore(sys.argv[1])", "MemoryCredentialStore()"])
def test_a_process_that_forks_while_its_threads_are_in_the_store_leaves_the_child_a_store_that_works(
    made: str, path: Path
) -> None:
    program = f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what this is about
store = {made}
store.begin("ada", session())
stop = threading.Event()
def write(key):
    while not stop.is_set():
        store.begin(key, session(), replace=True)
threads = [threading.Thread(target=write, args=(key,)) for key in "abc"]
for thread in threads: thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        store.save("ada", session(), epoch=0, generation=0)
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads: thread.join()
"""
    assert _elsewhere(program, path).split() == ["7"] * 10


def test_a_fork_that_nobody_saw_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a server written in C: what it opened before cannot be used, and cannot be opened beside it."""
    with SQLiteCredentialStore(path) as store:
        store.begin("ada", session())
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with pytest.raises(StoreUnavailableError, match="Close the store before such a fork"):
            store.begin("grace", session())


def test_those_who_read_do_not_wait_for_those_who_write(path: Path) -> None:
    with SQLiteCredentialStore(path) as store, contextlib.closing(sqlite3.connect(path)) as other:
        begun = store.begin("ada", session())
        other.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=store.save, args=("ada", session()), kwargs={"epoch": 1, "generation": 1})
        writer.start()
        try:
            lane = store._database._lanes["writing"]
            eventually(lane.lock.locked, "somebody writes, and waits for the other program")
            assert store.load("ada") == begun
            assert store.read_journal("ada") is None
            assert writer.is_alive()
        finally:
            other.rollback()
            writer.join(GUARD)
        assert store.load("ada").generation == 2


@pytest.mark.parametrize("who", ["thread", "process"])
def test_nobody_waits_longer_for_the_others_than_was_said(who: str, path: Path) -> None:
    with SQLiteCredentialStore(path, lock_seconds=0.05) as store, contextlib.closing(sqlite3.connect(path)) as other:
        begun = store.begin("ada", session())
        with contextlib.ExitStack() as held:
            if who == "thread":
                held.enter_context(store._database.writing())
            else:
                other.execute("BEGIN IMMEDIATE")
                held.callback(other.rollback)
            raised: list[Exception] = []

            def save() -> None:
                try:
                    store.save("ada", session(), epoch=begun.epoch, generation=1)
                except StoreUnavailableError as error:
                    raised.append(error)

            thread = threading.Thread(target=save)
            thread.start()
            thread.join(GUARD)
            assert str(path) in str(raised[0])
        assert isinstance(store.save("ada", session(), epoch=begun.epoch, generation=1), Saved)


def test_a_signal_handler_that_raises_while_a_write_waits_leaves_no_transaction_open(path: Path) -> None:
    program = """
import signal, sqlite3
store.begin("ada", session())
other = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
other.execute("BEGIN IMMEDIATE")
threading.Timer(0.4, other.rollback).start()
class TooLong(Exception): ...
def too_long(*_):
    raise TooLong
signal.signal(signal.SIGALRM, too_long)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    store.save("ada", session(), epoch=1, generation=1)
except TooLong:
    print("interrupted")
print(type(store.begin("grace", session())).__name__)
with SQLiteCredentialStore(sys.argv[1]) as another:
    print(type(another.begin("eve", session())).__name__)
store.close()
other.close()
"""
    assert _elsewhere(program, path).split() == ["interrupted", "Entry", "Entry"]


@pytest.mark.parametrize("use", ["reading", "writing", "fresh"])
def test_a_lock_that_nobody_will_ever_release_costs_one_call(use: str, path: Path) -> None:
    """As a signal handler can leave it that raises right after it was taken."""
    with SQLiteCredentialStore(path, lock_seconds=0.01) as store:
        begun = store.begin("ada", session())
        calls: dict[str, Any] = {
            "reading": lambda: store.load("ada"),
            "writing": lambda: store.save("ada", session(), epoch=begun.epoch, generation=1),
            "fresh": lambda: store._read_afresh("ada"),
        }
        store._database._lanes[use].lock.acquire()
        with pytest.raises(StoreUnavailableError, match="Other threads have kept"):
            calls[use]()
        calls[use]()


def test_many_who_make_the_file_at_once_all_succeed(tmp_path: Path) -> None:
    for number in range(10):
        stores = [SQLiteCredentialStore(tmp_path / str(number) / "sessions.db") for _ in range(6)]
        start = threading.Barrier(len(stores))

        def begin(each: tuple[int, SQLiteCredentialStore], start: threading.Barrier = start) -> EntryState:
            start.wait(GUARD)
            return each[1].begin(str(each[0]), session()).state

        with ThreadPoolExecutor(len(stores)) as pool:
            assert set(pool.map(begin, enumerate(stores))) == {EntryState.LIVE}
        for store in stores:
            assert store.load("0").state is EntryState.LIVE
            store.close()


def test_what_a_clear_could_not_do_after_its_tombstone_is_told_and_done_by_resume(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SQLiteCredentialStore(path) as store:
        auth = Auth(store, {RevokeToken: lambda *_: None})
        auth.sign_in(OLD)
        with monkeypatch.context() as busy:
            busy.setattr(SQLiteCredentialStore, "_destroy", _refuse)
            result = auth.sign_out()
        assert isinstance(result, CompleteSignOut)
        assert "left to be destroyed: what it has left behind (somebody writes)" in repr(result.steps)
        assert _left_of(OLD, path) != []
        assert isinstance(auth.resume(), CompleteSignOut)
        assert _left_of(OLD, path) == []


def _refuse(*_: object) -> None:
    raise StoreUnavailableError("somebody writes")


def test_a_fork_does_not_wait_for_ever_and_the_child_has_a_lock_that_is_free() -> None:
    safe = ForkSafeLock()
    with safe.lock:
        safe.hold_for_fork(time.monotonic())
        safe.let_go_after_fork(is_child=False)
        assert safe.lock.locked()
        safe.hold_for_fork(time.monotonic())
        theirs = safe.lock
        safe.let_go_after_fork(is_child=True)
        assert not safe.lock.locked()
        assert theirs.locked()


def test_what_the_module_itself_refuses_is_told_as_unavailable(path: Path) -> None:
    key: Any = uuid.uuid4()
    with SQLiteCredentialStore(path) as store:
        store.begin("ada", session())
        with pytest.raises(StoreUnavailableError, match="UUID"):
            store.load(key)


_LENGTHS: Final = (60, 150, 300, 700, 1300, 2600)


@pytest.mark.parametrize("times", [pytest.param(1, id="short"), pytest.param(SOAK, id="long", marks=pytest.mark.soak)])
def test_no_piece_of_a_cleared_token_is_in_any_file_however_the_pages_were_balanced(times: int, tmp_path: Path) -> None:
    """`secure_delete` overwrites what was removed, and not what was moved."""
    for number in range(60 * times):
        chance = random.Random(number + 27)  # noqa: S311 - no secret
        folder = tmp_path / str(number)
        live: dict[str, tuple[Entry, list[str]]] = {}
        with SQLiteCredentialStore(folder / "sessions.db") as store:
            for _ in range(60):
                _live_a_little(store, f"user-{chance.randrange(12)}", chance, live, folder)


def _live_a_little(
    store: SQLiteCredentialStore,
    key: str,
    chance: random.Random,
    live: dict[str, tuple[Entry, list[str]]],
    folder: Path,
) -> None:
    """Sign in, refresh or sign out, and look what that leaves."""
    token = secrets.token_urlsafe(chance.choice(_LENGTHS))
    data = SignedInData(username=key, tokens=UserPoolTokens(refresh_token=Secret(token)))
    if key not in live:
        live[key] = store.begin(key, data), [token]
    elif chance.random() < 0.5:
        entry, tokens = live[key]
        saved = store.save(key, data, epoch=entry.epoch, generation=entry.generation)
        live[key] = saved.entry, [*tokens, token]
    else:
        entry, tokens = live.pop(key)
        store.leave(key, epoch=entry.epoch, journal="{}")
        assert store.clear(key, epoch=entry.epoch) == Cleared()
        store.erase_journal(key, epoch=entry.epoch)
        files = written_in(folder)
        pieces = [token[start : start + 24] for token in tokens for start in range(0, len(token) - 24, 24)]
        assert [piece for piece in pieces if piece.encode() in files] == []


def test_a_session_that_was_replaced_leaves_no_token_in_the_log(path: Path) -> None:
    with SQLiteCredentialStore(path) as store:
        store.begin("ada", OLD)
        store.begin("ada", NEW, replace=True)
        assert _left_of(OLD, path) == []
        assert _left_of(NEW, path) != []


def test_what_a_reader_kept_of_a_session_that_was_replaced_goes_with_its_own_clear(path: Path) -> None:
    with SQLiteCredentialStore(path) as store:
        begun = store.begin("ada", OLD)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
            store.begin("ada", NEW, replace=True)
            assert _left_of(OLD, path) != []
        assert store.clear("ada", epoch=begun.epoch) == Superseded()
        assert _left_of(OLD, path) == []


OLD: Final = session()
NEW: Final = session(tokens=pool_tokens("new"), aws_credentials=None)


def _left_of(data: SignedInData, path: Path) -> list[Secret]:
    files = written_in(path.parent)
    return [secret for secret in data.secrets() if secret.reveal().encode() in files]
