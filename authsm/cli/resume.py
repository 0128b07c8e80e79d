"""``authsm resume``: end the sign-outs that a crash interrupted."""

from __future__ import annotations

import functools
import json
from typing import Any

import click
from rich.console import Console

from authsm.auth.blocking import Auth
from authsm.cli.options import STATUS, STORES, CognitoOptions, cognito_options, deadline_option, open_store
from authsm.cli.show import as_builtins, show_result, show_transition
from authsm.core.drive import Limits


@click.command()
@cognito_options
@click.option("--store", "store_name", required=True, help=f"Where the credentials live: {STORES}.")
@click.option("--key", "keys", multiple=True, help="A session's key; all whose sign-out was interrupted if not given.")
@deadline_option
@click.option("--json", "as_json", is_flag=True, help="Write the results to standard output as JSON, by their keys.")
@click.pass_context
def resume(ctx: click.Context, /, **options: Any) -> None:
    """End sign-outs that a crash interrupted, and say what became of every step.

    The exit status is that of `authsm sign-out` for the worst of them; 0 where none was interrupted.
    """
    cognito = CognitoOptions.taken_from(options)
    ctx.exit(_resume(cognito, **options))


def _resume(cognito: CognitoOptions, *, store_name: str, keys: tuple[str, ...], deadline: float, as_json: bool) -> int:
    console = Console(stderr=True)
    runner = cognito.runner(lambda url: console.print(f"Sign out in the browser: {url}", soft_wrap=True))
    store = open_store(store_name)
    worst, results = 0, {}
    for key in keys or tuple(store.journals()):
        if not as_json:
            console.rule(f"[bold]{key}")
        observers = () if as_json else (functools.partial(show_transition, console),)
        result = Auth(store, runner, key=key, limits=Limits(deadline=deadline), observers=observers).resume()
        results[key] = as_builtins(result) if result else None
        if result is None:
            console.print(f"No sign-out of {key!r} was interrupted.", highlight=False)
            continue
        worst = max(worst, STATUS[type(result)])
        if not as_json:
            show_result(console, result)
    if not results:
        console.print("No sign-out was interrupted.")
    if as_json:
        click.echo(json.dumps(results))
    return worst
