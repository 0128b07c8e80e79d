"""What the embedding application chooses about its sign-outs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, Self

from authsm.credentials import SignInMethod
from authsm.errors import ConfigurationException


class HostedUIOrder(StrEnum):
    """When the browser's session at the hosted UI is ended, for sessions that were made there."""

    FIRST = "first"
    """Before all else, so that a cancel can stop the sign-out with nothing done: desktops and command lines."""
    LAST = "last"
    """After all else, so that a user who never comes back is signed out all the same: web back ends."""
    NEVER = "never"
    """Not at all: the browser's session lives on until it expires."""


class RemoteOrder(StrEnum):
    """Which of the two remote steps comes first."""

    AUTO = "auto"
    """Revocation first where IAM credentials authorise the global sign-out, last where the access token does."""
    REVOKE_FIRST = "revoke_first"
    """Revocation first. It kills the access token, so a global sign-out that the token authorises will then fail."""
    GLOBAL_FIRST = "global_first"
    """The global sign-out first."""


class Authority(StrEnum):
    """What authorises a runner's global sign-out."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 - no password
    """The user's own access token (Cognito API Reference, GlobalSignOut)."""
    IAM = "iam"
    """The application's IAM credentials (Cognito API Reference, AdminUserGlobalSignOut)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choices:
    """What the Amplify SDKs do differently from each other and from us; reached through the presets only.

    Attributes:
        hosted_ui_methods: Sessions made in these ways are signed out of at the hosted UI.
        require_origin_jti: Without the claim ``origin_jti`` revocation counts as failed, and is not tried.
        revoke_after_failed_global: Whether revocation is tried after the global sign-out has failed.
        hosted_ui_refusal_stops: Whether an error that the hosted UI itself reports ends the sign-out there.
        cancel_goes_on_if_unknown: Whether a cancel is only an error where the sign-in method is not known.
        cancel_passes_if_expired: Whether a cancel does not count where the refresh token has expired.
    """

    hosted_ui_methods: frozenset[SignInMethod] = frozenset({SignInMethod.HOSTED_UI})
    require_origin_jti: bool = False
    revoke_after_failed_global: bool = True
    hosted_ui_refusal_stops: bool = False
    cancel_goes_on_if_unknown: bool = False
    cancel_passes_if_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOutPolicy:
    """How sign-outs are done.

    Attributes:
        hosted_ui: When the hosted UI's session is ended, for sessions that were made there.
        order: Which of the two remote steps comes first.
        refresh_expired_access_token: Whether an access token that has expired is refreshed before it has to authorise a
            global sign-out. Without it, a global sign-out fails for every session older than its access token.
        cancel_stops: Whether a cancel at the hosted UI, where it comes first, leaves the user signed in. Say False when
            the user is being deleted: the sign-out then goes on, and the cancel is an error in its result.
        local_only: Whether only the local credentials are cleared. The tokens stay alive at the service.
        end_sso_session: Whether the revocation also asks Cognito to end the single sign-on session that the session
            came through, so that the browser's cookie is worth nothing, without a browser. It takes a user pool that
            tracks sessions (Cognito API Reference, RevokeToken, ``RevokeAssociatedSessions``) and botocore 1.44.1 or
            newer. Where it was asked for and is not possible, the sign-out is complete all the same, the step
            ``end_sso_session`` of its result is skipped and says why, and the browser stays signed in. After a global
            sign-out with the user's own token, what became of it is not known, and a note says that. Applications that
            the user entered through the same single sign-on session keep their tokens.

    Raises:
        ConfigurationException: A value is none of those that the field allows.
    """

    hosted_ui: HostedUIOrder | Literal["first", "last", "never"] = HostedUIOrder.FIRST
    order: RemoteOrder | Literal["auto", "revoke_first", "global_first"] = RemoteOrder.AUTO
    refresh_expired_access_token: bool = True
    cancel_stops: bool = True
    local_only: bool = False
    end_sso_session: bool = False
    _choices: _Choices = field(default_factory=_Choices, repr=False)

    def __post_init__(self) -> None:
        """Accept the values of the enums as texts, too, and refuse anything else."""
        for name, kind in (("hosted_ui", HostedUIOrder), ("order", RemoteOrder)):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, kind(value))
            except ValueError:
                allowed = ", ".join(repr(member.value) for member in kind)
                raise ConfigurationException(
                    f"SignOutPolicy has no {name} {value!r}.", f"Give one of {allowed}."
                ) from None
        for name in ("refresh_expired_access_token", "cancel_stops", "local_only", "end_sso_session"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationException(f"SignOutPolicy.{name} is {getattr(self, name)!r}.", "Give True or False.")

    @property
    def choices(self) -> _Choices:
        """What a preset chose beyond the public fields."""
        return self._choices

    @classmethod
    def amplify_android(cls) -> Self:
        """Give the choices of Amplify Android.

        The hosted UI also where the sign-in method is not known, no refresh, no revocation without ``origin_jti`` or
        after a failed global sign-out (amplify-android, ``SignOutCognitoActions``).
        """
        return cls._amplify(
            _Choices(
                hosted_ui_methods=frozenset(
                    {SignInMethod.HOSTED_UI, SignInMethod.PRIVATE_HOSTED_UI, SignInMethod.UNKNOWN}
                ),
                require_origin_jti=True,
                revoke_after_failed_global=False,
                cancel_goes_on_if_unknown=True,
            )
        )

    @classmethod
    def amplify_swift(cls) -> Self:
        """Give the choices of Amplify Swift.

        No refresh, no revocation after a failed global sign-out; an error that the hosted UI reports ends the sign-out,
        and a cancel does not count where the refresh token has expired (amplify-swift, ``ShowHostedUISignOut``).
        """
        return cls._amplify(
            _Choices(revoke_after_failed_global=False, hosted_ui_refusal_stops=True, cancel_passes_if_expired=True)
        )

    @classmethod
    def _amplify(cls, choices: _Choices) -> Self:
        preset = cls(order=RemoteOrder.GLOBAL_FIRST, refresh_expired_access_token=False)
        return replace(preset, _choices=choices)
