"""Tokens that could not be revoked: no page says "signed out" of them, and whoever goes on with them is given them."""

import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import pytest

from authsm import (
    CompleteSignOut,
    ConfigurationException,
    FailedSignOut,
    JournalFailed,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    SignOutPolicy,
)
from authsm.flows.sign_out.policy import HostedUIOrder
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import EntryState, StoreUnavailableError
from authsm.stores.tickets import MemoryTicketStore
from authsm.testing import Fault
from tests.auth.world import eventually, faulty, gate, of_kind, raising
from tests.web.site import KEY, OWN_PAGE, Site, callers, come_back, sent, sign_in_quietly, web_sign_out

REFUSED: Final = Fault.error("InvalidParameterException")
PLACE: Final = "/welcome"


@dataclass(frozen=True)
class Loss:
    """What the service refuses, what was asked for, and how many sessions then live on: here, and on another device."""

    refused: tuple[str, ...]
    to_all: bool
    live: int


LOSSES: Final = {
    "the revocation": Loss(("RevokeToken",), to_all=False, live=2),
    "the revocation of a global sign-out": Loss(("RevokeToken",), to_all=True, live=0),
    "the global sign-out": Loss(("GlobalSignOut",), to_all=True, live=1),
    "both": Loss(("GlobalSignOut", "RevokeToken"), to_all=True, live=2),
}


class Kept:
    """An application that keeps what it is given for later."""

    def __init__(self) -> None:
        self.given: list[tuple[str, PartialSignOut]] = []

    def __call__(self, key: str, result: PartialSignOut) -> None:
        self.given.append((key, result))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest, site: Site) -> Loss:
    made = LOSSES[request.param]
    for operation in made.refused:
        site.cognito.fail(operation, REFUSED)
    return made


@pytest.mark.parametrize("query", ["", "error=access_denied"])
def test_the_browser_that_comes_back_is_told_that_not_everything_has_ended(site: Site, loss: Loss, query: str) -> None:
    web = site.web(signed_out_place=PLACE)
    begun = web.begin(KEY, OWN_PAGE, global_sign_out=loss.to_all)
    assert begun.is_suspended
    for again in (query, query, ""):
        answer = come_back(web, sent(begun.answer), again).answer
        assert (answer.status, answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT_IN_PART)


def test_the_result_of_the_return_says_the_same_of_it_as_that_of_the_beginning(site: Site, loss: Loss) -> None:
    """But for the tokens: those of a sign-out that waits are kept nowhere."""
    begun = site.web().begin(KEY, OWN_PAGE, global_sign_out=loss.to_all)
    returned = come_back(site.web(), sent(begun.answer))
    for each in ("global_sign_out_error", "revoke_token_error"):
        before, after = getattr(begun.result, each), getattr(returned.result, each)
        assert (after and str(after.exception)) == (before and str(before.exception))
        assert (after and after.exception.recovery_suggestion) == (before and before.exception.recovery_suggestion)


def test_who_comes_back_too_late_is_told_the_same(site: Site, loss: Loss) -> None:
    web = site.web(signed_out_place=PLACE)
    cookie = sent(web.begin(KEY, OWN_PAGE, global_sign_out=loss.to_all).answer)
    site.clock.advance(900)
    assert len(web.sweep()) == 1
    assert come_back(web, cookie).answer.body == pages.SIGNED_OUT_IN_PART


@pytest.mark.parametrize("hosted_ui", [HostedUIOrder.NEVER, HostedUIOrder.LAST])
def test_where_no_browser_is_waited_for_it_is_told_at_once(site: Site, loss: Loss, hosted_ui: HostedUIOrder) -> None:
    site.tickets = faulty(site.tickets, put=raising(StoreUnavailableError("the disk is full")))
    web = site.web(signed_out_place=PLACE, policy=SignOutPolicy(hosted_ui=hosted_ui))
    begun = web.begin(KEY, OWN_PAGE, global_sign_out=loss.to_all)
    assert (begun.is_suspended, begun.is_over) == (False, True)
    assert (begun.answer.status, begun.answer.body) == (HTTPStatus.OK, pages.SIGNED_OUT_IN_PART)


