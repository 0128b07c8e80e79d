"""The examples, served by real servers, and asked by whoever writes requests by hand; see `test_in_chromium`, too."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from authsm import SQLiteCredentialStore
from authsm.runners.hosted_ui import pages
from authsm.testing import FakeCognito
from tests.examples.application import Application, serving
from tests.examples.servers import SERVERS
from tests.leaks import leaks_in

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
EVIL = {"logout_uri": "https://evil.example", "next": "//evil.example", "redirect_uri": "https://evil.example"}


@dataclass
class Visited(Application):
    """An application, and a browser that has nothing but cookies."""

    browser: httpx.Client
    seen: list[str] = field(default_factory=list)

    def get(self, url: str, *, cookies: bool = True, **named: Any) -> httpx.Response:
        with contextlib.ExitStack() as stack:
            client = self.browser if cookies else stack.enter_context(httpx.Client(trust_env=False))
            return self._look_at(client.get(url, **named))

    def post(self, url: str, **named: Any) -> httpx.Response:
        return self._look_at(self.browser.post(url, **named))

    def _look_at(self, response: httpx.Response) -> httpx.Response:
        self.seen.append(f"{response.url} {response.headers} {response.text}")
        return response

    def home(self, origin: str = "") -> str:
        return self.get(f"{origin or self.one}/").text

    def sign_in(self) -> None:
        login = self.get(self.get(f"{self.one}/sign-in").headers["Location"])
        assert login.status_code == 200, "the hosted UI asks for a login"
        (action,) = re.findall(r'action="([^"]+)"', login.text)
        answer = self.post(
            f"{self.cognito.domain}{unescape(action)}", data={"username": "ada", "password": "Correct-Horse-1"}
        )
        assert self.get(answer.headers["Location"]).headers["Location"] == "/"

    def hidden(self) -> dict[str, str]:
        """The hidden fields of the form: Django's CSRF token."""
        return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', self.home()))

    def sign_out(self, **headers: str) -> httpx.Response:
        """Press the button; whatever else the request says is not asked for."""
        form = {**self.hidden(), **EVIL}
        return self.post(f"{self.one}/sign-out", data=form, params=EVIL, headers={**OWN_PAGE, **headers})


@pytest.fixture(params=SERVERS)
def app(request: pytest.FixtureRequest, cognito: FakeCognito, tmp_path: Path) -> Iterator[Visited]:
    with serving(request.param, cognito, tmp_path) as served, httpx.Client(trust_env=False) as browser:
        yield Visited(**vars(served), browser=browser)


def test_sign_in_and_out_in_a_browser(app: Visited) -> None:
    assert "Nobody is signed in." in app.home()
    app.sign_in()
    assert "Signed in: ada" in app.home()
    assert "Signed in: ada" in app.home(app.other)
    session = app.browser.cookies.jar
    stolen = {cookie.name: cookie.value or "" for cookie in session if cookie.domain == "127.0.0.1"}
    secrets = _secrets_in(app.pool.database)

    begun = app.sign_out()
    assert begun.status_code == 303
    where = urlsplit(begun.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{app.cognito.domain}/logout"
    assert parse_qs(where.query) == {"client_id": [app.client.id], "logout_uri": [app.callback]}
    (cookie,) = [each for each in begun.headers.get_list("Set-Cookie") if each.startswith("authsm-sign-out=")]
    assert cookie.partition("; ")[2] == "Path=/signed-out; Max-Age=900; HttpOnly; SameSite=Lax"
    assert "Nobody is signed in." in app.home()
    assert app.cognito.live_refresh_tokens("ada") == 0
    assert "Nobody is signed in." in app.get(f"{app.one}/", cookies=False, headers=_as_header(stolen)).text
    assert app.cognito.browser_sessions("ada") == 1  # the browser has not been there yet

    (waiting,) = app.tickets()
    for forged in (
        app.get(app.callback, cookies=False, params=EVIL),
        app.get(app.callback, cookies=False, headers=_as_header({"authsm-sign-out": "A" * 43})),
    ):
        assert (forged.status_code, forged.content) == (400, pages.NOTHING_CHANGED)
    assert app.tickets() == {waiting}

    there = app.get(begun.headers["Location"])
    assert there.headers["Location"] == app.callback
    back = app.get(app.callback)
    assert (back.status_code, back.content) == (200, pages.SIGNED_OUT)
    assert app.cognito.browser_sessions("ada") == 0
    (ended,) = app.tickets()
    assert ended != waiting
    for again in ({}, {"error": "access_denied"}, EVIL):
        replayed = app.get(app.callback, params=again)
        assert (replayed.status_code, replayed.content) == (200, pages.SIGNED_OUT)
        assert "evil" not in str(replayed.headers)
    assert app.tickets() == {ended}

    app.sign_in()  # which asks for a login
    assert "Signed in: ada" in app.home()
    assert leaks_in(app.seen, secrets) == []
    assert "script" not in pages.SIGNED_OUT.decode()


def test_a_sign_out_that_another_site_asks_for_changes_nothing(app: Visited) -> None:
    app.sign_in()
    assert app.sign_out(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert app.get(f"{app.one}/sign-out").status_code in {404, 405}  # a link or an image cannot ask for it
    assert "Signed in: ada" in app.home()
    assert app.cognito.live_refresh_tokens("ada") == 1
    assert app.tickets() == set()


def test_an_error_of_the_provider_is_said_in_plain_words(app: Visited) -> None:
    app.sign_in()
    app.sign_out()
    back = app.get(app.callback, params={"error": "access_denied"})
    assert (back.status_code, back.content) == (200, pages.SIGNED_OUT_HERE)
    assert back.headers["Content-Type"] == "text/html; charset=utf-8"
    assert back.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in back.headers["Content-Security-Policy"]
    assert app.cognito.live_refresh_tokens("ada") == 0


def test_other_methods_than_get_do_not_come_back(app: Visited) -> None:
    app.sign_in()
    app.sign_out()
    before = app.kept()
    for method in ("POST", "HEAD", "PUT"):
        assert app.browser.request(method, app.callback, headers=OWN_PAGE).status_code in {403, 405}
    assert app.kept() == before


def test_a_button_in_a_page_that_was_left_open_leads_to_the_provider(app: Visited) -> None:
    app.sign_in()
    left_open = app.hidden()
    app.sign_out()
    before = app.tickets()
    answer = app.post(f"{app.one}/sign-out", data=left_open, headers=OWN_PAGE)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{app.cognito.domain}/logout?")
    assert not any(each.startswith("authsm-sign-out=") for each in answer.headers.get_list("Set-Cookie"))
    assert app.tickets() == before


@pytest.mark.parametrize("app", ["django"], indirect=True)
def test_djangos_own_protection_stands_in_front(app: Visited) -> None:
    app.sign_in()
    assert app.post(f"{app.one}/sign-out", headers=OWN_PAGE).status_code == 403
    assert "Signed in: ada" in app.home()


def _as_header(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def _secrets_in(database: str) -> list[Any]:
    """The tokens of the one session."""
    with SQLiteCredentialStore(database) as store:
        with store._database.reading() as opened:
            assert opened is not None
            ((key,),) = opened.execute("SELECT key FROM sessions").fetchall()
        data = store.load(key).data
    assert data is not None
    found = [*data.secrets()]
    assert len(found) == 3
    return found
