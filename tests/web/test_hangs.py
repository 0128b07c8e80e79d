"""A store that hangs, or that fails after it has done its work: `WebSignOut.begin` answers, and nothing ends twice."""

from http import HTTPStatus
from typing import Any, Final

import pytest

from authsm import ClearCredentials, JournalFailed, Limits, PartialSignOut
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import StoreUnavailableError
from tests.auth.world import eventually, faulty, gate, of_kind, raising, raising_after
from tests.web.site import KEY, OWN_PAGE, Site, come_back, ends, header, sent

SHORT: Final = Limits(seconds={ClearCredentials: 1.0})
"""How long a store may take: long enough for one that works."""


def assert_only_the_hosted_ui_failed(site: Site, begun: Any, why: str) -> None:
    assert (begun.is_suspended, begun.is_over) == (False, True)
    assert (begun.answer.status, begun.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT_HERE)
    assert isinstance(begun.result, PartialSignOut)
    assert begun.result.hosted_ui_error is not None
    assert why in str(begun.result.hosted_ui_error.exception)
    assert begun.result.revoke_token_error is None
    assert not site.is_live()


def assert_the_ticket_is_taken_back(site: Site) -> None:
    """A sweeper does not end it again."""
    tickets = site.tickets.store
    eventually(lambda: [each.is_waiting for each in tickets._tickets.values()] == [False], "the ticket has ended")
    site.clock.advance(900)
    assert site.web().sweep() == []
    assert ends(site.notices) == ["PartialSignedOut"]


def test_a_ticket_store_that_hangs_is_given_up_and_a_late_ticket_is_taken_back(site: Site) -> None:
    with gate() as stands:
        site.tickets = faulty(site.tickets, put=stands.fault)
        begun = site.web(limits=SHORT).begin(KEY, OWN_PAGE)
        assert stands.entered.is_set()
        assert_only_the_hosted_ui_failed(site, begun, "The ticket store gave no answer within 1 s.")
        assert site.tickets.store._tickets == {}
        stands.open()
        assert_the_ticket_is_taken_back(site)


def test_a_second_click_does_not_wait_for_a_ticket_store_that_hangs_either(site: Site) -> None:
    first = site.begin()
    with gate() as stands:
        tickets, site.tickets = site.tickets, faulty(site.tickets, renew=stands.fault)
        second = site.web(limits=SHORT).begin(KEY, OWN_PAGE)
        assert stands.entered.is_set()
        assert header(second.answer, "Location") == header(first.answer, "Location")
        assert (second.is_suspended, "Set-Cookie" in dict(second.answer.headers)) == (False, False)
        assert [each.reason for each in of_kind(site.notices, JournalFailed)] == [
            "The ticket store gave no answer within 1 s."
        ]
        ((digest, _),) = tickets._tickets.items()
        stands.open()
        eventually(lambda: [*tickets._tickets] != [digest], "the ticket is renewed, too late")
    site.clock.advance(900)
    assert len(site.web().sweep()) == 1


def test_a_ticket_that_was_kept_by_a_store_that_then_failed_is_taken_back(site: Site) -> None:
    site.tickets = faulty(site.tickets, put=raising_after(StoreUnavailableError("nobody knows")))
    assert_only_the_hosted_ui_failed(site, site.web().begin(KEY, OWN_PAGE), "nobody knows")
    assert_the_ticket_is_taken_back(site)


def test_a_journal_that_cannot_be_erased_does_not_keep_the_browser_waiting(site: Site) -> None:
    with gate() as stands:
        store, site.store = site.store, faulty(site.store, erase_journal=stands.fault)
        begun = site.web(limits=SHORT).begin(KEY, OWN_PAGE)
        assert begun.is_suspended
        assert [each.reason for each in of_kind(site.notices, JournalFailed)] == [
            "The credential store gave no answer within 1 s."
        ]
        assert store.journals() == (KEY,)
        assert come_back(site.web(), sent(begun.answer)).answer.body == pages.SIGNED_OUT
        stands.open()
        eventually(lambda: store.journals() == (), "the journal is erased")


def test_a_plain_sign_out_has_the_same_limits(site: Site) -> None:
    with gate() as stands:
        site.store = faulty(site.store, erase_journal=stands.fault)
        assert isinstance(site.web(limits=SHORT).auth(KEY).sign_out(), PartialSignOut)
        assert [each.reason for each in of_kind(site.notices, JournalFailed)] == [
            "The credential store gave no answer within 1 s."
        ]


@pytest.mark.parametrize(("put", "swept"), [(raising, 0), (raising_after, 1)])
def test_a_ticket_that_cannot_be_taken_back_is_left_to_the_sweeper(site: Site, put: Any, swept: int) -> None:
    error = StoreUnavailableError("nobody knows")
    site.tickets = faulty(site.tickets, put=put(error), end=raising(StoreUnavailableError("nor this")))
    assert_only_the_hosted_ui_failed(site, site.web().begin(KEY, OWN_PAGE), "nobody knows")
    site.tickets.faults.clear()
    site.clock.advance(900)
    assert len(site.web().sweep()) == swept
