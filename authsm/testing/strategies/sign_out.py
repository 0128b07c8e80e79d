"""What a sign-out is settled from, and what it settles into."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from authsm.credentials import SignInMethod
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Plan, Session, Unfinished, Why, settle, settle_retry
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder, SignOutPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS: Final = ("default", "ada")
_PRESETS: Final = (SignOutPolicy(), SignOutPolicy.amplify_android(), SignOutPolicy.amplify_swift())
_STOPS: Final = (Why.FEDERATED, Why.STORE_UNREADABLE, Why.MISSING_HANDLER, Why.USER_CANCELLED)
_ACCESS_TOKENS: Final[tuple[Mapping[str, Any], ...]] = (
    *(
        {"access_token_expired": expired, "access_token_has_origin_jti": origin_jti}
        for expired, origin_jti in itertools.product((False, True), (True, False))
    ),
    {"has_access_token": False, "access_token_has_origin_jti": False},
)
_EXPIRED: Final = {
    "has_username": st.booleans(),
    "access_token": st.sampled_from([each for each in _ACCESS_TOKENS if each.get("access_token_expired")]),
    "refresh_token": st.just(dict[str, bool]()),
}
_REFRESH_TOKENS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"refresh_token_expired": True},
    {"has_refresh_token": False},
    {"has_refresh_token": False, "refresh_token_expired": True},
)
"""A session may know when its refresh token ends, and not have it."""

_UNFINISHED: Final = tuple(
    Unfinished(hosted_ui=hosted_ui, global_sign_out=global_sign_out, revoke_token=revoke_token)
    for hosted_ui, global_sign_out, revoke_token in itertools.product((True, False), repeat=3)
    if hosted_ui or global_sign_out or revoke_token
)


def policies() -> st.SearchStrategy[SignOutPolicy]:
    """Draw policies: the presets as they are, and with other choices.

    >>> from hypothesis import find
    >>> find(policies(), lambda policy: policy.local_only).hosted_ui
    <HostedUIOrder.FIRST: 'first'>

    Returns:
        The strategy.
    """
    presets = st.sampled_from(_PRESETS)
    others = st.builds(
        _otherwise,
        presets,
        hosted_ui=st.sampled_from(HostedUIOrder),
        order=st.sampled_from(RemoteOrder),
        refresh_expired_access_token=st.booleans(),
        cancel_stops=st.booleans(),
        local_only=st.booleans(),
        end_sso_session=st.booleans(),
    )
    return presets | others


def _otherwise(preset: SignOutPolicy, **choices: Any) -> SignOutPolicy:
    return replace(preset, **choices)


def authorities() -> st.SearchStrategy[Authority]:
    """Draw what authorises a global sign-out.

    >>> from hypothesis import find
    >>> find(authorities(), lambda authority: True)
    <Authority.ACCESS_TOKEN: 'access_token'>

    Returns:
        The strategy.
    """
    return st.sampled_from(Authority)


def sessions() -> st.SearchStrategy[Session]:
    """Draw the facts of sessions, of every way to sign in and whatever tokens are there; or of none.

    >>> from hypothesis import find
    >>> find(sessions(), lambda session: session.access_token_expired).has_access_token
    True

    Returns:
        The strategy.
    """
    key, epoch = st.sampled_from(_KEYS), st.integers(1, 2**53)
    return st.builds(_no_session, key, epoch) | st.builds(
        _session,
        key,
        epoch,
        method=st.sampled_from(SignInMethod),
        has_username=st.booleans(),
        access_token=st.sampled_from(_ACCESS_TOKENS),
        refresh_token=st.sampled_from(_REFRESH_TOKENS),
    )


def _no_session(key: str, epoch: int) -> Session:
    return Session(key=key, epoch=epoch, signed_in=False)


def _session(
    key: str, epoch: int, *, access_token: Mapping[str, Any], refresh_token: Mapping[str, Any], **others: Any
) -> Session:
    return Session(key=key, epoch=epoch, **access_token, **refresh_token, **others)


def plans() -> st.SearchStrategy[Plan]:
    """Draw plans: of first sign-outs, of retries, and of those that cannot begin.

    >>> from hypothesis import find
    >>> find(plans(), lambda plan: plan.hosted_ui is None and plan.refresh_tokens is None).stop is None
    True

    Returns:
        The strategy.
    """
    first = st.builds(settle, policies(), sessions(), authorities(), global_sign_out=st.booleans())
    # What takes most steps has to be asked for, expired and authorised by the token, which seldom comes together.
    old = st.builds(_session, st.sampled_from(_KEYS), st.just(1), method=st.sampled_from(SignInMethod), **_EXPIRED)
    long = st.builds(settle, policies(), old, st.just(Authority.ACCESS_TOKEN), global_sign_out=st.just(value=True))
    retry = st.builds(settle_retry, policies(), sessions(), authorities(), st.sampled_from(_UNFINISHED))
    stopped = st.builds(
        Plan.stopped, st.sampled_from(_KEYS), st.sampled_from(_STOPS), st.sampled_from(["", "The disk is full."])
    )
    return first | long | retry | stopped


def sign_out_contexts() -> st.SearchStrategy[SignOutContext]:
    """Draw what a sign-out remembers as it begins; `snapshots` draws what it remembers later on.

    >>> from hypothesis import find
    >>> find(sign_out_contexts(), lambda context: context.plan.revoke_token is None).revoke_token is None
    True

    Returns:
        The strategy.
    """
    return plans().map(SignOutContext)
