"""`WebSignOut.begin`: everything that needs no browser is done first, and then the sign-out waits for its browser."""

import re
import threading
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import pytest

from authsm import (
    CompleteSignOut,
    ConfigurationException,
    FailedSignOut,
    InvalidStateException,
    JournalFailed,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    Secret,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    UserPoolTokens,
)
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import EntryState, StoreUnavailableError
from authsm.stores.tickets import MemoryTicketStore
from authsm.testing import Fault
from authsm.web.cookies import digest_of
from tests.auth.world import eventually, faulty, gate, of_kind, raising, session, states
from tests.leaks import leaks_in
from tests.web.site import (
    CALLBACK,
    COOKIE,
    HOST,
    KEY,
    ORIGIN,
    OWN_PAGE,
    Site,
    callers,
    come_back,
    ends,
    header,
    sent,
    sign_in_quietly,
    web_sign_out,
)


@pytest.mark.parametrize(
    ("to_all", "calls", "path"),
    [
        (False, ["RevokeToken"], ["RevokingToken", "SigningOutLocally", "SigningOutHostedUI"]),
        (
            True,
            ["GlobalSignOut", "RevokeToken"],
            ["SigningOutGlobally", "RevokingToken", "SigningOutLocally", "SigningOutHostedUI"],
        ),
    ],
)
def test_all_that_needs_no_browser_is_done_and_the_sign_out_stands_at_the_hosted_ui(
    site: Site, to_all: bool, calls: list[str], path: list[str]
) -> None:
    begun = site.web().begin(KEY, OWN_PAGE, global_sign_out=to_all)
    assert (list(site.cognito.calls), states(site.notices)) == (calls, path)
    assert not site.is_live()
    assert site.store.load(KEY).state is EntryState.TOMBSTONE
    assert (begun.is_suspended, begun.is_over) == (True, True)
    assert isinstance(begun.result, PartialSignOut)
    assert begun.result.hosted_ui_error is not None
    assert (begun.result.global_sign_out_error, begun.result.revoke_token_error) == (None, None)


def test_the_browser_is_sent_to_the_provider_with_a_cookie_for_the_callback_alone(site: Site) -> None:
    answer = site.begin().answer
    assert answer.status is HTTPStatus.SEE_OTHER
    asks = f"client_id={site.client.id}&logout_uri=http%3A%2F%2F127.0.0.1%3A8400%2Fsigned-out"
    assert header(answer, "Location") == f"{site.cognito.domain}/logout?{asks}"
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; Path=/signed-out; Max-Age=900; HttpOnly; SameSite=Lax", header(answer, "Set-Cookie")
    )
    assert header(answer, "Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        ("https://app.example.com/signed-out", "__Secure-authsm-sign-out", "/signed-out"),
        ("https://app.example.com:8443/a/b", "__Secure-authsm-sign-out", "/a/b"),
        ("https://app.example.com/", "__Host-authsm-sign-out", "/"),
    ],
)
def test_over_https_the_cookie_is_secure_and_its_name_says_so(url: str, name: str, path: str) -> None:
    web = web_sign_out(MemoryCredentialStore(), {RevokeToken: lambda *_: None}, MemoryTicketStore(), sign_out_url=url)
    sign_in_quietly(web, KEY)
    cookie = header(web.begin(KEY, [("Sec-Fetch-Site", "same-origin")]).answer, "Set-Cookie")
    assert cookie.startswith(f"{name}=")
    assert cookie.endswith(f"; Path={path}; Max-Age=900; HttpOnly; Secure; SameSite=Lax")
    assert web.callback_path == path
    assert url in repr(web)
    host = url.split("/")[2]
    assert come_back(web, cookie.partition(";")[0], Host=host).result is not None


def test_what_is_kept_is_under_the_digest_of_the_ticket_and_holds_neither_ticket_nor_token(site: Site) -> None:
    begun = site.begin()
    ticket = sent(begun.answer).partition("=")[2]
    ((digest, kept),) = site.tickets._tickets.items()
    assert digest != ticket
    assert kept.key == KEY
    own = UserPoolTokens.from_text(access_token=site.tokens.access_token, refresh_token=site.tokens.refresh_token)
    assert '"username":"ada"' in kept.suspended
    assert leaks_in([kept.suspended, repr(begun)], own.secrets()) == []
    assert ticket not in f"{digest}{kept}{begun!r}{site.notices!r}"


