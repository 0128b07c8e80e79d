"""Signing out of real providers in a real browser, which the library opens as it does by default."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from authsm import (
    Auth,
    AuthState,
    CompleteSignOut,
    FailedSignOut,
    PartialSignOut,
    UserCancelledException,
    UserPoolTokens,
)
from authsm.runners.hosted_ui.flight import Flight
from tests.runners.hosted_ui.browser import WAIT_SECONDS
from tests.runners.hosted_ui.providers import Application, application, fake_cognito, oidc_provider
from tests.runners.hosted_ui.test_listener import listens
from tests.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from authsm.runners.hosted_ui import Answer
    from authsm.testing import FakeCognito
    from tests.runners.hosted_ui.users_browser import UsersBrowser

LOOPS: Final = ("threads", "asyncio")

PROVIDERS: Final = {
    "FakeCognito": fake_cognito,
    "oidc-provider at /logout": lambda _, *urls: oidc_provider(*urls, by_openid_connect=False),
    "oidc-provider at its end-session endpoint": lambda _, *urls: oidc_provider(*urls, by_openid_connect=True),
}


@pytest.fixture(params=PROVIDERS)
def app(request: pytest.FixtureRequest, cognito: FakeCognito, browser: UsersBrowser) -> Iterator[Application]:
    """An application that signs in and out at a provider; each provider in its turn, unless a test says which."""
    with application(browser, partial(PROVIDERS[request.param], cognito)) as app:
        yield app


@pytest.fixture
def unregistered(cognito: FakeCognito, browser: UsersBrowser) -> Iterator[Application]:
    """An application whose sign-out URL the provider does not know."""
    with application(browser, lambda callback_url, _: fake_cognito(cognito, callback_url)) as app:
        yield app


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[tuple[str, HTTPStatus]]:
    """What is asked of the program that waits for the browser, and the status that it answers with."""
    seen: SimpleQueue[tuple[str, HTTPStatus]] = SimpleQueue()
    true = Flight.answer

    def answer(flight: Flight, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        given = true(flight, method, target, headers)
        seen.put((target, given.status))
        return given

    monkeypatch.setattr(Flight, "answer", answer)
    return seen


asks_to_confirm = pytest.mark.parametrize("app", ["oidc-provider at its end-session endpoint"], indirect=True)
"""The browser stays at the provider until the user presses a button there."""


@pytest.mark.parametrize("loop", LOOPS)
def test_the_browser_is_signed_out_and_a_new_authorization_asks_for_a_login(
    app: Application, cognito: FakeCognito, loop: str
) -> None:
    at_cognito = app.provider.domain == cognito.domain
    assert app.asks_for_login()
    tokens = app.sign_in()
    known = app.cookies()
    assert app.provider.cookie in {cookie["name"] for cookie in known}
    assert cognito.browser_sessions("ada") == at_cognito
    assert not app.asks_for_login()
    assert app.refreshes(tokens)
    assert any(cognito.accepts(each.reveal()) for each in tokens.secrets()) == at_cognito

    ending = app.sign_out(loop)
    app.browser.open()
    if app.provider.sign_out_button:
        assert not ending.done()
        app.confirm()
    assert app.browser.heading == "You are signed out in this browser"
    assert type(ending.result(WAIT_SECONDS)) is CompleteSignOut

    assert app.browser.page.url == app.sign_out_url
    assert app.provider.cookie not in {cookie["name"] for cookie in app.cookies()}
    assert cognito.browser_sessions("ada") == 0
    assert app.asks_for_login()
    thief = app.browser.another()
    thief.add_cookies(known)
    assert app.asks_for_login(thief)
    assert not app.refreshes(tokens)
    assert not any(cognito.accepts(each.reveal()) for each in tokens.secrets())
    assert Auth(app.store, {}).state is AuthState.SIGNED_OUT
    assert not listens("127.0.0.1", app.port)


@pytest.mark.shows_tokens(because="it asks bare boto3 who is signed in, whose log at DEBUG shows what it is given")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_cancel_while_the_browser_is_at_the_provider_leaves_the_user_signed_in(
    unregistered: Application, cognito: FakeCognito, loop: str
) -> None:
    app = unregistered
    tokens = app.sign_in()
    ending = app.sign_out(loop)
    app.browser.open()
    assert app.browser.page.url == app.hosted_ui.sign_out_url
    assert not ending.done()
    cognito.forget_calls()

    app.hosted_ui.cancel()
    result = ending.result(WAIT_SECONDS)

    assert isinstance(result, FailedSignOut)
    assert isinstance(result.exception, UserCancelledException)
    assert cognito.calls == ()
    assert who(cognito, tokens) == "ada"
    credentials = Auth(app.store, {}).credentials()
    assert credentials is not None
    assert credentials.data.tokens == tokens
    assert app.refreshes(tokens)
    assert not app.asks_for_login()
    assert not listens("127.0.0.1", app.port)


def test_at_a_provider_that_does_not_know_the_url_time_runs_out_and_the_result_says_what_to_register(
    unregistered: Application,
) -> None:
    app = unregistered
    tokens = app.sign_in()
    ending = app.sign_out(seconds=8)
    app.browser.open()
    assert app.browser.page.url == app.hosted_ui.sign_out_url
    assert "An error was encountered with the requested page." in app.browser.page.content()
    result = ending.result(WAIT_SECONDS)

    assert isinstance(result, PartialSignOut)
    assert result.hosted_ui_error is not None
    said = str(result.hosted_ui_error.exception.failure)
    assert f"{app.sign_out_url} must be registered" in said
    assert f"the app client {app.provider.client_id}" in said
    assert result.hosted_ui_error.url == app.browser.page.url
    assert app.browser.page.url == app.hosted_ui.sign_out_url  # it went nowhere meanwhile
    assert not app.asks_for_login()
    assert not app.refreshes(tokens)


@asks_to_confirm
def test_a_link_of_an_attacker_is_not_the_return_of_a_browser_that_has_not_begun(app: Application) -> None:
    app.sign_in()
    ending = app.sign_out()
    start_url = app.browser.asked_for()
    with Site({"/": link(app.sign_out_url)}) as attacker:
        for origin in (attacker.url, attacker.elsewhere):
            follow(app.browser.page, origin)  # the user's browser, before it begins
            assert app.browser.heading == "No sign-out was begun in this browser"
        app.browser.page.goto(start_url)
        for origin in (attacker.url, attacker.elsewhere):
            other = app.browser.another().new_page()  # somebody else's, when the user's has begun
            follow(other, origin)
            assert other.get_by_role("heading").inner_text() == "No sign-out was begun in this browser"
    assert not ending.done()
    app.confirm()
    assert type(ending.result(WAIT_SECONDS)) is CompleteSignOut
    assert app.asks_for_login()


def test_a_link_that_is_followed_in_the_browser_that_has_begun_cannot_be_told_from_its_return(
    unregistered: Application,
) -> None:
    """The return is evidence, not proof: so says the documentation, and this is why."""
    app = unregistered
    app.sign_in()
    ending = app.sign_out()
    app.browser.open()
    with Site({"/": link(app.sign_out_url)}) as attacker:
        follow(app.browser.page, attacker.elsewhere)
    assert type(ending.result(WAIT_SECONDS)) is CompleteSignOut
    assert not app.asks_for_login()


NOISE: Final = {
    "favicon": '<link rel="icon" href="{url}">',
    "fetch": '<script>fetch("{url}", {{mode: "no-cors", credentials: "include"}})</script>',
    "form": (
        '<iframe name="frame"></iframe><form method="post" action="{url}" target="frame"></form>'
        "<script>document.forms[0].submit()</script>"
    ),
    "frame": '<iframe src="{url}"></iframe>',
    "image": '<img src="{url}">',
    "object": '<object data="{url}"></object>',
    "prefetch": '<link rel="prefetch" href="{url}">',
    "script": '<script src="{url}"></script>',
    "style": '<link rel="stylesheet" href="{url}">',
}
"""What pages make a browser ask for without its user."""


@asks_to_confirm
def test_what_other_pages_make_the_browser_send_disturbs_nothing(
    app: Application, answers: SimpleQueue[tuple[str, HTTPStatus]]
) -> None:
    """Pages of this machine share its cookies, whatever their port."""
    app.sign_in()
    ending = app.sign_out()
    app.browser.open()
    assert answers.get(timeout=WAIT_SECONDS)[1] == HTTPStatus.FOUND  # the cookie is there
    origin = app.sign_out_url.removesuffix("/signed-out")
    connects = "".join(f'<link rel="preconnect" href="{origin}" {how}>' for how in ("", "crossorigin"))
    asks = "".join(markup.format(url=f"{app.sign_out_url}?{name}") for name, markup in NOISE.items())
    with Site({"/": connects + asks}) as site:
        for url in (site.url, site.elsewhere):
            app.browser.context.new_page().goto(url)
            seen = dict(answers.get(timeout=WAIT_SECONDS) for _ in NOISE)
            assert seen == {
                f"/signed-out?{name}": HTTPStatus.METHOD_NOT_ALLOWED if name == "form" else HTTPStatus.BAD_REQUEST
                for name in NOISE
            }
    assert not ending.done()
    app.confirm()
    assert type(ending.result(WAIT_SECONDS)) is CompleteSignOut
    assert app.asks_for_login()


@asks_to_confirm
def test_a_start_page_that_is_loaded_twice_begins_the_same_sign_out(app: Application) -> None:
    app.sign_in()
    ending = app.sign_out()
    start_url = app.browser.asked_for()
    first, second = app.browser.context.new_page(), app.browser.page
    for tab in (first, second, second):
        tab.goto(start_url)
        assert tab.get_by_role("button", name=app.provider.sign_out_button).is_visible()
    assert not ending.done()
    app.confirm()
    assert app.browser.heading == "You are signed out in this browser"
    assert type(ending.result(WAIT_SECONDS)) is CompleteSignOut
    assert app.asks_for_login()


def test_an_error_that_comes_back_is_said_in_the_browser_and_in_the_result(
    unregistered: Application,
) -> None:
    app = unregistered
    app.sign_in()
    ending = app.sign_out()
    app.browser.open()
    app.browser.page.goto(f"{app.sign_out_url}?error=access_denied&error_description=Not+today")
    assert app.browser.heading == "The sign-out did not finish"
    assert "oday" not in app.browser.page.content()
    result = ending.result(WAIT_SECONDS)
    assert isinstance(result, PartialSignOut)
    assert result.hosted_ui_error is not None
    assert "access_denied: Not today" in str(result.hosted_ui_error.exception.failure)
    assert not app.asks_for_login()


def link(url: str) -> str:
    return f'<a href="{url}">You have won</a>'


def follow(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("link").click()


def who(cognito: FakeCognito, tokens: UserPoolTokens) -> Any:
    """Ask the service whose access token it is."""
    assert tokens.access_token is not None
    client = boto3.client(
        "cognito-idp",
        region_name=cognito.region,
        endpoint_url=cognito.endpoint_url,
        config=Config(signature_version=UNSIGNED),
    )
    return client.get_user(AccessToken=tokens.access_token.reveal())["Username"]
