"""What results say of every way in which a sign-out can go: all plans, and all replies.

That each step is tried exactly when it is due, in its order, is proved in `authsm.testing.proof.sign_out`. Each test
states the condition under which it holds, and that the condition is reached.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm.core.graph import explore
from authsm.core.machine import SnapshotError
from authsm.core.vocabulary import FailedReply, Failure, FailureKind
from authsm.credentials import SignInMethod
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import NOT_ATTEMPTED_AFTER_GLOBAL, NOT_REFRESHED, SSO_SESSION_NOT_TOLD
from authsm.flows.sign_out.plan import OnCancel, Plan, Session, Why, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.flows.sign_out.results import (
    CompleteSignOut,
    Done,
    Evidence,
    Failed,
    FailedSignOut,
    NotRequested,
    PartialSignOut,
    SignOutResult,
    Skipped,
    StepResult,
    Steps,
    result_of,
)
from authsm.testing.strategies import replies
from tests.flows.sign_out.inputs import BASES, POLICIES, SESSIONS, Run, every_run, everything_that_may_happen, start

if TYPE_CHECKING:
    from authsm.core.graph import Graph
    from authsm.core.machine import Snapshot
    from authsm.core.vocabulary import Effect
    from authsm.flows.sign_out.context import SignOutContext

EFFECTS = {
    "hosted_ui": effects.ShowHostedUISignOut,
    "refresh_tokens": effects.RefreshTokens,
    "global_sign_out": effects.GlobalSignOut,
    "revoke_token": effects.RevokeToken,
    "clear_credentials": effects.ClearCredentials,
}


def _result(run: Run) -> SignOutResult:
    return result_of(run.final, Evidence())


def _was_stopped(run: Run) -> bool:
    """Whether the hosted UI, where it came first, ended the sign-out."""
    reply = run.replies.get(effects.ShowHostedUISignOut)
    if run.plan.hosted_ui_last:
        return False
    refused = isinstance(reply, effects.HostedUISignOutFailed) and reply.failure.kind is FailureKind.REFUSED
    cancelled = isinstance(reply, effects.UserCancelled)
    return (cancelled and run.plan.on_cancel is OnCancel.STOPS) or (refused and run.plan.hosted_ui_refusal_stops)


def _begins(run: Run) -> bool:
    return run.plan.stop is None


def _clear_failed(run: Run) -> bool:
    return isinstance(run.replies.get(effects.ClearCredentials), effects.ClearCredentialsFailed)


def _refresh_failed(run: Run) -> bool:
    return isinstance(run.replies.get(effects.RefreshTokens), effects.RefreshTokensFailed)


def _global_failed(run: Run) -> bool:
    return _refresh_failed(run) or isinstance(run.replies.get(effects.GlobalSignOut), effects.GlobalSignOutFailed)


def _asked(runs: tuple[Run, ...], effect: type[Effect]) -> list[bool]:
    return [effect in run.asked for run in runs]


def _both_occur(said: list[bool]) -> bool:
    return {*said} == {True, False}


def test_tokens_are_refreshed_only_for_a_global_sign_out_that_is_due(runs: tuple[Run, ...]) -> None:
    refreshed = [run for run in runs if effects.RefreshTokens in run.asked]
    assert refreshed
    assert {run.plan.global_sign_out for run in refreshed} == {None}
    tried = [run for run in refreshed if effects.GlobalSignOut in run.asked]
    assert tried
    assert all(run.asked.index(effects.RefreshTokens) < run.asked.index(effects.GlobalSignOut) for run in tried)


def test_a_refresh_that_failed_fails_the_global_sign_out(runs: tuple[Run, ...]) -> None:
    failures = [_result(run).steps.global_sign_out for run in runs if _refresh_failed(run)]
    assert failures
    for failed in failures:
        assert isinstance(failed, Failed)
        assert (failed.failure.kind, failed.failure.code) == (FailureKind.NOT_ATTEMPTED, "Refused")
        assert failed.failure.message == f"{NOT_REFRESHED} refused"


def _global_failed_before_revocation(run: Run) -> bool:
    if run.plan.revoke_token is not None:
        return False
    return _refresh_failed(run) or (not run.plan.revoke_first and _global_failed(run))


def _revocation_is_given_up(run: Run) -> bool:
    return run.plan.revoke_needs_global and _global_failed_before_revocation(run)


def test_revocation_is_tried_after_a_failed_global_sign_out_unless_a_preset_says_no(runs: tuple[Run, ...]) -> None:
    # S7. No plan of the default policy needs the global sign-out for it.
    failed = [run for run in runs if _global_failed_before_revocation(run)]
    tried = [effects.RevokeToken in run.asked for run in failed]
    assert tried == [not run.plan.revoke_needs_global for run in failed]
    assert _both_occur(tried)


def test_revocation_that_a_preset_gives_up_is_reported_as_not_attempted(runs: tuple[Run, ...]) -> None:
    given_up = [run for run in runs if _revocation_is_given_up(run)]
    assert given_up
    expected = Failed(Failure(FailureKind.NOT_ATTEMPTED, "GlobalSignOutFailed", NOT_ATTEMPTED_AFTER_GLOBAL))
    assert {_result(run).steps.revoke_token for run in given_up} == {expected}


def test_every_effect_is_a_first_attempt_and_names_key_and_epoch_of_the_session(runs: tuple[Run, ...]) -> None:
    # S13.
    named = {(effect.attempt, effect.key, effect.epoch) for run in runs for effect in _effects(run)}
    assert named == {(1, "key", 7)}


def _effects(run: Run) -> list[effects.SignOutEffect]:
    return [edge.step.effect for edge in run.edges if isinstance(edge.step.effect, effects.SignOutEffect)]


def test_a_sign_out_stops_only_before_it_began_or_at_a_hosted_ui_that_comes_first(runs: tuple[Run, ...]) -> None:
    stops = [not _begins(run) or _was_stopped(run) for run in runs]
    assert [run.final.context.stopped for run in runs] == stops
    assert _both_occur(stops)


def test_a_retry_never_fails_and_never_clears(runs: tuple[Run, ...], retry_plans: frozenset[Plan]) -> None:
    retries = [run for run in runs if run.plan in retry_plans]
    assert {run.final.state for run in retries} == {"SignedOut", "PartialSignedOut"}
    assert not any(_asked(tuple(retries), effects.ClearCredentials))


def test_a_partial_result_has_an_error_for_each_remote_step_that_failed(runs: tuple[Run, ...]) -> None:
    partial = [result for run in runs if isinstance(result := _result(run), PartialSignOut)]
    seen: set[tuple[bool, bool, bool]] = set()
    for result in partial:
        errors = (result.hosted_ui_error, result.global_sign_out_error, result.revoke_token_error)
        steps = (result.steps.hosted_ui, result.steps.global_sign_out, result.steps.revoke_token)
        failed = tuple(isinstance(step, Failed) for step in steps)
        assert tuple(error is not None for error in errors) == failed
        for error, step in zip(errors, steps, strict=True):
            if error is not None and isinstance(step, Failed):
                assert error.exception.failure == step.failure
        seen.add((failed[0], failed[1], failed[2]))
    assert len(seen) == 7  # each combination but none at all
    assert (False, False, False) not in seen


def test_every_step_that_was_not_tried_says_why(runs: tuple[Run, ...]) -> None:
    # S6.
    reasons: set[Why] = set()
    for run in runs:
        steps = dict(_result(run).steps)
        for step, effect in EFFECTS.items():
            result, why = steps[step], getattr(run.plan, step)
            if effect in run.asked or isinstance(result, Failed):
                assert isinstance(result, Done | Failed) or result == Skipped(Why.USER_CANCELLED)
            elif why is Why.NOT_REQUESTED:
                assert result == NotRequested()
            else:
                assert result == Skipped(why or Why.STOPPED)
                reasons.add(why or Why.STOPPED)
    assert reasons == {
        Why.NOT_SIGNED_IN,
        Why.LOCAL_ONLY,
        Why.POLICY,
        Why.NOT_MADE_IN_HOSTED_UI,
        Why.PRIVATE_SESSION,
        Why.NOT_NEEDED,
        Why.NO_REFRESH_TOKEN,
        Why.ALREADY_DONE,
        Why.STOPPED,
    }


def test_what_was_done_is_reported_as_done_with_its_note(runs: tuple[Run, ...]) -> None:
    notes: set[str] = set()
    for run in runs:
        steps = dict(_result(run).steps)
        for step, effect in EFFECTS.items():
            reply = run.replies.get(effect)
            if reply is not None and type(reply) is effect.done:
                note = getattr(reply, "note", "")
                assert steps[step] == Done(note)
                notes.add(note)
    assert notes == {"", "The URL was only printed.", "A file is left.", "It was dead already."}


def test_the_revocation_carries_whether_to_end_the_sso_session_and_its_reply_says_what_became_of_that() -> None:
    started = [
        start(settle(policy, session, authority, global_sign_out=True))
        for policy in (SignOutPolicy(end_sso_session=True), replace(BASES[1], end_sso_session=True), SignOutPolicy())
        for session in SESSIONS
        for authority in Authority
    ]
    runs = [*every_run(explore(SIGN_OUT, list(dict.fromkeys(started)), events=everything_that_may_happen))]
    seen: set[str] = set()
    for run in runs:
        why = run.plan.end_sso_session
        is_due = why is None
        carried = [effect for effect in _effects(run) if isinstance(effect, effects.RevokeToken)]
        assert [effect.end_sso_session for effect in carried] in ([], [is_due])
        steps, reply = _result(run).steps, run.replies.get(effects.RevokeToken)
        if why is Why.NOT_REQUESTED:
            expected: StepResult = NotRequested()
        elif isinstance(steps.revoke_token, Failed) and (why is None or why.fails):
            expected = steps.revoke_token
        elif is_due and isinstance(reply, effects.TokenRevoked):
            expected = Skipped(reply.sso_skipped) if reply.sso_skipped else Done(reply.sso_note or SSO_SESSION_NOT_TOLD)
        else:
            expected = Skipped(why or Why.STOPPED)
        assert steps.end_sso_session == expected
        seen.add(f"{is_due}, {expected!r}" if isinstance(expected, Done) else f"{is_due}, {type(expected).__name__}")
    assert seen == {
        f"True, {Done(SSO_SESSION_NOT_TOLD)!r}",
        f"True, {Done('It was linked.')!r}",
        "True, Failed",
        "True, Skipped",
        "False, NotRequested",
        "False, Failed",
        "False, Skipped",
    }


def test_a_revocation_knows_whether_a_global_sign_out_has_ended_the_access_token_before(runs: tuple[Run, ...]) -> None:
    seen: set[tuple[bool, bool]] = set()
    for run in runs:
        for effect in _effects(run):
            if isinstance(effect, effects.RevokeToken):
                before = run.asked[: run.asked.index(effects.RevokeToken)]
                ended = effects.GlobalSignOut in before and not _global_failed(run)
                assert effect.after_global_sign_out == (ended and effect.end_sso_session)
                seen.add((effect.end_sso_session, effect.after_global_sign_out))
    assert seen == {(True, True), (True, False), (False, False)}


@pytest.mark.parametrize("field", [{"note": 7}, {"sso_note": None}, {"sso_skipped": "no_sso_session"}])
def test_a_reply_that_no_snapshot_could_keep_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"The {next(iter(field))} of TokenRevoked is no "):
        effects.TokenRevoked(**field)


def test_what_became_of_the_sso_session_is_read_back_and_a_journal_that_does_not_know_it_is_refused() -> None:
    session = Session(key="key", epoch=7, method=SignInMethod.HOSTED_UI)
    policy = SignOutPolicy(hosted_ui="never", end_sso_session=True)
    plan = settle(policy, session, Authority.IAM, global_sign_out=False)
    revoking = SIGN_OUT.step(start(plan), effects.Begin()).snapshot
    revoked = SIGN_OUT.step(revoking, effects.TokenRevoked(sso_skipped=Why.SESSIONS_NOT_TRACKED)).snapshot
    text = SIGN_OUT.to_json(revoked)
    assert SIGN_OUT.from_json(text) == revoked
    older = json.loads(text)
    del older["context"]["end_sso_session"]
    with pytest.raises(SnapshotError, match="fields are missing"):
        SIGN_OUT.from_json(json.dumps(older))


def test_the_result_follows_the_final_state(runs: tuple[Run, ...]) -> None:
    kinds = {(run.final.state, type(_result(run))) for run in runs}
    assert kinds == {
        ("SignedOut", CompleteSignOut),
        ("PartialSignedOut", PartialSignOut),
        ("Error", FailedSignOut),
    }


def test_signed_out_locally_is_never_guessed(runs: tuple[Run, ...]) -> None:
    # S2: a refusal says that the clear has looked; any other failure of it leaves open what is left.
    told: dict[str, set[bool | None]] = {}
    for run in runs:
        reply = run.replies.get(effects.ClearCredentials)
        clear = (
            reply.failure.kind.value
            if isinstance(reply, FailedReply)
            else "done or not asked"
            if reply
            else "not asked"
        )
        result = _result(run)
        told.setdefault(f"{type(result).__name__}, {clear}", set()).add(result.signed_out_locally)
    assert told == {
        "CompleteSignOut, done or not asked": {True},
        "CompleteSignOut, not asked": {True},
        "PartialSignOut, done or not asked": {True},
        "PartialSignOut, not asked": {True},
        "FailedSignOut, not asked": {False},
        "FailedSignOut, refused": {False},
        "FailedSignOut, timed_out": {None},
    }


def test_if_the_clear_fails_the_result_says_which_remote_steps_were_done(runs: tuple[Run, ...]) -> None:
    # S5.
    done = set()
    for run in runs:
        if _clear_failed(run):
            done |= {step for step, result in _result(run).steps if isinstance(result, Done)}
    assert done == {"hosted_ui", "refresh_tokens", "global_sign_out", "revoke_token", "end_sso_session"}


def test_every_sign_out_ends(runs: tuple[Run, ...], graph: Graph[SignOutContext]) -> None:
    # L1: no snapshot comes again on any way, and wherever nothing follows the machine has ended.
    for run in runs:
        visited = [run.edges[0].source, *(edge.target for edge in run.edges)]
        assert len({*visited}) == len(visited)
        assert SIGN_OUT.is_final(run.final)
    assert max(len(run.edges) for run in runs) == 1 + len(EFFECTS)
    assert {run.final for run in runs} == {*graph.finals}


def test_a_federated_session_is_never_destroyed(runs: tuple[Run, ...]) -> None:
    # S9.
    federated = [run for run in runs if run.plan.stop is Why.FEDERATED]
    assert federated
    assert {(tuple(run.states), tuple(run.asked)) for run in federated} == {(("Error",), ())}


@given(data=st.data())
def test_whatever_a_failure_says_the_result_repeats_it_and_the_state_is_honest(data: st.DataObject) -> None:
    plan = settle(
        data.draw(st.sampled_from(POLICIES)),
        data.draw(st.sampled_from(SESSIONS)),
        data.draw(st.sampled_from(Authority)),
        global_sign_out=data.draw(st.booleans()),
    )
    snapshot = SIGN_OUT.step(start(plan), effects.Begin()).snapshot
    failures: dict[str, Failure] = {}
    asked: list[str] = []
    while (effect := SIGN_OUT.pending(snapshot)) is not None:
        assert isinstance(effect, effects.SignOutEffect)
        asked.append(effect.step)
        snapshot = _answered(data, effect, snapshot, failures)
    if plan.end_sso_session is None and "revoke_token" in failures:
        failures["end_sso_session"] = failures["revoke_token"]  # which would have carried it
    result = result_of(snapshot, Evidence())
    failed = {step: outcome.failure for step, outcome in result.steps if isinstance(outcome, Failed)}
    assert failures.items() <= failed.items()
    untried = {step: failure for step, failure in failed.items() if step not in failures}
    assert {failure.kind for failure in untried.values()} <= {FailureKind.NOT_ATTEMPTED, FailureKind.CANCELLED}
    assert isinstance(result, PartialSignOut) == (bool(failed) and not isinstance(result, FailedSignOut))
    assert isinstance(result, FailedSignOut) or "clear_credentials" in asked
    assert len({*asked}) == len(asked)
    if isinstance(result, FailedSignOut) and "clear_credentials" not in failures:
        assert asked in ([], ["hosted_ui"])


def _answered(
    data: st.DataObject, effect: effects.SignOutEffect, snapshot: Snapshot[SignOutContext], failures: dict[str, Failure]
) -> Snapshot[SignOutContext]:
    event = data.draw(replies(type(effect)))
    if isinstance(event, FailedReply):
        failures[effect.step] = event.failure
    return SIGN_OUT.step(snapshot, event).snapshot


def test_the_steps_of_a_result_come_in_the_order_of_their_fields() -> None:
    steps = Steps(
        hosted_ui=NotRequested(),
        refresh_tokens=Skipped(Why.NOT_NEEDED),
        global_sign_out=Done(),
        revoke_token=Done("once more"),
        clear_credentials=Failed(Failure(FailureKind.REFUSED, "No", "no")),
    )
    assert [name for name, _ in steps] == [*EFFECTS, "end_sso_session"]
    assert steps.end_sso_session == NotRequested()
    assert dict(steps)["revoke_token"] == Done("once more")


def test_a_sign_out_that_has_not_ended_has_no_result() -> None:
    with pytest.raises(ValueError, match="A sign-out in the state NotStarted has not ended"):
        result_of(start(Plan(key="key", epoch=7)), Evidence())
