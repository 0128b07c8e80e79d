"""The plan: policy, facts of the session and authority, settled into what is due, and why the rest is not.

A plan is made once, before the first step. From then on the guards and the result read the same plan, so a step that is
reported as skipped was skipped for just that reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from authsm.credentials import SignInMethod
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder, SignOutPolicy


class Why(StrEnum):
    """Why a step is not due, or the sign-out cannot begin."""

    NOT_REQUESTED = "not_requested"
    """Nobody asked for it."""
    NOT_SIGNED_IN = "not_signed_in"
    """There is no session."""
    LOCAL_ONLY = "local_only"
    """The policy clears the local credentials only."""
    POLICY = "policy"
    """The policy says never."""
    NOT_MADE_IN_HOSTED_UI = "not_made_in_hosted_ui"
    """The session was not made in the hosted UI, or is not known to have been."""
    PRIVATE_SESSION = "private_session"
    """The browser forgot the hosted UI's cookie when its private window was closed."""
    USER_CANCELLED = "user_cancelled"
    """The user called it off, which does not count here."""
    NOT_NEEDED = "not_needed"
    """Nothing that is due needs it."""
    NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105 - no password
    """The session has no refresh token."""
    ALREADY_DONE = "already_done"
    """An earlier sign-out has done it."""
    STOPPED = "stopped"
    """The sign-out ended before it came to this step."""

    NO_ACCESS_TOKEN = "no_access_token"  # noqa: S105 - no password
    """The global sign-out was asked for, and the session has no access token that could authorise it."""
    NO_USERNAME = "no_username"
    """The administrative global sign-out was asked for, and the session does not say whose it is."""
    NO_ORIGIN_JTI = "no_origin_jti"
    """The access token lacks the claim that shows that revocation is enabled, and the preset asks for it."""
    TOKEN_NOT_KEPT = "token_not_kept"  # noqa: S105 - no password
    """The refresh token that was to be revoked is not at hand any more."""

    NO_SSO_SESSION = "no_sso_session"
    """No single sign-on session is linked to the session, so there is none to end."""
    SESSIONS_NOT_TRACKED = "sessions_not_tracked"
    """The user pool does not track sessions, or not in this region: the browser stays signed in."""
    CLIENT_TOO_OLD = "client_too_old"
    """The client of the service does not know how to ask for it, or cannot tell: the browser stays signed in."""
    REFUSED_WITH_REVOCATION = "refused_with_revocation"
    """The service revokes the token only if it is asked for nothing else: the browser stays signed in."""
    NO_TOKEN_LEFT = "no_token_left"  # noqa: S105 - no password
    """No token is left that could ask for it. What became of it says the result that is tried again."""

    FEDERATED = "federated"
    """The session is federated straight to an identity pool; a sign-out would not end it."""
    STORE_UNREADABLE = "store_unreadable"
    """The credentials could not be read, or are not what they should be."""
    MISSING_HANDLER = "missing_handler"
    """The runner cannot carry out what is due."""

    @property
    def fails(self) -> bool:
        """Whether a step that is not due for this reason counts as failed."""
        return self in _FAILS

    @property
    def words(self) -> str:
        """The reason as people read it."""
        return self.value.replace("_", " ")


_FAILS = frozenset({Why.NO_ACCESS_TOKEN, Why.NO_USERNAME, Why.NO_ORIGIN_JTI, Why.TOKEN_NOT_KEPT})


