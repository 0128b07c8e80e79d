"""Functions that applications hand over, and that are called without being awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsm.errors import ConfigurationException
from authsm.runners.handlers import is_async

if TYPE_CHECKING:
    from collections.abc import Callable


def refuse_coroutine_functions(**functions: Callable[..., object] | None) -> None:
    """Refuse functions that would have to be awaited.

    Args:
        functions: The functions, by the names of the arguments that they were handed over as.

    Raises:
        ConfigurationException: One of them is async.
    """
    for name, function in functions.items():
        if function is not None and is_async(function):
            raise ConfigurationException(f"{name} is async, and this call blocks.", "Pass a plain function.")
