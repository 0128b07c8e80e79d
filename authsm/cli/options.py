"""What several commands are told: where the credentials live, and how Cognito is reached."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from authsm.cli.opening import open_browser
from authsm.credentials import Secret
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.results import CompleteSignOut, FailedSignOut, PartialSignOut
from authsm.runners.cognito import CognitoRunner
from authsm.runners.hosted_ui import LoopbackHostedUI
from authsm.stores.file import FileCredentialStore
from authsm.stores.keyring import KeyringCredentialStore
from authsm.stores.memory import MemoryCredentialStore
from authsm.stores.sqlite import SQLiteCredentialStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.stores.contract import CredentialStore

Command = TypeVar("Command", bound="Callable[..., Any]")

STATUS = {CompleteSignOut: 0, PartialSignOut: 3, FailedSignOut: 4}
"""The exit status for each kind of result."""

INTERRUPTED = 130
"""The exit status of what Ctrl-C left undone, as shells have it: 128 and the number of the signal."""

STORES = "file:FOLDER, sqlite:FILE, keyring:SERVICE[:FOLDER] or memory:"

STORE_HELP = (
    f"Where the credentials live: {STORES}. AUTHSM_ENCRYPTION_KEY opens encrypted files; an argument would show."
)

_LOOPBACK_URLS = ("http://127.0.0.1:8400/signed-out", "http://127.0.0.1:8401/signed-out")


def open_store(name: str) -> CredentialStore:
    """Open the store that a command names.

    Args:
        name: Its kind and place: ``file:FOLDER`` (encrypted, where AUTHSM_ENCRYPTION_KEY is set), ``sqlite:FILE``,
            ``keyring:SERVICE:FOLDER``, ``keyring:SERVICE`` (files where programs of that name keep theirs) or
            ``memory:``.

    Returns:
        The store.

    Raises:
        UsageError: There is no such kind, or nothing at the place.
        ConfigurationException: A package is missing, or the encryption key is none.
    """
    kind, _, place = name.partition(":")
    if kind == "memory" and not place:
        return MemoryCredentialStore()
    if not place or kind not in {"file", "sqlite", "keyring"}:
        raise click.UsageError(f"There is no store {name!r}: write {STORES}.")
    if kind == "keyring":
        service, _, named = place.partition(":")
        folder = named or click.get_app_dir(service)
        if not Path(folder).is_dir():
            raise click.UsageError(
                f"{folder} is no folder: give the name of a program that keeps its sessions there, or its folder, too."
            )
        return KeyringCredentialStore(service, folder)
    if kind == "file":
        if not Path(place).is_dir():
            raise click.UsageError(f"{place} is no folder: give the folder of a FileCredentialStore.")
        return FileCredentialStore(place, encryption_key=_secret("AUTHSM_ENCRYPTION_KEY"))
    if not Path(place).is_file():
        raise click.UsageError(f"{place} is no file: give the file of a SQLiteCredentialStore.")
    return SQLiteCredentialStore(place)


def _finite(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter("Give a number of seconds.", ctx, parameter)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class CognitoOptions:
    """How Cognito is reached, as the options of `cognito_options` say.

    Attributes:
        client_id: The app client's id.
        region: The user pool's region.
        client_secret_file: Where the app client's secret is.
        user_pool_id: The user pool's id.
        endpoint_url: Where to find the service instead.
        admin: Whether IAM credentials authorise the global sign-out.
        hosted_ui_domain: The hosted UI's domain.
        sign_out_urls: Where the browser comes back to.
    """

    client_id: str
    region: str | None
    client_secret_file: Path | None
    user_pool_id: str | None
    endpoint_url: str | None
    admin: bool
    hosted_ui_domain: str | None
    sign_out_urls: tuple[str, ...]

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Self:
        """Take these options out of all that a command was given."""
        return cls(**{each.name: options.pop(each.name) for each in fields(cls)})

    def runner(self, show_url: Callable[[str], None], *, checked: bool = True) -> CognitoRunner:
        """Make the runner.

        Args:
            show_url: Shows the user where to sign out in the browser.
            checked: Whether to find out now what its first call would.

        Returns:
            The runner.

        Raises:
            ConfigurationException: Something is wrong or missing.
        """
        hosted_ui = None
        if self.hosted_ui_domain is not None:
            hosted_ui = LoopbackHostedUI(
                domain=self.hosted_ui_domain,
                client_id=self.client_id,
                sign_out_urls=self.sign_out_urls,
                open_browser=open_browser,
                show_url=show_url,
            )
        runner = CognitoRunner(
            client_id=self.client_id,
            region=self.region,
            client_secret=_client_secret(self.client_secret_file),
            user_pool_id=self.user_pool_id,
            admin=self.admin,
            endpoint_url=self.endpoint_url,
            hosted_ui=hosted_ui,
        )
        if checked:
            runner.check()
        return runner


_COGNITO = (
    click.option(
        "--client-id", envvar="AUTHSM_CLIENT_ID", show_envvar=True, required=True, help="The app client's id."
    ),
    click.option(
        "--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], show_envvar=True, help="The user pool's region."
    ),
    click.option(
        "--client-secret-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with the app client's secret; or set AUTHSM_CLIENT_SECRET. An argument would show.",
    ),
    click.option("--user-pool-id", help="The user pool's id; --admin needs it."),
    click.option("--endpoint-url", help="Where to find the service instead."),
    click.option(
        "--admin", is_flag=True, help="Authorise the global sign-out with IAM credentials, not the user's token."
    ),
    click.option("--hosted-ui-domain", help="The hosted UI's domain, for sessions that were made there."),
    click.option(
        "--hosted-ui-sign-out-url",
        "sign_out_urls",
        multiple=True,
        default=_LOOPBACK_URLS,
        show_default=True,
        help="A sign-out URL on this machine that is registered on the app client; in order of preference.",
    ),
)


def cognito_options(command: Command) -> Command:
    """Give a command the options that `CognitoOptions` holds."""
    for option in reversed(_COGNITO):
        command = option(command)
    return command


def deadline_option(command: Command) -> Command:
    """Give a command the option ``--deadline``."""
    return click.option(
        "--deadline",
        type=click.FloatRange(min=0),
        callback=_finite,
        default=30.0,
        show_default=True,
        help="Seconds for all remote steps.",
    )(command)


def keep_option(command: Command) -> Command:
    """Give a command the option ``--keep-for-retry``."""
    return click.option(
        "--keep-for-retry",
        "keep_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="On a partial sign-out, keep what a retry needs in this new file (mode 0600). It holds live tokens.",
    )(command)


def _client_secret(path: Path | None) -> Secret | None:
    if path is None:
        return _secret("AUTHSM_CLIENT_SECRET")
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not text:
        raise ConfigurationException(f"{path} is empty.", "Put the app client's secret into it.")
    return Secret(text)


def _secret(variable: str) -> Secret | None:
    """Give what an environment variable says; None where it is not set, or empty."""
    text = os.environ.get(variable, "")
    return Secret(text) if text else None
