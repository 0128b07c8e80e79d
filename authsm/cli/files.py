"""Files that commands write where they are told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a file.

    Args:
        path: Which; what was in it is lost.
        content: What is to be in it.

    Raises:
        UsageError: It cannot be written; the message says why.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from None
