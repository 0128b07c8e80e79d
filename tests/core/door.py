"""The words of the charts that are refused: a door with one handle."""

from __future__ import annotations

from dataclasses import dataclass

from authsm.core.vocabulary import Context, Effect, Event, FailedReply


@dataclass(frozen=True, slots=True)
class Push(Event):
    pass


@dataclass(frozen=True, slots=True)
class Pull(Event):
    pass


@dataclass(frozen=True, slots=True)
class Turned(Event):
    pass


@dataclass(frozen=True, slots=True)
class Jammed(FailedReply):
    pass


@dataclass(frozen=True, slots=True)
class TurnHandle(Effect):
    """Turn the handle."""

    done = Turned
    failed = Jammed


@dataclass(frozen=True, slots=True)
class Remembered(Context):
    locked: bool = False

    def after(self, event: Event) -> Remembered:
        del event
        return self

    @property
    def unlocked(self) -> bool:
        return not self.locked

    @property
    def ajar(self) -> bool:
        return False

    @property
    async def welcome(self) -> bool:
        return False

    @property
    def history_values(self) -> bool:
        return True

    @property
    def is_terminated(self) -> bool:
        return True

    @property
    def Push(self) -> bool:  # noqa: N802 - the point is that an event has this name.
        return True

    @property
    def on_enter_state(self) -> bool:
        return True

    @property
    def v(self) -> bool:
        return True

    def method(self) -> bool:
        return self.unlocked
