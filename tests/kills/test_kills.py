"""kill -9 at every system call by which a sign-out changes anything, before it and after it, over stores on a disk.

After each, a new process finds the session whole or cleared, never torn; what it resumes or begins anew ends complete,
with no refresh token alive at Cognito and no piece of one in any file. A kill leaves the system's own buffers alone;
against a power cut there is the order of the calls, which is looked at by itself.
"""

import contextlib
import itertools
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Self

import pytest

from authsm import Secret
from authsm.testing import FakeCognito, FakeTokens
from tests.leaks import LONG_ENOUGH, shapes
from tests.left_out import left_out
from tests.programs import PATIENCE, ROOT, Program
from tests.stores.kinds import ON_DISK
from tests.stores.secret_service import SecretService, secret_service

AT_ONCE: Final = {"keyring": 1}
"""How many wards: two, but for a keyring, whose calls differ where another program uses it."""
EXPIRED: Final = 3700.0
"""Seconds since the sign-in: the access token lived for 3600, so that every remote step is due."""

REFRESHED: Final = re.compile(rb"[A-Za-z0-9_-]{41,}")
"""What the tokens look like that only the killed process has seen. Nothing else in a file is as long, but digests of
the chart, which are in a journal."""

REQUESTS_BEFORE_REVOCATION: Final = 2
MESSAGES_EACH: Final = 2


_REQUESTS: Final[dict[str, str]] = {
    "RefreshTokens": "GetTokensFromRefreshToken",
    "GlobalSignOut": "GlobalSignOut",
    "RevokeToken": "RevokeToken",
}
"""What is asked of Cognito for each effect."""


class Ward:
    """A user pool, and a program whose children sign out of it and are killed."""

    def __init__(self, kind: str, folder: Path, keyring: SecretService | None) -> None:
        self._kind = kind
        self._keyring = keyring
        self._folder = folder
        self._number = itertools.count()
        self._cognito = FakeCognito()

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self._cognito.start()
        self._cognito.add_user("ada")
        self._client = self._cognito.add_client()
        self._nursery = Program("tests.kills.nursery", self._kind, self._cognito.endpoint_url, self._client.id)
        return self

    def __exit__(self, *_: object) -> None:
        with self._nursery:
            pass
        self._cognito.stop()

    def admit(self) -> "Patient":
        self._cognito.forget_calls()
        tokens = self._cognito.sign_in(self._client, "ada", seconds_ago=EXPIRED)
        return Patient(self, self._folder / str(next(self._number)), tokens)

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._nursery.tell(order)
        report: dict[str, Any] = self._nursery.hear()
        return report

    def keys_left(self, folder: Path) -> list[str]:
        return self._keyring.keys_of(str(folder)) if self._keyring is not None else []

    def holds(self, tokens: FakeTokens) -> bool:
        return self._cognito.holds(tokens.refresh_token)

    @property
    def requests(self) -> tuple[str, ...]:
        return self._cognito.calls


class Patient:
    """One session, in a folder of its own."""

    def __init__(self, ward: Ward, folder: Path, tokens: FakeTokens) -> None:
        self._ward = ward
        self._folder = folder
        self._tokens = tokens

    def run(self, act: str, *, trace: tuple[int, str] | bool = False) -> dict[str, Any]:
        tokens = {
            "access_token": self._tokens.access_token,
            "id_token": self._tokens.id_token,
            "refresh_token": self._tokens.refresh_token,
        }
        return self._ward.ask({"act": act, "folder": str(self._folder), "tokens": tokens, "trace": trace})

    def do(self, act: str) -> Any:
        return self.run(act)["said"]

    def prepare(self, act: str, half_way: int) -> None:
        """Bring it to where the act begins."""
        if act != "sign in":
            self.do("sign in")
        if act == "resume":
            assert self.run("sign out", trace=(half_way, "before"))["killed"]

    def recover(self) -> None:
        """Come back after a kill, as a user would, and see that nothing is left."""
        found = self.do("look")
        assert found["state"] != "corrupt", found["reason"]
        assert found["whole"] is (found["state"] in {"live", "leaving"})
        if found["state"] == "absent":
            self.do("sign in")
        resumed = self.do("resume")["result"]
        assert (resumed is None) is not bool(found["in_progress"])
        if resumed is None and found["state"] != "tombstone":
            assert self.do("look")["whole"], "Nothing was resumed, and the session is not whole."
            resumed = self.do("sign out")["result"]
        assert resumed in {None, "CompleteSignOut"}
        end = self.do("look")
        assert (end["state"], end["in_progress"]) == ("tombstone", [])
        assert not self._ward.holds(self._tokens)
        assert self._pieces_left() == []
        assert self._ward.keys_left(self._folder) == []
        asked = Counter(self._ward.requests)
        assert set(asked) == set(_REQUESTS.values())
        twice = {name for name, times in asked.items() if times > 1}
        assert twice <= {_REQUESTS.get(found["unknown"])}, "What was known was asked for again."
        assert max(asked.values()) <= 2

    def _pieces_left(self) -> list[bytes]:
        """Pieces of tokens in any file: a file may keep a part of one where another record was written over it."""
        tokens = self._tokens.access_token, self._tokens.id_token, self._tokens.refresh_token
        pieces = re.compile(b"|".join(re.escape(piece.encode()) for piece in _pieces(shapes(map(Secret, tokens)))))
        files = [path.read_bytes() for path in self._folder.rglob("*") if path.is_file()]
        assert files
        return [left for file in files for sought in (pieces, REFRESHED) for left in sought.findall(file)]


