"""The bakery's order, as somebody else has written it: by hand, with a status and a few counters."""

from collections.abc import Callable
from typing import Any, Final

from authsm.core.vocabulary import Event
from tests.core import bakery


class NotNowError(Exception):
    """Something came that this order does not wait for."""


class Order:
    """An order, in words of its own.

    Attributes:
        status: Where it stands.
        kept: What its file holds: all that is left after a restart.
    """

    def __init__(self, *, pays: bool, layers: int = 0, flavour: str = "plain") -> None:
        self.status = "open"
        self.pays = pays
        self.layers = layers
        self.flavour = flavour
        self.spoilt = False
        self.keep()

    def keep(self) -> None:
        self.kept = dict(vars(self), kept=None)

    def reload(self) -> None:
        kept = self.kept
        vars(self).update(kept, kept=kept)

    def only_in(self, *statuses: str) -> None:
        if self.status not in statuses:
            raise NotNowError(self.status)

    def order(self, flavour: str, layers: int) -> None:
        self.only_in("open")
        self.flavour, self.layers = flavour, layers
        self.status = "paying" if self.pays else "baking"

    def leave(self) -> None:
        self.only_in("open", "cooling")
        self.status = "closed" if self.status == "open" else "cleaning"

    def pay(self) -> None:
        self.only_in("paying")
        self.status = "baking"

    def refuse_money(self) -> None:
        self.only_in("paying")
        self.spoilt = True
        self.status = "closed"

    def withdraw(self) -> None:
        self.only_in("paying")
        self.status = "closed"

    def layer_done(self) -> None:
        self.only_in("baking")
        self.layers -= 1
        self.status = "baking" if self.layers > 0 else "cooling"

    def layer_burnt(self) -> None:
        self.only_in("baking")
        self.spoilt = True
        self.status = "cleaning"

    def cool(self) -> None:
        self.only_in("cooling")
        self.status = "decorating"

    def decorated(self, *, well: bool) -> None:
        self.only_in("decorating")
        self.spoilt = self.spoilt or not well
        self.status = "cleaning"

    def cleaned(self, *, well: bool) -> None:
        self.only_in("cleaning")
        self.status = "wasted" if self.spoilt or not well else "served"


_STATES: Final = {
    "open": "Open",
    "paying": "TakingMoney",
    "baking": "Baking",
    "cooling": "Cooling",
    "decorating": "Decorating",
    "cleaning": "CleaningUp",
    "served": "Served",
    "wasted": "Wasted",
    "closed": "Closed",
}
_ASKED: Final = {"paying": "TakeMoney", "baking": "BakeLayer", "decorating": "Decorate", "cleaning": "CleanUp"}
_MEANS: Final[dict[type[Event], Callable[[Order, Any], None]]] = {
    bakery.Ordered: lambda order, event: order.order(event.flavour.value, event.layers),
    bakery.Left: lambda order, _: order.leave(),
    bakery.CooledDown: lambda order, _: order.cool(),
    bakery.MoneyTaken: lambda order, _: order.pay(),
    bakery.MoneyRefused: lambda order, _: order.refuse_money(),
    bakery.Withdrawn: lambda order, _: order.withdraw(),
    bakery.LayerBaked: lambda order, _: order.layer_done(),
    bakery.LayerBurnt: lambda order, _: order.layer_burnt(),
    bakery.Decorated: lambda order, _: order.decorated(well=True),
    bakery.DecoratingFailed: lambda order, _: order.decorated(well=False),
    bakery.Cleaned: lambda order, _: order.cleaned(well=True),
    bakery.CleaningFailed: lambda order, _: order.cleaned(well=False),
}


class Patisserie:
    """The order in the words of the bakery's machine: the adapter that `as_state_machine` asks for."""

    kind: type[Order] = Order

    def __init__(self, context: bakery.Remembered) -> None:
        self.order = self.kind(pays=context.pays, layers=context.layers, flavour=context.flavour.value)

    @property
    def state(self) -> str:
        return _STATES[self.order.status]

    @property
    def asked(self) -> str | None:
        return _ASKED.get(self.order.status)

    def send(self, event: Event) -> None:
        _MEANS[type(event)](self.order, event)
        self.order.keep()

    def restart(self) -> None:
        self.order.reload()
