"""Each broken runner is rejected by the test that is meant for it; those done right are not."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.testing.conformance import runners_by_hand as by_hand
from tests.testing.conformance.runners_by_hand import Suite

HOSTED_UI = "test_it_shows_the_hosted_ui_sign_out"
LEFT_OUT = {HOSTED_UI: "ShowHostedUISignOut was not asked for: the runner has no handler for it"}


@pytest.mark.parametrize("kind", [by_hand.ByHand, by_hand.Async])
def test_a_runner_done_right_is_accepted(kind: Callable[[str, str], Any]) -> None:
    report = Suite(kind).report()
    assert (report.failed, report.left_out) == ({}, LEFT_OUT)
    assert len(report.passed) == 19


ONCE = "test_one_call_asks_the_service_once"
IN_TIME = "test_it_gives_up_in_time_where_the_service_never_answers"
STOPPED = "test_it_gives_up_when_it_is_told_to_stop"
REFUSAL = "test_a_refusal_is_not_reported_as_done"
LOST = "test_a_lost_answer_is_not_reported_as_done"
CLOSED = "test_a_closed_connection_is_not_reported_as_done"
PORTAL = "test_a_captive_portal_is_not_taken_for_the_service"
AWAY = "test_a_service_that_is_away_is_not_reported_as_done"
AGAIN = "test_what_is_asked_again_is_done_or_fails_honestly"
SHOWN = "test_no_token_is_shown"
ANSWERS = "test_it_returns_nothing_or_a_note_or_raises"
FRESHEST = "test_it_uses_the_tokens_that_the_call_gives"
THREADS = "test_it_may_be_used_from_several_threads_at_once"
CALLED_OFF = "test_only_a_person_calls_it_off"
REFRESHES = "test_it_refreshes_tokens"
GLOBALLY = "test_it_signs_out_globally"
REVOKES = "test_it_revokes_a_token"
IS_ONE = "test_it_is_a_runner"

BROKEN: list[tuple[Callable[[str, str], Any], str, str]] = [
    (by_hand.RunsTwice, ONCE, "RevokeToken asks the service once; it asked 2 times"),
    (by_hand.NeverGivesUp, IN_TIME, r"ends within its 0.5 s where the service never answers; found that it goes on"),
    (by_hand.NeverGivesUp, STOPPED, "found that it goes on"),
    (by_hand.TriesForEver, STOPPED, "found that it goes on"),
    (by_hand.SwallowsItsCancellation, IN_TIME, "RevokeToken ends within its 0.5 s .*; found that it goes on"),
    (by_hand.Lies, REFUSAL, "fails where the service refuses; found that it returned nothing"),
    (by_hand.Lies, AWAY, "fails where nobody listens; found that it returned nothing"),
    (by_hand.Lies, IN_TIME, "fails; found that it returned nothing"),
    (by_hand.BelievesLostAnswers, LOST, "the answer is lost; found that it returned nothing"),
    (by_hand.BelievesLostAnswers, CLOSED, "before anything is done; found that it returned nothing"),
    (by_hand.BelievesPages, PORTAL, "with a page of its own; found that it returned nothing"),
    (by_hand.TakesTheSecondAttemptForDone, AGAIN, "RevokeToken is done in truth where it says so, once the connection"),
    (by_hand.RaisesTokens, SHOWN, r"found one in the exception: .*\[token\]"),
    (by_hand.RaisesFromTokens, SHOWN, "found one in the exception"),
    (by_hand.LogsTokens, SHOWN, "found one in a log record of by.hand.wire"),
    (by_hand.PrintsTokens, SHOWN, "found one in what was printed"),
    (by_hand.NotesTokens, SHOWN, "found one in the note"),
    (by_hand.ReturnsTheAnswer, ANSWERS, "returns None, a note or its reply, or raises; found that it returned a dict"),
    (
        by_hand.HandsOnACoroutine,
        ANSWERS,
        "RevokeToken returns None, a note or its reply, or raises; found .* a coroutine",
    ),
    (by_hand.KeepsTheFirstTokens, FRESHEST, "RevokeToken is done for the second session, with its own tokens"),
    (by_hand.SharesItsTokens, THREADS, "of 4 RevokeToken at once, each is done; found .*False"),
    (by_hand.CallsItOff, CALLED_OFF, "is called off by nobody; found that it raised UserCancelledException"),
    (by_hand.ForgetsToSave, REFRESHES, "RefreshTokens is done in truth, as the service sees it"),
    (by_hand.RevokesInsteadOfGlobally, GLOBALLY, "GlobalSignOut is done in truth"),
    (by_hand.SignsOutGloballyInstead, REVOKES, "other sessions of the user live on"),
    (by_hand.HasAStrangeHandler, IS_ONE, "its handlers are for RefreshTokens, GlobalSignOut, .*; found .*str"),
]


@pytest.mark.parametrize(
    ("broken", "test", "why"), BROKEN, ids=[f"{getattr(each, '__name__', '')}-{test[5:30]}" for each, test, _ in BROKEN]
)
def test_a_broken_runner_is_rejected_by_the_test_meant_for_it(
    broken: Callable[[str, str], Any], test: str, why: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?s){why}.*To repeat it:.*with suite.bench"):
        getattr(Suite(broken), test)()


class _SaysThatItNeverGivesUp(Suite):
    limitations = ("outlives_its_time",)


def test_a_runner_that_never_gives_up_may_say_so() -> None:
    suite = _SaysThatItNeverGivesUp(by_hand.NeverGivesUp)
    suite.test_it_gives_up_in_time_where_the_service_never_answers()
    suite.test_its_limitations_are_known()


def test_a_runner_that_gives_up_may_not_deny_it() -> None:
    suite = _SaysThatItNeverGivesUp(by_hand.ByHand)
    with pytest.raises(AssertionError, match="you declare outlives_its_time, and it was not seen to be so"):
        suite.test_it_gives_up_in_time_where_the_service_never_answers()
