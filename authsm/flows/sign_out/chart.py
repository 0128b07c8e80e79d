"""THE states and transitions of sign-out. Every other account of them is computed from this class.

The theory. A sign-out has up to five steps. Three are remote: the hosted UI's browser session, the user's other
sessions, this session's refresh token. One prepares a remote one: refreshing the access token that has to authorise the
global sign-out. One is local, and it is the promise: clearing the credentials. The plan says which are due. Whatever a
step answers, the next one that is due is tried; a failure is remembered and never stops the local clear. Only what
happened before anything irreversible may end a sign-out early: a session that cannot be signed out this way, or a
cancel at the hosted UI where it comes first.

What comes next, by the first guard that holds: the hosted UI (where it comes first), refreshing, the global sign-out,
revoking, the local clear, the hosted UI (where it comes last), the end. Where IAM credentials authorise the global
sign-out, revocation comes before it; where the access token does, after it, because revocation kills that token
(Cognito API Reference, RevokeToken).
"""

from __future__ import annotations

from authsm.core.chart import Chart, Doing, End, Ending, Waiting
from authsm.core.machine import Machine
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.context import SignOutContext


class SignOut(Chart[SignOutContext]):
    """Amazon Cognito sign-out."""

    NotStarted = Waiting(effects.Begin, initial=True, about="The plan is settled.")
    SigningOutHostedUI = Doing(effects.ShowHostedUISignOut, when="hosted_ui_is_next")
    RevokingToken = Doing(effects.RevokeToken, when="revocation_is_next")
    SigningOutGlobally = Doing(effects.GlobalSignOut, when="global_sign_out_is_next")
    SigningOutLocally = Doing(effects.ClearCredentials, when="local_clear_is_next")
    RefreshingTokens = Doing(effects.RefreshTokens, when="refresh_is_next")
    SignedOut = End(Ending.COMPLETE, about="CompleteSignOut: every step that was due is done.")
    PartialSignedOut = End(
        Ending.PARTIAL,
        when="something_failed",
        about="PartialSignOut: the local credentials are gone, and something remote failed.",
    )
    Error = End(
        Ending.FAILED,
        when="stops_here",
        about="FailedSignOut: the user is still signed in here, or the local clear failed.",
    )

    Begin = NotStarted.first_of(
        Error,
        SigningOutHostedUI,
        RefreshingTokens,
        SigningOutGlobally,
        RevokingToken,
        SigningOutLocally,
        PartialSignedOut,
    )

    HostedUISignedOut = SigningOutHostedUI.first_of(
        RefreshingTokens, SigningOutGlobally, RevokingToken, SigningOutLocally, PartialSignedOut, SignedOut
    )
    HostedUISignOutFailed = SigningOutHostedUI.first_of(
        Error, RefreshingTokens, SigningOutGlobally, RevokingToken, SigningOutLocally, PartialSignedOut
    )
    UserCancelled = SigningOutHostedUI.first_of(
        Error, RefreshingTokens, SigningOutGlobally, RevokingToken, SigningOutLocally, PartialSignedOut
    )

    TokensRefreshed = RefreshingTokens.first_of(SigningOutGlobally, RevokingToken)
    RefreshTokensFailed = RefreshingTokens.first_of(
        RevokingToken, SigningOutLocally, SigningOutHostedUI, PartialSignedOut
    )

    SignedOutGlobally = SigningOutGlobally.first_of(
        RevokingToken, SigningOutLocally, SigningOutHostedUI, PartialSignedOut, SignedOut
    )
    GlobalSignOutFailed = SigningOutGlobally.first_of(
        RevokingToken, SigningOutLocally, SigningOutHostedUI, PartialSignedOut
    )

    TokenRevoked = RevokingToken.first_of(
        SigningOutGlobally, SigningOutLocally, SigningOutHostedUI, PartialSignedOut, SignedOut
    )
    RevokeTokenFailed = RevokingToken.first_of(
        SigningOutGlobally, SigningOutLocally, SigningOutHostedUI, PartialSignedOut
    )

    CredentialsCleared = SigningOutLocally.first_of(SigningOutHostedUI, PartialSignedOut, SignedOut)
    ClearCredentialsFailed = SigningOutLocally.first_of(Error)


SIGN_OUT = Machine(SignOut)
"""The sign-out machine, compiled."""
