"""What classes and properties say of themselves, for people."""

from __future__ import annotations

from dataclasses import is_dataclass


def first_line(described: object) -> str:
    """Give the first line of a docstring.

    Args:
        described: What may have one: a class, or a property.

    Returns:
        That line; empty where nobody wrote one. A dataclass without a docstring has its signature there, which is for
        programs.
    """
    said = (getattr(described, "__doc__", None) or "").strip()
    if isinstance(described, type) and is_dataclass(described) and _is_signature(described.__name__, said):
        return ""
    return said.partition("\n")[0].rstrip()


def _is_signature(name: str, said: str) -> bool:
    return said.startswith(f"{name}(") and said.endswith(")")
