"""The proof of sign-out: its world, what must hold of it, and with which contexts it may begin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authsm.credentials import SignInMethod
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Session, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.flows.sign_out.reach import whatever_may_happen
from authsm.testing.proof.faults import OTHERS, Faults
from authsm.testing.proof.proof import Proof, Setting
from authsm.testing.proof.sign_out.contexts import every_context
from authsm.testing.proof.sign_out.law import SIGN_OUT_INVARIANTS
from authsm.testing.proof.sign_out.world import SECOND, SignOutWorld, epoch_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SIGN_OUT_INVARIANTS", "SIGN_OUT_PROOF", "SignOutWorld", "at_once", "every_context"]


def at_once(context: SignOutContext) -> tuple[SignOutContext, SignOutContext]:
    """Give two sign-outs at once: of a session, and of the one that takes its place.

    Args:
        context: With what the first begins.

    Returns:
        The contexts of both.
    """
    return context, SignOutContext(replace(context.plan, epoch=epoch_of(SECOND)))


def _among_others() -> Iterator[Setting[SignOutContext]]:
    here = Session(key="default", epoch=1)
    an_hour_later = replace(here, access_token_expired=True)  # what is refreshed then may meet a refresh of others
    in_browser = replace(here, method=SignInMethod.HOSTED_UI)
    default, last = SignOutPolicy(), SignOutPolicy(hosted_ui="last")
    one, every, late, back_end = (
        SignOutContext(settle(policy, session, Authority.ACCESS_TOKEN, global_sign_out=everywhere))
        for policy, session, everywhere in (
            (default, here, False),
            (default, here, True),
            (default, an_hour_later, True),
            (last, in_browser, False),
        )
    )
    yield Setting("others sign in, refresh; crashes", OTHERS, ((one,), (every,), (late,), (back_end,)))
    yield Setting("two sign-outs at once", Faults(others=True), (at_once(one), at_once(back_end)))


SIGN_OUT_PROOF: Final = Proof(
    machine=SIGN_OUT,
    contexts=every_context,
    world=SignOutWorld(),
    invariants=SIGN_OUT_INVARIANTS,
    events=whatever_may_happen,
    at="authsm.testing.proof.sign_out:SIGN_OUT_PROOF",
    more=_among_others,
)
"""All that is needed to prove sign-out; ``authsm check`` does it."""
