"""A small machine with two effects: fill a kettle, boil it; and charts that are like it and wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Effect, Event, FailedReply
from authsm.testing.proof import INVARIANTS, Invariant, Proof

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.core.machine import Snapshot
    from authsm.testing.proof import Situation


@dataclass(frozen=True, slots=True)
class Press(Event):
    pass


@dataclass(frozen=True, slots=True)
class Leave(Event):
    pass


@dataclass(frozen=True, slots=True)
class Filled(Event):
    pass


@dataclass(frozen=True, slots=True)
class NotFilled(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Boiled(Event):
    pass


@dataclass(frozen=True, slots=True)
class NotBoiled(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Fill(Effect):
    """Fill it."""

    done = Filled
    failed = NotFilled


@dataclass(frozen=True, slots=True)
class Boil(Effect):
    """Boil it."""

    done = Boiled
    failed = NotBoiled


@dataclass(frozen=True, slots=True)
class Kitchen(Context):
    has_water: bool = False
    presses: int = 0

    def after(self, event: Event) -> Kitchen:
        return replace(self, has_water=True) if isinstance(event, Filled) else self

    @property
    def is_dry(self) -> bool:
        return not self.has_water

    @property
    def never(self) -> bool:
        return False


_Press = Press


class Kettle(Chart[Kitchen]):
    Off = Waiting(_Press, initial=True)
    Filling = Doing(Fill, when="is_dry")
    Boiling = Doing(Boil)
    Hot, Cold = End(), End()

    Press = Off.first_of(Filling, Boiling)
    Filled = Filling.first_of(Boiling)
    NotFilled = Filling.first_of(Cold)
    Boiled = Boiling.first_of(Hot)
    NotBoiled = Boiling.first_of(Cold)


KETTLE: Final = Machine(Kettle)


class Patient(Chart[Kitchen]):
    """Boils until it boils."""

    Off = Waiting(_Press, initial=True)
    Boiling = Doing(Boil)
    Hot = End()

    Press = Off.first_of(Boiling)
    Boiled = Boiling.first_of(Hot)
    NotBoiled = Boiling.first_of(Boiling)


class Trapped(Chart[Kitchen]):
    """Ends only where it never comes."""

    Off = Waiting(_Press, initial=True)
    Boiling = Doing(Boil)
    Steaming = Waiting(_Press)
    Hot = End(when="never")

    Press = Off.first_of(Boiling) | Steaming.first_of(Hot, Steaming)
    Boiled = Boiling.first_of(Steaming)
    NotBoiled = Boiling.first_of(Steaming)


class Standing(NamedTuple):
    """One kettle that is not switched off: where it stands, and what is so in truth."""

    snapshot: Snapshot[Kitchen]
    done: tuple[str, ...]
    told: tuple[tuple[str, str], ...]
    is_over: bool


def kettles(machine: Machine[Any], situation: Situation[Any, Any]) -> Iterator[Standing]:
    world = situation.world
    for process, done, told in zip(situation.processes, world.done, world.told, strict=True):
        if process.snapshot is not None:
            yield Standing(process.snapshot, done, told, machine.is_final(process.snapshot))


def _is_dry(kettle: Standing) -> str:
    return "" if kettle.snapshot.context.has_water else "it boils without water"


def _is_full(kettle: Standing) -> str:
    return "it is filled twice" if kettle.snapshot.context.has_water else ""


def _is_honest(kettle: Standing) -> str:
    if kettle.snapshot.state == "Hot":
        return "" if "Boil" in kettle.done else "it says that it is hot, and it never boiled"
    failed = {("Fill", "NotFilled"), ("Boil", "NotBoiled")} & {*kettle.told}
    return "" if failed else "it says that it is cold, and nothing failed"


def _is_exact(kettle: Standing) -> str:
    expected = "Hot" if "Boil" in kettle.done else "Cold"
    return "" if kettle.snapshot.state == expected else f"it is {kettle.snapshot.state}, and should be {expected}"


def _was_tried(kettle: Standing) -> str:
    tried = "Boil" in {effect for effect, _ in kettle.told} or ("Fill", "NotFilled") in kettle.told
    return "" if tried else "nobody tried to boil it"


def _is_on(kettle: Standing) -> str:
    return "it was switched off" if kettle.told else ""


NEVER_DRY: Final = Invariant("never boils dry", _is_dry, lambda kettle: kettle.snapshot.state == "Boiling", kettles)
NEVER_OVER: Final = Invariant("never overflows", _is_full, lambda kettle: kettle.snapshot.state == "Filling", kettles)
EXACT: Final = Invariant("hot exactly when boiled", _is_exact, lambda kettle: kettle.is_over, kettles)
HONEST: Final = Invariant("hot means boiled", _is_honest, lambda kettle: kettle.is_over, kettles)
ONE_PRESS: Final = Invariant("one press is enough", _is_on, lambda kettle: kettle.snapshot.state == "Off", kettles)
TRIED: Final = Invariant("boiling is tried", _was_tried, lambda kettle: kettle.is_over, kettles)

PROOF: Final = Proof(
    machine=KETTLE,
    contexts=lambda: (Kitchen(), Kitchen(has_water=True)),
    invariants=(*INVARIANTS, NEVER_DRY, NEVER_OVER, HONEST, TRIED, ONE_PRESS),
    at=f"{__name__}:PROOF",
)
