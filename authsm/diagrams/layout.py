"""Where everything stands in a picture: boxes and labels of known sizes, laid out by Graphviz."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authsm.core.table import StateKind
from authsm.diagrams import graphviz

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authsm.diagrams.picture import Picture

_INCH: Final = 72.0
_START: Final = " start"  # no state has a name like this

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """How large something is, in points."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge: one line, or two with a label between them.

    Attributes:
        lines: Of each line the first point, then three for each cubic Bézier segment.
        tip: Where the arrow at the end of the last line points to.
        label: The middle of the label; None where it has none.
    """

    lines: tuple[tuple[Point, ...], ...]
    tip: Point
    label: Point | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands, in points from the upper left corner.

    Attributes:
        size: The whole picture's.
        boxes: The middle of each state's box.
        curves: The edge of each pair of states.
        start: The edge into the initial state.
    """

    size: Size
    boxes: Mapping[str, Point]
    curves: Mapping[tuple[str, str], Curve]
    start: Curve


def lay_out(picture: Picture, boxes: Mapping[str, Size], labels: Mapping[tuple[str, str], Size]) -> Layout:
    """Lay a picture out.

    Args:
        picture: What is to be drawn.
        boxes: How large each state's box is.
        labels: How large the label of each pair of states is; those without a label are left out.

    Returns:
        Where everything stands. The same program of the same version gives the same answer.

    Raises:
        NoGraphvizError: There is no Graphviz here.
        RuntimeError: Graphviz failed.
    """
    said: Any = json.loads(graphviz.run("\n".join(_graph(picture, boxes, labels)), "json"))
    left, bottom, right, top = map(float, said["bb"].split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return round(x - left, 1), round(top - y, 1)

    nodes = [each for each in said["objects"] if "pos" in each]
    names: dict[int, str] = {each["_gvid"]: each["name"] for each in nodes}
    places: dict[str, Point] = {each["name"]: point(each["pos"]) for each in nodes}
    lines: dict[tuple[str, str], tuple[Point, ...]] = {}
    tips: dict[tuple[str, str], Point] = {}
    for edge in said["edges"]:
        pair = names[edge["tail"]], names[edge["head"]]
        first, *words = edge["pos"].split(" ")  # of an edge with an arrow, the first one is its tip
        has_arrow: bool = first.startswith("e,")
        lines[pair] = tuple(map(point, words if has_arrow else (first, *words)))
        tips[pair] = point(first.removeprefix("e,"))

    def curve(source: str, target: str) -> Curve:
        label = _label_of(source, target)
        way = (source, label, target) if label in places else (source, target)
        pairs = tuple(itertools.pairwise(way))
        return Curve(tuple(lines[pair] for pair in pairs), tips[pairs[-1]], places.get(label))

    return Layout(
        size=Size(right - left, top - bottom),
        boxes={node.name: places[node.name] for node in picture.nodes},
        curves={(link.source, link.target): curve(link.source, link.target) for link in picture.links},
        start=curve(_START, next(node.name for node in picture.nodes if node.initial)),
    )


def _label_of(source: str, target: str) -> str:
    return f"{source} {target}"  # no state has a name like this


def _graph(picture: Picture, boxes: Mapping[str, Size], labels: Mapping[tuple[str, str], Size]) -> Iterator[str]:
    yield "digraph {"
    yield 'graph [ranksep=0.25, nodesep=0.2]; node [shape=box, fixedsize=true, label=""]; edge [arrowsize=0.7];'
    yield f'"{_START}" [width=0.14, height=0.14, shape=circle, group=spine];'
    for node in picture.nodes:
        yield _box(node.name, boxes[node.name], on_spine=node.name in picture.spine)
        if node.initial:
            yield f'"{_START}" -> "{node.name}" [weight=100];'
    for link in picture.links:
        weight = 100 if link.on_spine else 1
        size = labels.get((link.source, link.target))
        if size is None:
            yield f'"{link.source}" -> "{link.target}" [weight={weight}];'
            continue
        # The label is a box on the edge, and not Graphviz's own label beside it: so it is plain whose it is.
        label = _label_of(link.source, link.target)
        yield _box(label, size, on_spine=link.on_spine)
        yield f'"{link.source}" -> "{label}" [weight={weight}, arrowhead=none];'
        yield f'"{label}" -> "{link.target}" [weight={weight}];'
    ends = [f'"{node.name}"' for node in picture.nodes if node.kind is StateKind.END]
    if ends:
        yield f"{{rank=sink; {'; '.join(ends)}}}"
    yield "}"


def _box(name: str, size: Size, *, on_spine: bool) -> str:
    group = ", group=spine" if on_spine else ""
    return f'"{name}" [width={size.width / _INCH:.4f}, height={size.height / _INCH:.4f}{group}];'
