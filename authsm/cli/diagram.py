"""``authsm diagram``: draw a machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authsm.cli import gallery
from authsm.cli.targets import MachineName
from authsm.core.graph import every_reply, explore, follow
from authsm.diagrams import graphviz
from authsm.diagrams.formats import FORMATS, PNG, paint
from authsm.diagrams.picture import highlight, picture_of
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.reach import PRESETS, starts_of, whatever_may_happen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event
    from authsm.diagrams.picture import Picture


@click.command()
@click.argument("machine", type=MachineName(), required=False)
@click.option("--format", "format_name", type=click.Choice([*FORMATS, PNG]), default="mermaid", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; standard output if not given."
)
@click.option("--policy", type=click.Choice(list(PRESETS)), help="Draw only what the sign-outs of this policy reach.")
@click.option("--trace", help="Highlight one run: the names of its events, with commas between them.")
@click.option(
    "--all", "all_into", type=click.Path(file_okay=False, path_type=Path), help="Draw everything into this folder."
)
@click.option(
    "--check",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tell whether this folder is current.",
)
@click.pass_context
def diagram(
    ctx: click.Context,
    *,
    machine: Machine[Any] | None,
    format_name: str,
    output: Path | None,
    policy: str | None,
    trace: str | None,
    all_into: Path | None,
    check: Path | None,
) -> None:
    """Draw a machine: the sign-out's, or MODULE:MACHINE."""
    if check is not None:
        ctx.exit(1 if _stale(check) else 0)
    try:
        if all_into is not None:
            _draw_all(all_into)
            return
        picture = _picture(machine or SIGN_OUT, policy, trace)
        drawn = paint(picture, format_name)
    except (ValueError, graphviz.NoGraphvizError) as error:
        raise click.UsageError(str(error)) from None
    if output is None:
        click.echo(drawn, nl=False)
        return
    try:
        output.write_bytes(drawn)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None


def _picture(machine: Machine[Any], policy: str | None, trace: str | None) -> Picture:
    if policy is not None and machine is not SIGN_OUT:
        raise click.UsageError("--policy is about the sign-out: leave it away for another machine.")
    if policy is None and trace is None:
        return picture_of(machine)
    starts, events = _starts(machine, policy)
    within = explore(machine, starts, events=events) if policy else None
    picture = picture_of(machine, within=within)
    if trace is None:
        return picture
    names = [name.strip() for name in trace.split(",") if name.strip()]
    return highlight(picture, follow(machine, starts, names, events=events))


def _starts(
    machine: Machine[Any], policy: str | None
) -> tuple[list[Snapshot[Any]], Callable[[Machine[Any], Snapshot[Any]], Iterable[Event]]]:
    if machine is SIGN_OUT:
        policies = [PRESETS[policy]] if policy else PRESETS.values()
        return [start for each in policies for start in starts_of(each)], whatever_may_happen
    context = machine.table.context
    try:
        return [machine.start(context())], every_reply
    except TypeError as error:
        raise click.UsageError(
            f"--trace starts with {context.__name__}(), and that fails: {error}. Give its fields defaults, or use "
            "authsm.diagrams.picture.highlight with a run of your own."
        ) from None


def _draw_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in gallery.files():
        (folder / name).write_bytes(text.encode())
        click.echo(folder / name)


def _stale(folder: Path) -> bool:
    """Tell whether a folder is out of date, and name the files that are."""
    if not graphviz.is_pinned():
        click.echo("Left out: the SVG pictures. Only the graphviz-pure of authsm[svg] draws just the same.", err=True)
    stale = [name for name, text in gallery.files(svg=graphviz.is_pinned()) if not _holds(folder / name, text)]
    for name in stale:
        click.echo(f"{folder / name} is not what the chart says: run authsm diagram --all {folder}", err=True)
    return bool(stale)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
