"""``authsm status``: who is signed in, and which sign-outs were interrupted."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from authsm.auth.blocking import Auth
from authsm.auth.session import AuthState
from authsm.cli.options import STORE_HELP, open_store
from authsm.cli.show import exception_as_builtins, show_exception
from authsm.errors import CredentialStoreException

_COLOURS = {AuthState.SIGNED_IN: "green", AuthState.SIGNING_OUT: "yellow", AuthState.SIGNED_OUT: "dim"}


@click.command()
@click.option("--store", "store_name", required=True, help=STORE_HELP)
@click.option("--key", "keys", multiple=True, default=("default",), show_default=True, help="A session's key.")
@click.option("--json", "as_json", is_flag=True, help="Write it to standard output as JSON.")
@click.pass_context
def status(ctx: click.Context, /, store_name: str, keys: tuple[str, ...], *, as_json: bool) -> None:
    """Show the state of sessions, and which sign-outs were interrupted: `authsm resume` ends those.

    Sessions that cannot be read are shown, too: their sign-out may have been interrupted. The exit status is 1 then.
    """
    store = open_store(store_name)
    interrupted = sorted(store.journals())
    states: dict[str, AuthState | None] = {}
    unread: dict[str, CredentialStoreException] = {}
    for key in sorted({*keys, *interrupted}):
        try:
            states[key] = Auth(store, {}, key=key).state
        except CredentialStoreException as error:
            states[key], unread[key] = None, error
    if as_json:
        said = {key: exception_as_builtins(why) for key, why in unread.items()}
        click.echo(json.dumps({"sessions": states, "interrupted": interrupted, "errors": said}))
    else:
        table = Table("key", "state", "sign-out")
        for key, state in states.items():
            in_words = Text(state, _COLOURS[state]) if state else Text("cannot be read", "red")
            sign_out = "interrupted" if state else "perhaps interrupted"
            table.add_row(Text(key), in_words, sign_out if key in interrupted else "")
        Console().print(table)
        for why in unread.values():
            show_exception(Console(stderr=True, highlight=False), why)
    ctx.exit(1 if unread else 0)
