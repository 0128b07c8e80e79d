"""Every plan that a sign-out can have, and every way in which one can go."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from authsm.core.graph import every_reply
from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import SignInMethod
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Plan, Session, Unfinished, Why, settle, settle_retry
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder, SignOutPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.core.graph import Edge, Graph
    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect, Event

BASES: Final = (SignOutPolicy(), SignOutPolicy.amplify_android(), SignOutPolicy.amplify_swift())
"""The policies whose choices beyond the public fields differ."""

POLICIES: Final = (
    *(
        replace(
            base,
            hosted_ui=hosted_ui,
            order=order,
            refresh_expired_access_token=refresh,
            cancel_stops=cancel_stops,
            local_only=local_only,
        )
        for base, hosted_ui, order, refresh, cancel_stops, local_only in itertools.product(
            BASES, HostedUIOrder, RemoteOrder, (True, False), (True, False), (True, False)
        )
    ),
    *(replace(base, end_sso_session=True) for base in BASES),
)

_ACCESS_TOKENS: Final = (
    {"has_access_token": False, "access_token_has_origin_jti": False},
    *(
        {"access_token_expired": expired, "access_token_has_origin_jti": origin_jti}
        for expired, origin_jti in itertools.product((True, False), repeat=2)
    ),
)
_REFRESH_TOKENS: Final = tuple(
    {"has_refresh_token": has, "refresh_token_expired": expired}
    for has, expired in itertools.product((True, False), repeat=2)
)

SESSIONS: Final = (
    Session(key="key", epoch=7, signed_in=False),
    *(
        Session(key="key", epoch=7, method=method, has_username=has_username, **access_token, **refresh_token)
        for method, has_username, access_token, refresh_token in itertools.product(
            SignInMethod, (True, False), _ACCESS_TOKENS, _REFRESH_TOKENS
        )
    ),
)


class Settled(NamedTuple):
    """A plan, and what it was settled from."""

    policy: SignOutPolicy
    session: Session
    authority: Authority
    requested: bool
    plan: Plan


def every_settlement() -> Iterator[Settled]:
    for policy, session, authority, requested in itertools.product(POLICIES, SESSIONS, Authority, (True, False)):
        plan = settle(policy, session, authority, global_sign_out=requested)
        yield Settled(policy, session, authority, requested, plan)


class SettledRetry(NamedTuple):
    """The plan of a retry, and what it was settled from."""

    policy: SignOutPolicy
    session: Session
    authority: Authority
    unfinished: Unfinished
    plan: Plan


def every_retry() -> Iterator[SettledRetry]:
    sessions = [session for session in SESSIONS if session.signed_in and session.method is SignInMethod.USER_POOL]
    unfinished = [
        Unfinished(hosted_ui=hosted_ui, global_sign_out=global_sign_out, revoke_token=revoke_token)
        for hosted_ui, global_sign_out, revoke_token in itertools.product((True, False), repeat=3)
        if hosted_ui or global_sign_out or revoke_token
    ]
    for policy, session, authority, rest in itertools.product(POLICIES, sessions, Authority, unfinished):
        yield SettledRetry(policy, session, authority, rest, settle_retry(policy, session, authority, rest))


STOPPED: Final = tuple(
    Plan.stopped("key", why, "The message.", epoch=7)
    for why in (Why.FEDERATED, Why.STORE_UNREADABLE, Why.MISSING_HANDLER, Why.USER_CANCELLED)
)

TIMED_OUT: Final = Failure(FailureKind.TIMED_OUT, "TimeLimit", "no answer")


def everything_that_may_happen(machine: Machine[SignOutContext], snapshot: Snapshot[SignOutContext]) -> Iterator[Event]:
    """One event of each kind, and those whose details matter: notes, and failures that are no refusals."""
    yield from every_reply(machine, snapshot)
    match snapshot.state:
        case "SigningOutHostedUI":
            yield effects.HostedUISignedOut("The URL was only printed.")
            yield effects.HostedUISignOutFailed(TIMED_OUT)
        case "RevokingToken" if snapshot.context.plan.end_sso_session is None:
            yield effects.TokenRevoked("It was dead already.", None, "It was linked.")
            yield effects.TokenRevoked(sso_skipped=Why.NO_SSO_SESSION)
            yield effects.TokenRevoked(sso_skipped=Why.SESSIONS_NOT_TRACKED)
        case "SigningOutLocally":
            yield effects.CredentialsCleared("A file is left.")
            yield effects.ClearCredentialsFailed(TIMED_OUT)


@dataclass(frozen=True)
class Run:
    """A whole sign-out: one way from the start to an end."""

    edges: tuple[Edge[SignOutContext], ...]

    @property
    def plan(self) -> Plan:
        return self.edges[0].source.context.plan

    @property
    def final(self) -> Snapshot[SignOutContext]:
        return self.edges[-1].target

    @property
    def states(self) -> list[str]:
        return [edge.target.state for edge in self.edges]

    @property
    def asked(self) -> list[type[Effect]]:
        return [type(edge.step.effect) for edge in self.edges if edge.step.effect is not None]

    @property
    def replies(self) -> dict[type[Effect], Event]:
        """What each effect that was asked for was answered."""
        return {
            type(before.step.effect): after.event
            for before, after in itertools.pairwise(self.edges)
            if before.step.effect is not None
        }


def every_run(graph: Graph[SignOutContext]) -> Iterator[Run]:
    following: dict[Snapshot[SignOutContext], list[Edge[SignOutContext]]] = {}
    for edge in graph.edges:
        following.setdefault(edge.source, []).append(edge)
    waiting: list[tuple[Edge[SignOutContext], ...]] = [
        (edge,) for start, arrival in graph.arrivals.items() if arrival is None for edge in following[start]
    ]
    while waiting:
        way = waiting.pop()
        onward = following.get(way[-1].target)
        if onward is None:
            yield Run(way)
        else:
            waiting.extend((*way, edge) for edge in onward)


def start(plan: Plan) -> Snapshot[SignOutContext]:
    return SIGN_OUT.start(SignOutContext(plan))
