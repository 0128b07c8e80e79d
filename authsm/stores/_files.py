"""Files with secrets in them: replaced as a whole, durably, and readable by their owner only.

What differs between systems is here, and only here: modes, what makes a write durable, and files that are open.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final, TypeVar

from authsm.stores._record import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

if sys.platform == "darwin":
    import fcntl

Answer = TypeVar("Answer")

_OPEN_FILES_ARE_IN_THE_WAY: Final = os.name == "nt"
_PAUSES: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
"""How long to wait after each attempt, in seconds."""


def read(path: Path) -> Hidden:
    """Read a file.

    Args:
        path: Which.

    Returns:
        What is in it.

    Raises:
        OSError: It cannot be read.
    """
    return Hidden(_patiently(path.read_bytes))


def replace_by(text: bytes, path: Path) -> None:
    """Put a text in the place of a file so that a reader, or a crash, sees the old one or the new one, never a part.

    To be called under a lock of the file: nobody else is writing it, so one name does for all its new versions.

    Args:
        text: What is to be in the file.
        path: The file, which need not be there yet.

    Raises:
        OSError: It cannot be written. The old one is there, and nothing beside it.
    """
    temporary = temporary_of(path)
    _patiently(lambda: temporary.unlink(missing_ok=True))  # of a writer that was killed
    try:
        with open(temporary, "xb", opener=_for_its_owner) as file:
            file.write(text)
            file.flush()
            _sync(file.fileno())
        _patiently(lambda: temporary.replace(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _make_durable(path.parent)


def remove(path: Path) -> None:
    """Remove a file durably, if it is there.

    Args:
        path: Which.

    Raises:
        OSError: It cannot be removed.
    """
    if path.exists():
        _patiently(path.unlink)
        _make_durable(path.parent)


def temporary_of(path: Path) -> Path:
    """Give where the next version of a file is written. A writer that is killed leaves it behind, secrets and all.

    Args:
        path: The file.

    Returns:
        A file beside it.
    """
    return path.with_name(f"{path.name}.tmp")


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_durable(folder: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder cannot be opened, and the rename is durable without it
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _sync(handle)
        finally:
            os.close(handle)


def _sync(handle: int) -> None:
    if sys.platform == "darwin":  # there, fsync leaves it in the disk's own memory (fcntl(2))
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


def _patiently(act: Callable[[], Answer]) -> Answer:
    """Try again for a moment: on Windows, a file that another program has open can neither be replaced nor removed."""
    for pause in _PAUSES if _OPEN_FILES_ARE_IN_THE_WAY else ():
        try:
            return act()
        except PermissionError:
            time.sleep(pause)
    return act()
