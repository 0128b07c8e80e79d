"""What there is to say about a sign-out at every place that it can reach.

Nothing here knows what follows what. The facts are read off the snapshot and the result; the invariants are checked
anew at every place, and told with the outcome of the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from authsm.core.vocabulary import FailureKind
from authsm.diagrams.tour import Fact, Sense
from authsm.flows.sign_out.effects import SignOutEffect
from authsm.flows.sign_out.plan import Why
from authsm.flows.sign_out.results import (
    CompleteSignOut,
    Evidence,
    Failed,
    FailedSignOut,
    PartialSignOut,
    SignOutResult,
    result_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from authsm.core.machine import Machine
    from authsm.diagrams.tour import Place
    from authsm.errors import AuthException
    from authsm.flows.sign_out.context import Outcome, SignOutContext

_STEPS: Final = {
    "hosted_ui": ("Browser", "signed out"),
    "refresh_tokens": ("Access token", "refreshed"),
    "global_sign_out": ("All devices", "signed out"),
    "revoke_token": ("Refresh token", "revoked"),
}
"""The remote steps: what each is about, and how it is once the step was done."""

_HERE, _REMOTE, _JOURNAL, _ERRORS = "Here", "Remotely", "Journal", "Errors so far"
_RESULT, _INVARIANTS = "Result", "What holds"
_SENSES: Final = {CompleteSignOut: Sense.GOOD, PartialSignOut: Sense.NOTE, FailedSignOut: Sense.BAD}


def facts(machine: Machine[SignOutContext], place: Place[SignOutContext]) -> Iterator[Fact]:
    """Tell what has become of a sign-out so far.

    Args:
        machine: The machine of sign-out.
        place: Where it stands.

    Yields:
        The result at the end; credentials, remote steps, journal and errors; and every invariant that applies.
    """
    snapshot = place.snapshot
    context = snapshot.context
    result = result_of(snapshot, _evidence(context)) if machine.is_final(snapshot) else None
    if result is not None:
        yield from _told_by(result)
    yield _credentials(place, result)
    pending = machine.pending(snapshot)
    now = pending.step if isinstance(pending, SignOutEffect) else ""
    yield from _remote(context, now, ended=result is not None)
    yield _journal(place, result)
    yield from _errors(context)
    for said, check in _CHECKS.items():
        holds = check(place, now, result)
        if holds is not None:
            yield Fact(_INVARIANTS, "", said, Sense.GOOD if holds else Sense.BAD)


def _evidence(context: SignOutContext) -> Evidence:
    return Evidence(
        hosted_ui_url="https://auth.example.com/logout",
        # Of the starts that are shown, just those with IAM credentials revoke first.
        needs_access_token=not context.plan.revoke_first,
        access_token_expired=_has_failed(context.refresh_tokens),
    )


def _told_by(result: SignOutResult) -> Iterator[Fact]:
    yield Fact(_RESULT, "", type(result).__name__, _SENSES[type(result)])
    for exception in _exceptions(result):
        yield Fact(_RESULT, type(exception).__name__, f"{exception.message} {exception.recovery_suggestion}")


def _exceptions(result: SignOutResult) -> Iterator[AuthException]:
    match result:
        case FailedSignOut():
            yield result.exception
        case PartialSignOut():
            errors = (result.hosted_ui_error, result.global_sign_out_error, result.revoke_token_error)
            yield from (error.exception for error in errors if error is not None)
        case CompleteSignOut():
            return


def _is_done(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.failure is None and outcome.skipped is None


def _has_failed(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.failure is not None


def _nothing_is_written(place: Place[SignOutContext]) -> bool:
    return place.safe.state == "NotStarted"


def _credentials(place: Place[SignOutContext], result: SignOutResult | None) -> Fact:
    cleared = place.snapshot.context.clear_credentials
    if _is_done(cleared):
        text, sense = "gone", Sense.GOOD
    elif cleared is None and _nothing_is_written(place):
        text, sense = "as they were", Sense.PLAIN
    elif cleared is None:
        text, sense = "still here, but nobody is given them, and no refresh can save others", Sense.NOTE
    elif result is not None and result.signed_out_locally is False:
        text, sense = "still here", Sense.BAD
    else:
        text, sense = "not known: the clear gave no answer", Sense.BAD
    return Fact(_HERE, "Credentials", text, sense)


def _remote(context: SignOutContext, now: str, *, ended: bool) -> Iterator[Fact]:
    for step, (label, done) in _STEPS.items():
        outcome: Outcome | None = getattr(context, step)
        why: Why | None = getattr(context.plan, step)
        if outcome is not None and outcome.failure is not None:
            said, sense = f"failed: {outcome.failure.kind.value.replace('_', ' ')}", Sense.BAD
        elif outcome is not None and outcome.skipped is None:
            said, sense = done, Sense.GOOD
        elif outcome is not None or why is not None:
            said, sense = _why_not(why or Why.USER_CANCELLED), Sense.PLAIN
        elif step == now:
            said, sense = "asked now", Sense.NOTE
        else:
            said, sense = "not reached" if ended else "due", Sense.PLAIN
        yield Fact(_REMOTE, label, said, sense)


def _why_not(why: Why) -> str:
    return why.words if why is Why.NOT_REQUESTED else f"left out: {why.words}"


def _journal(place: Place[SignOutContext], result: SignOutResult | None) -> Fact:
    if result is None and _nothing_is_written(place):
        return Fact(_JOURNAL, "", "Empty. A crash would leave the session as it was.")
    if result is None:
        return Fact(_JOURNAL, "", f"{place.safe.state}. After a crash it goes on there.", Sense.NOTE)
    if _nothing_is_written(place):
        return Fact(_JOURNAL, "", "Empty. There is nothing to resume.")
    if isinstance(result, FailedSignOut):
        return Fact(_JOURNAL, "", f"{place.safe.state}. It can be resumed there.", Sense.NOTE)
    return Fact(_JOURNAL, "", "Erased. There is nothing to resume.")


def _errors(context: SignOutContext) -> Iterator[Fact]:
    for step in (*_STEPS, "clear_credentials"):
        outcome: Outcome | None = getattr(context, step)
        if outcome is not None and outcome.failure is not None:
            yield Fact(_ERRORS, outcome.failure.code, outcome.failure.message, Sense.BAD)


def _is_written_down_first(place: Place[SignOutContext], _: str, __: SignOutResult | None) -> bool | None:
    context = place.snapshot.context
    undoable = (context.global_sign_out, context.revoke_token, context.clear_credentials)
    tried = [each for each in undoable if each is not None and not _was_impossible(each)]
    return not _nothing_is_written(place) if tried else None


def _was_impossible(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.kind is FailureKind.NOT_ATTEMPTED


def _is_asked_once(place: Place[SignOutContext], now: str, _: SignOutResult | None) -> bool | None:
    return getattr(place.snapshot.context, now) is None if now else None


def _clear_is_still_to_come(place: Place[SignOutContext], now: str, result: SignOutResult | None) -> bool | None:
    context = place.snapshot.context
    if result is not None or not now or now == "hosted_ui":
        return None
    return context.plan.clear_credentials is None and context.clear_credentials is None


def _is_gone_unless_failed(place: Place[SignOutContext], _: str, result: SignOutResult | None) -> bool | None:
    if result is None:
        return None
    return isinstance(result, FailedSignOut) != _is_done(place.snapshot.context.clear_credentials)


def _stop_changed_nothing(place: Place[SignOutContext], _: str, result: SignOutResult | None) -> bool | None:
    if result is None or not place.snapshot.context.stopped:
        return None
    context = place.snapshot.context
    tried = (context.refresh_tokens, context.global_sign_out, context.revoke_token, context.clear_credentials)
    return _nothing_is_written(place) and not any(_is_done(outcome) for outcome in tried)


def _errors_are_the_failures(place: Place[SignOutContext], _: str, result: SignOutResult | None) -> bool | None:
    if not isinstance(result, PartialSignOut):
        return None
    told = {exception.failure for exception in _exceptions(result)}
    context = place.snapshot.context
    remote = (context.hosted_ui, context.global_sign_out, context.revoke_token)
    return told == {outcome.failure for outcome in remote if outcome is not None and outcome.failure is not None}


def _every_step_is_told(place: Place[SignOutContext], _: str, result: SignOutResult | None) -> bool | None:
    if result is None:
        return None
    told = {step for step, outcome in result.steps if isinstance(outcome, Failed)}
    steps = (*_STEPS, "clear_credentials")
    return told == {step for step in steps if _has_failed(getattr(place.snapshot.context, step))}


_Check: TypeAlias = "Callable[[Place[SignOutContext], str, SignOutResult | None], bool | None]"

_CHECKS: Final[Mapping[str, _Check]] = {
    "Before anything that cannot be undone, it was written down.": _is_written_down_first,
    "What is asked now was not answered before.": _is_asked_once,
    "Whatever the answer, the local clear is still to come.": _clear_is_still_to_come,
    "The credentials are gone, unless the result is FailedSignOut.": _is_gone_unless_failed,
    "It was stopped with nothing revoked and nothing cleared.": _stop_changed_nothing,
    "The errors in the result are exactly the remote steps that failed.": _errors_are_the_failures,
    "Every step that failed stands in the result as failed, and no other.": _every_step_is_told,
}
"""What must hold, with its check: None where it does not apply."""
