"""The world of a sign-out: the credentials in their store, the tokens at the service, the session in the browser.

The store is the library's own record with its own rules; torn writes and crashes come between its operations. There are
two sessions at the most, and the process of each signs it out: the first is there from the beginning, and the second is
a sign-in that takes its place while the first is being signed out.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from authsm.auth.holders import SUPERSEDED
from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import SignedInData
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Why
from authsm.stores._record import Record
from authsm.stores.contract import EntryState, Saved
from authsm.testing.proof.worlds import Way, World, with_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect, Event

REFUSED: Final = Failure(FailureKind.REFUSED, "Refused", "refused")
RESIDUE: Final = "left to be destroyed: something"


class Taken(msgspec.Struct, frozen=True):
    """An event that a sign-out took: which effect it answers, if any, and what it says."""

    effect: type[Effect] | None
    event: Event


class Around(msgspec.Struct, frozen=True):
    """One state of the world around sign-outs.

    Attributes:
        record: What the store keeps under the one key.
        debris: Whether something of a cleared session is still to be destroyed.
        refresh_tokens: Whether the refresh token of each session still works.
        other_devices: Whether the user's sessions on other devices still work.
        browser: Whether the browser is still signed in at the hosted UI.
        openings: Where each sign-out begins.
        taken: What each sign-out took so far: in the run that goes on, not in those that crashed before anything was
            written down.
        written: The same, as of when each wrote down last where it stands.
        refreshed: Whether a token refresh, begun before all this, has landed.
        risen: Whether that refresh was saved over a session that was leaving or gone, over a newer one, or over newer
            tokens.
        harmed: Whether a sign-out cleared a session that was not its own.
    """

    record: Record
    debris: bool
    refresh_tokens: tuple[bool, ...]
    other_devices: bool
    browser: bool
    openings: tuple[Snapshot[SignOutContext], ...]
    taken: tuple[tuple[Taken, ...], ...]
    written: tuple[tuple[Taken, ...], ...]
    refreshed: bool = False
    risen: bool = False
    harmed: bool = False


FIRST, SECOND = 0, 1
_GENERATIONS: Final = 3
_AS_IT_BEGAN: Final = (EntryState.LIVE, 1, 1)
"""State, epoch and generation of the first session, when the refresh of others began."""


def epoch_of(process: int) -> int:
    """Give the epoch of the session that a process signs out."""
    return process + 1


class SignOutWorld(World[SignOutContext, Around]):
    """The world of one sign-out, or of two: see the module."""

    def begin(self, machine: Machine[SignOutContext], contexts: tuple[SignOutContext, ...]) -> Around:
        """A user is signed in here, in the browser and on other devices; see `World.begin`."""
        plan = contexts[0].plan
        nobody = plan.clear_credentials is Why.ALREADY_DONE
        record = Record() if nobody else Record(EntryState.LIVE, epoch_of(FIRST), 1, _data("first"))
        openings = tuple(machine.start(context) for context in contexts)
        return Around(
            record=record,
            debris=False,
            refresh_tokens=(True, False),
            other_devices=True,
            browser=True,
            openings=openings,
            taken=((), ()),
            written=((), ()),
        )

    def writes(self, effect: Effect) -> bool:
        """Before what cannot be undone, and not before; see `World.writes`."""
        return isinstance(effect, effects.SignOutEffect) and effect.irreversible

    def write(
        self, machine: Machine[SignOutContext], world: Around, process: int, snapshot: Snapshot[SignOutContext]
    ) -> Around:
        """Commit LEAVING, with the journal; see `World.write`."""
        record, _ = world.record.leave(epoch_of(process), machine.to_json(snapshot))
        if record is world.record:
            return world
        return replace(world, record=record, written=with_at(world.written, process, world.taken[process]))

    def journal(self, machine: Machine[SignOutContext], world: Around, process: int) -> Snapshot[SignOutContext] | None:
        """Read the journal, if it is this session's; see `World.journal`."""
        record = world.record
        if record.journal is None or record.epoch != epoch_of(process):
            return None
        return _read(machine, record.journal)

    def opening(self, machine: Machine[SignOutContext], world: Around, process: int) -> Snapshot[SignOutContext] | None:
        """Whoever is signed in may sign out; see `World.opening`."""
        del machine
        is_there = world.record.state is EntryState.LIVE and world.record.epoch == epoch_of(process)
        return world.openings[process] if is_there and process < len(world.openings) else None

    def ended(self, world: Around, process: int, snapshot: Snapshot[SignOutContext]) -> Around:
        """Erase the journal of a sign-out whose clear has nothing left to do; see `World.ended`."""
        cleared = snapshot.context.clear_credentials
        if cleared is None or cleared.failure is not None or cleared.note == RESIDUE:
            return world
        return replace(world, record=world.record.erase_journal(epoch_of(process)))

    def taken(self, world: Around, process: int, effect: Effect | None, event: Event) -> Around:
        """Keep what the sign-out was told, in order; see `World.taken`."""
        before = () if isinstance(event, effects.Begin) else world.taken[process]
        said = (*before, Taken(type(effect) if effect else None, event))
        return replace(world, taken=with_at(world.taken, process, said))

    def resumed(self, world: Around, process: int) -> Around:
        """Remember what was told until then, and no more; see `World.resumed`."""
        return replace(world, taken=with_at(world.taken, process, world.written[process]))

    def crashed(self, world: Around, process: int) -> Around:
        """Forget what was told; see `World.crashed`."""
        return replace(world, taken=with_at(world.taken, process, ()))

    def others(self, world: Around) -> Iterator[tuple[str, Around]]:
        """A token refresh that began before lands; another sign-in takes the place of the first; see `World.others`."""
        record = world.record
        if not world.refreshed:
            saved, answer = record.save(_data("refreshed"), epoch_of(FIRST), 1)
            risen = isinstance(answer, Saved) and (record.state, record.epoch, record.generation) != _AS_IT_BEGAN
            yield "a refresh lands", replace(world, record=saved, refreshed=True, risen=risen)
        if record.epoch == epoch_of(FIRST):
            newer = dataclasses.replace(record.begin("", _data("second"), replace_it=True), epoch=epoch_of(SECOND))
            tokens = with_at(world.refresh_tokens, SECOND, value=True)
            yield "a newer sign-in", replace(world, record=newer, debris=False, refresh_tokens=tokens)

    def ways(self, process: int, effect: Effect) -> Iterable[Way[Around]]:
        """Give what becomes of each effect; see `World.ways`."""
        return _ways(process, effect)


