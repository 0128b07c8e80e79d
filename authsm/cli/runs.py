"""Runs of any machine: where they begin, what may happen, and clear words where the machine's own code fails."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from authsm.cli.targets import NoModuleError, import_here
from authsm.core.graph import NoSuchRunError, TooManySnapshotsError, every_reply
from authsm.core.table import ChartError
from authsm.flows.sign_out.chart import SIGN_OUT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event


starts_option = click.option(
    "--starts",
    "starts_name",
    metavar="MODULE:NAME",
    help="The contexts to begin with: a list, or a dictionary with titles as its keys.",
)
"""With what runs begin; see `named_contexts`."""

STARTS_ADVICE: Final = (
    "Put the contexts to begin with into a list or a dictionary in a module, and name it: --starts module:name."
)
"""What to do where a machine cannot begin by itself."""


def is_sign_out(machine: Machine[Any]) -> bool:
    """Tell whether a machine is that of sign-out, or another of its chart."""
    return machine.chart is SIGN_OUT.chart


def first_context(machine: Machine[Any], *, otherwise: str) -> Any:
    """Give the context with which a run begins, if none is given: the one with the defaults.

    Args:
        machine: Any machine.
        otherwise: What to do where it has no defaults.

    Returns:
        The context.

    Raises:
        UsageError: It cannot be made without arguments, or cannot be used; the message says what to do.
    """
    kind = machine.table.context
    try:
        context = kind()
    except Exception as error:
        raise click.UsageError(f"{kind.__name__} cannot be made without arguments ({error}). {otherwise}") from error
    refuse_unhashable(context)
    return context


def named_contexts(machine: Machine[Any], name: str) -> tuple[tuple[str, Any], ...]:
    """Give the contexts of a list or dictionary in somebody's module.

    Args:
        machine: The machine that they are for.
        name: Where they are: ``"module:name"``.

    Returns:
        A title, empty in a list, and the context, of each.

    Raises:
        UsageError: There are none; the message says what to do.
    """
    module_name, _, inner = name.partition(":")
    try:
        found = getattr(import_here(module_name), inner, None)
    except (NoModuleError, ChartError) as error:
        raise click.UsageError(str(error)) from None
    titled: list[tuple[str, Any]] = []
    if isinstance(found, Mapping):
        titled = [(str(title), context) for title, context in found.items()]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - a stranger's
    elif isinstance(found, Iterable):
        titled = [("", context) for context in found]  # pyright: ignore[reportUnknownVariableType] - a stranger's
    kind = machine.table.context
    if not titled or not all(isinstance(context, kind) for _, context in titled):
        raise click.UsageError(f"{name} is no list or dictionary of contexts: put one {kind.__name__} or more into it.")
    for _, context in titled:
        refuse_unhashable(context)
    return tuple(titled)


def refuse_unhashable(value: object) -> None:
    """Refuse a context or an event that cannot be told apart from others.

    Args:
        value: The context or event.

    Raises:
        UsageError: It has no hash; the message says what to do.
    """
    try:
        hash(value)
    except TypeError as error:
        raise click.UsageError(
            f"{type(value).__name__} cannot be told apart from others ({error}): make it a frozen dataclass, with "
            "tuples in place of lists, and frozensets in place of sets."
        ) from None


def events(machine: Machine[Any], snapshot: Snapshot[Any]) -> Iterator[Event]:
    """Give one event of each kind that a snapshot knows.

    Args:
        machine: Any machine.
        snapshot: Where it stands.

    Yields:
        The events, made with their defaults.

    Raises:
        UsageError: One cannot be made so, or cannot be used; the message says what to do.
    """
    replies = every_reply(machine, snapshot)
    while True:
        try:
            event = next(replies)
        except StopIteration:
            return
        except Exception as error:
            raise click.UsageError(
                f"An event of the state {snapshot.state} cannot be made without arguments ({error}): give its fields "
                "defaults."
            ) from error
        refuse_unhashable(event)
        yield event


@contextmanager
def in_clear_words(machine: Machine[Any]) -> Generator[None]:
    """Say where the machine's own code fails: its context, its guards, its effects.

    Args:
        machine: Any machine.

    Yields:
        Once, for what steps the machine.

    Raises:
        UsageError: It fails; the message says how, and where.
    """
    try:
        yield
    except (click.ClickException, NoSuchRunError, TooManySnapshotsError):
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise click.UsageError(
            f"{machine.name} fails on the way: {type(error).__name__}: {error} ({Path(where.filename).name}, line "
            f"{where.lineno}, in {where.name}). A step must take every event that may happen, with any context."
        ) from error
