"""What an SVG picture looks like: its colours in light and dark, its strokes, and the marks on it.

Whatever a colour says is said without it as well: by a mark, a dashed or a thick line.
"""

from __future__ import annotations

from string import Template
from typing import Final

from authsm.diagrams.palette import DARK, LIGHT
from authsm.diagrams.text import FONTS

_SHAPES: Final = f"""
.machine text {{ font-family: {FONTS}; }}
.machine .name {{ font-weight: bold; }}
.machine .effect {{ font-style: italic; }}
.machine .box {{ stroke-width: 1.3; }}
.machine .end .box {{ stroke-width: 2.6; }}
.machine .edge path {{ fill: none; stroke-width: 1.2; }}
.machine .spine path {{ stroke-width: 3; }}
.machine .failure path {{ stroke-dasharray: 6 4; }}
.machine .to-partial path {{ stroke-width: 2; }}
.machine .trace .state:not(.taken), .machine .trace .edge:not(.taken) {{ opacity: 0.3; }}
.machine .trace .edge.taken path {{ stroke-width: 4; }}
.machine .trace .state.taken .box {{ stroke-width: 3.4; }}
"""

_COLOURS: Final = Template("""
.machine .paper { fill: $paper; }
.machine text { fill: $ink; }
.machine .effect, .machine .about, .machine .words { fill: $soft; }
.machine .box { fill: $calm; stroke: $calm_line; }
.machine .doing .box { fill: $doing; stroke: $doing_line; }
.machine .complete .box { fill: $complete; stroke: $complete_line; }
.machine .partial .box { fill: $partial; stroke: $partial_line; }
.machine .failed .box { fill: $failed; stroke: $failed_line; }
.machine .edge path { stroke: $line; }
.machine .edge polygon, .machine .start { fill: $line; }
.machine .spine path { stroke: $ink; }
.machine .spine polygon { fill: $ink; }
.machine .to-partial path { stroke: $partial_line; }
.machine .to-partial polygon { fill: $partial_line; }
.machine .failure path { stroke: $failed_line; }
.machine .failure polygon { fill: $failed_line; }
.machine .mark { stroke: $soft; color: $partial_line; }
.machine .mark-done, .machine .mark-complete { stroke: $complete_line; }
.machine .mark-partial { stroke: $partial_line; }
.machine .mark-cancelled, .machine .mark-failed { stroke: $failed_line; }
""")

STYLE: Final = (
    _SHAPES + _COLOURS.substitute(LIGHT) + "@media (prefers-color-scheme: dark) {" + _COLOURS.substitute(DARK) + "}\n"
)
"""The style sheet of a picture."""

MARK_SIZE: Final = 12.0
"""How wide and high a mark is."""

MARKS: Final = {
    "done": '<path d="M1.5 6.5 4.5 9.5 10.5 2.5"/>',
    "failed": '<path d="M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5"/>',
    "cancelled": '<circle cx="6" cy="6" r="4.5"/><path d="M3 9 9 3"/>',
    "outside": '<path d="M1 6H10.5M7 2.5 10.5 6 7 9.5"/>',
    "complete": '<path d="M1.5 6.5 4.5 9.5 10.5 2.5"/>',
    "partial": '<circle cx="6" cy="6" r="4.7"/><path d="M6 1.3A4.7 4.7 0 0 0 6 10.7Z" fill="currentColor"/>',
}
"""The marks: those of what an event tells, and those of how a run ended."""
