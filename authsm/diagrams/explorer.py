"""A page on which one can click through everything that a machine can do: one file, no network.

Everything that may happen is found here, by the machine itself, and embedded as data; the page's script only walks it.
What the page says about a place is embedded likewise, each thing once.
"""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Hashable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from authsm.core.vocabulary import Context, Event, FailedReply
from authsm.core.words import first_line
from authsm.diagrams.expressions import NoExpressionError, expression_of
from authsm.diagrams.picture import picture_of
from authsm.diagrams.tour import BOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.core.machine import Machine
    from authsm.diagrams.expressions import Expression
    from authsm.diagrams.picture import Picture
    from authsm.diagrams.tour import Choice, Start, Tour

C = TypeVar("C", bound=Context)
H = TypeVar("H", bound=Hashable)

_CRASH: Final = {"key": "a-crash", "name": "A crash", "tone": "crash"}  # no class has a name like this key
_RESUMED: Final = "The program dies before it hears of the outcome; the next one goes on where the journal says."
_AS_IT_WAS: Final = "The program dies. Nothing was written down yet, and nothing done: everything is as it was."


def page(
    machine: Machine[C],
    tour: Tour[C],
    *,
    source: Expression,
    svg: str | None,
    bound: int = BOUND,
    progress: Callable[[int], None] | None = None,
) -> str:
    """Make the page.

    Args:
        machine: Any machine.
        tour: How it is shown.
        source: Source that makes the machine, for the tests that readers copy.
        svg: Its picture, as `svg.render` draws it; None for a page without one.
        bound: How many places the page may hold at the most.
        progress: Called with the number of places that were found so far.

    Returns:
        The whole page as HTML text. The same arguments give the same text.

    Raises:
        TooManySnapshotsError: More places than the bound can be reached.
    """
    picture = picture_of(machine)
    data = _Data(machine, tour, picture, source).embed(bound, progress)
    parts = {
        "title": html.escape(picture.name),
        "name": html.escape(picture.name),
        "about": html.escape(picture.about),
        "css": _part("css"),
        "js": _part("js"),
        "picture": svg or "<p>No picture: this page was made without the extra <code>authsm[svg]</code>.</p>",
        # No text within may end the script element.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }
    before, *rest = _part("html").split("{{")
    return before + "".join(parts[key] + after for key, _, after in (each.partition("}}") for each in rest))


def _part(ending: str) -> str:
    return files("authsm.diagrams").joinpath(f"explorer.{ending}").read_text(encoding="utf-8").strip()


class _Once(Generic[H]):
    """Values by number, each once."""

    def __init__(self) -> None:
        self._numbers: dict[H, int] = {}

    def number(self, value: H) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def __iter__(self) -> Any:
        return iter(self._numbers)


class _Data(Generic[C]):
    """What the page's script is given."""

    def __init__(self, machine: Machine[C], tour: Tour[C], picture: Picture, source: Expression) -> None:
        self._machine = machine
        self._tour = tour
        self._picture = picture
        self._source_of_machine = source
        self._tones = {(arrow.source, arrow.event): arrow.tone.value for arrow in picture.arrows}
        self._states = {node.name: number for number, node in enumerate(picture.nodes)}
        self._imports = _Once[tuple[str, str]]()
        self._groups = _Once[str]()
        self._facts = _Once[tuple[int, str, str, str]]()
        self._numbers = _Once[tuple[Event | None, str, bool]]()
        self._outcomes: list[dict[str, Any]] = []
        self._missing = ""

    def embed(self, bound: int, progress: Callable[[int], None] | None) -> dict[str, Any]:
        """Give everything, as what JSON can hold."""
        found = self._tour.places(self._machine, bound=bound, progress=progress)
        numbers = {place: number for number, place in enumerate(found)}
        needs = self._needs(self._source_of_machine)
        places: list[Any] = []
        for place, choices in found.items():
            pairs = [
                each
                for choice in choices
                for each in (self._outcome(place.snapshot.state, choice), numbers[choice.target])
            ]
            facts = [
                self._facts.number((self._groups.number(fact.group), fact.label, fact.text, fact.sense.value))
                for fact in self._tour.facts(self._machine, place)
            ]
            places.append([self._states[place.snapshot.state], facts, pairs])
        starts = [self._start(start, numbers[self._tour.begin(self._machine, start)]) for start in self._tour.starts]
        self._refuse_namesakes()
        return {
            "name": self._picture.name,
            "states": [
                {
                    "name": node.name,
                    "kind": node.kind.value,
                    "effect": node.effect,
                    "about": node.about,
                    "ending": node.ending.value if node.ending else "",
                }
                for node in self._picture.nodes
            ],
            "starts": starts,
            "outcomes": self._outcomes,
            "groups": list(self._groups),
            "facts": list(self._facts),
            "places": places,
            "test": {
                "machine": self._source_of_machine.text,
                "imports": list(self._imports),
                "needs": needs,
                "missing": self._missing,
            },
        }

    def _start(self, start: Start[C], place: int) -> dict[str, Any]:
        said = {"key": start.key, "title": start.title, "about": start.about, "place": place}
        return {**said, **self._source(start.context)}

    def _outcome(self, state: str, choice: Choice[C]) -> int:
        event = choice.event
        tone = _CRASH["tone"] if event is None else self._tones[state, event.name]
        number = self._numbers.number((event, tone, choice.again))
        if number == len(self._outcomes):
            self._outcomes.append(self._crash(choice) if event is None else self._happened(event, tone))
        return number

    @staticmethod
    def _crash(choice: Choice[C]) -> dict[str, Any]:
        return {**_CRASH, "about": _RESUMED if choice.again else _AS_IT_WAS, "again": choice.again}

    def _happened(self, event: Event, tone: str) -> dict[str, Any]:
        namesakes = sum(outcome["name"] == event.name for outcome in self._outcomes)
        return {
            "key": f"{event.name}-{namesakes + 1}" if namesakes else event.name,
            "name": event.name,
            "about": _about(event),
            "tone": tone,
            **self._source(event),
        }

    def _source(self, value: object) -> dict[str, Any]:
        try:
            expression = expression_of(value)
        except NoExpressionError as error:
            self._missing = f"No test can be written: {error}"
            return {}
        return {"code": expression.text, "needs": self._needs(expression)}

    def _refuse_namesakes(self) -> None:
        """Give up the tests where one module would have to import two things under one name."""
        names = Counter(name for _, name in self._imports)
        for name, times in names.items():
            if times > 1:
                self._missing = f"No test can be written: {times} different things are called {name}."

    def _needs(self, expression: Expression) -> list[int]:
        return [self._imports.number(each) for each in expression.imports]


def _about(event: Event) -> str:
    said = [first_line(type(event))]
    if isinstance(event, FailedReply):
        kind = event.failure.kind.value.replace("_", " ")
        said.append(f"{kind.capitalize()}{'' if event.failure.message == kind else f': {event.failure.message}'}")
    return " ".join(said).strip()