@lru_cache(maxsize=1000)  # a search asks for the same few again and again
def _ways(process: int, effect: Effect) -> tuple[Way[Around], ...]:
    return tuple((_clears if isinstance(effect, effects.ClearCredentials) else _remotely)(process, effect))


def _remotely(process: int, effect: Effect) -> Iterator[Way[Around]]:
    yield Way("done", _says(effect.done()), (_DOES[type(effect)](process),))
    yield Way("failed", _says(effect.failed(_no_answer(effect))))
    if effect.cancelled is not None:
        # Of the remote effects it is this one only whose refusal is another thing than no answer: a preset stops.
        yield Way("refused", _says(effect.failed(REFUSED)))
        yield Way("cancelled", _says(effect.cancelled()))


def _no_answer(effect: Effect) -> Failure:
    """Give the failure that `drive` gives when time runs out: what fails alike is one situation, and not two."""
    return Failure(FailureKind.TIMED_OUT, "TimeLimit", f"{effect.name} gave no answer within {effect.seconds:g} s.")


@lru_cache(maxsize=50_000)  # many situations share a journal
def _read(machine: Machine[SignOutContext], journal: str) -> Snapshot[SignOutContext]:
    return machine.from_json(journal)


def _clears(process: int, effect: Effect) -> Iterator[Way[Around]]:
    """Clear, in the order of the contract: the tombstone is committed first, and then what is left is destroyed."""
    buries, unseen = _buries(process), _says(effect.failed(_no_answer(effect)))
    yield Way("done", _cleared(process), (buries, _destroys))
    yield Way("refused", _says(effect.failed(REFUSED)))
    yield Way("done and not verified", unseen, (buries, _destroys), torn=True)
    yield Way("torn", unseen, (buries,), torn=True)
    yield Way("torn and verified", _says(effects.CredentialsCleared(RESIDUE)), (buries,), torn=True)


def _cleared(process: int) -> Callable[[Around], Event]:
    def reply(world: Around) -> Event:
        return effects.CredentialsCleared(SUPERSEDED if world.record.epoch > epoch_of(process) else "")

    return reply


def _buries(process: int) -> Callable[[Around], Around]:
    def step(world: Around) -> Around:
        record, _ = world.record.clear(epoch_of(process))
        if record == world.record:
            return world
        harmed = world.record.epoch != epoch_of(process)
        return replace(world, record=record, debris=True, harmed=world.harmed or harmed)

    return step


def _destroys(world: Around) -> Around:
    return replace(world, debris=False)


def _refreshes(process: int) -> Callable[[Around], Around]:
    def step(world: Around) -> Around:
        record, _ = world.record.save(_data("fresh"), epoch_of(process), world.record.generation)
        # Two refreshes tell as much as many: none that began before the first may land.
        return replace(world, record=dataclasses.replace(record, generation=min(record.generation, _GENERATIONS)))

    return step


def _revokes(process: int) -> Callable[[Around], Around]:
    return lambda world: replace(world, refresh_tokens=with_at(world.refresh_tokens, process, value=False))


def _ends_all(_: int) -> Callable[[Around], Around]:
    return lambda world: replace(world, refresh_tokens=(False, False), other_devices=False)


def _ends_browser(_: int) -> Callable[[Around], Around]:
    return lambda world: replace(world, browser=False)


_DOES: Final[dict[type[Effect], Callable[[int], Callable[[Around], Around]]]] = {
    effects.ShowHostedUISignOut: _ends_browser,
    effects.RefreshTokens: _refreshes,
    effects.GlobalSignOut: _ends_all,
    effects.RevokeToken: _revokes,
}


def _says(event: Event) -> Callable[[Around], Event]:
    return lambda _: event


def _data(name: str) -> SignedInData:
    return SignedInData(username=name, signed_in_at=datetime(2026, 1, 1, tzinfo=UTC))
