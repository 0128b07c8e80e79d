"""What must always hold of a sign-out, asked of any: policy, session, authority, handlers and store.

Each test is named after its invariant, says the condition under which it is asked, and fails if it was never reached.
"""

import pytest
from hypothesis import strategies as st

from authsm import (
    Auth,
    Authority,
    ClearCredentials,
    CompleteSignOut,
    Failed,
    FailedSignOut,
    FailureKind,
    GlobalSignOut,
    InvalidStateException,
    LateAnswer,
    NotRequested,
    PartialSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
    SignedOutLocally,
    SignInMethod,
    SignOutPolicy,
    Skipped,
    Transition,
    UserCancelledException,
    Why,
)
from authsm.flows.sign_out.effects import CredentialsCleared
from authsm.flows.sign_out.results import Done
from authsm.stores.contract import Cleared, EntryState, Residue
from tests.auth.scenarios import CLEAR_FAULTS, KEY, NEW_TOKENS, OTHER_KEY, SAVED_TOKENS, Ran, Start, for_any_sign_out
from tests.auth.styles import MEMORY
from tests.auth.world import REMOTE, Act, Cast, Token, of_kind, pool_tokens, session
from tests.leaks import leaks_in, shown_by

CANCELS = st.fixed_dictionaries(
    {
        ShowHostedUISignOut: st.sampled_from([Act.CALLS_OFF, Act.CALLS_OFF, Act.RETURNS]),
        RefreshTokens: st.sampled_from(Act),
        GlobalSignOut: st.sampled_from(Act),
        RevokeToken: st.sampled_from(Act),
    }
)
SHOWN = (Act.RAISES_TOKENS, Act.FAILS_WITH_TOKENS, Act.NOTES_TOKENS, Act.RAISES_AUTH)
MOSTLY_SHOWN = st.fixed_dictionaries({effect: st.sampled_from([*SHOWN * 3, *Act]) for effect in REMOTE})
MOSTLY_HUNG = st.fixed_dictionaries(
    {effect: st.sampled_from([Act.HANGS, Act.HANGS_AND_RAISES] * 5 + list(Act)) for effect in REMOTE}
)
FROM_HOSTED_UI = st.just(SignInMethod.HOSTED_UI)
LIVE = st.just(Start.LIVE)
NEVER, ALWAYS = st.just(value=False), st.just(value=True)
NO_FAULT, FAULT = st.just("none"), st.sampled_from(sorted(CLEAR_FAULTS))
DEFAULT = st.just(SignOutPolicy())


@for_any_sign_out()
def test_s1_complete_or_partial_means_that_a_fresh_reader_finds_nothing(ran: Ran) -> bool:
    """S1, where the result is Complete or Partial."""
    if not ran.signed_out:
        return False
    assert ran.after_result is not None
    assert ran.after_result.data is None
    assert ran.after_result.state in {EntryState.ABSENT, EntryState.TOMBSTONE}
    assert ran.fresh_reader().verify_cleared(KEY, epoch=ran.before.epoch) == Cleared()
    assert ran.result.signed_out_locally is True
    return True


@for_any_sign_out(method=FROM_HOSTED_UI, policy=DEFAULT, acts=CANCELS)
def test_s2_a_cancel_or_an_invalid_state_leaves_the_credentials_as_they_were(ran: Ran) -> bool:
    """S2, where the result is Failed by a cancel, an invalid state or an unreadable store."""
    if not isinstance(ran.result, FailedSignOut) or ran.was_called(ClearCredentials) or _clear_failed(ran):
        return False
    assert ran.result.signed_out_locally is False
    if ran.refreshed_meanwhile:
        assert ran.after.data is not None
        assert ran.after.data.tokens == NEW_TOKENS
        assert ran.after.generation == ran.before.generation + 1
    else:
        assert ran.after == ran.before
    return True


