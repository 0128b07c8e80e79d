"""A plan says which steps are due, and why the others are not: for every policy, session and authority."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from authsm.credentials import SignInMethod
from authsm.flows.sign_out.plan import OnCancel, Plan, Session, Unfinished, Why, settle, settle_retry
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder, SignOutPolicy
from authsm.testing.proof.sign_out import every_context
from tests.flows.sign_out.inputs import BASES, Settled, SettledRetry, every_retry, every_settlement

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT, ANDROID, SWIFT = BASES
SESSION: Final = Session(key="key", epoch=7)
HOSTED: Final = replace(SESSION, method=SignInMethod.HOSTED_UI)


def _has_a_session(settled: Settled) -> bool:
    return settled.session.signed_in and settled.session.method is not SignInMethod.GUEST


def _may_go_remote(settled: Settled) -> bool:
    return _has_a_session(settled) and not settled.policy.local_only


def _is_android(policy: SignOutPolicy) -> bool:
    return policy.choices == ANDROID.choices


def _is_swift(policy: SignOutPolicy) -> bool:
    return policy.choices == SWIFT.choices


def _hosted_ui_is_due(settled: Settled) -> bool:
    made_there = {SignInMethod.HOSTED_UI}
    if _is_android(settled.policy):
        made_there |= {SignInMethod.PRIVATE_HOSTED_UI, SignInMethod.UNKNOWN}
    return (
        _may_go_remote(settled)
        and settled.session.method in made_there
        and settled.policy.hosted_ui is not HostedUIOrder.NEVER
    )


def _global_sign_out_is_due(settled: Settled) -> bool:
    by_token = settled.authority is Authority.ACCESS_TOKEN
    can_be_authorised = settled.session.has_access_token if by_token else settled.session.has_username
    return settled.requested and _may_go_remote(settled) and can_be_authorised


def _refresh_is_due(settled: Settled) -> bool:
    return (
        _global_sign_out_is_due(settled)
        and settled.authority is Authority.ACCESS_TOKEN
        and settled.session.access_token_expired
        and settled.session.has_refresh_token
        and settled.policy.refresh_expired_access_token
    )


def _revocation_is_due(settled: Settled) -> bool:
    forbidden = _is_android(settled.policy) and not settled.session.access_token_has_origin_jti
    return _may_go_remote(settled) and settled.session.has_refresh_token and not forbidden


def _on_cancel(settled: Settled) -> OnCancel:
    policy, session = settled.policy, settled.session
    if policy.hosted_ui is HostedUIOrder.LAST:
        return OnCancel.FAILS
    if _is_swift(policy) and session.refresh_token_expired:
        return OnCancel.PASSES
    unknown = _is_android(policy) and session.method is SignInMethod.UNKNOWN
    return OnCancel.STOPS if policy.cancel_stops and not unknown else OnCancel.FAILS


_EXPECTED: Final[dict[str, Callable[[Settled], object]]] = {
    "hosted_ui": _hosted_ui_is_due,
    "global_sign_out": _global_sign_out_is_due,
    "refresh_tokens": _refresh_is_due,
    "revoke_token": _revocation_is_due,
    "clear_credentials": lambda _: True,
}


def test_each_step_is_due_exactly_when_policy_session_and_authority_say_so() -> None:
    seen: set[tuple[str, bool]] = set()
    for settled in every_settlement():
        if settled.plan.stop is None:
            due = {step: expected(settled) for step, expected in _EXPECTED.items()}
            assert {step: getattr(settled.plan, step) is None for step in due} == due, settled
            seen.update((step, bool(is_due)) for step, is_due in due.items())
    assert len(seen) == 2 * len(_EXPECTED) - 1  # only the clear is always due


def test_the_rest_of_a_plan_is_what_policy_session_and_authority_say() -> None:
    for settled in every_settlement():
        policy, plan = settled.policy, settled.plan
        assert (plan.key, plan.epoch) == ("key", 7)
        if plan.stop is not None:
            continue
        amplify = _is_android(policy) or _is_swift(policy)
        said = (
            plan.hosted_ui_last,
            plan.revoke_first,
            plan.revoke_needs_global,
            plan.on_cancel,
            plan.hosted_ui_refusal_stops,
        )
        assert said == (
            policy.hosted_ui is HostedUIOrder.LAST,
            policy.order is RemoteOrder.REVOKE_FIRST
            or (policy.order is RemoteOrder.AUTO and settled.authority is Authority.IAM),
            amplify,
            _on_cancel(settled),
            _is_swift(policy) and policy.hosted_ui is HostedUIOrder.FIRST,
        ), settled


def test_only_a_federated_session_stops_a_sign_out_before_it_begins() -> None:
    # S9.
    seen: set[bool] = set()
    for settled in every_settlement():
        federated = settled.session.signed_in and settled.session.method is SignInMethod.FEDERATED
        assert (settled.plan == Plan.stopped("key", Why.FEDERATED, epoch=7)) == federated
        assert (settled.plan.stop is not None) == federated
        seen.add(federated)
    assert seen == {True, False}


def test_a_plan_that_is_stopped_has_nothing_due_and_keeps_the_message() -> None:
    plan = Plan.stopped("key", Why.STORE_UNREADABLE, "The disk is gone.", epoch=7)
    assert (plan.stop, plan.stop_message, plan.key, plan.epoch) == (
        Why.STORE_UNREADABLE,
        "The disk is gone.",
        "key",
        7,
    )
    steps = [plan.hosted_ui, plan.refresh_tokens, plan.global_sign_out, plan.revoke_token, plan.clear_credentials]
    assert steps == [Why.STOPPED] * 5


_NEVER = replace(DEFAULT, hosted_ui=HostedUIOrder.NEVER)
_LOCAL = replace(DEFAULT, local_only=True)
_NO_REFRESH = replace(DEFAULT, refresh_expired_access_token=False)
_EXPIRED = replace(SESSION, access_token_expired=True)
_TOKEN, _IAM = Authority.ACCESS_TOKEN, Authority.IAM


@pytest.mark.parametrize(
    ("step", "policy", "session", "authority", "why"),
    [
        ("hosted_ui", DEFAULT, replace(HOSTED, signed_in=False), _TOKEN, Why.NOT_SIGNED_IN),
        ("hosted_ui", DEFAULT, replace(SESSION, method=SignInMethod.GUEST), _TOKEN, Why.NOT_SIGNED_IN),
        ("hosted_ui", _LOCAL, HOSTED, _TOKEN, Why.LOCAL_ONLY),
        ("hosted_ui", _NEVER, HOSTED, _TOKEN, Why.POLICY),
        ("hosted_ui", DEFAULT, SESSION, _TOKEN, Why.NOT_MADE_IN_HOSTED_UI),
        ("hosted_ui", DEFAULT, replace(SESSION, method=SignInMethod.UNKNOWN), _TOKEN, Why.NOT_MADE_IN_HOSTED_UI),
        ("hosted_ui", DEFAULT, replace(SESSION, method=SignInMethod.PRIVATE_HOSTED_UI), _TOKEN, Why.PRIVATE_SESSION),
        ("global_sign_out", DEFAULT, replace(SESSION, signed_in=False), _TOKEN, Why.NOT_SIGNED_IN),
        ("global_sign_out", _LOCAL, SESSION, _TOKEN, Why.LOCAL_ONLY),
        ("global_sign_out", DEFAULT, replace(SESSION, has_access_token=False), _TOKEN, Why.NO_ACCESS_TOKEN),
        ("global_sign_out", DEFAULT, replace(SESSION, has_username=False), _IAM, Why.NO_USERNAME),
        ("refresh_tokens", DEFAULT, SESSION, _TOKEN, Why.NOT_NEEDED),
        ("refresh_tokens", DEFAULT, _EXPIRED, _IAM, Why.NOT_NEEDED),
        ("refresh_tokens", _LOCAL, _EXPIRED, _TOKEN, Why.LOCAL_ONLY),
        ("refresh_tokens", _NO_REFRESH, _EXPIRED, _TOKEN, Why.POLICY),
        ("refresh_tokens", DEFAULT, replace(_EXPIRED, has_refresh_token=False), _TOKEN, Why.NO_REFRESH_TOKEN),
        ("revoke_token", DEFAULT, replace(SESSION, signed_in=False), _TOKEN, Why.NOT_SIGNED_IN),
        ("revoke_token", _LOCAL, SESSION, _TOKEN, Why.LOCAL_ONLY),
        ("revoke_token", DEFAULT, replace(SESSION, has_refresh_token=False), _TOKEN, Why.NO_REFRESH_TOKEN),
        ("revoke_token", ANDROID, replace(SESSION, access_token_has_origin_jti=False), _TOKEN, Why.NO_ORIGIN_JTI),
    ],
)
def test_a_step_that_is_not_due_has_its_reason(
    step: str, policy: SignOutPolicy, session: Session, authority: Authority, why: Why
) -> None:
    assert getattr(settle(policy, session, authority, global_sign_out=True), step) is why


def test_a_global_sign_out_that_nobody_asked_for_is_not_requested() -> None:
    plan = settle(DEFAULT, _EXPIRED, _TOKEN, global_sign_out=False)
    assert (plan.global_sign_out, plan.refresh_tokens) == (Why.NOT_REQUESTED, Why.NOT_NEEDED)


def test_only_what_was_asked_for_and_is_impossible_counts_as_a_failure() -> None:
    assert {why for why in Why if why.fails} == {
        Why.NO_ACCESS_TOKEN,
        Why.NO_USERNAME,
        Why.NO_ORIGIN_JTI,
        Why.TOKEN_NOT_KEPT,
    }


def test_a_reason_reads_as_words() -> None:
    assert Why.NOT_MADE_IN_HOSTED_UI.words == "not made in hosted ui"


def _global_retry_is_due(retry: SettledRetry) -> bool:
    by_token = retry.authority is Authority.ACCESS_TOKEN
    can_be_authorised = retry.session.has_access_token if by_token else retry.session.has_username
    return retry.unfinished.global_sign_out and can_be_authorised


def test_a_retry_tries_just_what_failed_whatever_the_policy_says() -> None:
    seen: set[tuple[str, bool]] = set()
    for retry in every_retry():
        plan, session = retry.plan, retry.session
        due = {
            "hosted_ui": retry.unfinished.hosted_ui,
            "global_sign_out": _global_retry_is_due(retry),
            "refresh_tokens": _global_retry_is_due(retry)
            and retry.authority is Authority.ACCESS_TOKEN
            and session.access_token_expired
            and session.has_refresh_token
            and retry.policy.refresh_expired_access_token,
            "revoke_token": retry.unfinished.revoke_token and session.has_refresh_token,
            "clear_credentials": False,
        }
        assert {step: getattr(plan, step) is None for step in due} == due, retry
        seen.update(due.items())
    assert len(seen) == 2 * len(_EXPECTED) - 1  # the clear is never due


def test_a_retry_never_stops_and_keeps_the_order() -> None:
    for retry in every_retry():
        plan, policy = retry.plan, retry.policy
        assert (plan.stop, plan.on_cancel, plan.hosted_ui_refusal_stops) == (None, OnCancel.FAILS, False)
        assert (plan.key, plan.epoch, plan.clear_credentials) == ("key", 7, Why.ALREADY_DONE)
        assert plan.hosted_ui_last == (policy.hosted_ui is HostedUIOrder.LAST)
        assert plan.revoke_needs_global == (policy.choices != DEFAULT.choices)
        assert plan.revoke_first == (
            policy.order is RemoteOrder.REVOKE_FIRST
            or (policy.order is RemoteOrder.AUTO and retry.authority is Authority.IAM)
        )


@pytest.mark.parametrize(
    ("step", "session", "authority", "unfinished", "why"),
    [
        ("hosted_ui", SESSION, _TOKEN, Unfinished(revoke_token=True), Why.ALREADY_DONE),
        ("global_sign_out", SESSION, _TOKEN, Unfinished(revoke_token=True), Why.ALREADY_DONE),
        ("revoke_token", SESSION, _TOKEN, Unfinished(hosted_ui=True), Why.ALREADY_DONE),
        (
            "revoke_token",
            replace(SESSION, has_refresh_token=False),
            _TOKEN,
            Unfinished(revoke_token=True),
            Why.TOKEN_NOT_KEPT,
        ),
        (
            "global_sign_out",
            replace(SESSION, has_access_token=False),
            _TOKEN,
            Unfinished(global_sign_out=True),
            Why.NO_ACCESS_TOKEN,
        ),
        (
            "global_sign_out",
            replace(SESSION, has_username=False),
            _IAM,
            Unfinished(global_sign_out=True),
            Why.NO_USERNAME,
        ),
    ],
)
def test_a_step_that_is_not_tried_again_has_its_reason(
    step: str, session: Session, authority: Authority, unfinished: Unfinished, why: Why
) -> None:
    assert getattr(settle_retry(DEFAULT, session, authority, unfinished), step) is why


def test_the_proof_begins_with_every_plan_there_is(plans: frozenset[Plan], retry_plans: frozenset[Plan]) -> None:
    every = {replace(plan, key="default", epoch=1) for plan in plans | retry_plans}
    proved = {context.plan for context in every_context()}
    assert proved - every == {plan for plan in proved if plan.stop not in {None, Why.FEDERATED}}
    assert every - proved == set()


def test_the_sso_session_is_ended_by_a_revocation_that_is_due_if_the_policy_asks_for_it() -> None:
    reasons: set[Why | None] = set()
    for settled in every_settlement():
        plan = settled.plan
        if not settled.policy.end_sso_session:
            assert plan.end_sso_session in {Why.NOT_REQUESTED, Why.STOPPED}
            continue
        policy = replace(settled.policy, end_sso_session=False)
        without = settle(policy, settled.session, settled.authority, global_sign_out=settled.requested)
        assert replace(plan, end_sso_session=without.end_sso_session) == without
        if plan.stop is None:
            expected = plan.revoke_token
            if expected is None and settled.session.method is SignInMethod.USER_POOL:
                expected = Why.NOT_MADE_IN_HOSTED_UI
            assert plan.end_sso_session is expected
            reasons.add(expected)
    assert reasons == {
        None,
        Why.NOT_MADE_IN_HOSTED_UI,
        Why.NOT_SIGNED_IN,
        Why.NO_REFRESH_TOKEN,
        Why.NO_ORIGIN_JTI,
    }


def test_a_session_that_is_cleared_here_only_keeps_its_sso_session() -> None:
    policy = SignOutPolicy(local_only=True, end_sso_session=True)
    assert settle(policy, HOSTED, Authority.IAM, global_sign_out=False).end_sso_session is Why.LOCAL_ONLY


@pytest.mark.parametrize(
    ("policy", "unfinished", "has_token", "expected"),
    [
        (SignOutPolicy(), Unfinished(revoke_token=True), True, Why.NOT_REQUESTED),
        (SignOutPolicy(end_sso_session=True), Unfinished(revoke_token=True), True, None),
        (SignOutPolicy(end_sso_session=True), Unfinished(revoke_token=True), False, Why.TOKEN_NOT_KEPT),
        (SignOutPolicy(end_sso_session=True), Unfinished(hosted_ui=True), True, Why.NO_TOKEN_LEFT),
        (SignOutPolicy(), Unfinished(hosted_ui=True), True, Why.NOT_REQUESTED),
    ],
)
def test_a_retry_ends_the_sso_session_with_the_revocation_that_it_repeats(
    policy: SignOutPolicy, unfinished: Unfinished, expected: Why | None, *, has_token: bool
) -> None:
    session = replace(SESSION, has_refresh_token=has_token)
    assert settle_retry(policy, session, Authority.ACCESS_TOKEN, unfinished).end_sso_session is expected
