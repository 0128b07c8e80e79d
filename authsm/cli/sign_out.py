"""``authsm sign-out``: sign a user out for real."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authsm.auth.blocking import Auth
from authsm.cli.kept import RetryFile, read_credentials, read_for_retry
from authsm.cli.show import as_builtins, show_result, show_transition
from authsm.core.drive import Limits, Transition
from authsm.credentials import Secret, SignInMethod
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.policy import HostedUIOrder, SignOutPolicy
from authsm.flows.sign_out.results import CompleteSignOut, FailedSignOut, PartialSignOut, Skipped
from authsm.runners.cognito import CognitoRunner
from authsm.runners.hosted_ui import LoopbackHostedUI
from authsm.stores.file import FileCredentialStore
from authsm.stores.memory import MemoryCredentialStore

if TYPE_CHECKING:
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Notice
    from authsm.stores.contract import CredentialStore

_POLICIES = {
    "default": SignOutPolicy,
    "amplify-android": SignOutPolicy.amplify_android,
    "amplify-swift": SignOutPolicy.amplify_swift,
}
_STATUS = {CompleteSignOut: 0, PartialSignOut: 3, FailedSignOut: 4}
_LOOPBACK_URLS = ("http://127.0.0.1:8400/signed-out", "http://127.0.0.1:8401/signed-out")


def _finite(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter("Give a number of seconds.", ctx, parameter)
    return value


@click.command("sign-out")
@click.option("--client-id", envvar="AUTHSM_CLIENT_ID", show_envvar=True, required=True, help="The app client's id.")
@click.option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], show_envvar=True, help="The user pool's region.")
@click.option(
    "--client-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the app client's secret; or set AUTHSM_CLIENT_SECRET. It is no argument, so it shows nowhere.",
)
@click.option("--user-pool-id", help="The user pool's id; --admin needs it.")
@click.option("--endpoint-url", help="Where to find the service instead.")
@click.option("--store", "store_name", help="Where the credentials live: file:FOLDER.")
@click.option("--key", default="default", show_default=True, help="The session's key in the store.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the credentials from standard input, as JSON.")
@click.option(
    "--retry", "retry_file", type=click.Path(dir_okay=False, path_type=Path), help="Finish what --keep-for-retry kept."
)
@click.option("--global", "global_sign_out", is_flag=True, help="End every session of the user, on all devices.")
@click.option("--admin", is_flag=True, help="Authorise the global sign-out with IAM credentials, not the user's token.")
@click.option("--local-only", is_flag=True, help="Only clear the local credentials; the tokens stay alive.")
@click.option("--policy", "policy_name", type=click.Choice(list(_POLICIES)), default="default", show_default=True)
@click.option("--hosted-ui-domain", help="The hosted UI's domain, for sessions that were made there.")
@click.option(
    "--hosted-ui-sign-out-url",
    "sign_out_urls",
    multiple=True,
    default=_LOOPBACK_URLS,
    show_default=True,
    help="A sign-out URL on this machine that is registered on the app client; in order of preference.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0),
    callback=_finite,
    default=30.0,
    show_default=True,
    help="Seconds for all remote steps.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result to standard output as JSON, without any token.")
@click.option(
    "--keep-for-retry",
    "keep_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="On a partial sign-out, keep what a retry needs in this new file (mode 0600). It holds live tokens.",
)
@click.pass_context
def sign_out(ctx: click.Context, /, **options: object) -> None:
    """Sign a user out, and say what became of every step.

    The credentials come from a store (--store) or from standard input (--stdin). The exit status is 0 for a complete
    sign-out, 3 for a partial one, 4 for a failed one, and 2 for a mistake in the use of this command. Ctrl-C at the
    hosted UI cancels, and you stay signed in; later it cuts the remote steps short, and the status tells how it ended.
    """
    chosen = _Options(**options)  # type: ignore[arg-type]  # click gives each option the type that it declares
    ctx.exit(_STATUS[type(chosen.run())])


class _Options:
    """What was asked for on the command line."""

    def __init__(
        self,
        *,
        client_id: str,
        region: str | None,
        client_secret_file: Path | None,
        user_pool_id: str | None,
        endpoint_url: str | None,
        store_name: str | None,
        key: str,
        from_stdin: bool,
        retry_file: Path | None,
        global_sign_out: bool,
        admin: bool,
        local_only: bool,
        policy_name: str,
        hosted_ui_domain: str | None,
        sign_out_urls: tuple[str, ...],
        deadline: float,
        as_json: bool,
        keep_file: Path | None,
    ) -> None:
        if sum((store_name is not None, from_stdin, retry_file is not None)) != 1:
            raise click.UsageError("Say where the credentials come from: one of --store, --stdin or --retry.")
        if admin and not (global_sign_out or retry_file):
            raise click.UsageError("--admin is about the global sign-out: add --global.")
        if local_only and global_sign_out:
            raise click.UsageError("--local-only and --global exclude each other.")
        if local_only and retry_file is not None:
            raise click.UsageError("--retry is about what failed remotely: --local-only excludes it.")
        self._console = Console(stderr=True)
        self._as_json = as_json
        self._key = key
        self._global = global_sign_out
        self._keep_file = keep_file
        self._retry_file = retry_file
        self._partial = read_for_retry(retry_file) if retry_file else None
        self._policy = _policy(policy_name, local_only=local_only)
        hosted_ui = None
        if hosted_ui_domain is not None:
            hosted_ui = LoopbackHostedUI(
                domain=hosted_ui_domain, client_id=client_id, sign_out_urls=sign_out_urls, show_url=self._show_url
            )
        self._runner = CognitoRunner(
            client_id=client_id,
            region=region,
            client_secret=_client_secret(client_secret_file),
            user_pool_id=user_pool_id,
            admin=admin,
            endpoint_url=endpoint_url,
            hosted_ui=hosted_ui,
        )
        if not local_only:
            self._runner.check()
        self._method = SignInMethod.HOSTED_UI if hosted_ui is not None else SignInMethod.UNKNOWN
        self._store = self._open(store_name, from_stdin=from_stdin)
        self._limits = Limits(deadline=deadline)

    def _open(self, name: str | None, *, from_stdin: bool) -> CredentialStore:
        if name is None:
            store = MemoryCredentialStore()
            if from_stdin:
                data = read_credentials(sys.stdin.buffer.read())
                if data.sign_in_method is SignInMethod.UNKNOWN:
                    data = replace(data, sign_in_method=self._method)
                store.begin(self._key, data)
            return store
        kind, _, place = name.partition(":")
        if kind != "file" or not place:
            raise click.UsageError(f"There is no store {name!r}: write file:FOLDER.")
        if not Path(place).is_dir():
            raise click.UsageError(f"{place} is no folder: give the folder of a FileCredentialStore.")
        return FileCredentialStore(place)

    def run(self) -> SignOutResult:
        """Sign out, and show the result."""
        auth = Auth(
            self._store,
            self._runner,
            key=self._key,
            policy=self._policy,
            limits=self._limits,
            observers=() if self._as_json else (self._show,),
        )
        with self._retry_file_to_write() as retry_file:
            result = self._end(auth)
            if self._as_json:
                click.echo(json.dumps(as_builtins(result)))
            else:
                show_result(self._console, result)
                if _nobody_was_signed_in(result):
                    self._console.print(f"Nobody was signed in under the key {self._key!r}.", highlight=False)
            if isinstance(result, PartialSignOut):
                self._offer_retry(result, retry_file)
            elif self._retry_file is not None and isinstance(result, CompleteSignOut):
                self._retry_file.unlink()
        return result

    def _retry_file_to_write(self) -> contextlib.AbstractContextManager[RetryFile | None]:
        if self._keep_file is None:
            return contextlib.nullcontext()
        try:
            return RetryFile(self._keep_file)
        except FileExistsError:
            raise click.UsageError(f"{self._keep_file} exists already: --keep-for-retry writes a new file.") from None
        except OSError as error:
            raise click.UsageError(f"{self._keep_file} cannot be written: {error.strerror}.") from None

    def _end(self, auth: Auth) -> SignOutResult:
        """Sign out to the end; Ctrl-C ends it sooner, and what it ended in is shown and kept all the same."""
        try:
            return auth.retry(self._partial) if self._partial else auth.sign_out(global_sign_out=self._global)
        except KeyboardInterrupt:
            if auth.last_result is None:
                raise
            return auth.last_result

    def _show(self, notice: Notice) -> None:
        if isinstance(notice, Transition):
            show_transition(self._console, notice)

    def _show_url(self, url: str) -> None:
        self._console.print(f"Sign out in the browser: {url}", style="bold", soft_wrap=True, highlight=False)
        self._console.print("Ctrl-C cancels; you stay signed in.", style="dim")

    def _offer_retry(self, partial: PartialSignOut, retry_file: RetryFile | None) -> None:
        if retry_file is None:
            hint = "authsm sign-out --retry FILE finishes it, if the tokens were kept with --keep-for-retry FILE."
            self._console.print(hint, style="dim", highlight=False)
            return
        try:
            retry_file.keep(partial)
        except OSError as error:
            self._console.print(f"{self._keep_file} could not be written: {error.strerror}.", style="red")
            return
        hint = f"Kept for a retry, with live tokens in it: authsm sign-out --retry {self._keep_file} ..."
        self._console.print(hint, style="bold", highlight=False, soft_wrap=True)


def _nobody_was_signed_in(result: SignOutResult) -> bool:
    return result.steps.revoke_token == Skipped(Why.NOT_SIGNED_IN)


def _policy(name: str, *, local_only: bool) -> SignOutPolicy:
    if local_only:
        return SignOutPolicy(local_only=True, hosted_ui=HostedUIOrder.NEVER)
    return _POLICIES[name]()


def _client_secret(path: Path | None) -> Secret | None:
    import os  # noqa: PLC0415 - only here, where it is clear what is taken from the environment

    text = (
        path.read_text(encoding="utf-8", errors="replace").strip()
        if path
        else os.environ.get("AUTHSM_CLIENT_SECRET", "")
    )
    if path is not None and not text:
        raise ConfigurationException(f"{path} is empty.", "Put the app client's secret into it.")
    return Secret(text) if text else None