def test_a_suspended_sign_out_is_none_that_a_crash_interrupted(site: Site) -> None:
    site.begin()
    assert site.store.journals() == ()
    assert site.web().auth(KEY).resume() is None


def test_a_crash_before_the_ticket_is_kept_leaves_a_journal_and_resume_says_that_no_browser_was_there(
    site: Site,
) -> None:
    site.tickets = faulty(site.tickets, put=raising(SystemExit()))
    with pytest.raises(SystemExit):
        site.begin()
    assert site.store.journals() == (KEY,)
    result = site.web().auth(KEY).resume()
    assert isinstance(result, PartialSignOut)
    assert result.resumed
    assert result.hosted_ui_error is not None
    assert result.hosted_ui_error.exception.failure is not None
    assert result.hosted_ui_error.exception.failure.code == "NoBrowser"
    assert site.store.journals() == ()


def test_a_ticket_that_cannot_be_kept_is_a_failure_of_the_hosted_ui_and_the_user_is_signed_out(site: Site) -> None:
    site.tickets = faulty(site.tickets, put=raising(StoreUnavailableError("the disk is full")))
    begun = site.begin()
    assert (begun.is_suspended, begun.is_over) == (False, True)
    assert (begun.answer.status, begun.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT_HERE)
    assert isinstance(begun.result, PartialSignOut)
    assert begun.result.hosted_ui_error is not None
    assert "the disk is full" in str(begun.result.hosted_ui_error.exception)
    assert ends(site.notices) == ["PartialSignedOut"]
    assert not site.is_live()


def test_a_step_that_failed_can_be_tried_again_while_the_browser_is_on_its_way(site: Site) -> None:
    site.cognito.fail("RevokeToken", Fault.error("InvalidParameterException"))
    begun = site.begin()
    assert begun.is_suspended
    assert site.is_live()
    assert isinstance(begun.result, PartialSignOut)
    site.web().auth(KEY).retry(begun.result)
    assert not site.is_live()
    returned = come_back(site.web(), sent(begun.answer))
    assert isinstance(returned.result, PartialSignOut)
    assert returned.result.hosted_ui_error is None
    assert returned.result.revoke_token_error is not None
    assert returned.result.revoke_token_error.refresh_token is None  # no token is kept


def test_a_session_that_was_not_made_in_the_hosted_ui_is_signed_out_at_once(site: Site) -> None:
    tokens = UserPoolTokens.from_text(refresh_token=site.tokens.refresh_token)
    data = SignedInData(sign_in_method=SignInMethod.USER_POOL, tokens=tokens)
    site.web().auth(KEY).sign_in(data, replace=True)
    begun = site.begin()
    assert isinstance(begun.result, CompleteSignOut)
    assert (begun.is_suspended, begun.is_over) == (False, True)
    assert (begun.answer.status, begun.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT)
    assert not site.is_live()


@pytest.mark.parametrize("key", [None, "nobody"])
def test_where_nobody_is_signed_in_here_the_browser_may_be_signed_in_there(site: Site, key: str | None) -> None:
    """Its session was lost, or another click has just ended it: no page says that the user is signed out."""
    begun = site.web(signed_out_place="/welcome").begin(key, OWN_PAGE)
    assert (begun.answer.status, begun.is_suspended, begun.is_over) == (HTTPStatus.SEE_OTHER, False, True)
    assert header(begun.answer, "Location").startswith(f"{site.cognito.domain}/logout?")
    assert "Set-Cookie" not in dict(begun.answer.headers)
    assert site.is_live()
    assert come_back(site.web(), None).answer.body == pages.NOTHING_CHANGED


@pytest.mark.parametrize("key", [7, "", b"ada", True])
def test_a_key_that_is_none_is_refused(site: Site, key: Any) -> None:
    with pytest.raises(ConfigurationException, match=f"of type {type(key).__name__}, or empty"):
        site.web().begin(key, OWN_PAGE)
    assert site.notices == []


def test_a_key_that_somebody_forgot_to_await_is_refused(site: Site) -> None:
    async def key_of() -> str:
        return KEY

    key: Any = key_of()
    with pytest.raises(ConfigurationException, match="awaited"):
        site.web().begin(key, OWN_PAGE)
    key.close()


