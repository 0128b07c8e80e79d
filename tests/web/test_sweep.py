"""`WebSignOut.sweep` ends sign-outs whose process has died, and leaves alone those that are under way."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

from authsm import JournalFailed, PartialSignOut, SQLiteCredentialStore
from authsm.stores.contract import EntryState, StoreCorruptError
from authsm.testing import FakeCognito, Fault
from authsm.web import SQLiteTicketStore
from tests.auth.world import faulty, of_kind, raising
from tests.programs import Program
from tests.web.site import KEY, OWN_PAGE, QUICK, SECONDS_OF_ALL, Site, ends

PLACES: Final = ("revocation", "ticket")
"""Where a sign-out may die, in the order in which it comes to them."""


class Mortal(Program):
    """A program that may be killed."""

    def die(self) -> None:
        self.tell("die")
        with pytest.raises(AssertionError, match="has ended"):
            self.hear()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        super().__exit__(kind, error or ProcessLookupError(), None)  # which is no failure


@pytest.fixture
def site(cognito: FakeCognito, tmp_path: Path) -> Site:
    path = tmp_path / "sessions.db"
    made = Site(cognito, store=SQLiteCredentialStore(path), tickets=SQLiteTicketStore(path))
    made.sign_in("ada")
    return made


@pytest.fixture
def slow(site: Site, tmp_path: Path) -> Iterator[Mortal]:
    """A sign-out in another process, which stands at its revocation."""
    path = str(tmp_path / "sessions.db")
    with Mortal("tests.web.slow", path, site.cognito.endpoint_url, site.cognito.domain, site.client.id) as program:
        assert program.hear() == PLACES[0]
        yield program


@pytest.mark.parametrize("where", PLACES)
def test_what_was_killed_is_ended_once_it_has_stood_still_for_longer_than_a_sign_out_may_take(
    site: Site, slow: Mortal, where: str
) -> None:
    for _ in range(PLACES.index(where)):
        slow.tell("go on")
        slow.hear()
    slow.die()
    assert site.is_live() == (where == "revocation")
    web = site.web(limits=QUICK)
    assert web.sweep() == []
    site.clock.advance(SECONDS_OF_ALL)
    assert web.sweep() == []
    site.clock.advance(1)
    (result,) = web.sweep()
    assert isinstance(result, PartialSignOut)
    assert (result.resumed, result.revoke_token_error) == (True, None)
    assert result.hosted_ui_error is not None  # no browser was there
    assert not site.is_live()
    assert site.store.load("ada").state is EntryState.TOMBSTONE
    assert (site.store.journals(), web.sweep(), ends(site.notices)) == ((), [], ["PartialSignedOut"])


def test_a_sweeper_that_is_made_anew_each_time_sees_how_long_it_has_stood_still(site: Site, slow: Mortal) -> None:
    slow.die()
    assert site.web(limits=QUICK).sweep() == []
    site.clock.advance(SECONDS_OF_ALL + 1)
    assert len(site.web(limits=QUICK).sweep()) == 1
    assert not site.is_live()


def test_what_one_sweeper_has_ended_no_other_ends_again(site: Site, slow: Mortal) -> None:
    slow.die()
    sweepers = [site.web(limits=QUICK) for _ in range(2)]
    assert [each.sweep() for each in sweepers] == [[], []]
    site.clock.advance(SECONDS_OF_ALL + 1)
    assert [len(each.sweep()) for each in sweepers] == [1, 0]
    assert ends(site.notices) == ["PartialSignedOut"]


def test_what_is_under_way_in_another_process_is_left_alone(site: Site, slow: Mortal) -> None:
    web = site.web(limits=QUICK)
    assert web.sweep() == []  # seen for the first time
    site.clock.advance(SECONDS_OF_ALL)
    assert web.sweep() == []  # young
    slow.tell("go on")
    assert slow.hear() == "ticket"
    site.clock.advance(1)
    assert web.sweep() == []  # it has moved
    site.clock.advance(SECONDS_OF_ALL)
    assert web.sweep() == []  # since then, it is young
    slow.tell("go on")
    assert slow.hear() is True
    site.clock.advance(1)
    assert (web.sweep(), site.store.journals(), site.notices) == ([], (), [])


def test_what_could_not_be_revoked_then_either_is_handed_over(site: Site, slow: Mortal) -> None:
    slow.die()
    given: list[tuple[str, PartialSignOut]] = []
    web = site.web(limits=QUICK, on_partial=lambda key, result: given.append((key, result)))
    assert web.sweep() == []
    site.clock.advance(SECONDS_OF_ALL + 1)
    site.cognito.fail("RevokeToken", Fault.error("InvalidParameterException"))
    (result,) = web.sweep()
    assert isinstance(result, PartialSignOut)
    assert site.is_live()
    ((key, handed),) = given
    assert (key, handed.hosted_ui_error) == ("ada", None)
    web.auth(key).retry(handed)
    assert not site.is_live()


@pytest.mark.parametrize("operation", ["read_journal", "load"])
def test_one_that_cannot_be_read_does_not_hold_up_the_others(cognito: FakeCognito, operation: str) -> None:
    site = Site(cognito)
    good = site.tickets
    site.tickets = faulty(good, put=raising(SystemExit()))
    for key in (KEY, "grace"):
        site.sign_in(key)
        with pytest.raises(SystemExit):
            site.web().begin(key, OWN_PAGE)
    site.tickets, site.store = good, faulty(site.store)
    web = site.web(limits=QUICK)
    assert web.sweep() == []
    site.clock.advance(SECONDS_OF_ALL + 1)
    first, _ = site.store.journals()
    errors = iter([StoreCorruptError("damaged")])

    def fails_first(true: Any) -> Any:
        for error in errors:
            raise error
        return true()

    site.store.faults[operation] = fails_first
    site.notices.clear()
    assert len(web.sweep()) == 1
    assert [each.key for each in of_kind(site.notices, JournalFailed)] == [first]
    assert site.store.journals() == (first,)
