"""`WebSignOut.callback` and `WebSignOut.sweep`: one ends a suspended sign-out, once; all else changes nothing."""

import json
import threading
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from authsm import (
    CompleteSignOut,
    HostedUISignOutException,
    JournalFailed,
    PartialSignOut,
    SignInMethod,
    Transition,
)
from authsm.flows.sign_out.effects import ShowHostedUISignOut
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import EntryState, StoreUnavailableError
from authsm.stores.tickets import Ticket
from authsm.web import Returned
from tests.auth.world import faulty, of_kind, raising, session
from tests.web.site import COOKIE, KEY, OWN_PAGE, Site, come_back, ends, header, sent


def state(site: Site) -> tuple[object, ...]:
    """All that a request might change."""
    return dict(site.tickets._tickets), list(site.notices), site.store.load(KEY), site.cognito.calls


def failure_of(result: object) -> Any:
    assert isinstance(result, PartialSignOut)
    assert result.hosted_ui_error is not None
    assert isinstance(result.hosted_ui_error.exception, HostedUISignOutException)
    assert result.hosted_ui_error.url is not None
    return result.hosted_ui_error.exception.failure


def test_the_browser_that_comes_back_ends_the_sign_out(site: Site) -> None:
    begun = site.begin()
    site.clock.advance(12.5)
    returned = come_back(site.web(), sent(begun.answer))
    assert (returned.answer.status, returned.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT)
    assert isinstance(returned.result, CompleteSignOut)
    assert returned.result.tokens_valid_until is not None
    last = site.notices[-1]
    assert isinstance(last, Transition)
    assert (last.source.state, last.event.name, last.target.state) == (
        "SigningOutHostedUI",
        "HostedUISignedOut",
        "SignedOut",
    )
    assert isinstance(last.effect, ShowHostedUISignOut)
    assert last.seconds == pytest.approx(12.5)
    assert {each.run for each in of_kind(site.notices, Transition)} == {last.run}


def test_the_browser_that_comes_back_with_an_error_ends_it_with_that(site: Site) -> None:
    begun = site.begin()
    query = "error=access_denied&error_description=<script>no</script>"
    returned = come_back(site.web(), sent(begun.answer), query)
    assert (returned.answer.status, returned.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT_HERE)
    assert failure_of(returned.result).code == "access_denied"
    assert ends(site.notices) == ["PartialSignedOut"]


def test_signed_out_users_are_sent_to_the_configured_place_and_to_no_other(site: Site) -> None:
    begun = site.begin()
    web = site.web(signed_out_place="/welcome")
    query = "logout_uri=https://evil.example&redirect_uri=https://evil.example&next=//evil.example"
    for returned in (come_back(web, sent(begun.answer), query), come_back(web, sent(begun.answer), query)):
        assert (returned.answer.status, header(returned.answer, "Location")) == (HTTPStatus.SEE_OTHER, "/welcome")
        assert "evil" not in f"{returned.answer.headers}{returned.answer.body!r}"


@pytest.mark.parametrize("place", [None, "/welcome"])
@pytest.mark.parametrize("query", ["", "error=access_denied"])
def test_a_replayed_callback_shows_the_same_and_changes_nothing(site: Site, query: str, place: str | None) -> None:
    begun = site.begin()
    web = site.web(signed_out_place=place)
    first = come_back(web, sent(begun.answer), query)
    before = state(site)
    tickets, site.tickets = site.tickets, faulty(site.tickets, end=raising(StoreUnavailableError("nothing is written")))
    web = site.web(signed_out_place=place)
    for again in ("", query, "error=other"):
        returned = come_back(web, sent(begun.answer), again)
        assert returned == Returned(first.answer)
    site.tickets = tickets
    assert state(site) == before


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"cookie": None}, HTTPStatus.BAD_REQUEST),
        ({"cookie": f"{COOKIE}={'A' * 43}"}, HTTPStatus.BAD_REQUEST),
        ({"cookie": f"{COOKIE}="}, HTTPStatus.BAD_REQUEST),
        ({"name": "session"}, HTTPStatus.BAD_REQUEST),
        ({"name": f"__Secure-{COOKIE}"}, HTTPStatus.BAD_REQUEST),
        ({"in_query": True}, HTTPStatus.BAD_REQUEST),
        ({"Sec_Purpose": "prefetch"}, HTTPStatus.BAD_REQUEST),
        ({"method": "POST"}, HTTPStatus.METHOD_NOT_ALLOWED),
        ({"method": "HEAD"}, HTTPStatus.METHOD_NOT_ALLOWED),
    ],
)
def test_a_forged_callback_changes_nothing(site: Site, changes: dict[str, Any], status: HTTPStatus) -> None:
    true = sent(site.begin().answer)
    before = state(site)
    name = changes.pop("name", COOKIE)
    cookie = changes.pop("cookie", true.replace(COOKIE, name))
    query = true.replace(COOKIE, name) if changes.pop("in_query", False) else ""
    returned = come_back(site.web(), None if query else cookie, query, **changes)
    assert (returned.answer.status, returned.result) == (status, None)
    assert returned.answer.body == pages.NOTHING_CHANGED or status is HTTPStatus.METHOD_NOT_ALLOWED
    assert state(site) == before
    assert isinstance(come_back(site.web(), true).result, CompleteSignOut)