@pytest.mark.parametrize("key", [None, "nobody", KEY])
@pytest.mark.parametrize(
    "policy", [SignOutPolicy(hosted_ui="never"), SignOutPolicy(hosted_ui="last", local_only=True)], ids=str
)
def test_where_the_policy_has_no_hosted_ui_nobody_is_sent_there(
    site: Site, key: str | None, policy: SignOutPolicy
) -> None:
    web = site.web(policy=policy)
    for _ in range(2):
        begun = web.begin(key, OWN_PAGE)
        assert (begun.answer.status, begun.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT)


def test_a_clear_that_failed_leaves_the_application_session_and_says_still_signed_in(site: Site) -> None:
    site.store = faulty(site.store, clear=raising(StoreUnavailableError("the disk is full")))
    begun = site.begin()
    assert isinstance(begun.result, FailedSignOut)
    assert (begun.is_suspended, begun.is_over) == (False, False)
    assert (begun.answer.status, begun.answer.body) == (HTTPStatus.SERVICE_UNAVAILABLE, pages.NOT_SIGNED_OUT)


@pytest.mark.parametrize(
    "headers",
    [
        (("Host", HOST), ("Sec-Fetch-Site", "cross-site"), ("Origin", ORIGIN)),
        (("Host", HOST), ("Sec-Fetch-Site", "same-site")),
        (("Host", HOST), ("Sec-Fetch-Site", "SAME-ORIGIN")),
        (("Host", HOST), ("Sec-Fetch-Site", "same-origin"), ("sec-fetch-site", "cross-site")),
        (("Host", HOST), ("Origin", "https://evil.example")),
        (("Host", HOST), ("Origin", "null")),
        (("Host", HOST), ("Origin", f"{ORIGIN}.evil.example")),
        (("Host", HOST),),
    ],
)
def test_a_request_of_another_site_changes_nothing(site: Site, headers: tuple[tuple[str, str], ...]) -> None:
    begun = site.web().begin(KEY, headers)
    assert (begun.answer.status, begun.answer.body) == (HTTPStatus.FORBIDDEN, pages.FROM_ELSEWHERE)
    assert (begun.result, begun.is_over) == (None, False)
    (told,) = of_kind(site.notices, JournalFailed)
    assert ORIGIN in told.reason
    assert "evil" not in told.reason
    assert site.is_live()
    assert site.store.load(KEY).state is EntryState.LIVE


@pytest.mark.parametrize(
    "headers", [[("Origin", ORIGIN)], [("Sec-Fetch-Site", "none")], [("SEC-FETCH-SITE", "same-origin")]]
)
def test_a_request_of_the_applications_own_page_is_served(site: Site, headers: list[tuple[str, str]]) -> None:
    assert site.web().begin(KEY, headers).is_suspended


def test_a_button_that_was_clicked_twice_gives_a_ticket_that_works_and_one_sign_out(site: Site) -> None:
    first, second = site.begin(), site.begin()
    assert second.is_suspended
    assert header(second.answer, "Location") == header(first.answer, "Location")
    assert come_back(site.web(), sent(first.answer)).answer.body == pages.NOTHING_CHANGED
    assert isinstance(come_back(site.web(), sent(second.answer)).result, CompleteSignOut)
    assert ends(site.notices).count("SignedOut") == 2  # the second click found nobody signed in
    assert site.cognito.calls == ()


def test_clicks_at_the_same_time_share_one_sign_out_and_one_ticket() -> None:
    begun: list[Any] = []
    with gate() as stands:
        web = web_sign_out(MemoryCredentialStore(), {RevokeToken: stands}, MemoryTicketStore())
        sign_in_quietly(web, KEY)
        threads = [threading.Thread(target=lambda: begun.append(web.begin(KEY, OWN_PAGE))) for _ in range(2)]
        threads[0].start()
        stands.reached()
        threads[1].start()
        eventually(lambda: callers() == 2, "both wait for one flight")
        stands.open()
        for thread in threads:
            thread.join()
    one, other = (sent(each.answer) for each in begun)
    assert one == other
    assert isinstance(come_back(web, one).result, CompleteSignOut)
    assert come_back(web, other).result is None


