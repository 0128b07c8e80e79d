"""Events, replies and snapshots of any machine, drawn from the annotations of its dataclasses; and what goes wrong."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import sys
import types
import typing
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, ResolutionFailed

from authsm.core.vocabulary import Context, Effect, Event, Failure, FailureKind
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.testing.scripted.schedules import STORE_OPERATIONS, AnswerFault, Fate, FaultSchedule, Moment, StoreCrash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from authsm.core.machine import Machine, Snapshot

C = TypeVar("C", bound=Context)
E = TypeVar("E", bound=Event)
F = TypeVar("F")

_CODES: Final = ("NotAuthorizedException", "TooManyRequestsException", "UserNotFoundException", "TimeLimit", "")
_MESSAGES: Final = ("", "Rate exceeded", "No such file: 'caf\udce9'")
_LONGEST_SCHEDULE: Final = 4
_GOES_ON: Final = st.sampled_from([False, True, True, True])


def failures(kinds: Iterable[FailureKind] = FailureKind) -> st.SearchStrategy[Failure]:
    """Draw reasons for an effect to fail.

    >>> from hypothesis import find
    >>> find(failures(), lambda failure: failure.kind is FailureKind.TIMED_OUT).kind
    <FailureKind.TIMED_OUT: 'timed_out'>

    Args:
        kinds: Of which kinds; of every kind, if not given.

    Returns:
        The strategy. Codes and messages may be any text, halves of surrogates included: an operating system's message
        has them where a file name is not UTF-8.
    """
    any_text = st.sampled_from(_MESSAGES) | st.text(st.characters(codec=None), max_size=50)
    return st.builds(
        Failure,
        kind=st.sampled_from(tuple(kinds)),
        code=st.sampled_from(_CODES) | any_text,
        message=any_text,
    )


def events(kind: type[E], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[E]:
    """Draw events of a type. Each field is drawn from its annotation.

    >>> from authsm.flows.sign_out.effects import SignedOutGlobally
    >>> from hypothesis import find
    >>> find(events(SignedOutGlobally), lambda event: event.note)
    SignedOutGlobally(note='0')
    >>> find(events(SignedOutGlobally, note=st.just("They were over already.")), lambda event: True)
    SignedOutGlobally(note='They were over already.')

    Args:
        kind: The type: a dataclass.
        given: What to draw for some of its fields instead, by their names.

    Returns:
        The strategy.

    Raises:
        TypeError: A field cannot be drawn, or there is none of that name.
    """
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    if unknown := [name for name in given if name not in fields]:
        raise TypeError(f"{kind.__name__} has no field {unknown[0]!r}: it has {', '.join(fields) or 'none'}.")
    drawn = {name: given[name] if name in given else _drawn(kind, field) for name, field in fields.items()}
    return st.builds(kind, **drawn)


def replies(effect: type[Effect]) -> st.SearchStrategy[Event]:
    """Draw answers to an effect: done, failed with any failure, and cancelled where somebody can.

    >>> from authsm import ShowHostedUISignOut
    >>> from hypothesis import find
    >>> find(replies(ShowHostedUISignOut), lambda reply: reply.name == "UserCancelled")
    UserCancelled()

    Args:
        effect: The type of the effect.

    Returns:
        The strategy.

    Raises:
        TypeError: A field of a reply cannot be drawn.
    """
    return st.one_of([events(reply) for reply in effect.replies()])


def snapshots(
    machine: Machine[C],
    contexts: st.SearchStrategy[C],
    *,
    events: Mapping[type[Any], st.SearchStrategy[Any]] | None = None,
    longest: int = 20,
) -> st.SearchStrategy[Snapshot[C]]:
    """Draw snapshots that a machine can reach, by letting events happen to it.

    >>> from authsm.testing.strategies import sign_out_contexts
    >>> from hypothesis import find
    >>> find(snapshots(SIGN_OUT, sign_out_contexts()), lambda snapshot: snapshot.state == "SignedOut").context.stopped
    False

    Args:
        machine: The machine.
        contexts: What may be remembered at the start.
        events: What to draw for some types of events; the others are drawn by `events`.
        longest: How many events happen at the most.

    Returns:
        The strategy. A snapshot that waits for an effect may do so at a later attempt.

    Raises:
        TypeError: A field of an event cannot be drawn.
    """
    drawn = every_event(machine, events or {})

    @st.composite
    def reached(draw: st.DrawFn) -> Snapshot[C]:
        snapshot = machine.start(draw(contexts))
        for _ in range(longest):
            may_happen = machine.table.states[snapshot.state].events
            if not may_happen or not draw(_GOES_ON):
                break
            snapshot = machine.step(snapshot, draw(drawn[draw(st.sampled_from(may_happen))])).snapshot
        if machine.pending(snapshot) is not None and draw(st.booleans()):
            snapshot = machine.again(snapshot).snapshot
        return snapshot

    return reached()


def every_event(
    machine: Machine[Any],
    given: Mapping[type[Any], st.SearchStrategy[Any]],
) -> dict[type[Event], st.SearchStrategy[Any]]:
    """Give what to draw for each type of event that a machine knows.

    >>> from authsm.flows.sign_out.effects import Begin
    >>> len(every_event(SIGN_OUT, {Begin: st.builds(Begin)}))
    12

    Args:
        machine: The machine.
        given: What to draw for some of them; the others are drawn by `events`.

    Returns:
        The strategies, in the order in which the chart names the events.

    Raises:
        TypeError: A field of an event cannot be drawn.
        ValueError: The machine knows no event of a type that is given.
    """
    known = dict.fromkeys(event for state in machine.table.states.values() for event in state.events)
    for event in given:
        if event not in known:
            names = ", ".join(each.__name__ for each in known)
            raise ValueError(f"{machine.name} knows no event {getattr(event, '__name__', event)}: it knows {names}.")
    return {event: _checked(event, given[event]) if event in given else events(event) for event in known}


def _checked(kind: type[Event], drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    def is_one(value: Any) -> bool:
        if type(value) is not kind:
            raise TypeError(f"The strategy for {kind.__name__} gave {value!r}.")
        return True

    return drawn.filter(is_one)  # not mapped: a step is printed as it was drawn


def fault_schedules(
    machine: Machine[Any] = SIGN_OUT,
    *,
    operations: Iterable[str] = STORE_OPERATIONS,
    times: int = 2,
) -> st.SearchStrategy[FaultSchedule]:
    """Draw what goes wrong in a run: answers that are lost, late or repeated, and a store that dies half-way.

    >>> from hypothesis import find
    >>> find(fault_schedules(), lambda schedule: schedule.crashes and schedule.answers).crash_at("load", 1)
    <Moment.BEFORE: 'before'>

    Args:
        machine: Whose effects; those of a sign-out, if not given.
        operations: During which operations of the store the process may die; () where it does not.
        times: Up to the how-manieth asking for an effect, or call of an operation, something may go wrong.

    Returns:
        The strategy. Often nothing goes wrong at all.
    """
    effects = sorted({state.effect.__name__ for state in machine.table.states.values() if state.effect is not None})
    return st.builds(
        FaultSchedule,
        answers=_some(AnswerFault, effects, times, st.sampled_from(Fate)),
        crashes=_some(StoreCrash, operations, times, st.sampled_from(Moment)),
    )


def _some(
    fault: Callable[..., F],
    names: Iterable[str],
    times: int,
    how: st.SearchStrategy[Any],
) -> st.SearchStrategy[tuple[F, ...]]:
    """Draw a few faults, at most one for each call."""
    calls = list(itertools.product(names, range(1, times + 1)))
    if not calls:
        return st.just(())
    some = st.lists(st.tuples(st.sampled_from(calls), how), max_size=_LONGEST_SCHEDULE, unique_by=itemgetter(0))
    return some.map(lambda drawn: tuple(fault(*call, kind) for call, kind in drawn))


def _drawn(kind: type[Event], field: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """Draw a field from its annotation."""
    try:
        annotation = _annotation(kind, field.name)
        drawn = failures() if annotation is Failure else st.from_type(Any if annotation is object else annotation)
        drawn.validate()
    except (ResolutionFailed, InvalidArgument, NameError, TypeError) as error:
        raise TypeError(
            f"The field {field.name!r} of {kind.__name__} cannot be drawn from its annotation {field.type!r}: {error}. "
            f"Say what to draw: events={{{kind.__name__}: strategy}} where the events of a machine are drawn, or "
            f"events({kind.__name__}, {field.name}=strategy) for this event alone.",
        ) from None
    return drawn


def _annotation(kind: type[Event], name: str) -> Any:
    """Give the annotation of one field; that of another one may name what only type checkers can find."""
    owner = next(each for each in kind.__mro__ if name in inspect.get_annotations(each))
    alone = types.SimpleNamespace(__annotations__={name: inspect.get_annotations(owner)[name]})
    return typing.get_type_hints(alone, vars(sys.modules[owner.__module__]), dict(vars(owner)))[name]