class OnCancel(StrEnum):
    """What follows when the user calls the hosted UI's sign-out off."""

    STOPS = "stops"
    """The sign-out ends there, with nothing done."""
    FAILS = "fails"
    """The sign-out goes on, and the result has an error."""
    PASSES = "passes"
    """The sign-out goes on, and the step counts as skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The facts of a session that a sign-out depends on. They hold no token.

    Attributes:
        key: Its key in the store.
        epoch: Its epoch there.
        signed_in: Whether there is a session at all.
        method: How it was opened.
        has_username: Whether it says whose it is.
        has_access_token: Whether it has one.
        access_token_expired: Whether that one has expired, by the local clock.
        access_token_has_origin_jti: Whether that one shows that revocation is enabled.
        has_refresh_token: Whether it has one.
        refresh_token_expired: Whether that one is known to have expired, by the local clock.
    """

    key: str
    epoch: int
    signed_in: bool = True
    method: SignInMethod = SignInMethod.USER_POOL
    has_username: bool = True
    has_access_token: bool = True
    access_token_expired: bool = False
    access_token_has_origin_jti: bool = True
    has_refresh_token: bool = True
    refresh_token_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sign-out will do. For each step: None where it is due, else why it is not.

    Attributes:
        key: The session's key in the store.
        epoch: The session's epoch there.
        stop: Why the sign-out cannot begin at all; None where it can.
        stop_message: One line more about that.
        hosted_ui: Ending the browser's session at the hosted UI.
        refresh_tokens: Refreshing the access token for the global sign-out.
        global_sign_out: Ending every session of the user.
        revoke_token: Revoking the refresh token.
        end_sso_session: Ending the single sign-on session at the service; the revocation carries it.
        clear_credentials: Clearing the local credentials.
        hosted_ui_last: Whether the hosted UI comes last.
        revoke_first: Whether revocation comes before the global sign-out.
        revoke_needs_global: Whether revocation counts as failed, untried, once a global sign-out that was due failed.
        on_cancel: What follows a cancel at the hosted UI.
        hosted_ui_refusal_stops: Whether an error that the hosted UI itself reports ends the sign-out there.
    """

    key: str
    epoch: int
    stop: Why | None = None
    stop_message: str = ""
    hosted_ui: Why | None = None
    refresh_tokens: Why | None = None
    global_sign_out: Why | None = None
    revoke_token: Why | None = None
    end_sso_session: Why | None = Why.NOT_REQUESTED
    clear_credentials: Why | None = None
    hosted_ui_last: bool = False
    revoke_first: bool = False
    revoke_needs_global: bool = False
    on_cancel: OnCancel = OnCancel.STOPS
    hosted_ui_refusal_stops: bool = False

    @classmethod
    def stopped(cls, key: str, why: Why, message: str = "", *, epoch: int = 0) -> Plan:
        """Give the plan of a sign-out that cannot begin.

        Args:
            key: The session's key in the store.
            why: Why it cannot.
            message: One line more about that; it holds no secret.
            epoch: The session's epoch, where it is known.

        Returns:
            A plan in which nothing is due.
        """
        never = Why.STOPPED
        return cls(
            key=key,
            epoch=epoch,
            stop=why,
            stop_message=message,
            hosted_ui=never,
            refresh_tokens=never,
            global_sign_out=never,
            revoke_token=never,
            end_sso_session=never,
            clear_credentials=never,
        )


def settle(policy: SignOutPolicy, session: Session, authority: Authority, *, global_sign_out: bool) -> Plan:
    """Settle what a sign-out will do.

    Args:
        policy: What the application chose.
        session: The facts of the session.
        authority: What authorises the runner's global sign-out.
        global_sign_out: Whether the caller asked for it.

    Returns:
        The plan.
    """
    if session.signed_in and session.method is SignInMethod.FEDERATED:
        return Plan.stopped(session.key, Why.FEDERATED, epoch=session.epoch)
    nothing = _nothing_remote(policy, session)
    global_why = nothing or _why_no_global(session, authority, requested=global_sign_out)
    revoke_why = nothing or _why_no_revocation(policy, session)
    return Plan(
        key=session.key,
        epoch=session.epoch,
        hosted_ui=nothing or _why_no_hosted_ui(policy, session),
        refresh_tokens=nothing or _why_no_refresh(policy, session, authority, global_why),
        global_sign_out=global_why,
        revoke_token=revoke_why,
        end_sso_session=_why_no_end_of_sso(policy, revoke_why, api_only=session.method is SignInMethod.USER_POOL),
        hosted_ui_last=policy.hosted_ui is HostedUIOrder.LAST,
        revoke_first=_revoke_first(policy, authority),
        revoke_needs_global=not policy.choices.revoke_after_failed_global,
        on_cancel=_on_cancel(policy, session),
        hosted_ui_refusal_stops=policy.choices.hosted_ui_refusal_stops and policy.hosted_ui is HostedUIOrder.FIRST,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Which steps of a partial sign-out failed, and are to be tried again."""

    hosted_ui: bool = False
    global_sign_out: bool = False
    revoke_token: bool = False


