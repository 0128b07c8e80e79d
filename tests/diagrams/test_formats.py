"""Every format shows just what was explored, with names unmangled; the committed files are current."""

import dataclasses
import html
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from statemachine.io import load

from authsm.cli import gallery
from authsm.diagrams import graphviz
from authsm.diagrams.formats import FORMATS, PNG, draw, paint
from authsm.flows.sign_out.chart import SIGN_OUT
from tests.core.bakery import BAKERY
from tests.diagrams.odd import ODD
from tests.diagrams.pictures import CASES, HOSTILE, case, of_names
from tests.diagrams.readers import READERS, from_dot, from_mermaid
from tests.left_out import missing

FOLDER = Path(__file__).parents[2] / "diagrams"
OF_MACHINES = [name for name, each in FORMATS.items() if not each.of_a_run]


@pytest.fixture
def without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    graphviz.program.cache_clear()
    monkeypatch.setattr(graphviz, "program", graphviz.program.__wrapped__)


def test_the_committed_files_are_what_the_chart_says() -> None:
    drawn = dict(gallery.files(svg=graphviz.is_pinned()))

    stale = [name for name, text in drawn.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert stale == []
    assert {path.name for path in FOLDER.iterdir()} == set(dict(gallery.files()))


@pytest.mark.parametrize("format_name", READERS)
@pytest.mark.parametrize("name", CASES)
def test_what_is_drawn_is_just_what_was_explored(name: str, format_name: str) -> None:
    drawn = READERS[format_name](draw(case(name).picture, format_name))

    assert sorted(drawn) == sorted(case(name).explored)


@pytest.mark.parametrize("format_name", READERS)
def test_guards_may_have_any_words(format_name: str) -> None:
    ring = of_names(["A", "B"], HOSTILE)
    picture = dataclasses.replace(ring, arrows=ring.arrows[:1])  # nothing leaves an end

    assert READERS[format_name](draw(picture, format_name)) == [("A", "Ok", "B")]


def test_every_format_is_read_back() -> None:
    assert {*READERS, "mermaid-outline"} == set(OF_MACHINES)  # the outline has marks in place of events


@pytest.mark.parametrize("name", CASES)
def test_the_outline_joins_just_the_states_that_were_joined(name: str) -> None:
    events = draw(case(name).picture, "mermaid-outline").replace(" : ", " : ✓ any ")

    drawn = {(source, target) for source, _, target in from_mermaid(events)}
    assert drawn == {(source, target) for source, _, target in case(name).explored}


@pytest.mark.parametrize("name", OF_MACHINES)
@pytest.mark.parametrize("machine", [SIGN_OUT, BAKERY], ids=lambda machine: str(machine.name))
def test_every_state_and_effect_is_named_as_in_the_chart(machine: object, name: str) -> None:
    text = format(machine, name)

    states = (SIGN_OUT if machine is SIGN_OUT else BAKERY).table.states.values()
    names = [state.name for state in states] + [state.effect.__name__ for state in states if state.effect]
    assert [each for each in names if each not in text] == []


@pytest.mark.parametrize("name", ["mermaid", "mermaid-flowchart", "markdown", "dot", "svg"])
def test_every_guard_is_there_in_words(name: str) -> None:
    text = _letters(re.sub(r"<title>.*?</title>|<[^>]+>", "", draw(SIGN_OUT, name)))

    guards = {row.guard for row in SIGN_OUT.table.rows if row.guard}
    assert [each for each in map(SIGN_OUT.table.guard_in_words, guards) if _letters(each) not in text] == []


def _letters(text: str) -> str:
    return "".join(html.unescape(text).lower().split())


@pytest.mark.parametrize("name", ["svg", "scxml"])
def test_no_words_make_a_picture_that_xml_forbids(name: str) -> None:
    text = draw(ODD, name)

    said = [*ET.fromstring(text).itertext(), text]  # noqa: S314 - our own file
    assert any("a `b` | " in each for each in said)
    assert READERS[name](text)


def test_no_words_make_dot_fail_or_leave_their_cell_in_markdown() -> None:
    expected = sorted((row.source, row.event.__name__, row.target) for row in ODD.table.rows)
    assert sorted(from_dot(draw(ODD, "dot"))) == expected

    text = draw(ODD, "markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert len(rows) == 2 * 2 + len(ODD.table.states) + len(ODD.table.rows)
    assert text.count("a \\`b\\` \\| &lt;i&gt;c&lt;/i&gt; &amp; \\\\ d") == 4


def test_python_statemachine_reads_the_same_guards_and_order_out_of_scxml() -> None:
    chart = load(draw(SIGN_OUT, "scxml"), format="scxml")

    rows = [
        (
            state.id,
            row.event,
            next((spec.attr_name for spec in row._specs if not spec.is_convention), None),
            row.target.id,
        )
        for state in chart.states
        for row in state.transitions
    ]
    assert rows == [(row.source, row.event.__name__, row.guard, row.target) for row in SIGN_OUT.table.rows]
    assert [state.id for state in chart.states if state.final] == ["SignedOut", "PartialSignedOut", "Error"]
    assert [state.id for state in chart.states if state.initial] == ["NotStarted"]


def test_the_json_has_every_row_in_the_order_of_the_chart() -> None:
    said = json.loads(draw(SIGN_OUT, "json"))

    rows = [(arrow["source"], arrow["event"], arrow["guard"] or None, arrow["target"]) for arrow in said["arrows"]]
    assert rows == [(row.source, row.event.__name__, row.guard, row.target) for row in SIGN_OUT.table.rows]
    endings = {node["name"]: node["ending"] for node in said["nodes"] if node["ending"]}
    assert endings == {"SignedOut": "complete", "PartialSignedOut": "partial", "Error": "failed"}


def test_every_file_is_accepted_by_dot() -> None:
    found = shutil.which("dot")
    if found is None:
        missing("dot")
    graphviz.program.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphviz, "program", lambda: found)
        for path in FOLDER.glob("*.dot"):
            assert sorted(from_dot(path.read_text(encoding="utf-8"))) == sorted(case("all").explored)
        assert graphviz.run(draw(BAKERY, "dot"), "png").startswith(b"\x89PNG")
        assert 'data-state="TakingMoney"' in draw(BAKERY, "svg")


def test_png_is_drawn_and_is_no_text() -> None:
    assert paint(BAKERY, PNG).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"PNG is no text: use authsm\.diagrams\.formats\.paint"):
        format(BAKERY, "png")


