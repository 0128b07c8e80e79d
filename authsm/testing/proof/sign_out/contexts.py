"""With which contexts a sign-out may begin: every plan there is, and a few that show all that a plan can make of it."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from authsm.credentials import SignInMethod
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Plan, Unfinished, Why, settle_retry
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder, SignOutPolicy
from authsm.flows.sign_out.reach import plans_of, sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

_BASES: Final = (SignOutPolicy(), SignOutPolicy.amplify_android(), SignOutPolicy.amplify_swift())
"""The policies whose choices beyond the public fields differ."""


def every_policy() -> Iterator[SignOutPolicy]:
    """Give every policy there can be; of those that are local only, which refresh nothing, one in place of two.

    The end of the single sign-on session comes and goes with the revocation that carries it, and decides nothing: the
    policies that ask for it are those of the presets.

    Yields:
        The policies, the default first.
    """
    for local_only, base, hosted_ui, order, refresh, cancel_stops in itertools.product(
        (False, True), _BASES, HostedUIOrder, RemoteOrder, (True, False), (True, False)
    ):
        if refresh or not local_only:
            yield replace(
                base,
                hosted_ui=hosted_ui,
                order=order,
                refresh_expired_access_token=refresh,
                cancel_stops=cancel_stops,
                local_only=local_only,
            )
    for base in _BASES:
        yield replace(base, end_sso_session=True)


def _retries(policy: SignOutPolicy) -> Iterator[Plan]:
    unfinished = [Unfinished(**dict(zip(_STEPS, failed, strict=True))) for failed in _FAILED if any(failed)]
    for session, authority, rest in itertools.product(_RETRIED, Authority, unfinished):
        yield settle_retry(policy, session, authority, rest)


_RETRIED: Final = tuple(
    session for session in sessions() if session.signed_in and session.method is SignInMethod.USER_POOL
)
"""The sessions of partial sign-outs. A retry does not ask how they were opened."""

_STEPS: Final = [each.name for each in fields(Unfinished)]
_FAILED: Final = tuple(itertools.product((True, False), repeat=len(_STEPS)))

_STOPPED: Final = (Why.STORE_UNREADABLE, Why.MISSING_HANDLER, Why.USER_CANCELLED)
"""Why a sign-out does not begin, beyond what a session says."""


@cache
def every_context() -> tuple[SignOutContext, ...]:
    """Give every context with which a sign-out can begin: first ones, retries of partial ones, and those that cannot.

    Returns:
        The contexts, each once, always in the same order.
    """
    plans: dict[Plan, None] = {}
    for policy in every_policy():
        plans.update(dict.fromkeys(plans_of(policy)))
    for policy in every_policy():
        if policy.cancel_stops and not policy.local_only:  # no retry asks for either
            plans.update(dict.fromkeys(_retries(policy)))
    plans.update(dict.fromkeys(Plan.stopped("default", why, epoch=1) for why in _STOPPED))
    return tuple(SignOutContext(plan) for plan in plans)
