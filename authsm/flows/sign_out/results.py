"""What a sign-out ends in: complete, partial or failed, and what became of every step.

::

    match auth.sign_out():
        case CompleteSignOut():
            ...
        case PartialSignOut(hosted_ui_error=h, global_sign_out_error=g, revoke_token_error=r):
            ...
        case FailedSignOut(exception=e):
            ...

A result is read off the final snapshot and nothing else, so its errors are exactly the steps that failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, TypeAlias

from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import UserPoolTokens
from authsm.errors import (
    AuthException,
    ConfigurationException,
    CredentialStoreException,
    GlobalSignOutException,
    HostedUISignOutException,
    InvalidStateException,
    RevokeTokenException,
    UserCancelledException,
)
from authsm.flows.sign_out.plan import Plan, Why

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from authsm.core.machine import Snapshot
    from authsm.credentials import Secret
    from authsm.flows.sign_out.context import Outcome, SignOutContext


@dataclass(frozen=True, slots=True)
class NotRequested:
    """Nobody asked for this step."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step was not due.

    Attributes:
        reason: Why not.
    """

    reason: Why


@dataclass(frozen=True, slots=True)
class Done:
    """The step was done.

    Attributes:
        note: What there is to say about it: that the evidence is weak, or that residue is left to be destroyed.
    """

    note: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed, or was due and could not be tried.

    Attributes:
        failure: Why.
    """

    failure: Failure


StepResult: TypeAlias = NotRequested | Skipped | Done | Failed
"""What became of one step: match on the four classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What became of each step.

    Attributes:
        hosted_ui: Ending the browser's session at the hosted UI.
        refresh_tokens: Refreshing the access token for the global sign-out.
        global_sign_out: Ending every session of the user.
        revoke_token: Revoking the refresh token.
        clear_credentials: Clearing the local credentials.
        end_sso_session: Ending the single sign-on session at the service. It fails with the revocation that carries it;
            where the token was revoked and the session could not be ended, it is skipped, and the browser stays signed
            in: no retry could do more without a browser.
    """

    hosted_ui: StepResult
    refresh_tokens: StepResult
    global_sign_out: StepResult
    revoke_token: StepResult
    clear_credentials: StepResult
    end_sso_session: StepResult = NotRequested()

    def __iter__(self) -> Iterator[tuple[str, StepResult]]:
        """Give the name and the result of each step, in the order of the fields."""
        return ((each.name, getattr(self, each.name)) for each in fields(self))


@dataclass(frozen=True, slots=True)
class HostedUIError:
    """The hosted UI sign-out failed.

    Attributes:
        url: The URL that signs the browser out; open it to try again by hand. None where none is configured.
        exception: What happened, and what to do.
    """

    url: str | None
    exception: HostedUISignOutException


@dataclass(frozen=True, slots=True)
class GlobalSignOutError:
    """The global sign-out failed.

    Attributes:
        access_token: The token that could authorise another attempt; None where there was none.
        exception: What happened, and what to do.
    """

    access_token: Secret | None
    exception: GlobalSignOutException


@dataclass(frozen=True, slots=True)
class RevokeTokenError:
    """The revocation failed.

    Attributes:
        refresh_token: The token that may still be alive; None where it is not at hand.
        exception: What happened, and what to do.
    """

    refresh_token: Secret | None
    exception: RevokeTokenException


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What every result tells.

    Attributes:
        steps: What became of each step.
        signed_out_locally: Whether the local credentials are gone; None where a failed clear left it unknown.
        resumed: Whether this ends a sign-out that a crash had interrupted.
    """

    steps: Steps
    signed_out_locally: bool | None
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignedOut(_Result):
    """What a result tells once the local credentials are gone.

    Attributes:
        tokens_valid_until: Until when a service that does not ask Cognito may accept the access token, the ID token or
            the AWS credentials, for whoever has copied them; None where nothing is known to be valid any longer.
    """

    tokens_valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteSignOut(_SignedOut):
    """Signed out, without errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialSignOut(_SignedOut):
    """Signed out of this device; one or more remote steps failed, and can be tried again with `retry`.

    Attributes:
        hosted_ui_error: The browser's session may live on.
        global_sign_out_error: Sessions on other devices may live on.
        revoke_token_error: The refresh token may live on.
        username: Whose sessions they are; an administrative retry needs it.
    """

    hosted_ui_error: HostedUIError | None = None
    global_sign_out_error: GlobalSignOutError | None = None
    revoke_token_error: RevokeTokenError | None = None
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSignOut(_Result):
    """Not signed out: stopped before anything irreversible, or the local clear failed.

    Attributes:
        exception: What happened, and what to do.
    """

    exception: AuthException