def test_a_machine_formats_itself() -> None:
    assert format(SIGN_OUT, "mermaid") == draw(SIGN_OUT, "mermaid")
    assert (f"{SIGN_OUT}", f"{SIGN_OUT:json}") == ("Machine(SignOut)", draw(SIGN_OUT, "json"))


def test_a_machine_shows_itself_in_a_notebook() -> None:
    bundle = BAKERY._repr_mimebundle_(include=None, exclude=None)

    assert bundle["image/svg+xml"] == draw(BAKERY, "svg")
    assert (bundle["text/plain"], bundle["text/vnd.mermaid"]) == ("Machine(Bakery)", draw(BAKERY, "mermaid"))


@pytest.mark.usefixtures("without_graphviz")
def test_without_graphviz_a_notebook_shows_text_and_whoever_asks_is_told_what_to_do() -> None:
    assert set(BAKERY._repr_mimebundle_()) == {"text/plain", "text/vnd.mermaid"}
    for name in ("svg", PNG):
        with pytest.raises(
            graphviz.NoGraphvizError, match=r"pip install 'authsm\[svg\]', or install the package graph"
        ):
            paint(BAKERY, name)
    assert not graphviz.is_pinned()


def test_what_graphviz_refuses_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"could not draw this: .*syntax error"):
        graphviz.run("digraph {", "json")


def test_a_graphviz_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "_SECONDS", 0)
    with pytest.raises(RuntimeError, match="took more than 0 seconds"):
        graphviz.run(draw(SIGN_OUT, "dot"), "json")


def test_a_graphviz_that_fails_costs_a_notebook_the_svg_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("dot could not draw this."), PermissionError("dot")):

        def fails(*_: object, error: Exception = error) -> bytes:
            raise error

        monkeypatch.setattr(graphviz, "run", fails)
        assert set(BAKERY._repr_mimebundle_()) == {"text/plain", "text/vnd.mermaid"}


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no format 'crayon': use one of mermaid, .*, svg, png\."):
        draw(SIGN_OUT, "crayon")


def test_a_sequence_without_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="A sequence diagram shows one run: highlight it, or give --trace"):
        draw(SIGN_OUT, "mermaid-sequence")
