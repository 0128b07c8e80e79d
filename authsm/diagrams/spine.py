"""The main line of a picture: a long way through a chart on which everything is done.

Where the states of a cycle could follow one another in any order, they do so in the order of their declaration: that is
how a chart says which order is the usual one. What goes back to an earlier state of its cycle is left out, though a
longer way may lead there; of what is left, the longest way is taken.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def longest_way(nodes: Sequence[str], start: str, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Find the longest way that never goes back to an earlier node of a cycle.

    Args:
        nodes: The names of all nodes; of ways of one length, that through the earlier ones is taken.
        start: Where the way begins.
        pairs: Which node can follow which.

    Returns:
        The names along the way.
    """
    place = {name: number for number, name in enumerate(nodes)}
    following: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in pairs:
        following[source].append(target)
    for targets in following.values():
        targets.sort(key=place.__getitem__)
    component = _components(nodes, following)
    length: dict[str, int] = {}
    onward: dict[str, str] = {}
    for name in _last_ones_first(nodes, place, component):
        targets = [
            target for target in following[name] if component[target] != component[name] or place[target] > place[name]
        ]
        if targets:
            onward[name] = max(targets, key=length.__getitem__)
        length[name] = 1 + length.get(onward.get(name, ""), 0)
    way = [start]
    while way[-1] in onward:
        way.append(onward[way[-1]])
    return tuple(way)


def _last_ones_first(nodes: Sequence[str], place: Mapping[str, int], component: Mapping[str, int]) -> list[str]:
    """Sort nodes so that each comes after all that may follow it: components are numbered from the last one on."""
    return sorted(nodes, key=lambda name: (component[name], -place[name]))


def _components(nodes: Sequence[str], following: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Number the cycles (strongly connected components): those that nothing follows come first.

    Tarjan's algorithm, without recursion: charts may be deeper than Python's stack.
    """
    found: dict[str, int] = {}
    low: dict[str, int] = {}
    component: dict[str, int] = {}
    path: list[str] = []
    numbers = itertools.count()
    for root in nodes:
        if root in found:
            continue
        found[root] = low[root] = len(found)
        path.append(root)
        stack = [(root, iter(following[root]))]
        while stack:
            name, targets = stack[-1]
            target = next((each for each in targets if each not in component), None)
            if target is None:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[name])
                if low[name] == found[name]:
                    number = next(numbers)
                    while name not in component:
                        component[path.pop()] = number
            elif target in found:
                low[name] = min(low[name], found[target])
            else:
                found[target] = low[target] = len(found)
                path.append(target)
                stack.append((target, iter(following[target])))
    return component
