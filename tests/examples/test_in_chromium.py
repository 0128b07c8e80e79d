"""The examples in a real browser, which sends its own cookies and says itself where a request comes from."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as numbers
from typing import Final
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

from authsm import HostedUISignOutException, PartialSignOut
from authsm.runners.hosted_ui import pages
from authsm.testing import FakeCognito, Fault
from tests.chromium import chromium
from tests.examples.application import Application, serving
from tests.examples.servers import SERVERS
from tests.sites import Site

PASSWORD: Final = "Correct-Horse-1"
TICKET_COOKIE: Final = "authsm-sign-out"
HOSTS: Final = ("localhost", "127.0.0.1")
"""Where somebody else's pages are: on another site; or on another port of this one, and so with the same cookies."""

_NUMBERS: Final = numbers(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=SERVERS)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with (
        FakeCognito() as cognito,
        serving(request.param, cognito, tmp_path_factory.mktemp(request.param)) as app,
    ):
        yield app


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with Site() as elsewhere:
        yield elsewhere


@dataclass
class Visitor:
    """A user of their own, in a browser that knows nothing yet.

    Attributes:
        app: What they use.
        name: Who they are.
        context: Their cookies.
        page: The window that they look at.
    """

    app: Application
    name: str
    context: BrowserContext
    page: Page

    def go_home(self, origin: str = "") -> str:
        """Open the application; give what it says."""
        self.page.goto(origin or self.app.one)
        return self.page.locator("p").inner_text()

    def ask_to_sign_in(self) -> str:
        """Click "Sign in"; give the title of the page that this leads to."""
        self.go_home()
        with self.page.expect_navigation():
            self.page.get_by_role("link", name="Sign in").click()
        return self.page.title()

    def sign_in(self) -> None:
        assert self.ask_to_sign_in() == "Sign in"
        self.page.locator("[name=username]").fill(self.name)
        self.page.locator("[name=password]").fill(PASSWORD)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign in").click()
        assert self.page.locator("p").inner_text() == f"Signed in: {self.name}"

    def press_sign_out(self) -> Response:
        """Press the button of the page that is shown; give where that has led in the end."""
        with self.page.expect_navigation() as navigation:
            self.page.get_by_role("button", name="Sign out").click()
        return navigation.value

    def sign_out_and_stay(self) -> None:
        """Sign out, and come no further than to the provider, which has its troubles."""
        self.go_home()
        self.app.cognito.fail("GET /logout", Fault.html(status=503))
        there = self.press_sign_out()
        assert (there.url.partition("?")[0], there.status) == (f"{self.app.cognito.domain}/logout", 503)

    @property
    def live_tokens(self) -> int:
        return self.app.cognito.live_refresh_tokens(self.name)

    @property
    def sessions_at_the_provider(self) -> int:
        return self.app.cognito.browser_sessions(self.name)


@pytest.fixture
def visitor(app: Application, browser: Browser) -> Iterator[Visitor]:
    name = f"ada-{next(_NUMBERS)}"
    app.cognito.add_user(name, password=PASSWORD)
    context = browser.new_context()
    try:
        yield Visitor(app, name, context, context.new_page())
    finally:
        context.close()


def requests_of(response: Response | None) -> list[Request]:
    """Every request on the way to a page, from the first one over all redirects."""
    found: list[Request] = []
    request: Request | None = response.request if response else None
    while request is not None:
        found.insert(0, request)
        request = request.redirected_from
    return found


def first_of(response: Response) -> Request:
    return requests_of(response)[0]


def way_of(response: Response | None) -> list[tuple[str, str]]:
    """The method of each of these requests, and its address without the query."""
    return [(each.method, each.url.partition("?")[0]) for each in requests_of(response)]


def shown(response: Response | None) -> tuple[int, bytes]:
    assert response is not None
    return response.status, response.body()


SIGNED_OUT: Final = (200, pages.SIGNED_OUT)
SIGNED_OUT_HERE: Final = (200, pages.SIGNED_OUT_HERE)
NOTHING_CHANGED: Final = (400, pages.NOTHING_CHANGED)


