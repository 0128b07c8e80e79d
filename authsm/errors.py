"""The exceptions of authsm. Each says what happened (`message`) and what to do now (`recovery_suggestion`).

::

    AuthException
    ├── UserCancelledException       the user called the hosted UI sign-out off
    ├── HostedUISignOutException     the browser's session may live on
    ├── GlobalSignOutException       the sessions on other devices may live on
    ├── RevokeTokenException         the refresh token may live on
    ├── InvalidStateException        the session is none that can be signed out this way
    ├── ConfigurationException       something is missing or wrong in how authsm was set up
    └── CredentialStoreException     the local credentials could not be read, or not be cleared

They are modelled on the exceptions of Amplify's Auth category (Amplify Android, package
``com.amplifyframework.auth.cognito.exceptions``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from authsm.core.vocabulary import EffectCancelledError

if TYPE_CHECKING:
    from authsm.core.vocabulary import Failure


class AuthException(Exception):
    """The base of every exception of authsm that tells of a sign-out.

    Args:
        message: What happened; the class's own words where it is not given.
        recovery_suggestion: What to do now; the class's own words where it is not given.
        failure: Why, as the effect's handler or the service put it.

    Attributes:
        message: What happened. It holds no secret.
        recovery_suggestion: What to do now.
        failure: Why, as a value, where an effect failed.
    """

    _message: ClassVar[str] = "The sign-out met an error."
    _recovery_suggestion: ClassVar[str] = "See `failure` for what happened."

    def __init__(self, message: str = "", recovery_suggestion: str = "", *, failure: Failure | None = None) -> None:
        self.message = message or self._message
        self.recovery_suggestion = recovery_suggestion or self._recovery_suggestion
        self.failure = failure
        super().__init__(self.message)

    def __str__(self) -> str:
        why = f" ({self.failure.code}: {self.failure.message})" if self.failure else ""
        return f"{self.message}{why} {self.recovery_suggestion}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, failure={self.failure!r})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine = (self.message, self.recovery_suggestion, self.failure)
        return mine == (other.message, other.recovery_suggestion, other.failure)

    def __hash__(self) -> int:
        return hash((type(self), self.message, self.recovery_suggestion, self.failure))


class UserCancelledException(AuthException, EffectCancelledError):
    """The user called the sign-out off before the hosted UI came back. A hosted UI handler raises it to say so."""

    _message = "The user cancelled the sign-out attempt, so it did not complete."
    _recovery_suggestion = "Catch this error, and attempt the sign-out again."


class HostedUISignOutException(AuthException):
    """The hosted UI did not come back: the browser's cookie may still be valid."""

    _message = "The hosted UI sign-out did not return to the application; the browser's session may still be valid."
    _recovery_suggestion = "No URL is known to retry with: check the domain and sign-out URLs of the hosted UI handler."


class GlobalSignOutException(AuthException):
    """The other sessions of the user may live on."""

    _message = "Failed to sign out globally."
    _recovery_suggestion = (
        "See `failure` for the service's answer. Call `retry` with this result, or GlobalSignOut with the boto3 client "
        "of the runner (`CognitoRunner.client`)."
    )


class RevokeTokenException(AuthException):
    """The refresh token may live on."""

    _message = "Failed to revoke the refresh token."
    _recovery_suggestion = (
        "See `failure` for the service's answer. Call `retry` with this result, or RevokeToken with the boto3 client "
        "of the runner (`CognitoRunner.client`)."
    )


class InvalidStateException(AuthException):
    """The session is in a state from which it cannot be signed out this way."""

    _message = "The session is in a state in which this request cannot be processed."
    _recovery_suggestion = "The operation is not valid for the current state of the session."


class ConfigurationException(AuthException):
    """Something is missing or wrong in how authsm was set up; no effect has run."""

    _message = "The configuration is incomplete or wrong."
    _recovery_suggestion = "Correct the configuration; nothing has been changed."


class CredentialStoreException(AuthException):
    """The local credentials could not be read, or could not be cleared."""

    _message = "The credential store failed."
    _recovery_suggestion = "See `failure` for the cause. Once it is gone, sign out again."
