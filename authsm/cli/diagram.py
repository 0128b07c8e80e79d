"""``authsm diagram``: draw a machine."""

from __future__ import annotations

from pathlib import Path

import click

from authsm.diagrams.formats import FORMATS, draw
from authsm.flows.sign_out.chart import SIGN_OUT


@click.command()
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), default="mermaid", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; standard output if not given."
)
@click.option(
    "--all", "all_into", type=click.Path(file_okay=False, path_type=Path), help="Draw every format into this folder."
)
@click.option(
    "--check",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tell whether this folder is current.",
)
@click.pass_context
def diagram(
    ctx: click.Context, format_name: str, output: Path | None, all_into: Path | None, check: Path | None
) -> None:
    """Draw the sign-out machine."""
    if check is not None:
        stale = [name for name, text in _files().items() if not _holds(check / name, text)]
        for name in stale:
            click.echo(f"{check / name} is not what the chart says: run authsm diagram --all {check}", err=True)
        ctx.exit(1 if stale else 0)
    if all_into is not None:
        all_into.mkdir(parents=True, exist_ok=True)
        for name, text in _files().items():
            (all_into / name).write_text(text, encoding="utf-8")
            click.echo(all_into / name)
        return
    text = draw(SIGN_OUT, format_name)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None


def _files() -> dict[str, str]:
    return {f"sign_out.{each.ending}": draw(SIGN_OUT, name) for name, each in FORMATS.items()}


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
