"""``authsm explore``: make a page on which one can click through everything that a machine can do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from authsm.cli import runs
from authsm.cli.files import write
from authsm.cli.targets import MachineName
from authsm.core.graph import TooManySnapshotsError
from authsm.core.machine import Machine
from authsm.diagrams import svg
from authsm.diagrams.explorer import page
from authsm.diagrams.expressions import Expression
from authsm.diagrams.picture import picture_of
from authsm.diagrams.sign_out_tour import SIGN_OUT_TOUR
from authsm.diagrams.tour import BOUND, Start, Tour

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHIPPED: Final = "authsm.flows.sign_out.chart:SIGN_OUT"
_EVERY: Final = 5000


@click.command()
@click.argument("machine_name", metavar="[MODULE:MACHINE]", default=_SHIPPED)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("explorer.html"),
    show_default=True,
    help="The file to write.",
)
@runs.starts_option
@click.option(
    "--bound", type=click.IntRange(min=1), default=BOUND, show_default=True, help="Stop where there are more places."
)
def explore(machine_name: str, output: Path, starts_name: str | None, bound: int) -> None:
    """Make one HTML file in which one can click through the machine of sign-out, or any other; it needs no network."""
    machine = MachineName()(machine_name)
    tour = _tour(machine, starts_name)
    source, picture = _source(machine, machine_name), _svg(machine)
    try:
        with runs.in_clear_words(machine):
            text = page(machine, tour, source=source, svg=picture, bound=bound, progress=_tell).encode()
    except TooManySnapshotsError as error:
        raise click.UsageError(f"{error} (--bound, --starts)") from None
    write(output, text)
    click.echo(f"{output}: {len(text) / 1000:.0f} kB. Open it in a browser.")


def _source(machine: Machine[Any], name: str) -> Expression:
    """Give the source that makes the machine: what was named is that machine, or its chart."""
    module_name, _, inner = name.partition(":")
    imports = ((module_name, inner),)
    if getattr(sys.modules[module_name], inner) is machine:
        return Expression(inner, imports)
    return Expression(f"Machine({inner})", ((Machine.__module__, "Machine"), *imports))


def _tour(machine: Machine[Any], starts_name: str | None) -> Tour[Any]:
    if starts_name is not None:
        return Tour(starts=tuple(_starts(machine, starts_name)), events=runs.events)
    if runs.is_sign_out(machine):
        return SIGN_OUT_TOUR
    first = runs.first_context(machine, otherwise=runs.STARTS_ADVICE)
    about = f"With the defaults of {machine.table.context.__name__}."
    return Tour(starts=(Start("start", "The start", about, first),), events=runs.events)


def _starts(machine: Machine[Any], name: str) -> Iterable[Start[Any]]:
    for number, (title, context) in enumerate(runs.named_contexts(machine, name), 1):
        yield Start(f"start-{number}", title or f"Start {number}", "", context)


def _svg(machine: Machine[Any]) -> str | None:
    """Draw the machine. Without the extra the page has no picture; everything else on it works as well."""
    try:
        return svg.render(picture_of(machine))
    except (RuntimeError, OSError) as error:
        click.echo(f"The page has no picture. {error}", err=True)
        return None


def _tell(found: int) -> None:
    if found % _EVERY == 0:
        click.echo(f"{found} places so far ...", err=True)
