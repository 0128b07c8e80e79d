"""What a revocation can do about the single sign-on (SSO) session that a session came through.

``RevokeToken(RevokeAssociatedSessions="LINKED")`` ends that session at the service. Its answer is the same where it
could do nothing: where the user pool does not track sessions, which is the default, and where the session was made
without the hosted UI. ListUserSessions tells these apart beforehand.

| ListUserSessions | Meaning |
|---|---|
| the current session has an ``OriginSessionId`` | it is linked: it will be ended |
| the current session has none | it was made without the hosted UI: there is nothing to end |
| ``OperationNotEnabledException`` | the user pool does not track sessions (inferred: no page says what else it means) |
| anything else | not known |

Sources: Amazon Cognito User Pools API Reference, pages RevokeToken, ListUserSessions, SessionDescriptionType and
GetUserPoolSessionConfiguration, as of botocore 1.44.5.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

    from authsm.credentials import Secret
    from authsm.runners.cognito.answers import Setback


class SSOSession(Enum):
    """What is known of it; the value is the note for the result."""

    LINKED = "Cognito was asked to end the linked SSO session too; the browser's cookie stops working within seconds"
    NOT_LINKED = "there was no SSO session to end: Cognito links none to this session"
    NOT_TRACKED = (
        "the SSO session lives on, and the browser stays signed in: the user pool does not track sessions "
        "(SetUserPoolSessionConfiguration switches it on)"
    )
    CLIENT_TOO_OLD = (
        "the SSO session lives on, and the browser stays signed in: this botocore does not know "
        "RevokeAssociatedSessions; botocore 1.44.2 does"
    )
    UNKNOWN = (
        "Cognito was asked to end the linked SSO session too, and does not say whether it did: where the user pool "
        "does not track sessions, it lives on"
    )

    @property
    def can_be_asked_for(self) -> bool:
        """Whether the parameter may be sent. Even where it is of no use: what a look says may be out of date."""
        return self is not SSOSession.CLIENT_TOO_OLD


def knows_linked_sessions(client: CognitoIdentityProviderClient) -> bool:
    """Tell whether the service model of this client has the parameter."""
    shape = client.meta.service_model.operation_model("RevokeToken").input_shape
    return shape is not None and "RevokeAssociatedSessions" in shape.members


def list_sessions(client: CognitoIdentityProviderClient, access_token: Secret) -> Mapping[str, Any]:
    """Ask for the sessions of the user. The type stubs lag behind the client."""
    untyped: Any = client
    sessions: Mapping[str, Any] = untyped.list_user_sessions(AccessToken=access_token.reveal())
    return sessions


def sso_session_in(answer: Mapping[str, Any]) -> SSOSession:
    """Read it off the answer of ListUserSessions.

    Args:
        answer: What the boto3 client returned; the first page, which has the newest sessions or all of them.

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
