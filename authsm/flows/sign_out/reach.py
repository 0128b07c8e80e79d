"""What a policy's sign-outs can come to: from every session that there can be, everything that may happen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from authsm.core.graph import every_reply, explore
from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import SignInMethod
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.effects import HostedUISignOutFailed
from authsm.flows.sign_out.plan import Plan, Session, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authsm.core.graph import Graph
    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event

_PRESETS: Final = (
    (
        "default",
        SignOutPolicy(),
        "`SignOutPolicy()`. The hosted UI comes first, so that a cancel can stop everything.",
    ),
    (
        "amplify-android",
        SignOutPolicy.amplify_android(),
        "`SignOutPolicy.amplify_android()`. After a failed global sign-out, nothing is revoked.",
    ),
    (
        "amplify-swift",
        SignOutPolicy.amplify_swift(),
        "`SignOutPolicy.amplify_swift()`. An error that the hosted UI reports ends the sign-out there.",
    ),
    (
        "local-only",
        SignOutPolicy(local_only=True),
        "`SignOutPolicy(local_only=True)`. The tokens stay alive at the service.",
    ),
    (
        "hosted-ui-last",
        SignOutPolicy(hosted_ui="last"),
        '`SignOutPolicy(hosted_ui="last")`. For web back ends, where users may never come back.',
    ),
)

PRESETS: Final[Mapping[str, SignOutPolicy]] = {name: policy for name, policy, _ in _PRESETS}
"""Policies by the names under which they are drawn, and are chosen on the command line."""

PRESETS_IN_WORDS: Final[Mapping[str, str]] = {name: words for name, _, words in _PRESETS}
"""How each of them is written, and what it is about: in Markdown."""

_KEY: Final = "default"
_EPOCH: Final = 1

_ACCESS_TOKENS: Final = (
    (True, True, False),
    (True, True, True),
    (True, False, False),
    (True, False, True),
    (False, False, False),
)
"""Whether there is one, whether it has the claim ``origin_jti``, and whether it has expired."""


def plans_of(policy: SignOutPolicy) -> tuple[Plan, ...]:
    """Give every plan that a first sign-out can have; retries of partial ones are left out.

    Args:
        policy: What the application chose.

    Returns:
        The plans, each once: of all sessions and authorities, with a global sign-out and without.
    """
    settled = (
        settle(policy, session, authority, global_sign_out=requested)
        for session, authority, requested in itertools.product(sessions(), Authority, (False, True))
    )
    return tuple(dict.fromkeys(settled))


def starts_of(policy: SignOutPolicy) -> tuple[Snapshot[SignOutContext], ...]:
    """Give every snapshot in which a first sign-out can start.

    Args:
        policy: What the application chose.

    Returns:
        The snapshots, one for each of `plans_of`.
    """
    return tuple(SIGN_OUT.start(SignOutContext(plan)) for plan in plans_of(policy))


def reach(policy: SignOutPolicy) -> Graph[SignOutContext]:
    """Find everything that the first sign-outs of a policy can reach.

    Args:
        policy: What the application chose.

    Returns:
        The reachable snapshots and edges.
    """
    return explore(SIGN_OUT, starts_of(policy), events=whatever_may_happen)


def whatever_may_happen(machine: Machine[SignOutContext], snapshot: Snapshot[SignOutContext]) -> Iterator[Event]:
    """Give one event of each kind that a snapshot knows, and a failure of the hosted UI that is no refusal.

    Args:
        machine: The sign-out machine.
        snapshot: Where it stands.

    Yields:
        The events. Guards tell no other details of events apart.
    """
    for event in every_reply(machine, snapshot):
        yield event
        if isinstance(event, HostedUISignOutFailed):
            yield HostedUISignOutFailed(Failure(FailureKind.TIMED_OUT, "TimeLimit", "No answer."))


def sessions() -> Iterator[Session]:
    """Give every session, one made in the hosted UI with all its tokens first."""
    methods = sorted(SignInMethod, key=lambda method: method is not SignInMethod.HOSTED_UI)
    names, refresh_tokens = (True, False), itertools.product((True, False), (False, True))
    for method, name, (access, jti, old), (refresh, old_refresh) in itertools.product(
        methods, names, _ACCESS_TOKENS, refresh_tokens
    ):
        yield Session(
            key=_KEY,
            epoch=_EPOCH,
            method=method,
            has_username=name,
            has_access_token=access,
            access_token_has_origin_jti=jti,
            access_token_expired=old,
            has_refresh_token=refresh,
            refresh_token_expired=old_refresh,
        )
    yield Session(key=_KEY, epoch=_EPOCH, signed_in=False)