def test_a_proxy_that_changes_the_host_is_told_of(site: Site) -> None:
    true = sent(site.begin().answer)
    returned = come_back(site.web(), true, Host="backend:8000")
    assert (returned.answer.status, returned.result) == (HTTPStatus.MISDIRECTED_REQUEST, None)
    (told,) = of_kind(site.notices, JournalFailed)
    assert "hosts=" in told.reason
    assert isinstance(come_back(site.web(hosts=["backend:8000"]), true, Host="backend:8000").result, CompleteSignOut)


def test_the_ticket_is_found_among_other_cookies(site: Site) -> None:
    cookies = f"session=a; {COOKIE}={'B' * 43}; {sent(site.begin().answer)}; theme=dark"
    assert isinstance(come_back(site.web(), cookies).result, CompleteSignOut)


def test_cookies_without_end_cost_no_look_each(site: Site) -> None:
    true = sent(site.begin().answer)
    looks: list[str] = []
    tickets = site.tickets

    class Counted:
        def __getattr__(self, name: str) -> Any:
            return getattr(tickets, name)

        def read(self, digest: str) -> Ticket | None:
            looks.append(digest)
            return None

    site.tickets = Counted()
    come_back(site.web(), "; ".join([*(f"{COOKIE}={number:043}" for number in range(500)), true]))
    assert len(looks) == 16


def test_cookies_that_somebody_planted_do_not_hide_the_ticket(site: Site) -> None:
    """Any host of the site can set some of the same name, and browsers send those that are older first."""
    junk = [f"{COOKIE}={number:043}" for number in range(15)]
    cookies = "; ".join([*junk, sent(site.begin().answer)])
    assert isinstance(come_back(site.web(), cookies).result, CompleteSignOut)


def test_a_ticket_that_waits_is_served_before_those_that_have_ended(site: Site) -> None:
    ended = sent(site.begin().answer)
    come_back(site.web(), ended, "error=access_denied")
    site.sign_in("other")
    waits = sent(site.web().begin("other", OWN_PAGE).answer)
    returned = come_back(site.web(), f"{ended}; {waits}")
    assert isinstance(returned.result, CompleteSignOut)
    assert returned.answer.body == pages.SIGNED_OUT
    assert come_back(site.web(), f"{ended}; {waits}").answer.body == pages.SIGNED_OUT_HERE


def test_who_comes_second_at_the_same_time_is_shown_how_it_ended(site: Site) -> None:
    cookie = sent(site.begin().answer)
    tickets = site.tickets

    def end(true: Any) -> Any:
        del site.tickets.faults["end"]  # which the faster one does not meet
        assert isinstance(come_back(site.web(), cookie).result, CompleteSignOut)
        return true()

    site.tickets = faulty(tickets, end=end)
    returned = come_back(site.web(), cookie, "error=access_denied")
    assert (returned.answer.body, returned.result) == (pages.SIGNED_OUT, None)
    assert ends(site.notices) == ["SignedOut"]


def test_a_proxy_may_change_the_host_that_the_application_names(site: Site) -> None:
    begun = site.begin()
    inside = site.web(hosts=["backend:8000"])
    assert come_back(inside, sent(begun.answer), Host="other:8000").result is None
    assert isinstance(come_back(inside, sent(begun.answer), Host="backend:8000").result, CompleteSignOut)


def test_who_never_comes_back_is_signed_out_all_the_same_and_the_sweeper_says_so(site: Site) -> None:
    begun = site.begin()
    assert site.web().sweep() == []
    site.clock.advance(899)
    assert site.web().sweep() == []
    site.clock.advance(1)
    (result,) = site.web().sweep()
    failure = failure_of(result)
    assert (failure.code, result.signed_out_locally) == ("TimeLimit", True)
    assert "http://127.0.0.1:8400/signed-out must be registered" in failure.message
    assert not site.is_live()
    assert site.store.load(KEY).state is EntryState.TOMBSTONE
    assert ends(site.notices) == ["PartialSignedOut"]
    before = state(site)
    assert site.web().sweep() == []
    late = come_back(site.web(), sent(begun.answer))
    assert (late.answer.body, late.result) == (pages.SIGNED_OUT_HERE, None)
    assert state(site) == before


def test_who_comes_back_too_late_before_the_sweeper_has_come_by_is_told_the_same(site: Site) -> None:
    begun = site.begin()
    site.clock.advance(900)
    late = come_back(site.web(), sent(begun.answer))
    assert failure_of(late.result).code == "TimeLimit"
    assert late.answer.body == pages.SIGNED_OUT_HERE
    assert site.web().sweep() == []
    assert ends(site.notices) == ["PartialSignedOut"]


