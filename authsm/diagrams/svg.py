"""A picture as SVG: one file without fonts or scripts, which follows the reader's light or dark scheme.

Its parts can be found by programs: each state is ``<g id="machine-state-NAME" data-state="NAME" class="state ...">``,
each edge ``<g class="edge ..." data-source="..." data-target="..." data-events="A B">``. Graphviz only says where
things stand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsm.core.chart import Ending
from authsm.core.table import StateKind
from authsm.diagrams.layout import Size, lay_out
from authsm.diagrams.paint import MARK_SIZE, MARKS, STYLE
from authsm.diagrams.picture import Tone
from authsm.diagrams.text import escape, width_of, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.diagrams.layout import Curve, Point
    from authsm.diagrams.picture import Link, Node, Picture

_MARGIN: Final = 16.0
_PADDING: Final = 12.0
_GAP: Final = 4.0
_ABOUT: Final = 34
_WORDS: Final = 24
_ROW: Final = 18
_LEGEND: Final = {
    Tone.DONE: "done",
    Tone.FAILED: "failed",
    Tone.CANCELLED: "called off",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of text, with marks before it."""

    text: str
    kind: str
    size: float
    marks: tuple[str, ...] = ()

    @property
    def text_width(self) -> float:
        return width_of(self.text, self.size, bold=self.kind == "name")

    @property
    def width(self) -> float:
        return self.text_width + len(self.marks) * (MARK_SIZE + _GAP)

    @property
    def height(self) -> float:
        return round(self.size * 1.36, 1)


def render(picture: Picture) -> str:
    """Draw a picture as SVG.

    Args:
        picture: What to draw.

    Returns:
        The text of an SVG file, with a line feed at its end. The same picture and Graphviz give the same text.

    Raises:
        NoGraphvizError: There is no Graphviz here; the message says how to get one.
        RuntimeError: Graphviz failed.
    """
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    texts = {node.name: _box_lines(node) for node in picture.nodes}
    boxes = {name: _size(lines, _PADDING) for name, lines in texts.items()}
    labels = {(link.source, link.target): lines for link in picture.links if (lines := _label_lines(picture, link))}
    layout = lay_out(picture, boxes, {pair: _size(lines, 3) for pair, lines in labels.items()})
    legend = _legend(picture)
    rows = (sum(line.width + 3 * _GAP for line in row) for row in legend)
    width = max([layout.size.width, *rows]) + 2 * _MARGIN
    height = layout.size.height + 2 * _MARGIN + (12 + _ROW * len(legend) if legend else 0)
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    told = 'role="img" aria-labelledby="machine-title machine-about"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" class="machine" {told} {size}>'
    yield f'<title id="machine-title">{escape(picture.name)}</title>'
    yield f'<desc id="machine-about">{escape(_description(picture))}</desc>'
    yield f"<style>{STYLE}</style>"
    yield "<defs>"
    for name, drawing in MARKS.items():
        yield f'<g id="mark-{name}" fill="none" stroke-width="1.9" stroke-linecap="round">{drawing}</g>'
    yield "</defs>"
    yield '<rect class="paper" width="100%" height="100%" rx="6"/>'
    trace = ' class="trace"' if picture.trail else ""
    yield f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})"{trace}>'
    x, y = layout.start.lines[0][0]
    yield f'<g class="edge spine taken"><circle class="start" cx="{x}" cy="{y - 5}" r="5"/>{_curve(layout.start)}</g>'
    for link in picture.links:
        yield from _edge(link, layout.curves[link.source, link.target], labels.get((link.source, link.target), []))
    for node in picture.nodes:
        yield from _state(node, layout.boxes[node.name], boxes[node.name], texts[node.name])
    yield "</g>"
    yield from _legend_rows(legend, height - _MARGIN - 4)
    yield "</svg>"


def _box_lines(node: Node) -> list[_Line]:
    mark = () if node.ending is None else (node.ending.value,)
    lines = [_Line(node.name, "name", 15, mark)]
    if node.effect:
        lines.append(_Line(node.effect, "effect", 13))
    if node.kind is StateKind.END:
        lines += [_Line(text, "about", 12) for text in wrap(node.about, _ABOUT)]
    lines += [_Line(reply.event, "reply", 12, (reply.tone.value,)) for reply in node.replies]
    return lines


def _label_lines(picture: Picture, link: Link) -> list[_Line]:
    """Say when an edge is taken: by the marks of what the effect's replies tell, and the words of the guard."""
    events = next(len(node.replies) for node in picture.nodes if node.name == link.source)
    lines: list[_Line] = []
    for condition, all_arrows in link.by_condition.items():
        arrows = [arrow for arrow in all_arrows if arrow.taken or not link.taken]  # a run takes one of them
        if not arrows:
            continue
        marks = tuple(dict.fromkeys(arrow.tone.value for arrow in arrows if arrow.tone is not Tone.OUTSIDE))
        names = [arrow.event for arrow in arrows if arrow.tone is Tone.OUTSIDE and events > 1]
        words = wrap(condition, _WORDS)
        lines += [_Line(name, "reply", 12) for name in names]
        if marks or words:
            lines.append(_Line(words[0] if words else "", "words", 12, marks))
        lines += [_Line(text, "words", 12) for text in words[1:]]
    return lines


