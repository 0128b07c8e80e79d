"""Sign-out as the explorer shows it: with which sessions and policies it may begin, and what may happen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsm.core.graph import every_reply
from authsm.core.vocabulary import FailedReply, Failure, FailureKind
from authsm.credentials import SignInMethod
from authsm.diagrams.sign_out_facts import facts
from authsm.diagrams.tour import Start, Tour
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Session, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.flows.sign_out.reach import PRESETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect, Event


def _start(
    key: str,
    title: str,
    about: str,
    session: Session,
    policy: SignOutPolicy | None = None,
    *,
    authority: Authority = Authority.ACCESS_TOKEN,
    everywhere: bool = False,
) -> Start[SignOutContext]:
    plan = settle(policy or PRESETS["default"], session, authority, global_sign_out=everywhere)
    return Start(key, title, about, SignOutContext(plan))


def _session(
    method: SignInMethod = SignInMethod.HOSTED_UI, *, stale: bool = False, refresh_token_expired: bool = False
) -> Session:
    return Session(
        key="default",
        epoch=1,
        method=method,
        access_token_expired=stale,
        refresh_token_expired=refresh_token_expired,
    )


_USER_POOL = _session(SignInMethod.USER_POOL)

STARTS: Final = (
    _start(
        "hosted-ui",
        "Hosted UI, this device",
        "The default. The browser comes first, so that the user can still call everything off.",
        _session(),
    ),
    _start(
        "global",
        "User pool, every device",
        "A global sign-out that the access token authorises: revoking first would kill that token.",
        _USER_POOL,
        everywhere=True,
    ),
    _start(
        "admin",
        "Hosted UI, every device, by a back end",
        "IAM credentials authorise the global sign-out, so the refresh token is revoked first.",
        _session(),
        authority=Authority.IAM,
        everywhere=True,
    ),
    _start(
        "everything",
        "Hosted UI, every device, an hour later",
        "The access token has expired: it is refreshed, so that it can authorise the global sign-out.",
        _session(stale=True),
        everywhere=True,
    ),
    _start(
        "hosted-ui-last",
        "Hosted UI last",
        "For web back ends: who never comes back from the browser is signed out all the same.",
        _session(),
        PRESETS["hosted-ui-last"],
    ),
    _start(
        "deletion",
        "Hosted UI, the user is being deleted",
        "A cancel does not stop this one (cancel_stops=False); it is an error in the result.",
        _session(),
        SignOutPolicy(cancel_stops=False),
    ),
    _start(
        "local-only",
        "Local only",
        "Only the local credentials are cleared; the tokens stay alive at the service.",
        _session(),
        PRESETS["local-only"],
    ),
    _start("guest", "A guest", "Nobody is signed in: only the guest's credentials go.", _session(SignInMethod.GUEST)),
    _start(
        "federated",
        "Federated to an identity pool",
        "A sign-out of the user pool would not end this session, so it changes nothing.",
        _session(SignInMethod.FEDERATED),
    ),
    _start(
        "android",
        "Amplify Android's choices",
        "How the session was opened is not known. The hosted UI comes first, and a cancel is only an error.",
        _session(SignInMethod.UNKNOWN),
        PRESETS["amplify-android"],
        everywhere=True,
    ),
    _start(
        "swift",
        "Amplify Swift's choices",
        "The refresh token has expired, so a cancel does not count; what the hosted UI refuses ends the sign-out.",
        _session(refresh_token_expired=True),
        PRESETS["amplify-swift"],
        everywhere=True,
    ),
)
"""One of each kind; together they reach every state, and every event happens."""

_REFUSALS: Final[Mapping[type[Event], Failure]] = {
    reply: Failure(FailureKind.REFUSED, code, message)
    for reply, code, message in (
        (effects.HostedUISignOutFailed, "invalid_request", "The hosted UI reported an error."),
        (effects.RefreshTokensFailed, "NotAuthorizedException", "Refresh Token has expired"),
        (effects.GlobalSignOutFailed, "NotAuthorizedException", "Access Token has been revoked"),
        (effects.RevokeTokenFailed, "UnsupportedOperationException", "Token revocation is not enabled."),
        (effects.ClearCredentialsFailed, "PermissionError", "The file cannot be written."),
    )
}

_SILENCES: Final[Mapping[str, FailedReply]] = {
    "SigningOutHostedUI": effects.HostedUISignOutFailed(
        Failure(FailureKind.TIMED_OUT, "TimeLimit", "ShowHostedUISignOut gave no answer within 300 s.")
    ),
    "SigningOutLocally": effects.ClearCredentialsFailed(
        Failure(FailureKind.TIMED_OUT, "TimeLimit", "ClearCredentials gave no answer within 10 s.")
    ),
}
"""Where it makes a difference whether an answer was no, or none came."""


def _events(machine: Machine[SignOutContext], snapshot: Snapshot[SignOutContext]) -> Iterator[Event]:
    for event in every_reply(machine, snapshot):
        yield type(event)(_REFUSALS[type(event)]) if isinstance(event, FailedReply) else event
        silence = _SILENCES.get(snapshot.state)
        if silence is not None and type(silence) is type(event):
            yield silence


def _is_irreversible(effect: Effect) -> bool:
    return isinstance(effect, effects.SignOutEffect) and effect.irreversible


SIGN_OUT_TOUR: Final = Tour(starts=STARTS, events=_events, writes_down=_is_irreversible, facts=facts)
"""How the explorer shows sign-out."""
