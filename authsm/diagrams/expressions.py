"""Values as the Python source that makes them: what a test that somebody copies is written with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


class NoExpressionError(ValueError):
    """A value that no source can name from outside: says which, and why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A piece of Python source, and what it needs.

    Attributes:
        text: The source.
        imports: The module and name of everything that it names, each once.
    """

    text: str
    imports: tuple[tuple[str, str], ...] = ()


def expression_of(value: object) -> Expression:
    """Write a value down as Python source.

    Args:
        value: A number, text, enum, tuple, dataclass or msgspec struct; None; or anything made of these.

    Returns:
        Source that makes an equal value. Fields that have their defaults are left out.

    Raises:
        NoExpressionError: The value is of another type, or its class cannot be imported.
    """
    imports: dict[tuple[str, str], None] = {}
    return Expression(_text(value, imports), tuple(imports))


def _text(value: object, imports: dict[tuple[str, str], None]) -> str:
    if isinstance(value, Enum):
        return f"{_name(type(value), imports)}.{value.name}"
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if isinstance(value, tuple):
        items = [_text(item, imports) for item in cast("tuple[object, ...]", value)]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        fields = ", ".join(f"{name}={_text(given, imports)}" for name, given in fields_of(value, defaults=False))
        return f"{_name(type(value), imports)}({fields})"
    raise NoExpressionError(f"A value of type {type(value).__name__} cannot be written down as source.")


def fields_of(value: Any, *, defaults: bool = True) -> Iterator[tuple[str, object]]:
    """Give the fields of a dataclass or msgspec struct.

    Args:
        value: The value.
        defaults: Whether fields that have their default are given, too.

    Yields:
        The name and value of each field, in the order of declaration.
    """
    for name, default in _defaults(value):
        given = getattr(value, name)
        if defaults or given != default:
            yield name, given


def _defaults(value: Any) -> Iterator[tuple[str, object]]:
    """Give each field with its default; one that has none gets a value that equals no other."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            made = field.default_factory() if callable(field.default_factory) else object()
            yield field.name, made if field.default is msgspec.NODEFAULT else field.default
        return
    for each in dataclasses.fields(value):
        if each.default is not dataclasses.MISSING:
            yield each.name, each.default
        else:
            yield each.name, object() if each.default_factory is dataclasses.MISSING else each.default_factory()


def _name(kind: type, imports: dict[tuple[str, str], None]) -> str:
    outer, _, inner = kind.__qualname__.partition(".")
    if inner.startswith("<locals>"):
        raise NoExpressionError(f"{kind.__name__} is defined within a function, so no other module can import it.")
    imports[kind.__module__, outer] = None
    return kind.__qualname__