def test_what_lives_on_is_handed_over_once_and_a_retry_ends_it(site: Site, loss: Loss, kept: Kept) -> None:
    site.cognito.sign_in(site.client, "ada")
    web = site.web(on_partial=kept)
    begun = web.begin(KEY, OWN_PAGE, global_sign_out=loss.to_all)
    ((key, result),) = kept.given
    assert (key, result.hosted_ui_error) == (KEY, None)  # of that, the browser's return decides
    assert site.cognito.live_refresh_tokens("ada") == loss.live
    retried = web.auth(key).retry(result)
    if loss.refused == ("GlobalSignOut",):  # the revocation has ended the access token, too; the name is left
        assert isinstance(retried, PartialSignOut)
        assert (retried.revoke_token_error, retried.username) == (None, "ada")
    else:
        assert isinstance(retried, CompleteSignOut)
        assert site.cognito.live_refresh_tokens("ada") == (0 if loss.to_all else 1)
        assert not site.is_live()
    for _ in range(2):
        come_back(web, sent(begun.answer))
    assert len(kept.given) == 1


def test_a_hosted_ui_that_alone_has_failed_is_nobodys_to_go_on_with(site: Site, kept: Kept) -> None:
    web = site.web(on_partial=kept)
    cookie = sent(web.begin(KEY, OWN_PAGE).answer)
    assert isinstance(come_back(web, cookie, "error=access_denied").result, PartialSignOut)
    site.sign_in("second")
    web.begin("second", OWN_PAGE)
    site.clock.advance(900)
    assert len(web.sweep()) == 1
    site.sign_in("third")
    site.tickets = faulty(site.tickets, put=raising(StoreUnavailableError("the disk is full")))
    assert isinstance(site.web(on_partial=kept).begin("third", OWN_PAGE).result, PartialSignOut)
    assert kept.given == []


def test_a_clear_that_failed_hands_nothing_over(site: Site, kept: Kept) -> None:
    """The credentials are still stored: the next sign-out has them."""
    site.cognito.fail("RevokeToken", REFUSED)
    site.store = faulty(site.store, clear=raising(StoreUnavailableError("the disk is full")))
    assert isinstance(site.web(on_partial=kept).begin(KEY, OWN_PAGE).result, FailedSignOut)
    assert site.store.load(KEY).state is not EntryState.TOMBSTONE
    assert kept.given == []


def test_clicks_that_share_a_sign_out_hand_its_tokens_over_once(kept: Kept) -> None:
    with gate() as stands:

        def refuse(*_: object) -> None:
            stands()
            raise ConnectionRefusedError

        web = web_sign_out(MemoryCredentialStore(), {RevokeToken: refuse}, MemoryTicketStore(), on_partial=kept)
        sign_in_quietly(web, KEY)
        begun: list[Any] = []
        threads = [threading.Thread(target=lambda: begun.append(web.begin(KEY, OWN_PAGE))) for _ in range(2)]
        for thread in threads:
            thread.start()
        stands.reached()
        eventually(lambda: callers() == len(threads), "both wait for one flight")
        stands.open()
        for thread in threads:
            thread.join()
    assert len({sent(each.answer) for each in begun}) == 1
    assert [key for key, _ in kept.given] == [KEY]


def test_what_on_partial_raises_harms_nothing_and_is_told(site: Site) -> None:
    def on_partial(*_: object) -> None:
        raise OSError("the queue is full")

    site.cognito.fail("RevokeToken", REFUSED)
    web = site.web(on_partial=on_partial)
    begun = web.begin(KEY, OWN_PAGE)
    assert begun.is_suspended
    assert [(each.key, each.reason) for each in of_kind(site.notices, JournalFailed)] == [(KEY, "the queue is full")]
    assert come_back(web, sent(begun.answer)).result is not None


async def queue_it(*_: Any) -> None: ...


class Queue:
    async def __call__(self, *_: Any) -> None: ...


@pytest.mark.parametrize("on_partial", [queue_it, Queue()], ids=["function", "object"])
def test_an_async_on_partial_is_refused(site: Site, on_partial: Any) -> None:
    with pytest.raises(ConfigurationException, match="on_partial is async"):
        site.web(on_partial=on_partial)
