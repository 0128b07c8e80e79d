"""The chart of sign-out: two engines agree on all of it, no row is dead, and the way of the mission is in it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from authsm.core.drive import Answer, Interrupt, Message, drive
from authsm.core.vocabulary import Event
from authsm.credentials import SignInMethod
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.plan import Plan, Session, settle
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder, SignOutPolicy
from authsm.testing.reference import ReferenceEngine
from tests.flows.sign_out.inputs import Run, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.core.graph import Edge, Graph
    from authsm.core.machine import Snapshot
    from authsm.flows.sign_out.context import SignOutContext

_SAMPLE = 400
_GUARDS = sorted({row.guard for row in SIGN_OUT.table.rows if row.guard is not None})


@pytest.fixture(scope="module")
def reference() -> ReferenceEngine[SignOutContext]:
    return ReferenceEngine(SIGN_OUT)


def _group(edge: Edge[SignOutContext]) -> tuple[str, type[Event], tuple[bool, ...]]:
    """What the choice of a row depends on."""
    context = edge.target.context
    return edge.source.state, type(edge.event), tuple(getattr(context, guard) for guard in _GUARDS)


def test_the_machine_and_python_statemachine_agree_on_everything_reachable(
    plans: frozenset[Plan],
    retry_plans: frozenset[Plan],
    graph: Graph[SignOutContext],
    reference: ReferenceEngine[SignOutContext],
    count: Callable[[str], None],
) -> None:
    # Asking python-statemachine costs half a millisecond: one edge of each group, and a sample of the others.
    one_of_each = {_group(edge): edge for edge in graph.edges}
    others = [edge for edge in graph.edges if one_of_each[_group(edge)] is not edge]
    compared = [*one_of_each.values(), *random.Random(1).sample(others, _SAMPLE)]  # noqa: S311 - a fixed sample.
    count(
        f"sign-out: {len(plans)} plans, {len(retry_plans)} plans of retries, {len(graph.arrivals)} snapshots, "
        f"{len(graph.edges)} edges in {len(one_of_each)} groups; {len(compared)} edges compared with the other engine"
    )
    assert [found for edge in compared if (found := reference.disagreement(edge.source, edge.event))] == []
    assert min(len(plans), len(retry_plans), len(one_of_each)) > 100


def test_both_engines_refuse_what_does_not_fit(
    graph: Graph[SignOutContext], reference: ReferenceEngine[SignOutContext]
) -> None:
    snapshots = {snapshot.state: snapshot for snapshot in graph.snapshots}
    events = {type(edge.event): edge.event for edge in graph.edges} | {Event: Event()}
    refused = 0
    for state, info in SIGN_OUT.table.states.items():
        for kind, event in events.items():
            if kind not in info.events:
                assert reference.disagreement(snapshots[state], event) is None
                with pytest.raises(Exception, match=f"State '{state}' does not know the event {kind.__name__}"):
                    SIGN_OUT.step(snapshots[state], event)
                refused += 1
    assert refused == len(SIGN_OUT.table.states) * len(events) - sum(
        len(info.events) for info in SIGN_OUT.table.states.values()
    )


def test_no_row_of_the_chart_is_dead(graph: Graph[SignOutContext]) -> None:
    assert graph.dead_rows() == ()


def test_every_state_event_and_effect_is_reached(graph: Graph[SignOutContext]) -> None:
    assert {snapshot.state for snapshot in graph.snapshots} == set(SIGN_OUT.table.states)
    assert {type(edge.event) for edge in graph.edges} == {row.event for row in SIGN_OUT.table.rows}
    assert {type(edge.step.effect) for edge in graph.edges if edge.step.effect} == {
        info.effect for info in SIGN_OUT.table.states.values() if info.effect
    }


def test_every_reachable_snapshot_survives_json(graph: Graph[SignOutContext]) -> None:
    sample = random.Random(2).sample(list(graph.snapshots), 2000)  # noqa: S311 - a fixed sample.
    assert {snapshot.state for snapshot in sample} == set(SIGN_OUT.table.states)
    assert [SIGN_OUT.from_json(SIGN_OUT.to_json(snapshot)) for snapshot in sample] == sample


def _all_done(plan: Plan) -> list[str]:
    snapshot = SIGN_OUT.step(start(plan), effects.Begin()).snapshot
    states = [snapshot.state]
    while (effect := SIGN_OUT.pending(snapshot)) is not None:
        snapshot = SIGN_OUT.step(snapshot, effect.done()).snapshot
        states.append(snapshot.state)
    return states


SESSION = Session(key="key", epoch=7)
EXPIRED = Session(key="key", epoch=7, access_token_expired=True)


@pytest.mark.parametrize(
    ("order", "authority", "session", "way"),
    [
        # The line of the mission: the natural call of a back end, with IAM credentials.
        (RemoteOrder.AUTO, Authority.IAM, SESSION, ["RevokingToken", "SigningOutGlobally"]),
        (RemoteOrder.AUTO, Authority.IAM, EXPIRED, ["RevokingToken", "SigningOutGlobally"]),
        # Revocation would kill the access token that has to authorise the global sign-out.
        (RemoteOrder.AUTO, Authority.ACCESS_TOKEN, SESSION, ["SigningOutGlobally", "RevokingToken"]),
        (
            RemoteOrder.AUTO,
            Authority.ACCESS_TOKEN,
            EXPIRED,
            ["RefreshingTokens", "SigningOutGlobally", "RevokingToken"],
        ),
        (RemoteOrder.REVOKE_FIRST, Authority.IAM, SESSION, ["RevokingToken", "SigningOutGlobally"]),
        (RemoteOrder.REVOKE_FIRST, Authority.ACCESS_TOKEN, SESSION, ["RevokingToken", "SigningOutGlobally"]),
        (
            RemoteOrder.REVOKE_FIRST,
            Authority.ACCESS_TOKEN,
            EXPIRED,
            ["RefreshingTokens", "RevokingToken", "SigningOutGlobally"],
        ),
        (RemoteOrder.GLOBAL_FIRST, Authority.IAM, SESSION, ["SigningOutGlobally", "RevokingToken"]),
        (RemoteOrder.GLOBAL_FIRST, Authority.ACCESS_TOKEN, SESSION, ["SigningOutGlobally", "RevokingToken"]),
    ],
)
def test_the_remote_steps_come_in_the_order_that_policy_and_authority_decide(
    order: RemoteOrder, authority: Authority, session: Session, way: list[str]
) -> None:
    plan = settle(SignOutPolicy(order=order), session, authority, global_sign_out=True)
    assert _all_done(plan) == [*way, "SigningOutLocally", "SignedOut"]


@pytest.mark.parametrize(
    ("hosted_ui", "way"),
    [
        (
            HostedUIOrder.FIRST,
            ["SigningOutHostedUI", "RevokingToken", "SigningOutGlobally", "SigningOutLocally", "SignedOut"],
        ),
        (
            HostedUIOrder.LAST,
            ["RevokingToken", "SigningOutGlobally", "SigningOutLocally", "SigningOutHostedUI", "SignedOut"],
        ),
        (HostedUIOrder.NEVER, ["RevokingToken", "SigningOutGlobally", "SigningOutLocally", "SignedOut"]),
    ],
)
def test_the_hosted_ui_comes_first_or_last_or_never(hosted_ui: HostedUIOrder, way: list[str]) -> None:
    session = Session(key="key", epoch=7, method=SignInMethod.HOSTED_UI)
    plan = settle(SignOutPolicy(hosted_ui=hosted_ui), session, Authority.IAM, global_sign_out=True)
    assert _all_done(plan) == way


def test_the_order_of_the_remote_steps_holds_in_every_run(runs: tuple[Run, ...]) -> None:
    both = [run for run in runs if {effects.RevokeToken, effects.GlobalSignOut} <= {*run.asked}]
    revoke_first = [run.asked.index(effects.RevokeToken) < run.asked.index(effects.GlobalSignOut) for run in both]
    assert revoke_first == [run.plan.revoke_first for run in both]
    assert {*revoke_first} == {True, False}


def test_an_interrupted_sign_out_does_not_open_the_browser_any_more() -> None:
    session = Session(key="key", epoch=7, method=SignInMethod.HOSTED_UI)
    policy = SignOutPolicy(hosted_ui=HostedUIOrder.LAST)
    plan = settle(policy, session, Authority.ACCESS_TOKEN, global_sign_out=True)
    run = drive(SIGN_OUT, start(plan), effects.Begin(), clock=lambda: 0.0)
    messages: tuple[Message, ...] = (
        Interrupt(),
        Answer(1, effects.SignedOutGlobally()),
        Answer(2, effects.TokenRevoked()),
    )
    asked = [next(run), *(run.send(message) for message in messages)]
    with pytest.raises(StopIteration) as ended:
        run.send(Answer(3, effects.CredentialsCleared()))
    final: Snapshot[SignOutContext] = ended.value.value
    assert {type(ask.effect) for ask in asked} == {effects.GlobalSignOut, effects.RevokeToken, effects.ClearCredentials}
    assert (final.state, final.context.hosted_ui is not None) == ("PartialSignedOut", True)