@for_any_sign_out(clear_fault=FAULT, journal_fault=NO_FAULT, unreadable=NEVER, start=LIVE)
def test_s2_a_failed_clear_says_what_was_seen_and_keeps_the_journal(ran: Ran) -> bool:
    """S2, where the result is Failed by the clear."""
    if not _clear_failed(ran):
        return False
    match (
        ran.store.verify_cleared(KEY, epoch=ran.before.epoch) if "verifying" not in ran.scenario.clear_fault else None
    ):
        case Residue(readable=True):
            assert ran.result.signed_out_locally is False
        case _:
            assert ran.result.signed_out_locally is None
    if ran.after.data is not None:
        assert ran.after.state is EntryState.LEAVING
        assert ran.true_store.read_journal(KEY) is not None
        assert list(ran.true_store.journals()) == [KEY]
    return True


@for_any_sign_out(method=FROM_HOSTED_UI, policy=DEFAULT, acts=CANCELS, start=LIVE, unreadable=NEVER)
def test_s3_after_a_cancel_nothing_was_revoked_and_the_session_works(ran: Ran) -> bool:
    """S3, where the result is Failed by a cancel."""
    if not isinstance(ran.result, FailedSignOut) or not isinstance(ran.result.exception, UserCancelledException):
        return False
    assert ran.cast.names() == ["ShowHostedUISignOut"]
    auth = Auth(ran.true_store, {}, key=KEY)
    credentials = auth.credentials()
    assert credentials is not None
    if Token.MALFORMED.value not in str([secret.reveal() for secret in credentials.data.secrets()]):
        assert auth.save_refreshed(credentials, pool_tokens("4"))
    return True


@for_any_sign_out(clear_fault=FAULT, journal_fault=NO_FAULT, unreadable=NEVER, start=LIVE)
def test_s5_after_a_failed_clear_the_result_says_what_was_done_and_resume_ends_it(ran: Ran) -> bool:
    """S5, where the clear failed and the session is still there."""
    if not _clear_failed(ran) or ran.after.data is None:
        return False
    done_before = {effect: outcome for effect, outcome in ran.steps() if effect is not ClearCredentials}
    again = Cast()
    auth = Auth(ran.true_store, again.runner(authority=ran.scenario.authority), key=KEY, policy=ran.scenario.policy)
    resumed = auth.resume()
    assert isinstance(resumed, CompleteSignOut | PartialSignOut)
    assert resumed.resumed
    assert not {type(each.effect) for each in again.called} & {
        e for e, outcome in done_before.items() if outcome == Done()
    }
    for effect, outcome in done_before.items():
        step = effect.step  # type: ignore[attr-defined]  # each is a SignOutEffect
        assert getattr(resumed.steps, step) == outcome or effect is ShowHostedUISignOut
    assert ran.true_store.load(KEY).data is None
    assert ran.true_store.read_journal(KEY) is None
    return True


@for_any_sign_out()
def test_s6_every_failed_or_skipped_step_is_in_the_result_with_its_reason(ran: Ran) -> bool:
    """S6, where a step failed or was skipped."""
    reached = False
    for effect, outcome in ran.steps():
        match outcome:
            case Failed(failure):
                assert failure.code
                assert failure.message
                reached = True
            case Skipped(reason):
                assert isinstance(reason, Why)
                assert not ran.was_called(effect) or reason is Why.USER_CANCELLED
                reached = True
            case NotRequested():
                assert effect is GlobalSignOut
                assert not ran.scenario.to_all
    return reached


@for_any_sign_out(
    policy=DEFAULT,
    to_all=ALWAYS,
    acts=st.fixed_dictionaries(
        {
            ShowHostedUISignOut: st.sampled_from([Act.RETURNS, Act.RAISES_OS]),
            RefreshTokens: st.sampled_from(Act),
            GlobalSignOut: st.sampled_from([act for act in Act if not act.works]),
            RevokeToken: st.sampled_from(Act),
        }
    ),
    authority=st.just(Authority.ACCESS_TOKEN),
)
def test_s7_revocation_is_tried_even_when_the_global_sign_out_failed(ran: Ran) -> bool:
    """S7, where by default policy the global sign-out failed and there is a refresh token."""
    if not isinstance(ran.result.steps.global_sign_out, Failed) or not ran.scenario.tokens.refresh_token:
        return False
    assert ran.was_called(RevokeToken)
    return True


