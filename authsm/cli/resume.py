"""``authsm resume``: end the sign-outs that a crash interrupted."""

from __future__ import annotations

import json
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click
from rich.text import Text

from authsm.auth.blocking import Auth
from authsm.cli.ending import Ending
from authsm.cli.options import (
    INTERRUPTED,
    STATUS,
    STORE_HELP,
    CognitoOptions,
    cognito_options,
    deadline_option,
    keep_option,
    open_store,
)
from authsm.cli.show import as_builtins, exception_as_builtins, show_exception
from authsm.core.drive import Limits
from authsm.errors import CredentialStoreException
from authsm.flows.sign_out.results import FailedSignOut, SignOutResult

if TYPE_CHECKING:
    from pathlib import Path

Outcome: TypeAlias = SignOutResult | CredentialStoreException | None
"""What became of a key: what its sign-out ended in, why it could not be read, or None where none was interrupted."""

_STATUS: Final = {**STATUS, CredentialStoreException: STATUS[FailedSignOut], NoneType: 0}


@click.command()
@cognito_options
@click.option("--store", "store_name", required=True, help=STORE_HELP)
@click.option("--key", "keys", multiple=True, help="A session's key; all whose sign-out was interrupted if not given.")
@deadline_option
@click.option("--json", "as_json", is_flag=True, help="Write the results to standard output as JSON, by their keys.")
@keep_option
@click.pass_context
def resume(ctx: click.Context, /, **options: Any) -> None:
    """End sign-outs that a crash interrupted, and say what became of every step.

    The exit status is that of `authsm sign-out` for the worst of them, where a session that cannot be read counts as a
    failed one; it is 0 where none was interrupted. Ctrl-C cuts the current one short, shows what it ended in, and
    leaves the others for another time; a status that would be 0 is 130 then.

    What --keep-for-retry keeps is of one session: it goes with one --key.
    """
    cognito = CognitoOptions.taken_from(options)
    ctx.exit(_Resumption(cognito, **options).run())


class _Resumption:
    """What was asked for on the command line, and what has become of it."""

    def __init__(
        self,
        cognito: CognitoOptions,
        *,
        store_name: str,
        keys: tuple[str, ...],
        deadline: float,
        as_json: bool,
        keep_file: Path | None,
    ) -> None:
        if keep_file is not None and len(keys) != 1:
            raise click.UsageError("--keep-for-retry is for one session: say which, with one --key.")
        self._ending = Ending(cancelled="authsm resume can be called again", as_json=as_json, keep_file=keep_file)
        self._as_json = as_json
        self._runner = cognito.runner(self._ending.show_url)
        self._store = open_store(store_name)
        self._limits = Limits(deadline=deadline)
        self._keys = tuple(dict.fromkeys(keys)) or tuple(self._store.journals())
        self._outcomes: dict[str, Outcome] = {}

    def run(self) -> int:
        """Resume one after the other, and give the exit status."""
        try:
            for key in self._keys:
                self._outcomes[key] = self._resume(key)
                if self._ending.interrupted:
                    break
        except KeyboardInterrupt:
            pass  # before the current one had begun: it is left, as those after it are
        if self._as_json:
            click.echo(json.dumps({key: _as_builtins(outcome) for key, outcome in self._outcomes.items()}))
        if not self._keys:
            self._ending.console.print("No sign-out was interrupted.")
        left = [key for key in self._keys if key not in self._outcomes]
        if left:
            said = f"Left for another time: {', '.join(left)}. Call authsm resume again."
            self._ending.console.print(Text(said, "yellow"))
        worst = max((_STATUS[type(outcome)] for outcome in self._outcomes.values()), default=0)
        return worst or (INTERRUPTED if left else 0)

    def _resume(self, key: str) -> Outcome:
        console = self._ending.console
        if not self._as_json:
            console.rule(Text(key, "bold"))
        auth = Auth(self._store, self._runner, key=key, limits=self._limits, observers=self._ending.observers)
        try:
            result = self._ending.end(auth, auth.resume)
        except CredentialStoreException as error:
            show_exception(console, error)
            return error
        if result is None:
            console.print(f"No sign-out of {key!r} was interrupted.", markup=False)
        return result


def _as_builtins(outcome: Outcome) -> dict[str, Any] | None:
    match outcome:
        case None:
            return None
        case CredentialStoreException():
            return {"result": None, "errors": [exception_as_builtins(outcome)]}
        case _:
            return as_builtins(outcome)
