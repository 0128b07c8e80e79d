"""Measure contenders in turns, and give ratios with their spread."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Measured:
    """What a contender took.

    Attributes:
        seconds: The median over all turns, in seconds for one time.
        ratio: The median, over all turns, of its time by that of the first contender in the same turn.
        low: The lower quartile of that ratio.
        high: The upper quartile of that ratio.
    """

    seconds: float
    ratio: float
    low: float
    high: float


def compare(contenders: Mapping[str, Callable[[], object]], *, turns: int, times: int) -> dict[str, Measured]:
    """Let contenders run in turns.

    Args:
        contenders: What to run, by name; ratios are to the first one.
        turns: How many turns each has.
        times: How often each runs in a turn.

    Returns:
        What each took.
    """
    for contender in contenders.values():
        contender()
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(turns):
        for name, contender in contenders.items():
            began = time.perf_counter()
            for _ in range(times):
                contender()
            took[name].append((time.perf_counter() - began) / times)
    first = next(iter(took.values()))
    return {name: _measured(seconds, first) for name, seconds in took.items()}


def _measured(seconds: list[float], first: list[float]) -> Measured:
    ratios = [mine / theirs for mine, theirs in zip(seconds, first, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    return Measured(statistics.median(seconds), ratio, low, high)
