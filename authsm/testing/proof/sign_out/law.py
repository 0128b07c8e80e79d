"""What must hold of every sign-out, said a second time: by the plan and by what was answered, and not by the guards.

Obligations: each step was tried exactly when it was due, in its order. Honesty: what the result says is what happened.
And the world: what is gone, what is left, and what must not have been touched.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from authsm.core.vocabulary import FailedReply, FailureKind
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.plan import OnCancel, Plan, Why
from authsm.flows.sign_out.results import CompleteSignOut, Evidence, Failed, FailedSignOut, result_of
from authsm.stores.contract import Cleared, EntryState, Superseded
from authsm.testing.proof.invariants import INVARIANTS, Invariant, Seen
from authsm.testing.proof.sign_out.world import FIRST, SECOND, epoch_of
from authsm.testing.proof.situations import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Effect, Event
    from authsm.flows.sign_out.context import SignOutContext
    from authsm.flows.sign_out.results import SignOutResult
    from authsm.testing.proof.sign_out.world import Around
    from authsm.testing.proof.situations import Situation


class Ended:
    """A sign-out that has ended: its plan, what it took, and where it stands.

    Args:
        situation: The situation in which it has.
        process: The number of its process.
        snapshot: Where it stands.
    """

    def __init__(
        self, situation: Situation[SignOutContext, Around], process: int, snapshot: Snapshot[SignOutContext]
    ) -> None:
        self.process = process
        self.snapshot = snapshot
        self.world = situation.world
        self.plan: Plan = situation.world.openings[process].context.plan
        self.taken = situation.world.taken[process]
        self.asked: list[type[Effect]] = [each.effect for each in self.taken if each.effect is not None]
        self.replies: dict[type[Effect], Event] = {
            each.effect: each.event for each in self.taken if each.effect is not None
        }

    @cached_property
    def was_stopped(self) -> bool:
        """Whether the hosted UI, where it came first, ended the sign-out."""
        reply = self.replies.get(effects.ShowHostedUISignOut)
        if self.plan.hosted_ui_last:
            return False
        if isinstance(reply, effects.UserCancelled):
            return self.plan.on_cancel is OnCancel.STOPS
        refused = isinstance(reply, FailedReply) and reply.failure.kind is FailureKind.REFUSED
        return refused and self.plan.hosted_ui_refusal_stops

    @property
    def never_began(self) -> bool:
        """Whether the session cannot be signed out this way."""
        return self.plan.stop is not None

    def failed(self, effect: type[Effect]) -> bool:
        """Tell whether an effect was answered with a failure."""
        return isinstance(self.replies.get(effect), FailedReply)

    @property
    def clear_failed(self) -> bool:
        """Whether the local clear failed."""
        return self.failed(effects.ClearCredentials)

    @property
    def global_failed_first(self) -> bool:
        """Whether the global sign-out had failed before the revocation was due."""
        if self.failed(effects.RefreshTokens):
            return True
        return not self.plan.revoke_first and self.failed(effects.GlobalSignOut)

    @cached_property
    def revocation_given_up(self) -> bool:
        """Whether the policy gives the revocation up after a failed global sign-out."""
        return self.plan.revoke_token is None and self.plan.revoke_needs_global and self.global_failed_first

    @cached_property
    def result(self) -> SignOutResult:
        """What its caller is told."""
        return result_of(self.snapshot, Evidence())

    @cached_property
    def failures(self) -> set[str]:
        """The steps that failed, or that were wanted and could not be tried."""
        failures = {_step(effect) for effect in self.asked if self.failed(effect)}
        cancelled = isinstance(self.replies.get(effects.ShowHostedUISignOut), effects.UserCancelled)
        if cancelled and self.plan.on_cancel is not OnCancel.PASSES:
            failures.add("hosted_ui")
        for step in ("global_sign_out", "revoke_token", "end_sso_session"):
            why: Why | None = getattr(self.plan, step)
            if why is not None and why.fails:
                failures.add(step)
        if self.failed(effects.RefreshTokens):
            failures.add("global_sign_out")
        if self.revocation_given_up:
            failures.add("revoke_token")
        if self.plan.end_sso_session is None and "revoke_token" in failures:
            failures.add("end_sso_session")
        return failures


def _step(effect: type[Effect]) -> str:
    return effect.step if issubclass(effect, effects.SignOutEffect) else ""


def ended(machine: Machine[Any], situation: Situation[Any, Any]) -> Iterator[Ended]:
    """Give every sign-out that has ended in a situation.

    Args:
        machine: The machine.
        situation: The situation.

    Yields:
        Each of them.
    """
    for number, process in enumerate(situation.processes):
        if process.stage is Stage.RESTS and process.snapshot is not None and machine.is_final(process.snapshot):
            yield Ended(situation, number, process.snapshot)


def _at_the_end(
    name: str, check: Callable[[Ended], str], when: Callable[[Ended], bool] = lambda _: True
) -> Invariant[Ended]:
    return Invariant(name, check, when, ended)


def _tried_when_due(name: str, effect: type[Effect], due: Callable[[Ended], bool]) -> Invariant[Ended]:
    def complaint(each: Ended) -> str:
        is_due, was_asked = due(each), effect in each.asked
        if is_due == was_asked:
            return ""
        return f"{effect.__name__} was {'' if is_due else 'not '}due, and was {'' if was_asked else 'not '}tried"

    return _at_the_end(name, complaint)


TRIED_WHEN_DUE: Final = (
    _tried_when_due(
        "hosted UI tried exactly when due",
        effects.ShowHostedUISignOut,
        # Where it comes last, a clear that failed has ended the sign-out before.
        lambda each: each.plan.hosted_ui is None and not (each.plan.hosted_ui_last and each.clear_failed),
    ),
    _tried_when_due(
        "tokens refreshed exactly when due",
        effects.RefreshTokens,
        lambda each: each.plan.refresh_tokens is None and not each.was_stopped,
    ),
    _tried_when_due(
        "global sign-out tried exactly when due",
        effects.GlobalSignOut,
        lambda each: (
            each.plan.global_sign_out is None and not each.was_stopped and not each.failed(effects.RefreshTokens)
        ),
    ),
    _tried_when_due(
        "revocation tried exactly when due",
        effects.RevokeToken,
        lambda each: each.plan.revoke_token is None and not each.was_stopped and not each.revocation_given_up,
    ),
    _tried_when_due(
        "clear tried unless called off",
        effects.ClearCredentials,
        lambda each: each.plan.clear_credentials is None and not each.was_stopped,
    ),
)
"""Each step was tried exactly when it was due."""


def _in_order(each: Ended) -> str:
    remote = [effects.GlobalSignOut, effects.RevokeToken]
    order: list[type[Effect]] = [
        # A refresh comes before a revocation, which would leave nothing to refresh with.
        effects.RefreshTokens,
        *(reversed(remote) if each.plan.revoke_first else remote),
        effects.ClearCredentials,
    ]
    order.insert(len(order) if each.plan.hosted_ui_last else 0, effects.ShowHostedUISignOut)
    if each.asked == [effect for effect in order if effect in each.asked]:
        return ""
    return f"tried in the order {', '.join(effect.__name__ for effect in each.asked)}"


def _not_twice(seen: Seen) -> str:
    for taken in seen.situation.world.taken:
        asked = [each.effect for each in taken if each.effect is not None]
        twice = next((effect for effect in asked if asked.count(effect) > 1), None)
        if twice is not None:
            return f"{twice.__name__} was tried again after its outcome was known"
    return ""


def _goes_on(seen: Seen) -> str:
    for process, taken in zip(seen.situation.processes, seen.situation.world.taken, strict=False):
        snapshot = process.snapshot if process.stage is Stage.RESTS else None
        if taken and snapshot is not None and not seen.machine.is_final(snapshot):
            return f"it waits for its beginning again, after {taken[-1].event.name}"
    return ""


def _nothing_undone_when_stopped(each: Ended) -> str:
    tried = [effect.__name__ for effect in each.asked if effect is not effects.ShowHostedUISignOut]
    return f"it was stopped, and had tried {', '.join(tried)}" if tried else ""


ORDER: Final[tuple[Invariant[Any], ...]] = (
    _at_the_end("steps tried in their order", _in_order, lambda each: len(each.asked) > 1),
    Invariant("no step tried again once its outcome is known", _not_twice),
    Invariant("once begun, it goes on by itself", _goes_on),
    _at_the_end(
        "nothing irreversible before a stop",
        _nothing_undone_when_stopped,
        lambda each: each.was_stopped or each.never_began,
    ),
)
"""In which order, and how often."""


def _errors_are_the_failures(each: Ended) -> str:
    said = {name for name, step in each.result.steps if isinstance(step, Failed)}
    if said == each.failures:
        return ""
    return f"the result says that {_listed(said)} failed, and it was {_listed(each.failures)}"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _final_state_is_honest(each: Ended) -> str:
    if each.never_began or each.was_stopped or each.clear_failed:
        expected = "Error"
    else:
        expected = "PartialSignedOut" if each.failures - {"refresh_tokens"} else "SignedOut"
    return "" if each.snapshot.state == expected else f"it ended in {each.snapshot.state}, and not in {expected}"


HONESTY: Final = (
    _at_the_end("errors are exactly the failures", _errors_are_the_failures),
    _at_the_end("the final state is honest", _final_state_is_honest),
)
"""What the result says is what was answered."""


def _is_failed(each: Ended) -> bool:
    return isinstance(each.result, FailedSignOut)


def _gone(each: Ended) -> str:
    if each.plan.clear_credentials is Why.ALREADY_DONE:
        return ""
    if _is_gone(each):
        return ""
    return f"the result is no FailedSignOut, and the session is {each.world.record.state.value}"


def _is_gone(each: Ended) -> bool:
    return isinstance(each.world.record.verified(epoch_of(each.process)), Cleared | Superseded)


CENTRAL: Final = _at_the_end(
    "credentials are cleared unless the sign-out failed", _gone, lambda each: not _is_failed(each)
)
"""Local credentials are cleared unless the result is FailedSignOut."""


def _complete_means_done(each: Ended) -> str:
    plan, world = each.plan, each.world
    left = [
        what
        for what, is_left in (
            ("the refresh token works", plan.revoke_token is None and world.refresh_tokens[each.process]),
            ("other devices are signed in", plan.global_sign_out is None and world.other_devices),
            ("the browser is signed in", plan.hosted_ui is None and world.browser and not _passed(each)),
        )
        if is_left
    ]
    return f"it is complete, and {', '.join(left)}" if left else ""


def _passed(each: Ended) -> bool:
    return isinstance(each.replies.get(effects.ShowHostedUISignOut), effects.UserCancelled)


def _is_complete(each: Ended) -> bool:
    return isinstance(each.result, CompleteSignOut)


def _stopped_means_as_before(each: Ended) -> str:
    world, record = each.world, each.world.record
    if record.epoch != epoch_of(each.process):
        return ""  # somebody has signed in anew; whose business that is says another invariant
    touched = [
        what
        for what, is_so in (
            ("the refresh token is dead", not world.refresh_tokens[each.process]),
            ("the session is not live any more", record.state is not EntryState.LIVE),
            ("a sign-out in progress is written down", record.journal is not None),
        )
        if is_so
    ]
    return f"it was stopped, and {', '.join(touched)}" if touched else ""


def _alone_and_stopped(each: Ended) -> bool:
    # Another process may have signed everything out meanwhile.
    return each.was_stopped and len(each.world.openings) == 1


def _failed_clear_can_be_resumed(each: Ended) -> str:
    if _is_gone(each) or each.world.record.journal is not None:
        return ""
    return "the clear failed, and nothing is written down to go on from"


def _newer_session_is_left_alone(seen: Seen) -> str:
    return "a sign-out cleared a session that is not its own" if seen.situation.world.harmed else ""


def _is_newer(seen: Seen) -> bool:
    return bool(seen.situation.world.record.epoch == epoch_of(SECOND))


def _nothing_rises(seen: Seen) -> str:
    return (
        "a refresh that began before landed on a session that is leaving or gone, or on newer tokens"
        if seen.situation.world.risen
        else ""
    )


def _was_refreshed(seen: Seen) -> bool:
    return bool(seen.situation.world.refreshed)


def _what_began_is_known(seen: Seen) -> str:
    world: Around = seen.situation.world
    reads_as_live = world.record.state is EntryState.LIVE and world.record.epoch == epoch_of(FIRST)
    if reads_as_live and not world.refresh_tokens[FIRST]:
        return "after a crash the session reads as live, and its refresh token is dead"
    return ""


def _has_crashed_alone(seen: Seen) -> bool:
    processes = seen.situation.processes
    return len(processes) == 1 and processes[FIRST].stage is Stage.AWAY


IN_THE_WORLD: Final[tuple[Invariant[Any], ...]] = (
    CENTRAL,
    _at_the_end("complete means that all that was due is done", _complete_means_done, _is_complete),
    _at_the_end("a stopped sign-out leaves the session as it was", _stopped_means_as_before, _alone_and_stopped),
    _at_the_end("a failed clear can be resumed", _failed_clear_can_be_resumed, lambda each: each.clear_failed),
    Invariant("a crash leaves no session live whose sign-out had begun", _what_began_is_known, _has_crashed_alone),
    Invariant("a newer sign-in is left alone", _newer_session_is_left_alone, _is_newer),
    Invariant("a refresh brings nothing old back", _nothing_rises, _was_refreshed),
)
"""What is gone, what is left, and what must not have been touched."""

SIGN_OUT_INVARIANTS: Final[tuple[Invariant[Any], ...]] = (*INVARIANTS, *TRIED_WHEN_DUE, *ORDER, *HONESTY, *IN_THE_WORLD)
"""All that must hold of every sign-out."""