SignOutResult: TypeAlias = CompleteSignOut | PartialSignOut | FailedSignOut
"""What every sign-out ends in; match on the three classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the runner of a sign-out knows beyond the snapshot, and a result has to tell.

    Attributes:
        tokens: The freshest tokens of the session.
        username: Whose session it was.
        hosted_ui_url: The URL that signs the browser out.
        tokens_valid_until: When the last of the session's tokens ends.
        needs_access_token: Whether the access token itself authorises the global sign-out.
        access_token_expired: Whether the access token had expired.
        access_token_lacks_scope: Whether the access token lacked the scope that GlobalSignOut asks for.
        resumed: Whether a crash had interrupted the sign-out.
    """

    tokens: UserPoolTokens = field(default_factory=UserPoolTokens)
    username: str = ""
    hosted_ui_url: str | None = None
    tokens_valid_until: datetime | None = None
    needs_access_token: bool = True
    access_token_expired: bool = False
    access_token_lacks_scope: bool = False
    resumed: bool = False


def result_of(snapshot: Snapshot[SignOutContext], evidence: Evidence) -> SignOutResult:
    """Read the result off the snapshot in which a sign-out ended.

    Args:
        snapshot: Where it ended.
        evidence: What the runner knows beyond it.

    Returns:
        The result.

    Raises:
        ValueError: The sign-out has not ended there.
    """
    context = snapshot.context
    steps = _steps(context)
    match snapshot.state:
        case "SignedOut":
            return CompleteSignOut(
                steps=steps,
                signed_out_locally=True,
                resumed=evidence.resumed,
                tokens_valid_until=evidence.tokens_valid_until,
            )
        case "PartialSignedOut":
            return PartialSignOut(
                steps=steps,
                signed_out_locally=True,
                resumed=evidence.resumed,
                tokens_valid_until=evidence.tokens_valid_until,
                hosted_ui_error=_hosted_ui_error(context.hosted_ui, evidence),
                global_sign_out_error=_global_sign_out_error(context, evidence),
                revoke_token_error=_revoke_token_error(context.revoke_token, evidence),
                username=evidence.username,
            )
        case "Error":
            exception, signed_out_locally = _why_failed(context, evidence)
            return FailedSignOut(
                steps=steps, signed_out_locally=signed_out_locally, resumed=evidence.resumed, exception=exception
            )
        case state:
            raise ValueError(f"A sign-out in the state {state} has not ended.")


def _steps(context: SignOutContext) -> Steps:
    plan = context.plan
    return Steps(
        hosted_ui=_step(plan.hosted_ui, context.hosted_ui),
        refresh_tokens=_step(plan.refresh_tokens, context.refresh_tokens),
        global_sign_out=_step(plan.global_sign_out, context.global_sign_out),
        revoke_token=_step(plan.revoke_token, context.revoke_token),
        clear_credentials=_step(plan.clear_credentials, context.clear_credentials),
        end_sso_session=_end_of_sso(context),
    )


def _end_of_sso(context: SignOutContext) -> StepResult:
    why = context.plan.end_sso_session
    carried = why is None or why.fails  # what fails the revocation fails what it would have carried
    return _step(why, (context.end_sso_session or context.revoke_token) if carried else None)


def _step(why: Why | None, outcome: Outcome | None) -> StepResult:
    if outcome is None:
        return NotRequested() if why is Why.NOT_REQUESTED else Skipped(why or Why.STOPPED)
    if outcome.failure is not None:
        return Failed(outcome.failure)
    return Skipped(outcome.skipped) if outcome.skipped else Done(outcome.note)


def _failure(outcome: Outcome | None) -> Failure | None:
    return None if outcome is None else outcome.failure