def _size(lines: list[_Line], padding: float) -> Size:
    width = max(line.width for line in lines) + 2 * padding
    return Size(math.ceil(width), math.ceil(sum(line.height for line in lines) + 1.2 * padding))


def _edge(link: Link, curve: Curve, label: list[_Line]) -> Iterator[str]:
    kinds = {"spine": link.on_spine, "failure": link.is_failure, "to-partial": link.ending is Ending.PARTIAL}
    classes = " ".join(("edge", *(name for name, holds in (kinds | {"taken": link.taken}).items() if holds)))
    events = " ".join(dict.fromkeys(arrow.event for arrow in link.arrows))
    yield (
        f'<g class="{classes}" data-source="{link.source}" data-target="{link.target}" data-events="{events}">'
        f"<title>{escape(_sentence(link))}</title>{_curve(curve)}"
    )
    if label and curve.label:
        size = _size(label, 3)
        yield from _texts(label, curve.label[0] - size.width / 2 + 3, curve.label[1] - size.height / 2 + 1)
    yield "</g>"


def _curve(curve: Curve) -> str:
    paths = [f"M{x} {y}C" + " ".join(f"{a} {b}" for a, b in rest) for (x, y), *rest in curve.lines]
    return f'<path d="{"".join(paths)}"/>{_arrow_head(curve.lines[-1][-1], curve.tip)}'


def _arrow_head(base: Point, tip: Point) -> str:
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = math.hypot(dx, dy) or 1
    across = (-dy / length * 4, dx / length * 4)
    corners = (tip, (base[0] + across[0], base[1] + across[1]), (base[0] - across[0], base[1] - across[1]))
    return '<polygon points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in corners) + '"/>'


def _state(node: Node, middle: Point, size: Size, lines: list[_Line]) -> Iterator[str]:
    classes = ["state", node.kind.value]
    classes += [node.ending.value] if node.ending else []
    classes += ["taken"] if node.taken else []
    x, y = middle[0] - size.width / 2, middle[1] - size.height / 2
    radius = 16 if node.kind is StateKind.END else 5
    yield f'<g id="machine-state-{node.name}" data-state="{node.name}" class="{" ".join(classes)}">'
    yield f"<title>{escape(node.about or node.name)}</title>"
    yield (
        f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{size.width:.0f}" height="{size.height:.0f}" rx="{radius}"/>'
    )
    yield from _texts(lines, x + _PADDING, y + 0.6 * _PADDING)
    yield "</g>"


def _texts(lines: list[_Line], left: float, top: float) -> Iterator[str]:
    for line in lines:
        top += line.height
        baseline = top - line.size * 0.36
        x = left
        for mark in line.marks:
            yield f'<use href="#mark-{mark}" class="mark mark-{mark}" x="{x:.1f}" y="{baseline - 10:.1f}"/>'
            x += MARK_SIZE + _GAP
        if line.text:
            # Where there is no font of our widths, the text is fitted into the room that was left for it.
            yield (
                f'<text class="{line.kind}" x="{x:.1f}" y="{baseline:.1f}" font-size="{line.size:g}" '
                f'textLength="{line.text_width:.1f}" lengthAdjust="spacingAndGlyphs">{escape(line.text)}</text>'
            )


def _legend(picture: Picture) -> list[list[_Line]]:
    """Say what the marks and strokes mean, in rows that make no picture much wider."""
    tones = {arrow.tone for arrow in picture.arrows}
    marks = [_Line(words, "words", 12, (tone.value,)) for tone, words in _LEGEND.items() if tone in tones]
    words = ["dashed: after a failure, or to a failed end"] if any(link.is_failure for link in picture.links) else []
    words += ["of several conditions that hold, the first one in the table is taken"] if picture.has_rivals else []
    return list(filter(None, [marks, *([_Line(each, "words", 12)] for each in words)]))


def _legend_rows(rows: list[list[_Line]], bottom: float) -> Iterator[str]:
    for number, row in enumerate(reversed(rows)):
        x = _MARGIN
        for line in row:
            yield from _texts([line], x, bottom - number * _ROW - line.height + line.size * 0.36)
            x += line.width + 3 * _GAP


def _sentence(link: Link) -> str:
    ways = [
        " or ".join(arrow.event for arrow in arrows) + (f" [{condition}]" if condition else "")
        for condition, arrows in link.by_condition.items()
    ]
    return f"{link.source} → {link.target}: {'; '.join(ways)}"


def _description(picture: Picture) -> str:
    ends = [f"{node.name} ({node.about})" for node in picture.nodes if node.kind is StateKind.END]
    line = f"Main line: {' → '.join(picture.spine)}. Ends: {' '.join(ends)}"
    return f"{picture.about} {line}".strip()
