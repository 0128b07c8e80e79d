"""Machines by name: ``module:machine``, as other command lines name applications."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import click

from authsm.core.chart import Chart
from authsm.core.machine import Machine
from authsm.core.table import ChartError

if TYPE_CHECKING:
    from types import ModuleType


class MachineName(click.ParamType[Any]):
    """The name of a machine, or of a chart, which is compiled then."""

    name = "module:machine"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Machine[Any]:
        """Find the machine; a name that leads to none is an error in the command's use."""
        module_name, colon, name = str(value).partition(":")
        if not (module_name and colon and name):
            self.fail(f"{value!r} names no machine: write module:machine, as in bakery.orders:BAKERY.", param, ctx)
        try:
            module = import_here(module_name)
            found: Any = getattr(module, name, None)
            if _is_machine(found):
                return found
            if _is_chart(found):
                return Machine(found)
        except ChartError as error:
            self.fail(str(error), param, ctx)
        except NoModuleError as error:
            self.fail(str(error), param, ctx)
        there = [each for each, value in vars(module).items() if _is_machine(value) or _is_chart_of(module, value)]
        hint = f"its machines and charts are {', '.join(there)}" if there else "it has no machine and no chart at all"
        what = "has no" if found is None else "has another thing named"
        return self.fail(f"the module {module_name} {what} {name}: {hint}.", param, ctx)


def _is_machine(value: object) -> TypeGuard[Machine[Any]]:
    return isinstance(value, Machine)


def _is_chart(value: object) -> TypeGuard[type[Chart[Any]]]:
    return isinstance(value, type) and issubclass(value, Chart)


def _is_chart_of(module: ModuleType, value: object) -> bool:
    return _is_chart(value) and value.__module__ == module.__name__


class NoModuleError(Exception):
    """A module that cannot be imported: says why, and what to do."""


def import_here(name: str) -> ModuleType:
    """Import a module; those in the current folder are found, too.

    Args:
        name: Its name.

    Returns:
        The module.

    Raises:
        NoModuleError: It cannot be imported.
        ChartError: It makes a machine of a chart that cannot be compiled.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    try:
        return importlib.import_module(name)
    except ChartError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise NoModuleError(f"the module {name} needs {error.name}, which is not installed here.") from error
        raise NoModuleError(
            f"there is no module {name} here: run this in the folder that has it, or install it beside authsm."
        ) from error
    except Exception as error:
        raise NoModuleError(f"the module {name} fails as it is imported: {type(error).__name__}: {error}") from error