def test_a_sign_out_that_begins_in_one_process_ends_in_the_other(app: Application, visitor: Visitor) -> None:
    visitor.sign_in()
    assert visitor.go_home(app.other) == visitor.go_home() == f"Signed in: {visitor.name}"
    assert (visitor.live_tokens, visitor.sessions_at_the_provider) == (1, 1)
    tickets, ends = app.tickets(), app.ends()

    back = visitor.press_sign_out()
    assert way_of(back) == [
        ("POST", f"{app.one}/sign-out"),
        ("GET", f"{app.cognito.domain}/logout"),
        ("GET", app.callback),
    ]
    assert first_of(back).all_headers()["sec-fetch-site"] == "same-origin"
    assert shown(back) == SIGNED_OUT
    assert visitor.page.get_by_role("heading").inner_text() == "You are signed out"
    assert (visitor.live_tokens, visitor.sessions_at_the_provider) == (0, 0)
    (ticket,) = app.tickets() - tickets
    assert ticket[3:] == ("", "signed_out")
    assert [state for _, state in app.ends()[len(ends) :]] == ["SignedOut"]

    assert visitor.go_home() == visitor.go_home(app.other) == "Nobody is signed in."
    visitor.sign_in()  # which asks for the login


def test_without_a_sign_out_nobody_is_asked_for_the_login(app: Application, visitor: Visitor) -> None:
    """So that the login which is asked for after a sign-out says something."""
    visitor.sign_in()
    visitor.context.clear_cookies(domain="127.0.0.1")
    assert visitor.go_home() == "Nobody is signed in."
    assert visitor.ask_to_sign_in() == "Example"
    assert visitor.page.url == f"{app.one}/"
    assert visitor.page.locator("p").inner_text() == f"Signed in: {visitor.name}"


