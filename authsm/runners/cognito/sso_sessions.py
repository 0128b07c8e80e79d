"""What a revocation can do about the single sign-on (SSO) session that a session came through.

``RevokeToken(RevokeAssociatedSessions="LINKED")`` ends that session at the service. Its answer is the same where it
could do nothing: where the user pool does not track sessions, which is the default, and where the session was made
without the hosted UI. ListUserSessions tells these apart beforehand.

| ListUserSessions | Meaning |
|---|---|
| the current session has an ``OriginSessionId`` | it is linked: it will be ended |
| the current session has none | it was made without the hosted UI: there is nothing to end |
| ``OperationNotEnabledException`` | not tracked: not by the user pool, or not in this region |
| anything else | not known |

Of ``OperationNotEnabledException`` the service's model says that the operation is not available in the current region,
a secondary replica say, or for the configuration of the user pool. That a user pool which does not track sessions
answers with it is inferred. RevokeToken declares it, too.

Sources: Amazon Cognito User Pools API Reference, pages RevokeToken, ListUserSessions, SessionDescriptionType and
GetUserPoolSessionConfiguration, as of botocore 1.44.5. botocore knows the parameter since 1.44.1.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from authsm.flows.sign_out.plan import Why
from authsm.runners.cognito.answers import setback_of
from authsm.runners.cognito.wire_logs import scrubbed
from authsm.runners.threads import NoAnswerError, in_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

    from authsm.core.vocabulary import Failure
    from authsm.credentials import Secret
    from authsm.runners.cognito.answers import Setback

_LONGEST_LOOK: Final = 2.0
_SHORTEST_LOOK: Final = 0.1
"""Seconds that a look may take, and below which it is not worth beginning."""

_REFUSALS_OF_LINKED: Final = frozenset({"OperationNotEnabledException", "InvalidParameterException"})


class _Known(NamedTuple):
    skipped: Why | None
    note: str = ""


class SSOSession(Enum):
    """What is known of it, and so what the result says."""

    LINKED = _Known(
        None, "Cognito was asked to end the linked SSO session too; the browser's cookie stops working within seconds"
    )
    UNKNOWN = _Known(
        None,
        "not known: Cognito was asked to end the linked SSO session too, and does not say whether it did; where the "
        "user pool does not track sessions, it lives on",
    )
    AFTER_GLOBAL_SIGN_OUT = _Known(
        None,
        "not known: Cognito was asked to end the linked SSO session too, but the global sign-out came first and ended "
        "the access token with which to look whether there is one that is tracked",
    )
    NOT_LINKED = _Known(Why.NO_SSO_SESSION)
    NOT_TRACKED = _Known(Why.SESSIONS_NOT_TRACKED)
    CLIENT_TOO_OLD = _Known(Why.CLIENT_TOO_OLD)
    REFUSED = _Known(Why.REFUSED_WITH_REVOCATION)

    @property
    def skipped(self) -> Why | None:
        """Why it is not ended; None where Cognito is asked to."""
        return self.value.skipped

    @property
    def note(self) -> str:
        """What there is to say about it where Cognito is asked to end it."""
        return self.value.note


def knows_linked_sessions(client: CognitoIdentityProviderClient) -> bool:
    """Tell whether the service model of this client is known to have the parameter."""
    try:
        shape = client.meta.service_model.operation_model("RevokeToken").input_shape
    except Exception:  # noqa: BLE001 - a client of somebody's own may lack anything but the operations
        return False
    return shape is not None and "RevokeAssociatedSessions" in shape.members


def refuses_linked(failure: Failure) -> bool:
    """Tell whether the service may have refused a revocation only because of the parameter."""
    return failure.code in _REFUSALS_OF_LINKED


def seconds_for_a_look(seconds_left: float, longest_attempt: float) -> float:
    """Give the seconds that a look may take, so that a whole attempt to revoke is left; 0 where there is no time.

    Args:
        seconds_left: What the call has left.
        longest_attempt: What an attempt to revoke may take.

    Returns:
        The seconds.
    """
    spare = min(seconds_left - longest_attempt, _LONGEST_LOOK)
    return spare if spare >= _SHORTEST_LOOK else 0.0


def look(client: CognitoIdentityProviderClient, access_token: Secret, seconds: float) -> SSOSession:
    """Ask for the sessions of the user, once, and wait no longer than so many seconds for all of it.

    In a thread, which is left behind where the answer is late: no time-out of boto3 bounds a whole call.

    Args:
        client: The client.
        access_token: Whose session it is about.
        seconds: How long.

    Returns:
        What is known of the single sign-on session.
    """
    try:
        return in_time("authsm ListUserSessions", lambda: _ask(client, access_token), seconds)
    except (NoAnswerError, RuntimeError):  # it takes too long, or the system gives no more threads
        return SSOSession.UNKNOWN


def _ask(client: CognitoIdentityProviderClient, access_token: Secret) -> SSOSession:
    untyped: Any = client  # the type stubs lag behind it
    secrets = [access_token]
    try:
        with scrubbed(secrets, answers_hold_secrets=False):
            return sso_session_in(untyped.list_user_sessions(AccessToken=access_token.reveal()))
    except Exception as error:  # noqa: BLE001 - it is only a look: the revocation will tell what is wrong
        return sso_session_refused(setback_of(error, secrets))


def sso_session_in(answer: Mapping[str, Any]) -> SSOSession:
    """Read it off the answer of ListUserSessions.

    Args:
        answer: What the boto3 client returned: the first page, which may lack the current session where there are more.

    Returns:
        What is known of it.
    """
    current = [each for each in answer.get("Sessions", ()) if each.get("IsCurrentSession")]
    if not current:
        return SSOSession.UNKNOWN
    return SSOSession.LINKED if current[0].get("OriginSessionId") else SSOSession.NOT_LINKED


def sso_session_refused(setback: Setback) -> SSOSession:
    """Read it off a refusal of ListUserSessions."""
    is_off = setback.failure.code == "OperationNotEnabledException"
    return SSOSession.NOT_TRACKED if is_off else SSOSession.UNKNOWN
