"""``authsm diagram``: draw a machine."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from authsm.cli import gallery, runs
from authsm.cli.files import write
from authsm.cli.targets import MachineName
from authsm.core.graph import NoSuchRunError, explore, follow
from authsm.diagrams import graphviz
from authsm.diagrams.formats import FORMATS, PNG, paint
from authsm.diagrams.picture import highlight, picture_of
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.reach import PRESETS, starts_of, whatever_may_happen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event
    from authsm.diagrams.picture import Picture

_PREFIX: Final = "sign_out."


@click.command()
@click.argument("machine", type=MachineName(), required=False)
@click.option("--format", "format_name", type=click.Choice([*FORMATS, PNG]), default="mermaid", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; standard output if not given."
)
@click.option("--policy", type=click.Choice(list(PRESETS)), help="Draw only what the sign-outs of this policy reach.")
@click.option("--trace", help="Highlight one run: the names of its events, with commas between them.")
@click.option(
    "--all",
    "all_into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Draw all pictures of the sign-out into this folder.",
)
@click.option(
    "--check",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tell whether all pictures of the sign-out in this folder are current.",
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
    _refuse_more_than_a_folder(ctx)
    if check is not None:
        ctx.exit(1 if _stale(check) else 0)
    if all_into is not None:
        _draw_all(all_into)
        return
    picture = _picture(machine or SIGN_OUT, policy, trace)
    with _in_clear_words():
        drawn = paint(picture, format_name)
    if output is None:
        click.echo(drawn, nl=False)
    else:
        write(output, drawn)


@contextmanager
def _in_clear_words() -> Generator[None]:
    try:
        yield
    except (ValueError, graphviz.NoGraphvizError) as error:
        raise click.UsageError(str(error)) from None
    except (RuntimeError, OSError) as error:
        others = ", ".join(name for name, each in FORMATS.items() if not each.needs_graphviz)
        raise click.UsageError(f"Graphviz fails here, and {others} need none of it. {error}") from None


def _refuse_more_than_a_folder(ctx: click.Context) -> None:
    """Refuse what would make no difference: a folder of all pictures has its own formats, policies and runs."""
    given = list(_given(ctx))
    alone = next((name for name in given if name in {"--all", "--check"}), None)
    if alone is not None and len(given) > 1:
        others = ", ".join(name for name in given if name != alone)
        raise click.UsageError(f"{alone} is about all pictures of the sign-out, and stands alone: leave away {others}.")


def _given(ctx: click.Context) -> Iterator[str]:
    for each in ctx.command.params:
        if each.name in ctx.params and ctx.get_parameter_source(each.name) is not ParameterSource.DEFAULT:
            yield each.opts[-1] if isinstance(each, click.Option) else each.human_readable_name


def _picture(machine: Machine[Any], policy: str | None, trace: str | None) -> Picture:
    if policy is not None and not runs.is_sign_out(machine):
        raise click.UsageError("--policy is about the sign-out: leave it away for another machine.")
    if policy is None and trace is None:
        return picture_of(machine)
    names = None if trace is None else [name.strip() for name in trace.split(",") if name.strip()]
    if names == []:
        raise click.UsageError("--trace names no event: give it one or more, as in --trace Begin,UserCancelled.")
    starts, events = _starts(machine, policy)
    within = explore(machine, starts, events=events) if policy else None
    picture = picture_of(machine, within=within)
    if names is None:
        return picture
    try:
        with runs.in_clear_words(machine):
            run = follow(machine, starts, names, events=events)
    except NoSuchRunError as error:
        raise click.UsageError(str(error)) from None
    return highlight(picture, run)


def _starts(
    machine: Machine[Any], policy: str | None
) -> tuple[list[Snapshot[Any]], Callable[[Machine[Any], Snapshot[Any]], Iterable[Event]]]:
    if runs.is_sign_out(machine):
        policies = [PRESETS[policy]] if policy else PRESETS.values()
        return [start for each in policies for start in starts_of(each)], whatever_may_happen
    context = runs.first_context(
        machine,
        otherwise="Give its fields defaults, or use authsm.diagrams.picture.highlight with a run of your own.",
    )
    return [machine.start(context)], runs.events


def _draw_all(folder: Path) -> None:
    with _in_clear_words():
        drawn = list(gallery.files())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be made: {error.strerror}.") from None
    for name, text in drawn:
        write(folder / name, text.encode())
        click.echo(folder / name)


def _stale(folder: Path) -> bool:
    """Tell whether a folder is out of date, and name the files that are."""
    pinned = graphviz.is_pinned()
    if not pinned:
        click.echo("Left out: the SVG pictures. Only the graphviz-pure of authsm[svg] draws just the same.", err=True)
    with _in_clear_words():
        drawn = dict(gallery.files(svg=pinned))
    try:
        stale = [name for name, text in drawn.items() if not _holds(folder / name, text)]
        there = sorted(path.name for path in folder.iterdir() if path.name.startswith(_PREFIX))
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be read: {error.strerror}.") from None
    left = [name for name in there if name not in drawn and (pinned or not name.endswith(".svg"))]
    for name in stale:
        click.echo(f"{folder / name} is not what the chart says: run authsm diagram --all {folder}", err=True)
    for name in left:
        click.echo(f"{folder / name} is drawn by nothing any more: remove it", err=True)
    return bool(stale or left)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
