"""The suite is tested: each broken store is rejected by the test that is meant for it; the one done right is not."""

import pytest

from tests.testing.conformance import by_hand
from tests.testing.conformance.by_hand import ByHand, Suite


def test_a_store_done_right_is_accepted() -> None:
    report = Suite(ByHand).report()
    assert (report.failed, report.left_out) == ({}, {})
    assert len(report.passed) == 33


CRASH = "test_what_has_happened_before_a_crash_has_happened_after_it"
LATER = "test_nothing_is_kept_for_later"
CRASH_IN_CLEAR = "test_a_crash_within_a_clear_leaves_the_session_or_its_tombstone"
SIGN_OUT = "test_a_sign_out_that_died_anywhere_can_be_ended"
FAILED_WRITE = "test_a_write_that_fails_is_told"
BETWEEN = "test_a_save_between_the_look_and_the_write_of_another_is_noticed"
NOT_CLEARED = "test_what_cannot_be_cleared_is_not_reported_as_cleared"
NOT_ABSENT = "test_what_cannot_be_read_is_not_taken_for_absent_or_cleared"
NOT_WRITTEN = "test_what_cannot_be_written_is_not_reported_as_written"
OUTAGE = "test_a_sign_out_during_an_outage_is_ended_after_it"
FENCE = "test_a_session_that_is_leaving_refuses_saves_and_keeps_its_journal"
TOMBSTONE = "test_a_cleared_session_is_a_tombstone_for_everybody"
NEWER = "test_a_newer_session_is_never_harmed_by_an_old_sign_out"
FOUND = "test_a_session_that_is_there_is_found"
THERE = "test_what_was_signed_in_is_there_for_whoever_opens_it"
NO_TOKEN = "test_no_token_is_left_after_a_clear"
LANDS = "test_a_save_never_lands_on_a_sign_out_that_began_before_it_wrote"
NEVER_USED = "test_a_key_that_was_never_used_is_absent"
COMPARES = "test_a_save_compares_and_sets"
REPLACES = "test_a_sign_in_over_a_session_is_refused_unless_it_replaces"
HASHES = "test_equal_stores_have_equal_hashes"
DECLARED = "test_it_declares_what_it_can_promise"

UNTRUE = "raises StoreUnavailableError, or what it answers is true after the outage, found "

BROKEN: list[tuple[type[ByHand], str, str]] = [
    (by_hand.WriteBehind, CRASH, "expected Entry.*LIVE.*found Entry.*ABSENT"),
    (by_hand.WriteBehind, LATER, "expected Entry.*LIVE.*found Entry.*ABSENT"),
    (by_hand.WriteBehind, SIGN_OUT, "expected that the sign-out ends|expected that a tombstone|found "),
    (by_hand.FlushesItsCache, LATER, "expected Entry.*generation=2.*found Entry.*generation=1"),
    (by_hand.WritesJournalsBehind, LATER, "expected 'two', found 'one'"),
    (by_hand.WritesJournalsBehind, SIGN_OUT, "is not done again: the journal said that it was done"),
    (by_hand.DestroysFirst, CRASH_IN_CLEAR, "expected Entry"),
    (by_hand.ForgetsToFinish, CRASH_IN_CLEAR, "no token is left on the medium once the clear is finished"),
    (
        by_hand.SwallowsErrors,
        NOT_CLEARED,
        UNTRUE + "Cleared",
    ),
    (by_hand.SwallowsErrors, FAILED_WRITE, "expected Entry"),
    (
        by_hand.LogsErrors,
        NOT_WRITTEN,
        UNTRUE + "Saved",
    ),
    (by_hand.Resurrects, FENCE, "a save is refused once the session is leaving, found Saved"),
    (by_hand.Resurrects, TOMBSTONE, "a save is refused on a tombstone, found Saved"),
    (by_hand.ClearsWhatIsThere, NEWER, r"expected Superseded\(\), found Cleared"),
    (by_hand.DeletesTheFile, TOMBSTONE, "expected .*TOMBSTONE.*, found .*ABSENT"),
    (
        by_hand.TakesOutagesForAbsence,
        NOT_ABSENT,
        UNTRUE + "Entry",
    ),
    (by_hand.TakesOutagesForAbsence, OUTAGE, "the sign-out is a FailedSignOut"),
    (by_hand.VerifiesNothing, FOUND, "a live or leaving session is Residue, found Cleared"),
    (by_hand.LooksThenWrites, BETWEEN, "of two saves of one generation one is Refused; both answered Saved"),
    (by_hand.DeniesWhatItDoes, BETWEEN, "you declare atomic_cas=False, and it was not seen to be so"),
    (by_hand.LooksThenWrites, LANDS, "expected Entry.*LEAVING.*found Entry.*LIVE"),
    (by_hand.ClearsNothing, NEVER_USED, "expected Entry.*ABSENT.*found Entry.*TOMBSTONE"),
    (by_hand.SavesWhateverCame, COMPARES, "an older generation or another epoch is Refused, found Saved"),
    (by_hand.AlwaysReplaces, REPLACES, "begin over a session raises SessionExistsError, found that it does not"),
    (by_hand.HasNoHash, HASHES, "found TypeError: unhashable type"),
    (by_hand.KeepsBackups, NO_TOKEN, "a cleared session leaves no token on the medium"),
    (by_hand.IgnoresCase, THERE, "Ada"),
    (by_hand.Rounds, THERE, "expected Entry"),
    (by_hand.SaysEncrypted, NO_TOKEN, "what is declared to be encrypted shows no token on the medium"),
    (by_hand.IsAsync, DECLARED, "a store's methods are plain functions, .*; async here: load"),
]


@pytest.mark.parametrize(
    ("broken", "test", "why"), BROKEN, ids=[f"{each.__name__}-{test[5:30]}" for each, test, _ in BROKEN]
)
def test_a_broken_store_is_rejected_by_the_test_meant_for_it(broken: type[ByHand], test: str, why: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s){why}.*To repeat it:.*suite = Suite"):
        getattr(Suite(broken), test)()
