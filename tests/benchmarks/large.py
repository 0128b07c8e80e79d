"""A machine of many states: explored and drawn."""

from __future__ import annotations

import types
from dataclasses import dataclass, make_dataclass
from typing import TYPE_CHECKING, Any, Final

from authsm.core.chart import Chart, Doing, End, Ending, Waiting
from authsm.core.graph import explore
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Effect, Event, FailedReply
from authsm.diagrams.formats import draw

if TYPE_CHECKING:
    from collections.abc import Callable

STATES: Final = 500
_SKIP: Final = 7  # a failure goes on this many states later


@dataclass(frozen=True, slots=True)
class Go(Event):
    """It begins."""


@dataclass(frozen=True, slots=True)
class Remembered(Context):
    """Whether anything failed."""

    failed: bool = False

    def after(self, event: Event) -> Remembered:
        """Remember a failure; see `Context.after`."""
        return Remembered(failed=self.failed or isinstance(event, FailedReply))

    @property
    def something_failed(self) -> bool:
        """Something failed."""
        return self.failed


def machine_of(count: int) -> Machine[Remembered]:
    """Make a machine whose steps each go on when they are done, and further on when they fail.

    Args:
        count: How many states it has.

    Returns:
        The machine.
    """
    steps: list[Any] = [Doing(_effect(number)) for number in range(count - 3)]
    start, done, partial = Waiting(Go, initial=True), End(Ending.COMPLETE), End(Ending.PARTIAL, when="something_failed")
    namespace: dict[str, Any] = {"Start": start, "Done": done, "Partial": partial, "Go": start.first_of(steps[0])}
    for number, step in enumerate(steps):
        namespace[f"Step{number}"] = step
        onward = (steps[number + 1],) if number + 1 < len(steps) else (partial, done)
        namespace[f"Worked{number}"] = step.first_of(*onward)
        namespace[f"Broke{number}"] = step.first_of(steps[number + _SKIP] if number + _SKIP < len(steps) else partial)
    return Machine(types.new_class("Large", (Chart[Remembered],), {}, lambda body: body.update(namespace)))


def _effect(number: int) -> type[Effect]:
    worked = make_dataclass(f"Worked{number}", (), bases=(Event,), frozen=True, slots=True)
    broke = make_dataclass(f"Broke{number}", (), bases=(FailedReply,), frozen=True, slots=True)
    body = {"done": worked, "failed": broke, "__doc__": f"Step {number}.", "__module__": __name__}
    return make_dataclass(f"Do{number}", (), bases=(Effect,), namespace=body, frozen=True, slots=True)


def contenders() -> dict[str, Callable[[], object]]:
    """Give what to measure: the exploration, and a picture in each of a few formats."""
    machine = machine_of(STATES)
    drawn = {f"drawn as {name}": lambda name=name: draw(machine, name) for name in ("mermaid", "json", "dot", "svg")}
    return {
        "explored": lambda: explore(machine, [machine.start(Remembered())]),
        "compiled": lambda: Machine(machine.chart),
        **drawn,
    }
