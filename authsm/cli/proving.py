"""A proof at work: the explorations in this process, the mutants in another one, and a progress bar for both."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from authsm.testing.proof.counterexamples import counterexamples
from authsm.testing.proof.mutants import Hunt, Verdict, mutants

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from rich.console import Console

    from authsm.testing.proof.counterexamples import Counterexample
    from authsm.testing.proof.exploration import Exploration
    from authsm.testing.proof.proof import Proof, Setting

_EVERY: Final = 500
"""After how many situations the progress is told: more often costs more than it shows."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What was found in one setting.

    Attributes:
        setting: Which.
        found: All that can happen there.
        counterexamples: The shortest run to each violation.
    """

    setting: Setting[Any]
    found: Exploration[Any, Any]
    counterexamples: tuple[Counterexample[Any], ...]


@dataclass(frozen=True, slots=True)
class Proved:
    """All that was found.

    Attributes:
        proof: What was proved.
        explored: What was found in each setting.
        hunt: What became of the mutants; None where they were not tried, or the machine itself is wrong.
        seconds: How long it took.
    """

    proof: Proof[Any]
    explored: tuple[Explored, ...]
    hunt: Hunt[Any] | None
    seconds: float

    @property
    def counterexamples(self) -> tuple[Counterexample[Any], ...]:
        """The shortest run to each violation, setting by setting."""
        return tuple(each for explored in self.explored for each in explored.counterexamples)

    @property
    def never_looked_at(self) -> tuple[str, ...]:
        """The names of the invariants whose condition was met nowhere: they say nothing."""
        names = (invariant.name for invariant in self.proof.invariants)
        return tuple(name for name in names if not any(each.found.reached[name] for each in self.explored))

    @property
    def holds(self) -> bool:
        """Whether nothing is violated, everything was looked at, and no mutant survives."""
        survivors = self.hunt.survivors if self.hunt else ()
        return not (self.counterexamples or self.never_looked_at or survivors)


def prove(
    proof: Proof[Any], make: Callable[[], Proof[Any]], console: Console, *, bound: int, with_mutants: bool
) -> Proved:
    """Explore every setting of a proof, and hunt its mutants.

    Args:
        proof: The proof.
        make: Gives the same to another process, so it is a function of a module, or a partial of one.
        console: Where the progress is shown, if it is a terminal.
        bound: How many situations may be found in a setting at the most.
        with_mutants: Whether mutants are tried.

    Returns:
        All that was found.

    Raises:
        UsageError: The other process ended without an answer.
    """
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        hunting = _Hunting(make, proof, progress, bound) if with_mutants else None
        try:
            explored = tuple(_explore(proof, setting, progress, bound) for setting in proof.settings(bound=bound))
            is_wrong = any(each.counterexamples for each in explored)
            hunt = None if hunting is None or is_wrong else hunting.end()
        finally:
            if hunting is not None:
                hunting.stop()
    return Proved(proof, explored, hunt, time.monotonic() - began)


def _explore(proof: Proof[Any], setting: Setting[Any], progress: Progress, bound: int) -> Explored:
    task = progress.add_task(f"{setting.name}: situations", total=None)

    def tell(number: int) -> None:
        if number % _EVERY == 0:
            progress.update(task, completed=number)

    found = proof.explore(setting.faults, setting.contexts, bound=bound, progress=tell)
    progress.update(task, completed=len(found.situations), total=len(found.situations))
    return Explored(setting, found, tuple(counterexamples(proof, found)))


class _Hunting:
    """The mutants, tried in a process of its own."""

    def __init__(self, make: Callable[[], Proof[Any]], proof: Proof[Any], progress: Progress, bound: int) -> None:
        self._proof = proof
        self._progress = progress
        self._task = progress.add_task("mutants", total=sum(1 for _ in mutants(proof.machine)))
        context = multiprocessing.get_context("spawn")  # a fork would copy the thread of the progress bar halfway
        self._news, there = context.Pipe(duplex=False)
        self._process = context.Process(target=_hunt, args=(make, there, bound), daemon=True)
        self._process.start()
        there.close()

    def end(self) -> Hunt[Any]:
        """Wait for the end; give what became of the mutants."""
        while True:
            try:
                news = self._news.recv()
            except EOFError:
                raise click.UsageError("The mutants could not be tried: see above.") from None
            if isinstance(news, str):
                raise click.UsageError(f"The mutants could not be tried. {news}")
            if not isinstance(news, int):
                return _with_mutants(self._proof, *news)
            self._progress.update(self._task, completed=news)

    def stop(self) -> None:
        """See to it that the process is gone."""
        self._process.terminate()
        self._process.join()
        self._news.close()


def _hunt(make: Callable[[], Proof[Any]], news: Connection, bound: int) -> None:  # pragma: no cover - in its process
    """Try the mutants; send how many were tried so far, and in the end what became of them, or what is wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the other one ends this one
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    try:
        hunt = make().hunt(news.send, bound=bound)
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the other process says so
        news.send(f"{type(error).__name__}: {error}")
        return
    # A machine cannot be sent; each process makes the same mutants in the same order.
    news.send(([(each.killed_by, each.equivalent) for each in hunt.verdicts], hunt.steps, hunt.contexts))


def _end_with_the_other() -> None:  # pragma: no cover - in a process of its own
    """End this process when the one that began it is gone, however that was ended."""
    other = multiprocessing.parent_process()
    if other is not None:
        other.join()
        os._exit(1)


def _with_mutants(
    proof: Proof[Any], fates: list[tuple[tuple[str, ...], bool]], steps: int, contexts: tuple[int, int]
) -> Hunt[Any]:
    verdicts = (
        Verdict(mutant, killed_by, equivalent)
        for mutant, (killed_by, equivalent) in zip(mutants(proof.machine), fates, strict=True)
    )
    return Hunt(tuple(verdicts), steps, contexts)
