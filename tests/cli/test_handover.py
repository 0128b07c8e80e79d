"""The demo uses the user's browser where there is one that opens, and says so where it plays the browser's part."""

import importlib
import threading
import webbrowser

import pytest
from click.testing import CliRunner

from authsm.cli.app import app
from authsm.cli.handover import HandOver
from tests.leaks import Watch, leaks_in
from tests.runners.hosted_ui.browser import WAIT_SECONDS, Browser, send

demo = importlib.import_module("authsm.cli.demo")  # the package itself has the command under this name

demo_shows_tokens = pytest.mark.shows_tokens(
    because="the demo signs in through bare boto3, whose log at DEBUG shows what it is given"
)


def test_only_who_knows_the_address_is_given_the_cookie() -> None:
    with HandOver("cognito=x", "http://localhost:1/next") as page:
        assert not page.was_taken(0)
        refused = send(page.url + "y")
        assert (refused.status, refused.headers["Set-Cookie"]) == (404, None)
        assert not page.was_taken(0)
        given = Browser().get(page.url, follow=False)
        assert (given.status, given.headers["Location"]) == (302, "http://localhost:1/next")
        assert given.headers["Set-Cookie"] == "cognito=x; Path=/; HttpOnly; SameSite=Lax"
        assert page.was_taken(WAIT_SECONDS)


def run_demo(monkeypatch: pytest.MonkeyPatch, watch: Watch, *, has: bool) -> str:
    monkeypatch.setattr(demo, "has_browser", lambda: has)
    monkeypatch.setattr(demo, "_SCENES", demo._SCENES[:1])
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0
    assert leaks_in([result.output], watch.secrets) == []
    text = " ".join(result.output.split())
    assert "server: browser sessions │ 1 │ 0" in text
    return text


@demo_shows_tokens
def test_the_users_browser_signs_out(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    opened: list[threading.Thread] = []

    def open_browser(url: str) -> bool:
        opened.append(threading.current_thread())
        Browser().get(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_browser)
    said = run_demo(monkeypatch, watch, has=True)
    assert "At the hosted UI, your browser opens." in said
    assert "your browser opened" in said
    assert "HTTP client" not in said
    for thread in opened:
        thread.join()


@demo_shows_tokens
def test_a_browser_that_does_not_open_is_played_and_the_demo_says_so(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    monkeypatch.setattr(demo, "_BROWSER_SECONDS", 0.05)
    monkeypatch.setattr(webbrowser, "open", lambda _: True)  # never trust True
    assert "your browser did not open: a small HTTP client plays its part" in run_demo(monkeypatch, watch, has=True)


@demo_shows_tokens
def test_without_a_browser_its_part_is_played_and_the_demo_says_so(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    said = run_demo(monkeypatch, watch, has=False)
    assert "There is no browser here" in said
    assert "no browser here: a small HTTP client opens this address" in said