def _hosted_ui_error(outcome: Outcome | None, evidence: Evidence) -> HostedUIError | None:
    failure = _failure(outcome)
    if failure is None:
        return None
    url = evidence.hosted_ui_url
    suggestion = f"Open this URL in the browser to sign out there: {url}" if url else ""
    return HostedUIError(url, HostedUISignOutException(recovery_suggestion=suggestion, failure=failure))


def _global_sign_out_error(context: SignOutContext, evidence: Evidence) -> GlobalSignOutError | None:
    failure = _failure(context.global_sign_out)
    if failure is None:
        return None
    message = suggestion = ""
    token = evidence.tokens.access_token
    # RevokeToken ends the access tokens, too, that came from the refresh token (Cognito API Reference, RevokeToken).
    revoked = context.revoke_token is not None and context.revoke_token.failure is None
    if evidence.access_token_lacks_scope:
        message = "Failed to sign out globally: the access token lacks the scope aws.cognito.signin.user.admin."
        suggestion = (
            "Ask for the scope aws.cognito.signin.user.admin at sign-in, or sign out with IAM credentials "
            "(CognitoRunner(..., user_pool_id=..., admin=True))."
        )
    elif evidence.access_token_expired:
        message = "Failed to sign out globally: the access token has expired."
        suggestion = _SIGN_IN_AGAIN
    elif revoked and evidence.needs_access_token:
        message = (
            "Failed to sign out globally. This session itself is revoked, and with it the access token that could have "
            "authorised another try."
        )
        suggestion, token = _SIGN_IN_AGAIN, None
    exception = GlobalSignOutException(message, suggestion, failure=failure)
    return GlobalSignOutError(token, exception)


_SIGN_IN_AGAIN: Final = (
    "Sign in again and sign out globally, or sign out with IAM credentials "
    "(CognitoRunner(..., user_pool_id=..., admin=True))."
)


def _revoke_token_error(outcome: Outcome | None, evidence: Evidence) -> RevokeTokenError | None:
    failure = _failure(outcome)
    if failure is None:
        return None
    suggestion = ""
    if failure.code in {"UnsupportedOperationException", Why.NO_ORIGIN_JTI.name}:
        suggestion = (
            "Enable token revocation on the app client (EnableTokenRevocation). Until then the refresh token lives on "
            "until it expires; a shorter token expiration limits how long."
        )
    return RevokeTokenError(
        evidence.tokens.refresh_token, RevokeTokenException(recovery_suggestion=suggestion, failure=failure)
    )


def _why_failed(context: SignOutContext, evidence: Evidence) -> tuple[AuthException, bool | None]:
    """Give the exception of a failed sign-out, and whether the local credentials are gone."""
    if context.plan.stop is not None:
        return _why_not_begun(context.plan), context.plan.clear_credentials is Why.ALREADY_DONE
    cleared = _failure(context.clear_credentials)
    if cleared is not None:
        # A refusal says that the clear looked, and the credentials are still there; all else leaves it unknown.
        still_there = cleared.kind is FailureKind.REFUSED
        exception = CredentialStoreException(
            "The local credentials could not be cleared."
            if still_there
            else "It is not known whether the local credentials are cleared.",
            "Remove the cause, then sign out again: what was done remotely is not harmed by that.",
            failure=cleared,
        )
        return exception, False if still_there else None
    failure = _failure(context.hosted_ui)
    if failure is None or failure.kind is FailureKind.CANCELLED:
        return UserCancelledException(), False
    url = evidence.hosted_ui_url
    suggestion = f"Sign out again, or open this URL in the browser: {url}" if url else ""
    return HostedUISignOutException(recovery_suggestion=suggestion, failure=failure), False


def _why_not_begun(plan: Plan) -> AuthException:
    match plan.stop:
        case Why.FEDERATED:
            return InvalidStateException(
                "The user is currently federated to an identity pool.",
                "Clear the federation with the identity pool's own call; a sign-out of the user pool would not end it.",
            )
        case Why.USER_CANCELLED:
            return UserCancelledException()
        case Why.MISSING_HANDLER:
            return ConfigurationException(plan.stop_message, "Give the runner what it lacks; nothing has been changed.")
        case _:
            return CredentialStoreException(
                f"The stored credentials could not be read, so nothing was changed. {plan.stop_message}",
                "Remove the cause, then sign out again.",
            )
