"""``authsm status``: who is signed in, and which sign-outs were interrupted."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from authsm.auth.blocking import Auth
from authsm.auth.session import AuthState
from authsm.cli.options import STORES, open_store

_COLOURS = {AuthState.SIGNED_IN: "green", AuthState.SIGNING_OUT: "yellow", AuthState.SIGNED_OUT: "dim"}


@click.command()
@click.option("--store", "store_name", required=True, help=f"Where the credentials live: {STORES}.")
@click.option("--key", "keys", multiple=True, default=("default",), show_default=True, help="A session's key.")
@click.option("--json", "as_json", is_flag=True, help="Write it to standard output as JSON.")
def status(store_name: str, keys: tuple[str, ...], *, as_json: bool) -> None:
    """Show the state of sessions, and which sign-outs were interrupted: `authsm resume` ends those."""
    store = open_store(store_name)
    interrupted = sorted(store.journals())
    states = {key: Auth(store, {}, key=key).state for key in sorted({*keys, *interrupted})}
    if as_json:
        click.echo(json.dumps({"sessions": states, "interrupted": interrupted}))
        return
    table = Table("key", "state", "sign-out")
    for key, state in states.items():
        table.add_row(key, f"[{_COLOURS[state]}]{state}[/]", "interrupted" if key in interrupted else "")
    Console().print(table)
