"""Pictures to draw, each with the edges that an exploration of its own found."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authsm.core.chart import Ending
from authsm.core.graph import explore
from authsm.core.table import StateKind
from authsm.diagrams.picture import Arrow, Node, Picture, Reply, Tone, picture_of
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.plan import settle
from authsm.flows.sign_out.policy import Authority
from authsm.flows.sign_out.reach import PRESETS, reach
from tests.benchmarks import large
from tests.core.bakery import BAKERY, Remembered
from tests.flows.sign_out.inputs import POLICIES, SESSIONS, STOPPED, every_retry, everything_that_may_happen, start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authsm.core.graph import Graph
    from authsm.flows.sign_out.plan import Plan
    from authsm.flows.sign_out.policy import SignOutPolicy

Edge = tuple[str, str, str]


@dataclass(frozen=True)
class Case:
    """A picture, and the edges (source, event, target) that it has to have."""

    picture: Picture
    explored: frozenset[Edge]


CASES: Final = ("all", "bakery", "large", *PRESETS)


HOSTILE: Final = 'It\'s "due"; <b>100 %</b> & #1: `a` [b] (c) {d} | e -->'
"""Words that mean something to one format or another."""


@functools.cache
def case(name: str) -> Case:
    match name:
        case "all":
            plans = {plan for policy in POLICIES for plan in plans_of(policy)}
            plans |= {settled.plan for settled in every_retry()} | {*STOPPED}
            return Case(picture_of(SIGN_OUT), explored(plans))
        case "bakery":
            starts = [BAKERY.start(Remembered(pays=pays, layers=layers)) for pays in (True, False) for layers in (0, 2)]
            return Case(picture_of(BAKERY), _edges(explore(BAKERY, starts)))
        case "large":
            machine = large.machine_of(40)
            return Case(picture_of(machine), _edges(explore(machine, [machine.start(large.Remembered())])))
        case _:
            return Case(picture_of(SIGN_OUT, within=reach(PRESETS[name])), explored(plans_of(PRESETS[name])))


def plans_of(policy: SignOutPolicy) -> set[Plan]:
    """Every plan of a policy's first sign-outs, by the tests' own list of sessions."""
    return {
        settle(policy, session, authority, global_sign_out=requested)
        for session in SESSIONS
        for authority in Authority
        for requested in (True, False)
    }


def explored(plans: Iterable[Plan]) -> frozenset[Edge]:
    return _edges(explore(SIGN_OUT, [start(plan) for plan in plans], events=everything_that_may_happen))


def _edges(graph: Graph[Any]) -> frozenset[Edge]:
    return frozenset((edge.source.state, edge.event.name, edge.target.state) for edge in graph.edges)


def of_names(names: list[str], words: str = "") -> Picture:
    """A ring of states."""
    nodes = [
        Node(name, StateKind.DOING, "Act", "", name == names[0], None, (Reply("Ok", Tone.DONE),)) for name in names
    ]
    nodes[-1] = replace(nodes[-1], kind=StateKind.END, ending=Ending.PARTIAL)
    arrows = [
        Arrow(source, target, "Ok", "g" if words else "", words, 1, Tone.DONE)
        for source, target in zip(names, names[1:] + names[:1], strict=True)
    ]
    return Picture("Ring", "", tuple(nodes), tuple(arrows), tuple(names))