def _pieces(texts: Iterable[str]) -> set[str]:
    """Give pieces so short that any longer part of a text has one in it."""
    return {
        text[start : start + LONG_ENOUGH]
        for text in texts
        for start in range(0, max(1, len(text) - LONG_ENOUGH), LONG_ENOUGH)
    }


def _kill(ward: Ward, act: str, half_way: int, calls: list[str], at: tuple[int, str]) -> str | None:
    """Kill once; tell what went wrong."""
    number, when = at
    patient = ward.admit()
    try:
        patient.prepare(act, half_way)
        report = patient.run(act, trace=at)
        assert report["killed"]
        assert report["calls"] == calls[: number + 1]
        patient.recover()
    except AssertionError as error:
        return f"killed {when} {calls[number]} (call {number} of {len(calls)}): {error}"
    return None


@pytest.fixture(scope="module", autouse=True)
def _may_trace() -> None:
    """Try it, in a process of its own: a tracer must have no other children."""
    probe = subprocess.run(
        [sys.executable, "-m", "tests.kills.tracer"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if probe.returncode:
        left_out("kills at system calls", "; ".join(probe.stderr.strip().splitlines()[-2:]))


TWO_AT_ONCE: Final = """
import os, select, sys, threading, time
from pathlib import Path
from tests.kills.tracer import trace

folder = Path(sys.argv[1])
os.mkfifo(folder / "pipe")

def work():
    pipe = os.open(folder / "pipe", os.O_RDWR)
    threading.Thread(target=os.write, args=(pipe, bytes(1 << 20)), daemon=True).start()
    while select.select([], [pipe], [], 0)[1]:
        time.sleep(0.01)
    (folder / "made").mkdir()

trace(work, folder, (1, "before"))
"""


def test_a_kill_while_another_thread_is_within_a_call_is_no_kill_at_one_place(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - the program is the text above
        [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "RuntimeError: Another thread was within a call when one came to mkdir made." in ran.stderr


@pytest.fixture
def ward_of(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Ward]]:
    """Make wards; with a Secret Service for those that need one."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        keyring = None
        if request.node.callspec.params["kind"] == "keyring":
            (tmp_path / "home").mkdir()
            keyring = stack.enter_context(secret_service(tmp_path / "home"))
        yield lambda kind: stack.enter_context(Ward(kind, tmp_path / f"ward {next(numbers)}", keyring))


def _calls_of(ward: Ward, act: str, half_way: int = 0) -> list[str]:
    patient = ward.admit()
    patient.prepare(act, half_way)
    calls: list[str] = patient.run(act, trace=True)["calls"]
    return calls


def _kill_at_every_call(ward_of: Callable[[str], Ward], kind: str, act: str, count: Callable[[str], None]) -> None:
    wards: SimpleQueue[Ward] = SimpleQueue()
    for _ in range(AT_ONCE.get(kind, 2)):
        wards.put(ward_of(kind))
    ward = wards.get()
    messages = [number for number, call in enumerate(_calls_of(ward, "sign out")) if call.endswith("to Cognito")]
    half_way = messages[REQUESTS_BEFORE_REVOCATION * MESSAGES_EACH]
    calls = _calls_of(ward, act, half_way)
    wards.put(ward)
    assert len(calls) > 5

    def kill(at: tuple[int, str]) -> str | None:
        ward = wards.get()
        try:
            return _kill(ward, act, half_way, calls, at)
        finally:
            wards.put(ward)

    places = list(itertools.product(range(len(calls)), ("before", "after")))
    with ThreadPoolExecutor(wards.qsize()) as pool:
        wrong = [said for said in pool.map(kill, places) if said is not None]
    assert wrong == []
    listed = ", ".join(f"{times} {call}" for call, times in Counter(calls).items())
    count(f"kill -9 of a {act} over {kind}: {len(places)} kills, before and after each of {len(calls)} calls: {listed}")


_SLOW: Final = {"encrypted file", "sqlite", "keyring"}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.soak if kind in _SLOW else ()) for kind in ON_DISK]
)
def test_a_sign_out_that_is_killed_leaves_the_session_whole_or_can_be_resumed(
    kind: str, ward_of: Callable[[str], Ward], count: Callable[[str], None]
) -> None:
    _kill_at_every_call(ward_of, kind, "sign out", count)


@pytest.mark.parametrize("kind", ON_DISK)
def test_whatever_is_written_is_on_the_disk_before_anybody_is_asked_or_told(
    kind: str, ward_of: Callable[[str], Ward]
) -> None:
    unsynced = set[str]()
    for call in _calls_of(ward_of(kind), "sign out"):
        name, _, what = call.partition(" ")
        if name in {"write", "pwrite64", "ftruncate"} and not what.endswith("-shm"):  # that one is made anew
            unsynced.add(what)
        elif name == "rename":
            assert what not in unsynced
            unsynced.add("the folder")
        elif name in {"fsync", "fdatasync"}:
            unsynced.discard(what)
        elif what == "to Cognito":
            assert unsynced == set()
    assert unsynced == set()


@pytest.mark.soak
@pytest.mark.parametrize("act", ["sign in", "resume"])
@pytest.mark.parametrize("kind", ON_DISK)
def test_so_does_a_sign_in_and_what_is_resumed_after_a_kill(
    kind: str, act: str, ward_of: Callable[[str], Ward], count: Callable[[str], None]
) -> None:
    _kill_at_every_call(ward_of, kind, act, count)
