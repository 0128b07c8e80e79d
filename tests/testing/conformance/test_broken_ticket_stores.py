"""The suite is tested: each broken ticket store is rejected by the test meant for it; the one done right is not."""

import pytest

from authsm.stores.tickets import MemoryTicketStore, TicketStore
from authsm.testing import TicketStoreConformance
from tests.testing.conformance import tickets_by_hand as by_hand
from tests.testing.conformance.tickets_by_hand import ByHand, Suite

ASYNC = "test_its_operations_are_plain_functions"
NOTHING = "test_where_nothing_was_put_nothing_is_found"
AS_PUT = "test_a_ticket_is_found_as_it_was_put"
KEYS = "test_every_text_is_a_key"
ONCE = "test_a_ticket_ends_once"
TEXT = "test_the_text_of_a_ticket_that_has_ended_is_gone"
OTHERS = "test_the_end_of_a_ticket_is_not_that_of_another"
EXPIRED = "test_what_has_waited_until_its_time_has_expired"
SWEPT = "test_what_has_expired_can_be_ended_while_it_is_looked_through"
FORGOTTEN = "test_only_what_has_ended_is_forgotten_and_only_after_its_time"
RENEWED = "test_a_renewed_ticket_is_found_under_its_new_digest_alone"
NEWEST = "test_the_newest_ticket_of_a_session_that_waits_is_renewed"
THREADS = "test_of_many_threads_one_ends_a_ticket"
PROCESSES = "test_of_many_processes_one_ends_a_ticket"
END_OR_RENEWAL = "test_of_an_end_and_a_renewal_at_once_one_happens"
LATER = "test_whoever_opens_it_later_finds_what_was_done"

BROKEN: list[tuple[type[ByHand], str, str]] = [
    (by_hand.IsAsync, ASYNC, "a store's methods are plain functions, .*; async here: end"),
    (by_hand.EndsWhatIsNotThere, NOTHING, "expected False, found True"),
    (by_hand.MakesWhatItEnds, NOTHING, "expected 0, found 1"),
    (by_hand.CountsWholeSeconds, AS_PUT, r"expected Ticket.*\.25.*, found Ticket.*\.0"),
    (by_hand.HidesWhatHasExpired, AS_PUT, "expected Ticket.*, found None"),
    (by_hand.KeepsOneOfEachSession, AS_PUT, "expected Ticket.*, found None"),
    (by_hand.IsAscii, AS_PUT, "expected Ticket.*ädä.*, found Ticket.*\\?d\\?"),
    (by_hand.IgnoresCase, KEYS, "expected "),
    (by_hand.MatchesPatterns, KEYS, "expected "),
    (by_hand.RefusesOddKeys, KEYS, "found ValueError"),
    (by_hand.EndsAgain, ONCE, "expected False, found True"),
    (by_hand.CorrectsTheEnding, ONCE, "expected 'refused', found 'signed_out'"),
    (by_hand.KeepsTheText, TEXT, "expected .*suspended='', .*, found .*suspended='where ada stands'"),
    (by_hand.ForgetsWhatHasEnded, TEXT, "expected Ticket.*, found None"),
    (by_hand.EndsTheWholeSession, OTHERS, "expected .*ending=''.*, found .*ending='signed_out'"),
    (by_hand.WaitsTooLong, EXPIRED, r"expected \['.*', '.*'\], found \['[^,]*'\]"),
    (by_hand.ListsWhatHasEnded, EXPIRED, r"expected \['.*', '.*'\], found \['.*', '.*', '.*'\]"),
    (by_hand.LooksOnWhileItEnds, SWEPT, "expected 'expired', found ''"),
    (by_hand.ForgetsWhatWaits, FORGOTTEN, "expected 2, found 3"),
    (by_hand.ForgetsTooSoon, FORGOTTEN, "expected 2, found 3"),
    (by_hand.ForgetsNothing, FORGOTTEN, "expected 2, found 0"),
    (by_hand.DoesNotCount, FORGOTTEN, "expected 2, found 1"),
    (by_hand.KeepsTheOldDigest, RENEWED, "expected None, found Ticket"),
    (by_hand.KeepsTheOldTime, RENEWED, "expected Ticket.*, found Ticket"),
    (by_hand.LosesTheTextOfTheRenewed, RENEWED, "expected .*'where ada stands'.*, found .*suspended=''"),
    (by_hand.RenewsTheOldest, NEWEST, "expected None, found Ticket"),
    (by_hand.RenewsTheLastPut, NEWEST, "expected None, found Ticket"),
    (by_hand.RenewsWhatHasEnded, NEWEST, "expected False, found True"),
    (by_hand.RenewsAnybodys, NEWEST, "expected .*key='ada'.*, found .*key='grace'"),
    (by_hand.RenewsAll, NEWEST, "expected Ticket.*, found None"),
    (by_hand.LooksThenEnds, THREADS, r"of 8 who end a ticket at once, one is told True; \d were"),
    (by_hand.LocksItsOwnObject, PROCESSES, r"of 8 who end a ticket at once, one is told True; \d were"),
    (by_hand.LooksThenEnds, END_OR_RENEWAL, "one of the two is told True; end gave True, and renew True"),
    (by_hand.LooksThenRenews, END_OR_RENEWAL, "one of the two is told True; end gave True, and renew True"),
    (by_hand.LivesInMemory, LATER, "expected Ticket.*, found None"),
    (by_hand.EndsInMemory, LATER, "expected .*ending='signed_out'.*, found .*ending=''"),
    (by_hand.RenewsInMemory, LATER, "expected None, found Ticket"),
]


def test_a_ticket_store_done_right_is_accepted() -> None:
    report = Suite(ByHand).report()
    assert (report.failed, report.left_out) == ({}, {})
    assert len(report.passed) == 17


@pytest.mark.parametrize(
    ("broken", "test", "why"), BROKEN, ids=[f"{each.__name__}-{test[5:30]}" for each, test, _ in BROKEN]
)
def test_a_broken_ticket_store_is_rejected_by_the_test_meant_for_it(broken: type[ByHand], test: str, why: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s){why}.*To repeat it:.*suite = Suite"):
        getattr(Suite(broken), test)()


def test_every_rule_rejects_some_ticket_store() -> None:
    rules = {name for name in vars(TicketStoreConformance) if name.startswith("test")}
    assert rules == {test for _, test, _ in BROKEN}


def test_every_ticket_store_that_is_broken_stands_in_the_table() -> None:
    written = {each for each in vars(by_hand).values() if isinstance(each, type) and issubclass(each, ByHand)}
    assert written - {ByHand} == {broken for broken, _, _ in BROKEN}


class _InMemory(TicketStoreConformance):
    def make(self) -> TicketStore:
        return MemoryTicketStore()


def test_what_nothing_outlives_is_left_out_by_name() -> None:
    suite = _InMemory()
    suite.check()
    why = "were not asked about: nothing outlives the store object, as `reopen` gives the same one"
    assert suite.left_out == {LATER: f"restarts {why}", PROCESSES: f"other processes {why}"}


def test_it_has_to_be_said_how_a_ticket_store_is_made() -> None:
    with pytest.raises(AssertionError, match="Say how a new, empty ticket store is made"):
        TicketStoreConformance().test_a_ticket_ends_once()
