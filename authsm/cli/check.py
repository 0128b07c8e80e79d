"""``authsm check``: prove a machine: all that can happen to it, what must hold of that, and whose absence shows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any, TypeGuard

import click
from rich.console import Console

from authsm.cli import proving, runs
from authsm.cli.report import as_builtins, show
from authsm.cli.targets import MachineName, NoModuleError, import_here
from authsm.core.graph import TooManySnapshotsError
from authsm.core.table import ChartError
from authsm.testing.proof.exploration import BOUND
from authsm.testing.proof.proof import Proof
from authsm.testing.proof.sign_out import SIGN_OUT_PROOF


@click.command()
@click.argument("name", metavar="[MODULE:MACHINE]", default=SIGN_OUT_PROOF.at)
@runs.starts_option
@click.option(
    "--bound",
    type=click.IntRange(min=1),
    default=BOUND,
    show_default=True,
    help="Stop where a setting has more situations.",
)
@click.option("--mutants/--no-mutants", default=True, help="Whether machines with one mistake each are tried, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(ctx: click.Context, name: str, *, starts_name: str | None, bound: int, mutants: bool, as_json: bool) -> None:
    """Prove the machine of sign-out, or any other, and say what was looked at.

    MODULE:MACHINE is a machine, or an authsm.testing.Proof, which also says what must hold of it. The exit status is 1
    where an invariant is violated or a mutant survives; then the shortest run that shows it is printed, as a script, as
    a Mermaid sequence diagram, and as a Hypothesis example.
    """
    make = partial(proof_named, name, starts_name)
    proof = make()
    with_mutants = mutants and proof.says_more
    try:
        with runs.in_clear_words(proof.machine):
            proved = proving.prove(proof, make, Console(stderr=True), bound=bound, with_mutants=with_mutants)
    except TooManySnapshotsError as error:
        raise click.UsageError(f"{error} (--bound, --starts)") from None
    if as_json:
        click.echo(json.dumps(as_builtins(proved), indent=2))
    else:
        show(Console(highlight=False), proved)
        if mutants and not with_mutants:
            click.echo(_NO_MUTANTS)
    ctx.exit(0 if proved.holds else 1)


_NO_MUTANTS = (
    "No mutants were tried: nothing says what must hold of this machine beyond what must hold of all. Write an "
    "authsm.testing.Proof with invariants of its own, and name that."
)


def proof_named(name: str, starts_name: str | None) -> Proof[Any]:
    """Find a proof, or make one of a machine.

    Args:
        name: Of the proof, the machine or the chart: ``"module:name"``.
        starts_name: Of the contexts to begin with.

    Returns:
        The proof.

    Raises:
        UsageError: There is none of that name, or it cannot begin; the message says what to do.
    """
    proof = _proof_at(name)
    if proof is not None:
        if starts_name is not None:
            raise click.UsageError(f"{name} says itself with what it begins: leave --starts away.")
        return proof if proof.at else replace(proof, at=name)
    machine = MachineName()(name)
    if runs.is_sign_out(machine) and starts_name is None:
        return SIGN_OUT_PROOF
    if starts_name is None:
        contexts = (runs.first_context(machine, otherwise=runs.STARTS_ADVICE),)
    else:
        contexts = tuple(context for _, context in runs.named_contexts(machine, starts_name))
    return Proof(machine=machine, contexts=lambda: contexts, events=runs.events)


def _proof_at(name: str) -> Proof[Any] | None:
    module_name, _, inner = name.partition(":")
    try:
        found: Any = getattr(import_here(module_name), inner, None) if inner else None
    except (NoModuleError, ChartError):
        return None  # `MachineName` says it in clear words
    return found if _is_proof(found) else None


def _is_proof(value: object) -> TypeGuard[Proof[Any]]:
    return isinstance(value, Proof)
