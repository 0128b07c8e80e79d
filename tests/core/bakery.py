"""A machine that has nothing to do with sign-out: an order at a bakery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from authsm.core.chart import Chart, Doing, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Effect, Event, FailedReply, Failure


class Flavour(StrEnum):
    PLAIN = "plain"
    LEMON = "lemon"


@dataclass(frozen=True, slots=True)
class Ordered(Event):
    flavour: Flavour = Flavour.LEMON
    layers: int = 2


@dataclass(frozen=True, slots=True)
class Left(Event):
    pass


@dataclass(frozen=True, slots=True)
class CooledDown(Event):
    pass


@dataclass(frozen=True, slots=True)
class MoneyTaken(Event):
    note: str = ""


@dataclass(frozen=True, slots=True)
class MoneyRefused(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    pass


@dataclass(frozen=True, slots=True)
class LayerBaked(Event):
    pass


@dataclass(frozen=True, slots=True)
class LayerBurnt(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Decorated(Event):
    pass


@dataclass(frozen=True, slots=True)
class DecoratingFailed(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class Cleaned(Event):
    pass


@dataclass(frozen=True, slots=True)
class CleaningFailed(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class TakeMoney(Effect):
    """Ask the customer for the money.

    The customer may call it off.
    """

    counts = False
    seconds = 60.0
    done = MoneyTaken
    failed = MoneyRefused
    cancelled = Withdrawn


@dataclass(frozen=True, slots=True)
class BakeLayer(Effect):
    """Bake one more layer."""

    done = LayerBaked
    failed = LayerBurnt

    flavour: Flavour = Flavour.PLAIN

    @classmethod
    def asked_in(cls, context: Context, attempt: int) -> BakeLayer:
        assert isinstance(context, Remembered)
        return cls(attempt, context.flavour)


@dataclass(frozen=True, slots=True)
class Decorate(Effect):
    """Put something nice on top."""

    done = Decorated
    failed = DecoratingFailed


@dataclass(frozen=True, slots=True)
class CleanUp(Effect):
    """Clean the kitchen, whatever happened."""

    always = True
    counts = False
    seconds = 5.0
    done = Cleaned
    failed = CleaningFailed


@dataclass(frozen=True, slots=True)
class Mishap:
    """A value within the context."""

    where: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Remembered(Context):
    pays: bool = True
    flavour: Flavour = Flavour.PLAIN
    layers: int = 0
    mishaps: tuple[Mishap, ...] = ()

    def after(self, event: Event) -> Remembered:
        match event:
            case Ordered():
                return replace(self, flavour=event.flavour, layers=event.layers)
            case LayerBaked():
                return replace(self, layers=self.layers - 1)
            case FailedReply():
                return replace(self, mishaps=(*self.mishaps, Mishap(event.name, event.failure)))
            case _:
                return self

    @property
    def must_pay(self) -> bool:
        """Money comes first.

        Regular customers pay at the end of the month.
        """
        return self.pays

    @property
    def layer_is_missing(self) -> bool:
        return self.layers > 0

    @property
    def all_went_well(self) -> bool:
        """Nothing went wrong."""
        return not self.mishaps


_Ordered, _Left, _CooledDown = Ordered, Left, CooledDown


class Bakery(Chart[Remembered]):
    Open = Waiting(_Ordered, _Left, initial=True, about="The shop is open.")
    TakingMoney = Doing(TakeMoney, when="must_pay")
    Baking = Doing(BakeLayer, when="layer_is_missing", about="The oven is on.")
    Cooling = Waiting(_CooledDown, _Left)
    Decorating = Doing(Decorate)
    CleaningUp = Doing(CleanUp)
    Served = End(when="all_went_well", about="Enjoy.")
    Wasted = End()
    Closed = End()

    Ordered = Open.first_of(TakingMoney, Baking)
    Left = Open.first_of(Closed) | Cooling.first_of(CleaningUp)
    CooledDown = Cooling.first_of(Decorating)

    MoneyTaken = TakingMoney.first_of(Baking)
    MoneyRefused = TakingMoney.first_of(Closed)
    Withdrawn = TakingMoney.first_of(Closed)

    LayerBaked = Baking.first_of(Baking, Cooling)
    LayerBurnt = Baking.first_of(CleaningUp)

    Decorated = Decorating.first_of(CleaningUp)
    DecoratingFailed = Decorating.first_of(CleaningUp)

    Cleaned = CleaningUp.first_of(Served, Wasted)
    CleaningFailed = CleaningUp.first_of(Wasted)


BAKERY: Final = Machine(Bakery)
