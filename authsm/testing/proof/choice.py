"""A few contexts that show what many do: between them they take every transition, or every one after every other."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from authsm.core.graph import every_reply, explore
from authsm.core.vocabulary import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from authsm.core.machine import Machine, Snapshot
    from authsm.core.vocabulary import Event

C = TypeVar("C", bound=Context)


def telling_contexts(
    machine: Machine[C],
    contexts: Sequence[C],
    *,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]] = every_reply,
    pairs: bool = True,
    bound: int = 100_000,
) -> tuple[C, ...]:
    """Choose contexts whose runs, between them, take what the runs of all take.

    Args:
        machine: The machine.
        contexts: Those to choose from.
        events: What may happen in a snapshot.
        pairs: Whether every transition is to be taken after every other; otherwise each once.
        bound: How many snapshots may be found with one context at the most.

    Returns:
        The contexts, those that show most first; always the same ones.
    """
    shown = {context: _shown(machine, context, events, pairs=pairs, bound=bound) for context in contexts}
    left = set[tuple[object, ...]]().union(*shown.values())
    chosen: list[C] = []
    while left:
        best = max(contexts, key=lambda context: len(shown[context] & left))
        chosen.append(best)
        left -= shown[best]
    return tuple(chosen)


def _shown(
    machine: Machine[C],
    context: C,
    events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]],
    *,
    pairs: bool,
    bound: int,
) -> set[tuple[object, ...]]:
    graph = explore(machine, [machine.start(context)], events=events, bound=bound)
    leads_to: dict[Snapshot[C], set[tuple[object, ...]]] = {}
    for edge in graph.edges:
        leads_to.setdefault(edge.target, set()).add((edge.source.state, type(edge.event)))
    return {
        (before, edge.source.state, type(edge.event), edge.target.state)
        for edge in graph.edges
        for before in (leads_to.get(edge.source, {()}) if pairs else [()])
    }