@for_any_sign_out(
    method=st.sampled_from([SignInMethod.HOSTED_UI, SignInMethod.USER_POOL]),
    to_all=ALWAYS,
    start=LIVE,
    unreadable=NEVER,
)
def test_s8_the_freshest_stored_tokens_are_used_and_only_refresh_tokens_refreshes(ran: Ran) -> bool:
    """S8, where tokens changed during the sign-out."""
    tokens = ran.scenario.tokens
    reached = False
    for each in ran.cast.called:
        assert each.tokens == tokens
        if isinstance(each.effect, ShowHostedUISignOut) and ran.refreshed_meanwhile:
            tokens, reached = NEW_TOKENS, True
        elif isinstance(each.effect, RefreshTokens):
            tokens, reached = SAVED_TOKENS, True
    assert ran.after.data is None or ran.after.data.tokens == tokens or ran.scenario.journal_fault != "none"
    return reached


@for_any_sign_out(method=st.just(SignInMethod.FEDERATED))
def test_s9_a_federated_session_is_never_destroyed(ran: Ran) -> bool:
    """S9, where a federated session is signed in."""
    if not ran.signed_in or ran.scenario.unreadable:
        return False
    assert isinstance(ran.result, FailedSignOut)
    assert isinstance(ran.result.exception, InvalidStateException)
    assert ran.cast.names() == []
    assert ran.after == ran.before
    return True


@for_any_sign_out(start=LIVE, unreadable=NEVER)
def test_s10_every_answer_of_a_handler_is_seen(ran: Ran) -> bool:
    """S10, where a handler answered."""
    assert len(ran.answers()) == len(ran.cast.answered)
    return bool(ran.cast.answered)


@for_any_sign_out()
def test_s11_signed_out_is_told_once_and_after_the_clear(ran: Ran) -> bool:
    """S11, where a session was cleared; elsewhere it is never told."""
    told = of_kind(ran.told.notices, SignedOutLocally)
    if not ran.signed_out or not ran.signed_in:
        assert told == []
        return False
    (notice,) = told
    assert (notice.key, notice.epoch, notice.resumed) == (KEY, ran.before.epoch, False)
    cleared = [isinstance(each, Transition) and isinstance(each.event, CredentialsCleared) for each in ran.told.notices]
    assert cleared.index(True) < ran.told.notices.index(notice)
    return True


@for_any_sign_out(start=LIVE, acts=MOSTLY_SHOWN)
def test_s12_no_token_is_in_any_output(ran: Ran) -> bool:
    """S12, where a handler or the store showed tokens in every shape."""
    journal = ran.true_store.read_journal(KEY)
    assert leaks_in(shown_by(ran.result, *ran.told.notices, journal or ""), ran.secrets()) == []
    return any(ran.acts_of(type(each.effect)) in SHOWN for each in ran.cast.called) or not ran.scenario.calm


@for_any_sign_out()
def test_s13_no_other_key_is_touched(ran: Ran) -> bool:
    """S13, where this key was signed out."""
    assert ran.true_store.load(OTHER_KEY) == ran.others_before
    assert all(each.call.tokens().access_token != pool_tokens("grace").access_token for each in ran.cast.called)
    return ran.signed_out


