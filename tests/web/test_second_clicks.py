"""A button that is clicked again: whoever is given no ticket is sent to the provider, and nothing untrue is said."""

import threading
from http import HTTPStatus
from typing import Any

import pytest

from authsm import CompleteSignOut, JournalFailed, PartialSignOut
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import StoreUnavailableError
from tests.auth.world import faulty, gate, of_kind, raising
from tests.web.site import KEY, OWN_PAGE, QUICK, SECONDS_OF_ALL, Site, come_back, ends, header, sent


def assert_sent_to_the_provider(site: Site, begun: Any) -> None:
    """It is not said that the user is signed out: what the browser is at the provider, nobody knows."""
    assert begun.answer.status is HTTPStatus.SEE_OTHER
    assert header(begun.answer, "Location").startswith(f"{site.cognito.domain}/logout?")
    assert "Set-Cookie" not in dict(begun.answer.headers)
    assert (begun.is_suspended, begun.is_over) == (False, True)


def test_a_click_between_the_clear_and_the_ticket(site: Site) -> None:
    tickets, first = site.tickets, list[Any]()
    with gate() as stands:
        site.tickets = faulty(tickets, put=stands.fault)
        web = site.web(signed_out_place="/welcome")
        thread = threading.Thread(target=lambda: first.append(web.begin(KEY, OWN_PAGE)))
        thread.start()
        stands.reached()
        assert_sent_to_the_provider(site, web.begin(KEY, OWN_PAGE))
        stands.open()
        thread.join()
    assert isinstance(come_back(web, sent(first[0].answer)).result, CompleteSignOut)


def test_a_click_whose_ticket_cannot_be_renewed(site: Site) -> None:
    first = site.begin()
    site.tickets = faulty(site.tickets, renew=raising(StoreUnavailableError("the disk is full")))
    assert_sent_to_the_provider(site, site.web(signed_out_place="/welcome").begin(KEY, OWN_PAGE))
    assert [each.reason for each in of_kind(site.notices, JournalFailed)] == ["the disk is full"]
    assert isinstance(come_back(site.web(), sent(first.answer)).result, CompleteSignOut)


def test_a_click_after_the_first_has_forgotten_the_applications_session(site: Site) -> None:
    first = site.begin()
    assert_sent_to_the_provider(site, site.web(signed_out_place="/welcome").begin(None, OWN_PAGE))
    assert come_back(site.web(), sent(first.answer)).answer.body == pages.SIGNED_OUT


def test_a_sign_out_of_a_new_session_does_not_take_the_ticket_of_the_old_one(site: Site) -> None:
    first = site.begin()
    site.sign_in()
    tickets = site.tickets
    site.tickets = faulty(tickets, put=raising(StoreUnavailableError("the disk is full")))
    second = site.begin()
    assert (second.is_suspended, second.answer.body) == (False, pages.SIGNED_OUT_HERE)
    site.tickets = tickets
    assert isinstance(come_back(site.web(), sent(first.answer)).result, CompleteSignOut)


def test_a_click_after_a_crash_leaves_the_journal_to_the_sweeper(site: Site) -> None:
    tickets = site.tickets
    site.tickets = faulty(tickets, put=raising(SystemExit()))
    with pytest.raises(SystemExit):
        site.begin()
    site.tickets = tickets
    web = site.web(limits=QUICK)
    assert_sent_to_the_provider(site, web.begin(KEY, OWN_PAGE))
    assert site.store.journals() == (KEY,)
    site.notices.clear()
    assert web.sweep() == []
    site.clock.advance(SECONDS_OF_ALL + 1)
    (result,) = web.sweep()
    assert isinstance(result, PartialSignOut)
    assert result.resumed
    assert ends(site.notices) == ["PartialSignedOut"]
    assert site.store.journals() == ()
