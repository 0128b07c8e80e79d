"""Things that are named on the command line as ``module:name``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from authsm.core.chart import Chart
from authsm.core.machine import Machine
from authsm.core.table import ChartError
from authsm.diagrams.expressions import Expression


def import_named(name: str) -> Any:
    """Import what is named; modules in the current folder are found, too.

    Args:
        name: As ``module:name``.

    Returns:
        What stands there.

    Raises:
        click.UsageError: There is no such module, or no such name in it.
    """
    module_name, colon, inner = name.partition(":")
    if not (module_name and colon and inner):
        raise click.UsageError(f"{name!r} names nothing: write module:name.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module_name), inner)
    except ModuleNotFoundError as error:
        raise click.UsageError(f"There is no module {error.name}, which {name} needs.") from None
    except AttributeError:
        raise click.UsageError(f"The module {module_name} has no {inner}.") from None
    except ChartError as error:
        raise click.UsageError(str(error)) from None


def machine_named(name: str) -> tuple[Machine[Any], Expression]:
    """Import a machine, or a chart to be compiled.

    Args:
        name: As ``module:name``.

    Returns:
        The machine, and the source by which others get it, too.

    Raises:
        click.UsageError: There is none, or its chart cannot be compiled; the message says why.
    """
    found = import_named(name)
    module_name, _, inner = name.partition(":")
    imports = ((module_name, inner),)
    if isinstance(found, Machine):
        return found, Expression(inner, imports)  # pyright: ignore[reportUnknownVariableType] - of any context
    if isinstance(found, type) and issubclass(found, Chart):
        try:
            machine = Machine[Any](found)  # pyright: ignore[reportUnknownArgumentType] - of any context
        except ChartError as error:
            raise click.UsageError(str(error)) from None
        return machine, Expression(f"Machine({inner})", ((Machine.__module__, "Machine"), *imports))
    raise click.UsageError(f"{name} is neither a machine nor a chart: it is {found!r}.")
