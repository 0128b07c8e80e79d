"""What Amazon Cognito's answers and boto3's exceptions mean, as values that hold no live exception and no plain token.

Whether a call may be tried again, and whether it may have been done although no answer came:

| What came back | Failure | Again | May have been done |
|---|---|---|---|
| throttling: ``TooManyRequestsException``, HTTP 429 | refused | yes | no |
| ``InternalErrorException``, any HTTP 5xx | refused | yes | yes |
| any other refusal of the service | refused | no | no |
| HTTP 2xx without a request id: not from Cognito | unreachable | yes | no |
| HTTP 3xx or 4xx without an error code: not from Cognito | unreachable | no | no |
| no connection: DNS, refused, TLS, proxy | unreachable | yes | no |
| no connection in time | timed out | yes | no |
| connection cut after sending | unreachable | yes | yes |
| no answer in time | timed out | yes | yes |
| credentials, region, parameters | configuration | no | no |

What a refusal means after an attempt that may have been done (`ALREADY_DONE`):

| Operation | Answer | Meaning |
|---|---|---|
| GlobalSignOut | ``NotAuthorizedException`` that says "revoked" | done: it killed the token that asks for it |
| RevokeToken | ``NotAuthorizedException`` that says "revoked" | done; not declared: a repeated one is answered 200 |
| AdminUserGlobalSignOut | any | a failure: a repeated one is answered 200 |
| GetTokensFromRefreshToken | ``RefreshTokenReuseException`` | a failure: the new tokens were lost with the answer |

Sources: Amazon Cognito User Pools API Reference, pages RevokeToken, GlobalSignOut, AdminUserGlobalSignOut,
GetTokensFromRefreshToken and CommonErrors; Developer Guide, "Refresh tokens" and "Ending user sessions with token
revocation".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import Secret, UserPoolTokens, scrub

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALREADY_DONE: Final = "an earlier attempt whose answer was lost had done it"
"""The note of a call whose first attempt was done, as a later one found out."""

_REVOKED_IS_DONE: Final = frozenset({"GlobalSignOut", "RevokeToken"})
_THROTTLING: Final = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException"})
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = 500
_LONGEST_MESSAGE: Final = 400

_ADVICE: Final[Mapping[str, str]] = {
    "UnsupportedOperationException": (
        "Token revocation is not enabled on the app client: switch on its setting EnableTokenRevocation."
    ),
    "UnsupportedTokenTypeException": "Only a refresh token can be revoked: store the refresh token as refresh_token.",
    "UnauthorizedException": "The app client did not issue this token, or its secret is wrong: check both.",
    "ResourceNotFoundException": "Check the client_id, the user_pool_id and the region: all must be of one user pool.",
    "ForbiddenException": "A web ACL of AWS WAF on the user pool blocked the request: allow it there.",
    "OperationNotEnabledException": "The operation is switched off for this user pool.",
    "TooManyRequestsException": "The account's request quota is used up: try again later, or ask AWS for more.",
    "LimitExceededException": "A quota of the account is used up: try again later, or ask AWS for more.",
    "RefreshTokenReuseException": (
        "Refresh token rotation replaced this token, and its time of grace is over: sign in again."
    ),
    "UserNotFoundException": "The user pool has no such user: check the username and the user_pool_id.",
    "AccessDeniedException": "Allow cognito-idp:AdminUserGlobalSignOut on the user pool to these IAM credentials.",
    "UnrecognizedClientException": "AWS does not know these IAM credentials: check them.",
    "ExpiredTokenException": "The IAM credentials have expired: renew them.",
}
_NOT_AUTHORIZED: Final[Mapping[str, str]] = {
    "secret": "The app client has a secret, and it was missing or wrong: check the client_secret.",
    "access token has expired": "Refresh the access token first, or sign out with admin=True.",
    "refresh token has expired": "The session is over: sign in again.",
    "revoked": "The session was ended before, here or elsewhere, so this token can authorise nothing any more.",
    "scope": "GlobalSignOut needs an access token with the scope aws.cognito.signin.user.admin, or admin=True.",
    "invalid refresh token": "Another app client issued it, or the user pool remembers devices and wants their key.",
}
"""Advice for a NotAuthorizedException by what its message says; the first that fits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered.

    Attributes:
        from_cognito: Whether it has a request id, as all that Cognito sends has; a captive portal's page has not.
        tokens: The tokens that came with it.
        note: What there is to say about it; None where there is nothing.
    """

    from_cognito: bool = True
    tokens: UserPoolTokens = field(default_factory=UserPoolTokens)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Setback:
    """What became of an attempt that did not succeed.

    Attributes:
        failure: What to report, unless another attempt succeeds.
        again: Whether another attempt may succeed.
        unknown: Whether it may have been done all the same.
        revoked: Whether the service refused because the token has been revoked.
    """

    failure: Failure
    again: bool = False
    unknown: bool = False
    revoked: bool = False

    def means_done(self, operation: str, *, unknown_before: bool) -> bool:
        """Tell whether this refusal shows that an earlier attempt was done.

        Args:
            operation: What was asked for, by its name in the API Reference.
            unknown_before: Whether an earlier attempt may have been done.

        Returns:
            True where the second table of this module says so.
        """
        return unknown_before and self.revoked and operation in _REVOKED_IS_DONE


NOT_COGNITO: Final = Setback(
    Failure(
        FailureKind.UNREACHABLE,
        "NotCognito",
        "The answer did not come from Amazon Cognito: a captive portal or a proxy stands in between.",
    ),
    again=True,
)


def read_answer(answer: Mapping[str, Any]) -> Answer:
    """Take what matters out of boto3's answer, and wrap the tokens at once.

    Args:
        answer: What a method of the boto3 client returned.

    Returns:
        The answer, without a plain token.
    """
    result: Mapping[str, Any] = answer.get("AuthenticationResult") or {}
    return Answer(
        from_cognito=bool(answer.get("ResponseMetadata", {}).get("RequestId")),
        tokens=UserPoolTokens(
            access_token=_secret(result.get("AccessToken")),
            id_token=_secret(result.get("IdToken")),
            refresh_token=_secret(result.get("RefreshToken")),
        ),
    )


def _secret(text: object) -> Secret | None:
    return Secret(text) if isinstance(text, str) and text else None


def setback_of(error: Exception, secrets: Iterable[Secret]) -> Setback:
    """Tell what an exception of boto3 means; see the first table of this module.

    Args:
        error: What was raised.
        secrets: The secrets that were sent, to be scrubbed from its message.

    Returns:
        The setback. It holds neither the exception nor a secret.
    """
    from botocore import exceptions as boto  # noqa: PLC0415 - heavy; loaded already when one of these was raised

    if isinstance(error, boto.ClientError):
        return _refusal(error.response, secrets)
    if isinstance(error, boto.ReadTimeoutError):
        return Setback(failure_from(error, FailureKind.TIMED_OUT, secrets), again=True, unknown=True)
    if isinstance(error, boto.ConnectTimeoutError):
        return Setback(failure_from(error, FailureKind.TIMED_OUT, secrets), again=True)
    if isinstance(error, boto.ConnectionError):
        return Setback(failure_from(error, FailureKind.UNREACHABLE, secrets), again=True)
    if isinstance(error, boto.HTTPClientError | boto.IncompleteReadError | OSError):
        return Setback(failure_from(error, FailureKind.UNREACHABLE, secrets), again=True, unknown=True)
    configuration = (
        boto.NoCredentialsError,
        boto.PartialCredentialsError,
        boto.CredentialRetrievalError,
        boto.TokenRetrievalError,
        boto.MetadataRetrievalError,
        boto.SSOError,
        boto.ProfileNotFound,
        boto.ConfigParseError,
        boto.ParamValidationError,
        boto.ValidationError,
        boto.BaseEndpointResolverError,
        boto.EndpointProviderError,
        boto.InvalidConfigError,
    )
    kind = FailureKind.CONFIGURATION if isinstance(error, configuration) else FailureKind.UNEXPECTED
    return Setback(failure_from(error, kind, secrets))


def failure_from(error: Exception, kind: FailureKind, secrets: Iterable[Secret]) -> Failure:
    """Turn an exception into a failure.

    Args:
        error: What was raised.
        kind: What it means.
        secrets: The secrets in hand, to be scrubbed from its message.

    Returns:
        The failure, with the name of the exception as its code.
    """
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything, and what it raised must not get out
        message = ""
    return Failure(kind, name, _line(message, secrets) or name)


def _refusal(response: Mapping[str, Any], secrets: Iterable[Secret]) -> Setback:
    said: Mapping[str, Any] = response.get("Error", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    broken = status >= _SERVER_ERRORS or code == "InternalErrorException"
    if not code or code.isdecimal():
        # Where the body names no error, botocore gives the status for a code and the whole body for a message.
        failure = Failure(
            FailureKind.UNREACHABLE, "NotCognito", f"{NOT_COGNITO.failure.message} It said HTTP {status}."
        )
        return Setback(failure, again=broken or status == _TOO_MANY_REQUESTS, unknown=broken)
    advice = _ADVICE.get(code) or (_advice_not_authorized(message) if code == "NotAuthorizedException" else "")
    line = _line(message, secrets) or code
    return Setback(
        Failure(FailureKind.REFUSED, code, f"{line.rstrip('.')}. {advice}" if advice else line),
        again=broken or code in _THROTTLING or status == _TOO_MANY_REQUESTS,
        unknown=broken,
        revoked=code == "NotAuthorizedException" and "revoked" in message.casefold(),
    )


def _advice_not_authorized(message: str) -> str:
    said = message.casefold()
    return next((advice for phrase, advice in _NOT_AUTHORIZED.items() if phrase in said), "")


def _line(text: str, secrets: Iterable[Secret]) -> str:
    return scrub(" ".join(text.split()), secrets)[:_LONGEST_MESSAGE]