def test_two_applications_do_not_share_a_sign_out(site: Site) -> None:
    """Each has its own tickets: a browser with a ticket of the other would never come to an end."""
    other = Site(site.cognito, store=site.store)
    other.client = site.client
    with gate() as stands:
        webs = [site.web(runner={RevokeToken: stands}), other.web(runner={RevokeToken: stands})]
        begun: list[Any] = []
        threads = [threading.Thread(target=lambda web=web: begun.append(web.begin(KEY, OWN_PAGE))) for web in webs]
        threads[0].start()
        stands.reached()
        threads[1].start()
        stands.open()
        for thread in threads:
            thread.join()
    assert sorted(each.is_suspended for each in begun) == [False, True]
    assert len(site.tickets._tickets) + len(other.tickets._tickets) == 1


def test_an_observer_that_begins_another_is_refused_and_does_not_hang(site: Site) -> None:
    seen: list[BaseException] = []

    def observe(_: object) -> None:
        try:
            web.begin(KEY, OWN_PAGE)
        except InvalidStateException as error:
            seen.append(error)

    web = site.web(observers=[observe])
    assert web.begin(KEY, OWN_PAGE).is_suspended
    assert len(seen) > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"policy": SignOutPolicy()},
        {"domain": "javascript:alert(1)"},
        {"client_id": ""},
        *(
            {"sign_out_url": url}
            for url in (
                None,
                "",
                "/signed-out",
                "http://app.example.com/signed-out",
                "http://localhost:8400/signed-out",
                "http://127.0.0.1.evil.example/",
                "https://app.example.com",
                "https://app.example.com/a;b",
                "https://app.example.com/a?b",
                "https://app.example.com/%61",
                "https://app.example.com/../a",
                "https://user@app.example.com/",
                "https://app.example.com/a\r\nSet-Cookie: b=c",
                f"{CALLBACK}\n",
            )
        ),
        *(
            {"signed_out_place": place}
            for place in (
                "",
                "welcome",
                "//evil.example",
                "/\\evil.example",
                "https://evil.example\\@app.example.com/",
                "http://app.example.com/",
                "javascript:alert(1)",
                "/a\r\nSet-Cookie: b=c",
                '/"',
                7,
            )
        ),
    ],
)
def test_what_cannot_be_safe_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationException):
        web_sign_out(MemoryCredentialStore(), {}, MemoryTicketStore(), **settings)


@pytest.mark.parametrize("place", ["/", "/a/b?c=d#e", "https://www.example.com/bye", "http://127.0.0.1:8400/"])
def test_a_signed_out_user_is_sent_where_the_application_says(place: str) -> None:
    never = SignOutPolicy(hosted_ui="never")
    web = web_sign_out(MemoryCredentialStore(), {}, MemoryTicketStore(), signed_out_place=place, policy=never)
    assert header(web.begin(None, OWN_PAGE).answer, "Location") == place


def test_an_async_handler_is_refused() -> None:
    async def revoke(*_: object) -> None: ...

    with pytest.raises(ConfigurationException, match="async"):
        web_sign_out(MemoryCredentialStore(), {RevokeToken: revoke}, MemoryTicketStore())


def test_a_runner_of_its_own_hosted_ui_is_not_asked() -> None:
    """The browser is on another machine: what opens one here would open it at the server."""
    opened: list[object] = []
    own = {RevokeToken: lambda *_: None, ShowHostedUISignOut: lambda *asked: opened.append(asked)}
    web = web_sign_out(MemoryCredentialStore(), own, MemoryTicketStore())
    web.auth(KEY).sign_in(session(SignInMethod.HOSTED_UI))
    plain = web.auth(KEY).sign_out()
    assert isinstance(plain, PartialSignOut)
    assert plain.hosted_ui_error is not None
    assert plain.hosted_ui_error.url is not None
    assert "No browser asked" in str(plain.hosted_ui_error.exception)
    assert opened == []


def test_the_digest_of_a_ticket_is_its_sha256(site: Site) -> None:
    ticket = sent(site.begin().answer).partition("=")[2]
    assert list(site.tickets._tickets) == [digest_of(Secret(ticket))] == [sha256(ticket.encode()).hexdigest()]