def settle_retry(policy: SignOutPolicy, session: Session, authority: Authority, unfinished: Unfinished) -> Plan:
    """Settle what the retry of a partial sign-out will do: just what failed, with the local clear already done.

    Args:
        policy: What the application chose. A step that failed is tried again even where the policy says never.
        session: The facts of the tokens that are still at hand.
        authority: What authorises the runner's global sign-out.
        unfinished: What failed.

    Returns:
        The plan. A cancel at the hosted UI is an error in it, never a stop: the user is signed out already.
    """
    done = Why.ALREADY_DONE
    global_why = _why_no_global(session, authority, requested=True) if unfinished.global_sign_out else done
    revoke_why = (None if session.has_refresh_token else Why.TOKEN_NOT_KEPT) if unfinished.revoke_token else done
    return Plan(
        key=session.key,
        epoch=session.epoch,
        hosted_ui=None if unfinished.hosted_ui else done,
        refresh_tokens=_why_no_refresh(policy, session, authority, global_why),
        global_sign_out=global_why,
        revoke_token=revoke_why,
        # Partial results do not tell how the session was opened; and that a revocation is not due again does not tell
        # what became of the single sign-on session.
        end_sso_session=_why_no_end_of_sso(
            policy, revoke_why if unfinished.revoke_token else Why.NO_TOKEN_LEFT, api_only=False
        ),
        clear_credentials=done,
        hosted_ui_last=policy.hosted_ui is HostedUIOrder.LAST,
        revoke_first=_revoke_first(policy, authority),
        revoke_needs_global=not policy.choices.revoke_after_failed_global,
        on_cancel=OnCancel.FAILS,
    )


def _nothing_remote(policy: SignOutPolicy, session: Session) -> Why | None:
    if not session.signed_in or session.method is SignInMethod.GUEST:
        return Why.NOT_SIGNED_IN
    return Why.LOCAL_ONLY if policy.local_only else None


def _why_no_hosted_ui(policy: SignOutPolicy, session: Session) -> Why | None:
    if policy.hosted_ui is HostedUIOrder.NEVER:
        return Why.POLICY
    if session.method in policy.choices.hosted_ui_methods:
        return None
    private = session.method is SignInMethod.PRIVATE_HOSTED_UI
    return Why.PRIVATE_SESSION if private else Why.NOT_MADE_IN_HOSTED_UI


def _why_no_global(session: Session, authority: Authority, *, requested: bool) -> Why | None:
    if not requested:
        return Why.NOT_REQUESTED
    if authority is Authority.IAM:
        return None if session.has_username else Why.NO_USERNAME
    return None if session.has_access_token else Why.NO_ACCESS_TOKEN


def _why_no_refresh(
    policy: SignOutPolicy, session: Session, authority: Authority, global_why: Why | None
) -> Why | None:
    if global_why is not None or authority is Authority.IAM or not session.access_token_expired:
        return Why.NOT_NEEDED
    if not policy.refresh_expired_access_token:
        return Why.POLICY
    return None if session.has_refresh_token else Why.NO_REFRESH_TOKEN


def _why_no_revocation(policy: SignOutPolicy, session: Session) -> Why | None:
    if not session.has_refresh_token:
        return Why.NO_REFRESH_TOKEN
    if policy.choices.require_origin_jti and not session.access_token_has_origin_jti:
        return Why.NO_ORIGIN_JTI
    return None


def _why_no_end_of_sso(policy: SignOutPolicy, revoke_why: Why | None, *, api_only: bool) -> Why | None:
    if not policy.end_sso_session:
        return Why.NOT_REQUESTED
    if revoke_why is not None:
        return revoke_why  # there is no call that could carry it
    return Why.NOT_MADE_IN_HOSTED_UI if api_only else None


def _revoke_first(policy: SignOutPolicy, authority: Authority) -> bool:
    if policy.order is RemoteOrder.AUTO:
        return authority is Authority.IAM
    return policy.order is RemoteOrder.REVOKE_FIRST


def _on_cancel(policy: SignOutPolicy, session: Session) -> OnCancel:
    if policy.hosted_ui is HostedUIOrder.LAST:
        return OnCancel.FAILS  # the credentials are gone by then: there is nothing left to stop or to pass over
    if policy.choices.cancel_passes_if_expired and session.refresh_token_expired:
        return OnCancel.PASSES
    goes_on = policy.choices.cancel_goes_on_if_unknown and session.method is SignInMethod.UNKNOWN
    return OnCancel.FAILS if goes_on or not policy.cancel_stops else OnCancel.STOPS
