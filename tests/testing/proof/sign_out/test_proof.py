"""The proof of sign-out: it holds, it looks at all that it speaks of, and it tells what is wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec.structs import replace

from authsm.credentials import SignInMethod
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Session, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.stores._record import Record
from authsm.stores.contract import Cleared, EntryState, Saved
from authsm.testing.proof import EVERY_FAULT, Operator, Proof, Way, counterexamples
from authsm.testing.proof.sign_out import SIGN_OUT_PROOF, SignOutWorld, every_context
from authsm.testing.proof.sign_out.law import CENTRAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect
    from authsm.testing.proof import Exploration, Hunt
    from authsm.testing.proof.sign_out.world import Around

STEPS: Final = ("hosted_ui", "refresh_tokens", "global_sign_out", "revoke_token", "clear_credentials")
SETTINGS: Final = {setting.name: setting for setting in SIGN_OUT_PROOF.settings()}


@pytest.fixture(scope="module")
def explored() -> dict[str, Exploration[SignOutContext, Any]]:
    return {name: SIGN_OUT_PROOF.explore(setting.faults, setting.contexts) for name, setting in SETTINGS.items()}


@pytest.fixture(scope="module")
def hunted() -> Hunt[SignOutContext]:
    return SIGN_OUT_PROOF.hunt()


@pytest.mark.parametrize("name", SETTINGS)
def test_everything_holds_in_everything_that_can_happen(
    name: str, explored: dict[str, Exploration[SignOutContext, Any]], count: Callable[[str], None]
) -> None:
    found = explored[name]
    found.assert_invariants()
    found.assert_terminates()
    count(f"{name}: {len(found.contexts)} contexts, {len(found.situations)} situations, {len(found.moves)} moves")


def test_the_condition_of_each_invariant_is_met_somewhere(
    explored: dict[str, Exploration[SignOutContext, Any]],
) -> None:
    for invariant in SIGN_OUT_PROOF.invariants:
        assert sum(found.reached[invariant.name] for found in explored.values()) > 0, invariant.name


def test_every_mutant_is_killed_but_those_that_are_the_same_machine(
    hunted: Hunt[SignOutContext], count: Callable[[str], None]
) -> None:
    assert [str(each.mutant) for each in hunted.survivors] == []
    assert len(hunted.killed) + len(hunted.equivalent) == len(hunted.verdicts) > 500
    # In each of these a guard is asked that can hold only where the other one cannot.
    assert {each.mutant.operator for each in hunted.equivalent} == {Operator.REORDER}
    assert len(hunted.equivalent) == 6
    count(f"mutants: {len(hunted.verdicts)}, killed {len(hunted.killed)}, the same {len(hunted.equivalent)}")


def test_the_central_invariant_alone_is_far_too_weak(
    hunted: Hunt[SignOutContext], count: Callable[[str], None]
) -> None:
    assert 0 < hunted.kills[CENTRAL.name] < len(hunted.killed) / 4
    for name, kills in hunted.kills.most_common():
        count(f"  {name} kills {kills}")


def test_every_context_is_given_once_and_all_states_are_reached(
    explored: dict[str, Exploration[SignOutContext, Any]],
) -> None:
    contexts = every_context()
    assert len({*contexts}) == len(contexts) > 1000
    assert {*explored["no faults"].states} == {*SIGN_OUT.table.states}


def signs_out(*, everywhere: bool = False, an_hour_later: bool = False) -> SignOutContext:
    plan = settle(
        SignOutPolicy(),
        Session(key="default", epoch=1, access_token_expired=an_hour_later),
        Authority.ACCESS_TOKEN,
        global_sign_out=everywhere,
    )
    return SignOutContext(plan)


class Lost(SignOutWorld):
    """Writes nothing down."""

    def write(
        self, machine: Machine[SignOutContext], world: Around, process: int, snapshot: Snapshot[SignOutContext]
    ) -> Around:
        del machine, process, snapshot
        return world


class Late(SignOutWorld):
    """Writes down before the clear only."""

    def writes(self, effect: Effect) -> bool:
        return isinstance(effect, effects.ClearCredentials)


class Hasty(SignOutWorld):
    """Erases the journal of every sign-out that has ended, of those whose clear failed, too."""

    def ended(self, world: Around, process: int, snapshot: Snapshot[SignOutContext]) -> Around:
        del snapshot
        return replace(world, record=world.record.erase_journal(process + 1))


class Blind(SignOutWorld):
    """Clears nothing, and says that it did."""

    def ways(self, process: int, effect: Effect) -> Iterator[Way[Around]]:
        for way in super().ways(process, effect):
            blind = isinstance(effect, effects.ClearCredentials) and way.name == "done"
            yield dataclasses.replace(way, steps=()) if blind else way


class Lying(SignOutWorld):
    """Says that the token is revoked, whatever became of it."""

    def ways(self, process: int, effect: Effect) -> Iterator[Way[Around]]:
        for way in super().ways(process, effect):
            lies = isinstance(effect, effects.RevokeToken) and way.name == "failed"
            yield Way(way.name, lambda _, effect=effect: effect.done()) if lies else way  # type: ignore[misc]  # a default argument binds the loop's variable


class Eager(SignOutWorld):
    """Fences the session off before the hosted UI is shown, where a cancel must leave it as it was."""

    def writes(self, effect: Effect) -> bool:
        return isinstance(effect, effects.SignOutEffect)


@dataclasses.dataclass(frozen=True, slots=True)
class Grabbing(Record):
    """Clears whatever epoch is there."""

    def clear(self, epoch: int) -> tuple[Record, Any]:
        del epoch
        return dataclasses.replace(self, state=EntryState.TOMBSTONE, data=None), Cleared()

    def begin(self, key: str, data: Any, *, replace_it: bool) -> Record:
        begun = Record.begin(self, key, data, replace_it=replace_it)
        return Grabbing(begun.state, begun.epoch, begun.generation, begun.data)


@dataclasses.dataclass(frozen=True, slots=True)
class Careless(Record):
    """Saves whatever was saved before."""

    def save(self, data: Any, epoch: int, generation: int) -> tuple[Record, Any]:
        del generation
        return Record.save(self, data, epoch, self.generation)


@dataclasses.dataclass(frozen=True, slots=True)
class Rising(Record):
    """Saves whatever the state is."""

    def save(self, data: Any, epoch: int, generation: int) -> tuple[Record, Any]:
        del epoch, generation
        saved = dataclasses.replace(self, data=data, state=EntryState.LIVE)
        return saved, Saved(saved.entry)


class Kept(SignOutWorld):
    """A world with another kind of record."""

    def __init__(self, kind: type[Record]) -> None:
        self._kind = kind

    def begin(self, machine: Machine[SignOutContext], contexts: tuple[SignOutContext, ...]) -> Around:
        world = super().begin(machine, contexts)
        true = world.record
        return replace(world, record=self._kind(true.state, true.epoch, true.generation, true.data, true.journal))


@pytest.mark.parametrize(
    ("world", "contexts", "violated"),
    [
        (Lost(), (signs_out(),), "a crash leaves no session live whose sign-out had begun"),
        (Late(), (signs_out(),), "a crash leaves no session live whose sign-out had begun"),
        (Hasty(), (signs_out(),), "a failed clear can be resumed"),
        (Blind(), (signs_out(),), "credentials are cleared unless the sign-out failed"),
        (Lying(), (signs_out(),), "complete means that all that was due is done"),
        (Kept(Grabbing), (signs_out(),), "a newer sign-in is left alone"),
        (Kept(Careless), (signs_out(everywhere=True, an_hour_later=True),), "a refresh brings nothing old back"),
        (Kept(Rising), (signs_out(),), "a refresh brings nothing old back"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SignOutWorld) else "",
)
def test_a_world_that_is_wrong_is_told_by_the_invariant_meant_for_it(
    world: SignOutWorld, contexts: tuple[SignOutContext, ...], violated: str
) -> None:
    proof: Proof[SignOutContext] = dataclasses.replace(SIGN_OUT_PROOF, world=world)
    found = proof.explore(EVERY_FAULT, [contexts])
    assert violated in {each.violation.invariant.name for each in counterexamples(proof, found)}
    right = SIGN_OUT_PROOF.explore(EVERY_FAULT, [contexts])
    right.assert_invariants()


def test_a_fence_that_comes_before_a_cancel_is_told() -> None:
    session = Session(key="default", epoch=1, method=SignInMethod.HOSTED_UI)
    plan = settle(SignOutPolicy(), session, Authority.ACCESS_TOKEN, global_sign_out=False)
    proof: Proof[SignOutContext] = dataclasses.replace(SIGN_OUT_PROOF, world=Eager())
    with pytest.raises(AssertionError, match="it was stopped, and the session is not live any more"):
        proof.explore(contexts=[SignOutContext(plan)]).assert_invariants()


@pytest.mark.soak
@pytest.mark.parametrize("setting", ["crashes, torn writes", "others sign in, refresh; crashes"])
def test_everything_holds_where_everything_goes_wrong_at_once(setting: str, count: Callable[[str], None]) -> None:
    """Each context in a search of its own. Those in which all is due come to a million situations, and are left out."""
    for contexts in SETTINGS[setting].contexts:
        plan = contexts[0].plan
        if {getattr(plan, step) for step in STEPS} == {None}:
            continue
        found = SIGN_OUT_PROOF.explore(EVERY_FAULT, [contexts])
        found.assert_invariants()
        found.assert_terminates()
        count(f"every fault at once: {len(found.situations)} situations, {len(found.moves)} moves")