@for_any_sign_out()
def test_s14_the_errors_in_the_result_are_exactly_the_steps_that_failed(ran: Ran) -> bool:
    """S14, where a step failed."""
    failed = {effect for effect, outcome in ran.steps() if isinstance(outcome, Failed)}
    for effect in REMOTE:
        outcome = dict(ran.steps())[effect]
        if not ran.was_called(effect):
            assert not isinstance(outcome, Done)
            assert not isinstance(outcome, Failed) or outcome.failure.kind is FailureKind.NOT_ATTEMPTED
        elif ran.acts_of(effect).works:
            assert isinstance(outcome, Done)
        else:
            cancel_passed = effect is ShowHostedUISignOut and outcome == Skipped(Why.USER_CANCELLED)
            assert isinstance(outcome, Failed) or cancel_passed
    match ran.result:
        case CompleteSignOut():
            assert failed - {RefreshTokens} == set()
        case PartialSignOut(hosted_ui_error=h, global_sign_out_error=g, revoke_token_error=r):
            errors = {ShowHostedUISignOut: h, GlobalSignOut: g, RevokeToken: r}
            assert failed - {RefreshTokens} == {effect for effect, error in errors.items() if error is not None}
            assert failed
            for effect, error in errors.items():
                if error is not None:
                    assert error.exception.failure == dict(ran.steps())[effect].failure
        case FailedSignOut():
            assert _clear_failed(ran) or not ran.was_called(GlobalSignOut)
    return bool(failed)


@for_any_sign_out(start=LIVE, unreadable=NEVER)
def test_no_effect_is_carried_out_twice(ran: Ran) -> bool:
    """Where more than one effect was carried out."""
    names = ran.cast.names()
    assert len(names) == len(set(names))
    assert [each.call.attempt for each in ran.cast.called] == [1] * len(names)
    ids = [each.call.id for each in ran.cast.called]
    assert len(set(ids)) == len(ids)
    return len(names) > 1


@for_any_sign_out(acts=MOSTLY_HUNG)
def test_l1_every_call_ends_within_its_limits(ran: Ran) -> bool:
    """L1, where a handler hung; `Ran` fails when a call does not end."""
    assert ran.cast.hung == []
    return any(ran.acts_of(type(each.effect)).hangs for each in ran.cast.called)


@for_any_sign_out()
def test_l2_the_next_sign_out_is_not_blocked(ran: Ran) -> bool:
    """L2, where a handler hung or the sign-out was cancelled."""
    auth = Auth(ran.true_store, Cast().runner(), key=KEY)
    auth.sign_in(session(tokens=pool_tokens("5")), replace=True)
    assert isinstance(auth.sign_out(), CompleteSignOut)
    return isinstance(ran.result, FailedSignOut) or any(act.hangs for act in ran.scenario.acts.values())


@for_any_sign_out(
    acts=st.fixed_dictionaries({effect: st.sampled_from([Act.RAISES_OS, Act.UNREACHABLE]) for effect in REMOTE}),
    method=st.sampled_from([method for method in SignInMethod if method is not SignInMethod.FEDERATED]),
    clear_fault=NO_FAULT,
    journal_fault=NO_FAULT,
    unreadable=NEVER,
    start=st.sampled_from(Start),
)
def test_l3_sign_out_works_offline_from_every_starting_point(ran: Ran) -> bool:
    """L3, where the store works and nothing can be reached."""
    assert ran.signed_out
    return bool(ran.cast.called)


@for_any_sign_out(acts=MOSTLY_HUNG)
def test_l6_a_late_answer_changes_nothing(ran: Ran) -> bool:
    """L6, where an answer came late."""
    assert ran.after == ran.after_result
    late = of_kind(ran.told.notices, LateAnswer)
    for notice in late:
        assert notice.run == ran.told.notices[0].run  # the first notice is a transition
    return bool(late)


def _clear_failed(ran: Ran) -> bool:
    return isinstance(ran.result.steps.clear_credentials, Failed)


def test_an_invariant_whose_condition_is_never_reached_fails() -> None:
    """The tests above would pass emptily if this did not hold."""

    @for_any_sign_out(start=LIVE)
    def never(_: Ran) -> bool:
        """Never."""
        return False

    with pytest.raises(AssertionError, match="the condition was never reached: Never"):
        never(MEMORY, 1)