def test_a_callback_that_is_loaded_again_shows_the_same_and_changes_nothing(app: Application, visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.press_sign_out()
    kept = app.kept()
    assert shown(visitor.page.reload()) == SIGNED_OUT
    visitor.page.go_back()
    assert shown(visitor.page.go_forward()) == SIGNED_OUT
    another = visitor.context.new_page()
    for query in ("", "?error=access_denied"):
        assert shown(another.goto(f"{app.callback}{query}")) == SIGNED_OUT
    assert app.kept() == kept


def test_a_callback_without_the_ticket_changes_nothing(app: Application, browser: Browser, visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.sign_out_and_stay()
    kept = app.kept()
    for made_up in (None, "A" * 43):
        context = browser.new_context()
        if made_up:
            context.add_cookies([{"name": TICKET_COOKIE, "value": made_up, "url": app.callback}])
        page = context.new_page()
        for query in ("", "?error=access_denied"):
            assert shown(page.goto(f"{app.callback}{query}")) == NOTHING_CHANGED
        context.close()
    assert app.kept() == kept
    assert shown(visitor.page.goto(app.callback)) == SIGNED_OUT


def test_nothing_that_a_request_says_decides_where_the_browser_goes(
    app: Application, visitor: Visitor, elsewhere: Site
) -> None:
    trap = elsewhere.shows("Caught.")
    asks = dict.fromkeys(("logout_uri", "redirect_uri", "next", "url", "ReturnUrl"), trap)
    visitor.sign_in()
    visitor.page.locator("form").evaluate(
        """(form, asks) => {
            form.action += "?" + new URLSearchParams(asks);
            for (const name in asks) {
                const field = document.createElement("input");
                Object.assign(field, {type: "hidden", name, value: asks[name]});
                form.append(field);
            }
        }""",
        asks,
    )
    back = visitor.press_sign_out()
    sent = first_of(back)
    assert urlencode(asks) in sent.url
    assert urlencode(asks) in (sent.post_data or "")
    assert [url for _, url in way_of(back)] == [f"{app.one}/sign-out", f"{app.cognito.domain}/logout", app.callback]
    assert shown(back) == SIGNED_OUT
    again = visitor.page.goto(f"{app.callback}?{urlencode(asks)}")
    assert (way_of(again), shown(again)) == ([("GET", app.callback)], SIGNED_OUT)
    assert elsewhere.asked == []


def test_the_form_of_another_sites_page_changes_nothing(app: Application, visitor: Visitor, elsewhere: Site) -> None:
    visitor.sign_in()
    kept = app.kept()
    form = f'<form method="post" action="{app.one}/sign-out"></form><script>document.forms[0].submit()</script>'
    for host in HOSTS:
        with visitor.page.expect_navigation(url=f"{app.one}/sign-out") as navigation:
            visitor.page.goto(elsewhere.shows(form, host=host))
        assert navigation.value.status == 403
        assert visitor.go_home() == f"Signed in: {visitor.name}"
    assert (visitor.live_tokens, visitor.sessions_at_the_provider) == (1, 1)
    assert app.kept() == kept


EMBEDDED: Final = '<img src="{url}"><iframe src="{url}"></iframe>'


def test_pictures_frames_and_links_in_another_sites_page_sign_nobody_out(
    app: Application, visitor: Visitor, elsewhere: Site
) -> None:
    visitor.sign_in()
    kept = app.kept()
    for url, refused in ((f"{app.one}/sign-out", 405), (app.callback, 400)):
        asked, answers = _requests(visitor.context, url)
        for host in HOSTS:
            visitor.page.goto(elsewhere.shows(EMBEDDED.format(url=url), host=host))
            _follow_a_link(visitor, elsewhere, url, host)
        assert (len(asked), set(answers)) == (3 * len(HOSTS), {refused})
    assert visitor.go_home() == f"Signed in: {visitor.name}"
    assert visitor.live_tokens == 1
    assert app.kept() == kept


def test_pictures_and_frames_in_another_sites_page_end_no_sign_out(
    app: Application, visitor: Visitor, elsewhere: Site
) -> None:
    """Those on another port of this site bring the ticket along."""
    visitor.sign_in()
    visitor.sign_out_and_stay()
    kept = app.kept()
    asked, answers = _requests(visitor.context, app.callback)
    for host in HOSTS:
        visitor.page.goto(elsewhere.shows(EMBEDDED.format(url=app.callback), host=host))
    assert (asked, set(answers)) == (["image", "document"] * len(HOSTS), {400})
    assert app.kept() == kept


def test_another_sites_link_to_the_callback_is_not_told_from_the_return(
    app: Application, visitor: Visitor, elsewhere: Site
) -> None:
    """A return with the ticket is evidence and no proof: the provider echoes nothing that only it could send."""
    visitor.sign_in()
    visitor.sign_out_and_stay()
    assert shown(_follow_a_link(visitor, elsewhere, app.callback, "localhost")) == SIGNED_OUT
    assert app.ends()[-1][1] == "SignedOut"
    assert (visitor.live_tokens, visitor.sessions_at_the_provider) == (0, 1)


def test_who_never_comes_back_is_signed_out_and_the_sweeper_says_what_is_missing(
    app: Application, visitor: Visitor
) -> None:
    visitor.sign_in()
    tickets, ends = app.tickets(), app.ends()
    visitor.sign_out_and_stay()
    visitor.page.close()
    visitor.page = visitor.context.new_page()
    assert visitor.go_home() == "Nobody is signed in."
    assert visitor.live_tokens == 0
    (ticket,) = app.tickets() - tickets
    assert ticket[4] == ""
    assert app.ends() == ends

    sweeper = app.pool.web_sign_out(clock=lambda: time.time() + 901)
    results = [each for each in sweeper.sweep() if isinstance(each, PartialSignOut) and each.username == visitor.name]
    (result,) = results
    assert (result.global_sign_out_error, result.revoke_token_error) == (None, None)
    assert result.hosted_ui_error is not None
    failed = result.hosted_ui_error.exception
    assert isinstance(failed, HostedUISignOutException)
    assert f"{app.callback} must be registered" in str(failed)
    assert visitor.sessions_at_the_provider == 1  # just as that says
    assert sweeper.sweep() == []
    assert shown(visitor.page.goto(app.callback)) == SIGNED_OUT_HERE  # too late


def _requests(context: BrowserContext, url: str) -> tuple[list[str], list[int]]:
    """What is asked for at an address from now on, and the status of each answer that the browser lets a page see."""
    asked: list[str] = []
    answers: list[int] = []
    context.on("request", lambda each: asked.append(each.resource_type) if each.url == url else None)
    context.on("response", lambda each: answers.append(each.status) if each.url == url else None)
    return asked, answers


def _follow_a_link(visitor: Visitor, elsewhere: Site, url: str, host: str) -> Response:
    """Click a link in somebody else's page; give the answer. It opens a window, which may stay empty."""
    visitor.page.goto(elsewhere.shows(f'<a href="{url}" target="_blank">Kittens</a>', host=host))
    with visitor.context.expect_event("response", lambda each: each.url == url) as answer:
        visitor.page.get_by_role("link").click()
    response: Response = answer.value
    return response