def test_a_sweeper_goes_on_after_trouble_until_it_is_stopped(site: Site) -> None:
    site.begin()
    site.clock.advance(900)
    tickets = site.tickets
    site.tickets = faulty(tickets, expired=raising(StoreUnavailableError("the disk is gone")))
    stop = threading.Event()

    def observe(notice: object) -> None:
        if isinstance(notice, JournalFailed):
            site.tickets.faults.clear()
        elif ends([*site.notices]):
            stop.set()

    site.web(observers=[site.notices.append, observe]).sweep_until(stop, seconds=0.0)
    assert [each.reason for each in of_kind(site.notices, JournalFailed)] == ["the disk is gone"]
    assert ends(site.notices) == ["PartialSignedOut"]


def test_what_has_ended_is_forgotten_when_nobody_can_come_back_any_more(site: Site) -> None:
    begun = site.begin()
    come_back(site.web(), sent(begun.answer))
    site.clock.advance(1800)
    site.web().sweep()
    assert len(site.tickets._tickets) == 1
    site.clock.advance(1)
    site.web().sweep()
    assert site.tickets._tickets == {}
    assert come_back(site.web(), sent(begun.answer)).answer.body == pages.NOTHING_CHANGED


def test_when_the_tokens_have_ended_by_themselves_the_result_does_not_warn_of_them(site: Site) -> None:
    cookie = sent(site.begin().answer)
    ((digest, ticket),) = site.tickets._tickets.items()
    kept = json.loads(ticket.suspended)
    assert kept["tokens_valid_until"] is not None
    kept["tokens_valid_until"] = "2020-01-01T00:00:00Z"
    site.tickets.put(digest, replace(ticket, suspended=json.dumps(kept)))
    returned = come_back(site.web(), cookie)
    assert isinstance(returned.result, CompleteSignOut)
    assert returned.result.tokens_valid_until is None


def test_a_user_who_has_signed_in_anew_meanwhile_stays_signed_in(site: Site) -> None:
    begun = site.begin()
    site.web().auth(KEY).sign_in(session(SignInMethod.HOSTED_UI))
    before = site.store.load(KEY)
    assert isinstance(come_back(site.web(), sent(begun.answer)).result, CompleteSignOut)
    assert site.store.load(KEY) == before
    assert before.state is EntryState.LIVE


def test_a_store_that_does_not_answer_asks_the_browser_to_come_again(site: Site) -> None:
    begun = site.begin()
    tickets = site.tickets
    for operation in ("read", "end"):
        site.tickets = faulty(tickets, **{operation: raising(StoreUnavailableError("the disk is gone"))})
        returned = come_back(site.web(), sent(begun.answer))
        assert (returned.answer.status, returned.answer.body) == (HTTPStatus.SERVICE_UNAVAILABLE, pages.NOT_NOW)
        assert of_kind(site.notices, JournalFailed)[-1].reason == "the disk is gone"
    site.tickets = tickets
    assert isinstance(come_back(site.web(), sent(begun.answer)).result, CompleteSignOut)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('\\"digest\\":\\"', '\\"digest\\":\\"0'),
        ('"run"', '"ran"'),
        ('"run"', '"unknown":1,"run"'),
        ("SigningOutHostedUI", "SigningOutLocally"),
        ("SigningOutHostedUI", "SignedOut"),
    ],
)
def test_what_another_version_suspended_ends_without_a_result_and_is_told(site: Site, old: str, new: str) -> None:
    begun = site.begin()
    ((digest, ticket),) = site.tickets._tickets.items()
    assert old in ticket.suspended
    site.tickets.put(digest, Ticket(key=KEY, expires=ticket.expires, suspended=ticket.suspended.replace(old, new, 1)))
    returned = come_back(site.web(), sent(begun.answer))
    assert (returned.answer.body, returned.result) == (pages.SIGNED_OUT_IN_PART, None)  # the rest is not known
    assert [each.key for each in of_kind(site.notices, JournalFailed)] == [KEY]
    site.clock.advance(900)
    assert site.web().sweep() == []


def test_an_observer_that_raises_does_not_keep_the_browser_waiting(site: Site) -> None:
    begun = site.begin()

    def observer(_: object) -> None:
        raise ValueError("as always")

    assert isinstance(come_back(site.web(observers=[observer]), sent(begun.answer)).result, CompleteSignOut)


def test_a_clock_that_went_back_gives_no_negative_time(site: Site) -> None:
    begun = site.begin()
    web = site.web(clock=lambda: 1_700_000_000.0)
    assert isinstance(come_back(web, sent(begun.answer)).result, CompleteSignOut)
    last = site.notices[-1]
    assert isinstance(last, Transition)
    assert last.seconds == 0
