"""What a sign-out asks for, and the replies to each.

An effect names the session by its key in the store and its epoch there, never by a token: whoever carries it out reads
the freshest tokens at the moment they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

from authsm.core.vocabulary import Effect, Event, FailedReply
from authsm.flows.sign_out.plan import Why

if TYPE_CHECKING:
    from authsm.core.vocabulary import Context
    from authsm.flows.sign_out.context import SignOutContext


@dataclass(frozen=True, slots=True)
class Begin(Event):
    """The plan is settled; the sign-out begins."""


@dataclass(frozen=True, slots=True)
class DoneReply(Event):
    """The base of every event that says that an effect was done.

    Attributes:
        note: What there is to say about it: that the evidence is weak, or that something is left over.
    """

    note: str = ""


@dataclass(frozen=True, slots=True)
class HostedUISignedOut(DoneReply):
    """The browser came back from the hosted UI's sign-out."""


@dataclass(frozen=True, slots=True)
class HostedUISignOutFailed(FailedReply):
    """The browser did not come back, or came back with an error."""


@dataclass(frozen=True, slots=True)
class UserCancelled(Event):
    """The user called the hosted UI's sign-out off."""


@dataclass(frozen=True, slots=True)
class TokensRefreshed(DoneReply):
    """Fresh tokens are in the store."""


@dataclass(frozen=True, slots=True)
class RefreshTokensFailed(FailedReply):
    """No fresh access token was to be had."""


@dataclass(frozen=True, slots=True)
class SignedOutGlobally(DoneReply):
    """The user pool ended every session of the user."""


@dataclass(frozen=True, slots=True)
class GlobalSignOutFailed(FailedReply):
    """The other sessions may live on."""


@dataclass(frozen=True, slots=True)
class TokenRevoked(DoneReply):
    """The refresh token, and every access token that came from it, is dead.

    What it says of the single sign-on session counts where the effect asked for that to be ended, too.

    Attributes:
        sso_skipped: Why that session was not ended; None where it was asked for.
        sso_note: What is known of it where it was. Without any, the result says that it is not known.

    Raises:
        TypeError: A field is none that a snapshot could keep.
    """

    sso_skipped: Why | None = None
    sso_note: str = ""

    def __post_init__(self) -> None:
        """Refuse what no snapshot could keep: handlers may make this reply themselves."""
        for name, kind in (("note", str), ("sso_note", str), ("sso_skipped", Why | None)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"The {name} of TokenRevoked is no {type(value).__name__}.")

    @property
    def sso_session_lives_on(self) -> bool:
        """Whether the single sign-on session was to be ended and is known to live on."""
        return self.sso_skipped not in {None, Why.NO_SSO_SESSION}


@dataclass(frozen=True, slots=True)
class RevokeTokenFailed(FailedReply):
    """The refresh token may live on."""


@dataclass(frozen=True, slots=True)
class CredentialsCleared(DoneReply):
    """The local credentials are gone, durably."""


@dataclass(frozen=True, slots=True)
class ClearCredentialsFailed(FailedReply):
    """The local credentials are still there, or it is not known whether they are."""


@dataclass(frozen=True, slots=True)
class SignOutEffect(Effect):
    """The base of the effects of a sign-out.

    Attributes:
        irreversible: Whether a cancel is of no use any more once this was begun.
        step: Its name among the fields of plans, contexts and results.
        key: The session's key in the store.
        epoch: The session's epoch there; a later sign-in under the same key has another.
    """

    irreversible: ClassVar[bool] = True
    step: ClassVar[str]

    key: str = ""
    epoch: int = 0

    @classmethod
    def asked_in(cls, context: Context, attempt: int) -> Self:
        """Name the session of the plan; see `Effect.asked_in`."""
        plan = _known(context).plan
        return cls(attempt, plan.key, plan.epoch)


def _known(context: Context) -> SignOutContext:
    return cast("SignOutContext", context)  # the context of the one chart that asks for these effects


@dataclass(frozen=True, slots=True)
class ShowHostedUISignOut(SignOutEffect):
    """Open the hosted UI's sign-out page in the user's browser, and wait for its return."""

    irreversible = False
    step = "hosted_ui"
    counts = False
    seconds = 300.0
    party = "Browser"
    done = HostedUISignedOut
    failed = HostedUISignOutFailed
    cancelled = UserCancelled


@dataclass(frozen=True, slots=True)
class RefreshTokens(SignOutEffect):
    """Obtain a fresh access token, so that it can authorise the global sign-out."""

    irreversible = False
    step = "refresh_tokens"
    party = "Cognito"
    done = TokensRefreshed
    failed = RefreshTokensFailed


@dataclass(frozen=True, slots=True)
class GlobalSignOut(SignOutEffect):
    """End every session of the user at the user pool, on all devices."""

    step = "global_sign_out"
    party = "Cognito"
    done = SignedOutGlobally
    failed = GlobalSignOutFailed


@dataclass(frozen=True, slots=True)
class RevokeToken(SignOutEffect):
    """Kill this session's refresh token and every access token that came from it.

    Attributes:
        end_sso_session: Whether to have the single sign-on session ended, too, that this session came through.
        after_global_sign_out: Where that is asked for: whether a global sign-out came first, and ended the access token
            with which one could have looked what there is to end.
    """

    step = "revoke_token"
    party = "Cognito"
    done = TokenRevoked
    failed = RevokeTokenFailed

    end_sso_session: bool = False
    after_global_sign_out: bool = False

    @classmethod
    def asked_in(cls, context: Context, attempt: int) -> Self:
        """Say what the plan makes due; see `Effect.asked_in`."""
        known = _known(context)
        key, epoch = known.plan.key, known.plan.epoch
        if known.plan.end_sso_session is not None:
            return cls(attempt, key, epoch)
        globally = known.global_sign_out
        ended = globally is not None and globally.failure is None
        return cls(attempt, key, epoch, end_sso_session=True, after_global_sign_out=ended)


@dataclass(frozen=True, slots=True)
class ClearCredentials(SignOutEffect):
    """Destroy the local credentials, and look whether they are gone."""

    step = "clear_credentials"
    party = "Store"
    always = True
    counts = False
    done = CredentialsCleared
    failed = ClearCredentialsFailed
