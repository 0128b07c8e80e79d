"""The bakery with somebody who carries its effects out, so that the loops are tested without any sign-out."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authsm import Call, Limits
from authsm.core.drive import Ask, LateAnswer, Message, drive
from authsm.core.machine import Snapshot
from authsm.core.vocabulary import Effect, Event
from authsm.credentials import Secret, UserPoolTokens
from authsm.runners.handlers import Handler
from tests.auth.world import pool_tokens
from tests.core import bakery
from tests.core.bakery import BAKERY, Remembered


def nothing(*_: object) -> None:
    """A handler that is done at once."""


@dataclass
class Kitchen:
    """A carrier for the bakery, and what happened there.

    Attributes:
        handlers: Who carries the effects out; those that are not given are done at once.
        first: Called with each effect before it begins, where blocking is allowed.
        notices: What was observed.
        calls: What the handlers were to be given.
    """

    handlers: Mapping[type[Effect], Handler]
    first: Callable[[Effect], object] = nothing
    notices: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        every = (bakery.TakeMoney, bakery.BakeLayer, bakery.Decorate, bakery.CleanUp)
        self.handlers = {**dict.fromkeys(every, nothing), **self.handlers}

    def before(self, ask: Ask[Any]) -> None:
        self.first(ask.effect)

    def call(self, ask: Ask[Any], stop: threading.Event) -> Call:
        call = Call(
            id=f"run/{ask.id}",
            attempt=ask.effect.attempt,
            ends=0.0,
            stop=stop,
            username="",
            tokens=pool_tokens,
            save_refreshed=nothing,
        )
        self.calls.append(call)
        return call

    def hold(self, tokens: UserPoolTokens) -> None:
        raise AssertionError(f"nothing is refreshed in a kitchen: {tokens}")

    def secrets(self) -> Iterable[Secret]:
        return ()

    def driver(
        self, snapshot: Snapshot[Remembered], event: Event | None = None, limits: Limits | None = None
    ) -> Generator[Ask[Remembered], Message | None, Snapshot[Remembered]]:
        return drive(BAKERY, snapshot, event, run="run", limits=limits, observe=self.notices.append)

    @property
    def late(self) -> list[LateAnswer]:
        return [notice for notice in self.notices if isinstance(notice, LateAnswer)]


def an_order(*, layers: int = 2, pays: bool = False) -> tuple[Snapshot[Remembered], Event]:
    """Where the machine stands before an order, and the order."""
    return BAKERY.start(Remembered(pays=pays)), bakery.Ordered(layers=layers)


def cleaning() -> Snapshot[Remembered]:
    """All that is left is what is always carried out."""
    return Snapshot("CleaningUp", Remembered())
