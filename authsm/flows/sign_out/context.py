"""What a sign-out remembers, and the guards of its chart.

The guards answer one question, "what comes next?", by what the plan makes due and what was tried. Nothing is tried
twice: a step that has an outcome is never next again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from authsm.core.vocabulary import Context, Event, Failure, FailureKind
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.plan import OnCancel, Plan, Why

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Outcome(msgspec.Struct, frozen=True):
    """What became of a step that was tried, or that fell due and could not be tried.

    Attributes:
        failure: Why it failed; None where it did not.
        skipped: Why it was passed over after all.
        note: What there is to say about it.
    """

    failure: Failure | None = None
    skipped: Why | None = None
    note: str = ""


NOT_REFRESHED = "The access token has expired and could not be refreshed."
NOT_ATTEMPTED_AFTER_GLOBAL = "RevokeToken not attempted because GlobalSignOut failed."
SSO_SESSION_NOT_TOLD = "not known: whoever revoked the token does not tell what became of the SSO session"


class SignOutContext(Context, msgspec.Struct, frozen=True):
    """What a sign-out remembers: its plan, and the outcome of each step, None until there is one.

    Attributes:
        plan: What is due.
        hosted_ui: Of ending the browser's session.
        refresh_tokens: Of refreshing the access token.
        global_sign_out: Of the global sign-out.
        revoke_token: Of revoking the refresh token.
        clear_credentials: Of the local clear.
        stopped: Whether the sign-out ends here, with the session as it was.
        end_sso_session: Of ending the single sign-on session, once the revocation that carries it is done.
    """

    plan: Plan
    hosted_ui: Outcome | None = None
    refresh_tokens: Outcome | None = None
    global_sign_out: Outcome | None = None
    revoke_token: Outcome | None = None
    clear_credentials: Outcome | None = None
    stopped: bool = False
    end_sso_session: Outcome | None = None

    def after(self, event: Event) -> SignOutContext:
        """Remember the outcome that an event tells; see `Context.after`."""
        return _AFTER[type(event)](self, event)

    @property
    def stops_here(self) -> bool:
        """The sign-out stops here."""
        return self.stopped

    @property
    def hosted_ui_is_next(self) -> bool:
        """Hosted UI is due now."""
        if self.plan.hosted_ui is not None or self.hosted_ui is not None:
            return False
        return not self.plan.hosted_ui_last or not (self._remote_step_is_next or self.local_clear_is_next)

    @property
    def _remote_step_is_next(self) -> bool:
        return self.refresh_is_next or self.global_sign_out_is_next or self.revocation_is_next

    @property
    def refresh_is_next(self) -> bool:
        """Access token must be refreshed."""
        return self.plan.refresh_tokens is None and self.refresh_tokens is None

    @property
    def global_sign_out_is_next(self) -> bool:
        """Global sign-out is due now."""
        if self.plan.global_sign_out is not None or self.global_sign_out is not None:
            return False
        return not (self.plan.revoke_first and self.revocation_is_next)

    @property
    def revocation_is_next(self) -> bool:
        """Revocation is due."""
        return self.plan.revoke_token is None and self.revoke_token is None

    @property
    def local_clear_is_next(self) -> bool:
        """Local clear is due."""
        return self.plan.clear_credentials is None and self.clear_credentials is None

    @property
    def something_failed(self) -> bool:
        """A remote step failed."""
        return _has_failed(self.global_sign_out) or _has_failed(self.revoke_token) or _has_failed(self.hosted_ui)


def _has_failed(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.failure is not None


_DONE = Outcome()


def _remember(context: SignOutContext, step: str, outcome: Outcome, *, stopped: bool = False) -> SignOutContext:
    return replace(context, **{step: outcome, "stopped": stopped})


def _done(step: str) -> Callable[[SignOutContext, Any], SignOutContext]:
    return lambda context, event: _remember(context, step, Outcome(note=event.note) if event.note else _DONE)


def _failed(step: str) -> Callable[[SignOutContext, Any], SignOutContext]:
    return lambda context, event: _remember(context, step, Outcome(event.failure))


def _after_begin(context: SignOutContext, _: effects.Begin) -> SignOutContext:
    plan = context.plan
    global_sign_out, revoke_token = _impossible(plan.global_sign_out), _impossible(plan.revoke_token)
    return SignOutContext(plan, None, None, global_sign_out, revoke_token, None, plan.stop is not None)


def _impossible(why: Why | None) -> Outcome | None:
    """Give the outcome of a step that was asked for and cannot be tried."""
    if why is None or not why.fails:
        return None
    return Outcome(Failure(FailureKind.NOT_ATTEMPTED, why.name, _CANNOT[why]))


def _after_cancel(context: SignOutContext, _: effects.UserCancelled) -> SignOutContext:
    on_cancel = context.plan.on_cancel
    if on_cancel is OnCancel.PASSES:
        return _remember(context, "hosted_ui", Outcome(skipped=Why.USER_CANCELLED))
    failure = Failure(FailureKind.CANCELLED, "UserCancelled", "The user called the hosted UI sign-out off.")
    return _remember(context, "hosted_ui", Outcome(failure), stopped=on_cancel is OnCancel.STOPS)


def _after_hosted_ui_failure(context: SignOutContext, event: effects.HostedUISignOutFailed) -> SignOutContext:
    stopped = context.plan.hosted_ui_refusal_stops and event.failure.kind is FailureKind.REFUSED
    return _remember(context, "hosted_ui", Outcome(event.failure), stopped=stopped)


def _after_revocation(context: SignOutContext, event: effects.TokenRevoked) -> SignOutContext:
    context = _done("revoke_token")(context, event)
    if context.plan.end_sso_session is not None:
        return context
    skipped = event.sso_skipped
    note = "" if skipped else event.sso_note or SSO_SESSION_NOT_TOLD
    return replace(context, end_sso_session=Outcome(None, skipped, note))


def _after_refresh_failure(context: SignOutContext, event: effects.RefreshTokensFailed) -> SignOutContext:
    context = _remember(context, "refresh_tokens", Outcome(event.failure))
    message = f"{NOT_REFRESHED} {event.failure.message}"
    return _global_failed(context, Failure(FailureKind.NOT_ATTEMPTED, event.failure.code, message))


def _after_global_failure(context: SignOutContext, event: effects.GlobalSignOutFailed) -> SignOutContext:
    return _global_failed(context, event.failure)


def _global_failed(context: SignOutContext, failure: Failure) -> SignOutContext:
    context = _remember(context, "global_sign_out", Outcome(failure))
    if not (context.plan.revoke_needs_global and context.revocation_is_next):
        return context
    not_attempted = Failure(FailureKind.NOT_ATTEMPTED, "GlobalSignOutFailed", NOT_ATTEMPTED_AFTER_GLOBAL)
    return _remember(context, "revoke_token", Outcome(not_attempted))


_AFTER: Mapping[type[Event], Callable[[SignOutContext, Any], SignOutContext]] = {
    effects.Begin: _after_begin,
    effects.HostedUISignedOut: _done("hosted_ui"),
    effects.HostedUISignOutFailed: _after_hosted_ui_failure,
    effects.UserCancelled: _after_cancel,
    effects.TokensRefreshed: _done("refresh_tokens"),
    effects.RefreshTokensFailed: _after_refresh_failure,
    effects.SignedOutGlobally: _done("global_sign_out"),
    effects.GlobalSignOutFailed: _after_global_failure,
    effects.TokenRevoked: _after_revocation,
    effects.RevokeTokenFailed: _failed("revoke_token"),
    effects.CredentialsCleared: _done("clear_credentials"),
    effects.ClearCredentialsFailed: _failed("clear_credentials"),
}

_CANNOT: Mapping[Why, str] = {
    Why.NO_ACCESS_TOKEN: "GlobalSignOut not attempted: the session has no access token that could authorise it.",
    Why.NO_USERNAME: "AdminUserGlobalSignOut not attempted: the session does not say whose it is.",
    Why.NO_ORIGIN_JTI: "RevokeToken not attempted: the access token has no origin_jti, so revocation is not enabled.",
    Why.TOKEN_NOT_KEPT: "RevokeToken not attempted: the refresh token is not at hand any more.",
}
