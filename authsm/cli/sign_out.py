"""``authsm sign-out``: sign a user out for real."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authsm.auth.blocking import Auth
from authsm.cli.ending import Ending
from authsm.cli.kept import read_credentials, read_for_retry
from authsm.cli.options import (
    STATUS,
    STORE_HELP,
    CognitoOptions,
    cognito_options,
    deadline_option,
    keep_option,
    open_store,
)
from authsm.cli.show import as_builtins
from authsm.core.drive import Limits
from authsm.credentials import SignInMethod
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.policy import HostedUIOrder, SignOutPolicy
from authsm.flows.sign_out.reach import PRESETS
from authsm.flows.sign_out.results import CompleteSignOut, Skipped
from authsm.stores.memory import MemoryCredentialStore

if TYPE_CHECKING:
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.stores.contract import CredentialStore

_POLICIES = {
    name: policy
    for name, policy in PRESETS.items()
    if policy.hosted_ui is HostedUIOrder.FIRST and not policy.local_only
}
"""Those where Ctrl-C at the hosted UI changes nothing, as this command says; --local-only is an option of its own."""


@click.command("sign-out")
@cognito_options
@click.option("--store", "store_name", help=STORE_HELP)
@click.option("--key", default="default", show_default=True, help="The session's key in the store.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the credentials from standard input, as JSON.")
@click.option(
    "--retry", "retry_file", type=click.Path(dir_okay=False, path_type=Path), help="Finish what --keep-for-retry kept."
)
@click.option("--global", "global_sign_out", is_flag=True, help="End every session of the user, on all devices.")
@click.option("--local-only", is_flag=True, help="Only clear the local credentials; the tokens stay alive.")
@click.option(
    "--end-sso-session", is_flag=True, help="Have Cognito end the browser's session, too, if the pool tracks sessions."
)
@click.option("--policy", "policy_name", type=click.Choice(list(_POLICIES)), default="default", show_default=True)
@deadline_option
@click.option("--json", "as_json", is_flag=True, help="Write the result to standard output as JSON, without any token.")
@keep_option
@click.pass_context
def sign_out(ctx: click.Context, /, **options: Any) -> None:
    """Sign a user out, and say what became of every step.

    The credentials come from a store (--store) or from standard input (--stdin). The exit status is 0 for a complete
    sign-out, 3 for a partial one, 4 for a failed one, and 2 for a mistake in the use of this command. Ctrl-C at the
    hosted UI cancels, and you stay signed in; later it cuts the remote steps short, and the status tells how it ended.
    """
    cognito = CognitoOptions.taken_from(options)
    ctx.exit(STATUS[type(_Options(cognito, **options).run())])


class _Options:
    """What was asked for on the command line."""

    def __init__(
        self,
        cognito: CognitoOptions,
        *,
        store_name: str | None,
        key: str,
        from_stdin: bool,
        retry_file: Path | None,
        global_sign_out: bool,
        local_only: bool,
        end_sso_session: bool,
        policy_name: str,
        deadline: float,
        as_json: bool,
        keep_file: Path | None,
    ) -> None:
        if sum((store_name is not None, from_stdin, retry_file is not None)) != 1:
            raise click.UsageError("Say where the credentials come from: one of --store, --stdin or --retry.")
        if cognito.admin and not (global_sign_out or retry_file):
            raise click.UsageError("--admin is about the global sign-out: add --global.")
        if local_only and global_sign_out:
            raise click.UsageError("--local-only and --global exclude each other.")
        if local_only and end_sso_session:
            raise click.UsageError("--local-only and --end-sso-session exclude each other.")
        if local_only and retry_file is not None:
            raise click.UsageError("--retry is about what failed remotely: --local-only excludes it.")
        self._ending = Ending(cancelled="you stay signed in", as_json=as_json, keep_file=keep_file)
        self._as_json = as_json
        self._key = key
        self._global = global_sign_out
        self._retry_file = retry_file
        self._partial = read_for_retry(retry_file) if retry_file else None
        self._policy = _policy(policy_name, local_only=local_only, end_sso_session=end_sso_session)
        self._runner = cognito.runner(self._ending.show_url, checked=not local_only)
        self._method = SignInMethod.HOSTED_UI if cognito.hosted_ui_domain is not None else SignInMethod.UNKNOWN
        self._store = self._open(store_name, from_stdin=from_stdin)
        self._limits = Limits(deadline=deadline)

    def _open(self, name: str | None, *, from_stdin: bool) -> CredentialStore:
        if name is not None:
            return open_store(name)
        store = MemoryCredentialStore()
        if from_stdin:
            data = read_credentials(sys.stdin.buffer.read())
            if data.sign_in_method is SignInMethod.UNKNOWN:
                data = replace(data, sign_in_method=self._method)
            store.begin(self._key, data)
        return store

    def run(self) -> SignOutResult:
        """Sign out, and show the result."""
        auth = Auth(
            self._store,
            self._runner,
            key=self._key,
            policy=self._policy,
            limits=self._limits,
            observers=self._ending.observers,
        )
        result = self._ending.end(auth, lambda: self._end(auth))
        if self._as_json:
            click.echo(json.dumps(as_builtins(result)))
        elif _nobody_was_signed_in(result):
            self._ending.console.print(f"Nobody was signed in under the key {self._key!r}.", markup=False)
        if self._retry_file is not None and isinstance(result, CompleteSignOut):
            self._retry_file.unlink()
        return result

    def _end(self, auth: Auth) -> SignOutResult:
        return auth.retry(self._partial) if self._partial else auth.sign_out(global_sign_out=self._global)


def _nobody_was_signed_in(result: SignOutResult) -> bool:
    return result.steps.revoke_token == Skipped(Why.NOT_SIGNED_IN)


def _policy(name: str, *, local_only: bool, end_sso_session: bool) -> SignOutPolicy:
    if local_only:
        return SignOutPolicy(local_only=True, hosted_ui=HostedUIOrder.NEVER)
    return replace(_POLICIES[name], end_sso_session=end_sso_session)
