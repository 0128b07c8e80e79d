"""Every format shows every state and transition, with names unmangled; the committed files are current."""

import re
from pathlib import Path

import pytest

from authsm.diagrams.formats import FORMATS, draw
from authsm.flows.sign_out.chart import SIGN_OUT

FOLDER = Path(__file__).parents[2] / "diagrams"
ROWS = {(row.source, row.event.__name__, row.target) for row in SIGN_OUT.table.rows}


@pytest.mark.parametrize("name", FORMATS)
def test_the_committed_file_is_what_the_chart_says(name: str) -> None:
    path = FOLDER / f"sign_out.{FORMATS[name].ending}"

    assert path.read_text(encoding="utf-8") == draw(SIGN_OUT, name)


@pytest.mark.parametrize("name", FORMATS)
def test_every_state_and_effect_is_named_as_in_the_chart(name: str) -> None:
    text = draw(SIGN_OUT, name)

    names = [state.name for state in SIGN_OUT.table.states.values()]
    names += [state.effect.__name__ for state in SIGN_OUT.table.states.values() if state.effect]
    assert [each for each in names if each not in text] == []


def test_the_markdown_table_has_just_the_rows_of_the_chart() -> None:
    table = draw(SIGN_OUT, "markdown").partition("## Transitions")[2]

    drawn = [tuple(match) for match in re.findall(r"^\| `(\w+)` \| `(\w+)` \| .*?\| `(\w+)` \|$", table, re.MULTILINE)]
    assert sorted(drawn) == sorted(ROWS)


def test_the_mermaid_text_has_just_the_rows_of_the_chart() -> None:
    drawn = {
        (source, event, target)
        for source, target, label in re.findall(
            r"^    (\w+) --> (\w+) : (.+)$", draw(SIGN_OUT, "mermaid"), re.MULTILINE
        )
        for event in re.findall(r"[✓✗⊘→] (\w+)", label)
    }
    assert drawn == ROWS


def test_the_outline_joins_just_the_states_that_a_row_joins() -> None:
    text = draw(SIGN_OUT, "mermaid-outline")

    drawn = set(re.findall(r"^    (\w+) --> (\w+) : ", text, re.MULTILINE))
    assert drawn == {(source, target) for source, _, target in ROWS}


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no format 'crayon': use one of mermaid, mermaid-outline, markdown"):
        draw(SIGN_OUT, "crayon")
