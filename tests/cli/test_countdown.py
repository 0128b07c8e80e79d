"""The line that counts down at the hosted UI: on terminals only, gone at the end, and never beside JSON."""

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from authsm import FileCredentialStore, SignedInData, SignInMethod, UserPoolTokens
from authsm.cli import countdown
from authsm.cli.countdown import Countdown
from authsm.stores.contract import EntryState
from authsm.testing import FakeCognito
from tests.auth.world import GUARD, eventually
from tests.cli.processes import interrupted
from tests.runners.hosted_ui.test_listener import free_port, listens

LEFT = re.compile(r"(\d+:\d\d) left to sign out there\. Ctrl-C cancels; you stay signed in\.")


def make(*, terminal: bool) -> tuple[Countdown, io.StringIO]:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120, highlight=False, color_system=None)
    return Countdown(console, "Ctrl-C cancels; you stay signed in."), shown


@pytest.mark.parametrize("terminal", [None, "dumb"])
def test_without_a_terminal_that_can_erase_the_time_is_said_once(
    terminal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", terminal or "xterm")
    line, shown = make(terminal=terminal is not None)
    line.begin(300)
    line.end()
    line.end()
    assert LEFT.findall(shown.getvalue()) == ["5:00"]
    assert "\x1b" not in shown.getvalue()


@pytest.mark.parametrize(
    ("passed", "left"), [(0.0, "5:00"), (0.5, "5:00"), (1.0, "4:59"), (295.0, "0:05"), (300.0, "0:00"), (999.0, "0:00")]
)
def test_the_line_counts_down_to_nothing(passed: float, left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: 1000.0)
    monkeypatch.setattr(countdown, "time", clock)
    line, _ = make(terminal=False)
    line.begin(300)
    clock.monotonic = lambda: 1000.0 + passed
    assert LEFT.findall(line.__rich__().plain) == [left]


def test_on_a_terminal_the_line_is_live_and_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    before = threading.active_count()
    line, shown = make(terminal=True)
    line.begin(300)
    line.end()
    eventually(lambda: threading.active_count() == before, "nothing counts down any more")
    assert "5:00" in LEFT.findall(shown.getvalue())
    assert shown.getvalue().endswith("\x1b[2K")  # the line is erased (ECMA-48, EL)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_has_ended_does_not_begin_any_more(*, terminal: bool) -> None:
    line, shown = make(terminal=terminal)
    line.end()
    line.begin(300)  # by the thread of a handler that was left behind
    assert shown.getvalue() == ""


class Waiting:
    """A real command that waits at the hosted UI."""

    def __init__(self, cognito: FakeCognito, folder: Path) -> None:
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}/signed-out"
        client = cognito.add_client(sign_out_urls=(url,))
        self.tokens = cognito.sign_in(client, "ada")
        self.store = FileCredentialStore(folder)
        own = UserPoolTokens.from_text(access_token=self.tokens.access_token, refresh_token=self.tokens.refresh_token)
        data = SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=own)
        self.store.begin("default", data)
        where = ["--client-id", client.id, "--region", cognito.region, "--endpoint-url", cognito.endpoint_url]
        there = ["--hosted-ui-domain", cognito.domain, "--hosted-ui-sign-out-url", url]
        self.arguments = ["sign-out", *where, *there, "--store", f"file:{folder}"]

    def waits(self) -> bool:
        return listens("127.0.0.1", self.port)

    def is_untouched(self, cognito: FakeCognito) -> bool:
        return self.store.load("default").state is EntryState.LIVE and cognito.holds(self.tokens.refresh_token)


@pytest.fixture
def waiting(cognito: FakeCognito, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    monkeypatch.setenv("BROWSER", "true")  # opens nothing
    return Waiting(cognito, tmp_path)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a talkative browser makes when it is opened."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f"#!/bin/sh\ntrap '' PIPE\necho Opening in existing browser session.\n: > {opened}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    return opened


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
@pytest.mark.shows_tokens(because="the address lets one browser in, once, and is shown to be opened by hand")
class TestTheCommand:
    def test_ctrl_c_at_the_hosted_ui_cancels_and_changes_nothing(self, cognito: FakeCognito, waiting: Waiting) -> None:
        ended = interrupted(*waiting.arguments, once=waiting.waits)
        assert ended.returncode == 4
        assert f"http://127.0.0.1:{waiting.port}/start/" in ended.stderr
        assert LEFT.findall(ended.stderr) == ["5:00"]
        assert "FailedSignOut" in ended.stderr
        assert waiting.is_untouched(cognito)
        assert not waiting.waits()

    def test_beside_json_there_is_no_countdown(self, cognito: FakeCognito, waiting: Waiting) -> None:
        out, err = self._on_a_terminal(waiting, "--json", until=lambda shown: "/start/" in shown)
        assert json.loads(out)["result"] == "FailedSignOut"
        assert LEFT.findall(err) == []
        assert waiting.is_untouched(cognito)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is one of Linux")
    def test_on_a_full_disk_it_waits_all_the_same(self, cognito: FakeCognito, waiting: Waiting, opened: Path) -> None:
        with Path("/dev/full").open("w") as full:
            ended = interrupted(*waiting.arguments, once=opened.exists, stderr=full.fileno())
        assert ended.returncode == 4
        assert waiting.is_untouched(cognito)

    def test_where_nobody_reads_what_it_says_it_waits_all_the_same(
        self, cognito: FakeCognito, waiting: Waiting, opened: Path
    ) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            ended = interrupted(*waiting.arguments, once=opened.exists, stderr=writer)
        finally:
            os.close(writer)
        assert ended.returncode == 4
        assert waiting.is_untouched(cognito)

    def test_what_the_browser_prints_does_not_stand_in_the_json(
        self, cognito: FakeCognito, waiting: Waiting, opened: Path
    ) -> None:
        ended = interrupted(*waiting.arguments, "--json", once=opened.exists)
        assert json.loads(ended.stdout)["result"] == "FailedSignOut"
        assert "Opening in existing browser session." in ended.stderr
        assert waiting.is_untouched(cognito)

    def test_on_a_terminal_it_counts_down(self, cognito: FakeCognito, waiting: Waiting) -> None:
        out, err = self._on_a_terminal(waiting, until=lambda shown: len({*LEFT.findall(shown)}) >= 2)
        assert out == ""
        assert "FailedSignOut" in err
        assert err.rfind("left to sign out there") < err.rfind("\x1b[?25h")  # the cursor is back (DECTCEM)
        assert waiting.is_untouched(cognito)

    def _on_a_terminal(self, waiting: Waiting, *more: str, until: Any) -> tuple[str, str]:
        """Run the command with a terminal for its errors; press Ctrl-C once enough is shown there."""
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "authsm.cli", *waiting.arguments, *more]
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "200", "LINES": "40"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment)  # noqa: S603 - ours
        os.close(theirs)
        shown: list[bytes] = []

        def read() -> None:
            try:
                while piece := os.read(ours, 65536):
                    shown.append(piece)
            except OSError:  # the last of its writers is gone
                pass

        reader = threading.Thread(target=read)
        reader.start()
        try:
            eventually(lambda: until(b"".join(shown).decode()), "it is shown")
            pressed = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=GUARD)
            print(f"Ctrl-C: {time.monotonic() - pressed:.2f} s to the end of the process")  # noqa: T201
        finally:
            process.kill()
            process.communicate()
            reader.join(GUARD)
            os.close(ours)
        assert process.returncode == 4
        return out, b"".join(shown).decode()
