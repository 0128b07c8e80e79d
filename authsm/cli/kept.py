"""Tokens that come through standard input, and the file that keeps what a retry needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

import msgspec

from authsm.credentials import Secret, SignedInData, SignInMethod, UserPoolTokens, scrub
from authsm.errors import (
    ConfigurationException,
    GlobalSignOutException,
    HostedUISignOutException,
    RevokeTokenException,
)
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.results import (
    GlobalSignOutError,
    HostedUIError,
    PartialSignOut,
    RevokeTokenError,
    Skipped,
    Steps,
)
from authsm.stores._record import MALFORMED, Hidden

if TYPE_CHECKING:
    from pathlib import Path


class _Tokens(msgspec.Struct, forbid_unknown_fields=True):
    """Credentials on standard input."""

    access_token: str | None = None
    id_token: str | None = None
    refresh_token: str | None = None
    username: str = ""
    sign_in_method: SignInMethod = SignInMethod.UNKNOWN


class _Version(msgspec.Struct):
    """What every version of the file of a retry says."""

    authsm_retry: int


class _Unfinished(msgspec.Struct, forbid_unknown_fields=True):
    """The file of a retry."""

    authsm_retry: int
    username: str = ""
    hosted_ui: bool = False
    hosted_ui_url: str | None = None
    global_sign_out: bool = False
    access_token: str | None = None
    revoke_token: bool = False
    refresh_token: str | None = None


_FIELDS = "access_token, id_token, refresh_token, username, sign_in_method"
_FORMAT = 1


def read_credentials(text: bytes) -> SignedInData:
    """Read credentials from JSON.

    Args:
        text: One JSON object.

    Returns:
        The credentials.

    Raises:
        ConfigurationException: It is malformed. The message says where, and shows nothing of it.
    """
    try:
        said = msgspec.json.decode(text, type=_Tokens)
    except MALFORMED as error:
        raise ConfigurationException(
            f"The credentials are malformed: {_what(error)}.", f"Give one JSON object with any of {_FIELDS}."
        ) from None
    data = SignedInData(
        username=said.username,
        sign_in_method=said.sign_in_method,
        tokens=UserPoolTokens.from_text(
            access_token=said.access_token, id_token=said.id_token, refresh_token=said.refresh_token
        ),
    )
    data.check()
    return data


class RetryFile:
    """The file that keeps what a retry needs, readable by its owner only.

    It is made before the sign-out begins: once the credentials are gone, it is too late to find that it cannot be.

    Args:
        path: The file; it must not exist.

    Raises:
        OSError: The file exists already, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        # O_EXCL: nothing is overwritten, and no link that somebody has laid out is followed.
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._path = path
        self._kept = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._kept:
            self._path.unlink(missing_ok=True)

    def keep(self, partial: PartialSignOut) -> None:
        """Write down what is left to be done, durably.

        Args:
            partial: What failed.

        Raises:
            OSError: The disk is full.
        """
        self._file.write(_unfinished(partial))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._kept = True


def _unfinished(partial: PartialSignOut) -> bytes:
    hosted_ui, global_sign_out, revoke = (
        partial.hosted_ui_error,
        partial.global_sign_out_error,
        partial.revoke_token_error,
    )
    said = _Unfinished(
        authsm_retry=_FORMAT,
        username=partial.username,
        hosted_ui=hosted_ui is not None,
        hosted_ui_url=hosted_ui.url if hosted_ui else None,
        global_sign_out=global_sign_out is not None,
        access_token=_text(global_sign_out.access_token) if global_sign_out else None,
        revoke_token=revoke is not None,
        refresh_token=_text(revoke.refresh_token) if revoke else None,
    )
    return msgspec.json.encode(said)


def read_for_retry(path: Path) -> PartialSignOut:
    """Read back what `RetryFile` keeps.

    Args:
        path: The file.

    Returns:
        A partial result, to be retried.

    Raises:
        ConfigurationException: The file is missing or none of these.
    """
    try:
        text = Hidden(path.read_bytes())
    except OSError as error:
        raise ConfigurationException(
            f"{path} cannot be read: {error.strerror}.", "Give the file that --keep-for-retry wrote."
        ) from None
    try:
        version = msgspec.json.decode(text, type=_Version).authsm_retry
        if version == _FORMAT:
            return _partial(msgspec.json.decode(text, type=_Unfinished))
    except MALFORMED as error:
        raise ConfigurationException(
            f"{path} is no file of a retry: {_what(error)}.", "Give the file that --keep-for-retry wrote."
        ) from None
    raise ConfigurationException(
        f"{path} has the format {version}, and this version reads {_FORMAT}.", "Use the newer version."
    )


def _what(error: Exception) -> str:
    """Say what is wrong with a text, and show nothing of it: the error of the decoder holds all of it."""
    return "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else scrub(str(error))


def _partial(said: _Unfinished) -> PartialSignOut:
    if not (said.hosted_ui or said.global_sign_out or said.revoke_token):
        raise ConfigurationException("The file of the retry names nothing that is left to be done.", "Remove it.")
    done = Skipped(Why.ALREADY_DONE)
    return PartialSignOut(
        steps=Steps(
            hosted_ui=done, refresh_tokens=done, global_sign_out=done, revoke_token=done, clear_credentials=done
        ),
        signed_out_locally=True,
        username=said.username,
        hosted_ui_error=HostedUIError(said.hosted_ui_url, HostedUISignOutException()) if said.hosted_ui else None,
        global_sign_out_error=GlobalSignOutError(_secret(said.access_token), GlobalSignOutException())
        if said.global_sign_out
        else None,
        revoke_token_error=RevokeTokenError(_secret(said.refresh_token), RevokeTokenException())
        if said.revoke_token
        else None,
    )


def _text(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None
