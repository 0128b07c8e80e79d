"""``authsm diagram`` draws any machine, one policy, one run, and says what to do where it cannot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from authsm.cli import gallery
from authsm.cli.app import app
from authsm.diagrams import graphviz
from authsm.diagrams.formats import draw
from authsm.flows.sign_out.chart import SIGN_OUT
from tests.core.bakery import BAKERY
from tests.diagrams.pictures import case
from tests.diagrams.readers import from_json

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = """
from authsm import Chart, End, Event, Machine, Waiting
from tests.core.door import Push, Remembered

class Door(Chart[Remembered]):
    Closed = Waiting(Push, initial=True)
    Open = End()
    Push = Closed.first_of(Open)

    def on_enter_Open(self): ...

DOOR = Machine(Door)
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diagram", *arguments])


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of somebody else's, in the folder where the command is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path / "somebody_elses.py"


def test_a_diagram_goes_to_standard_output_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "table.md"

    shown, written = run(), run("--format", "markdown", "-o", str(path))

    assert (shown.output, written.exit_code) == (draw(SIGN_OUT, "mermaid"), 0)
    assert path.read_text(encoding="utf-8") == draw(SIGN_OUT, "markdown")
    run("--format", "png", "-o", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["BAKERY", "Bakery"])
def test_another_machine_is_drawn_by_its_name_or_that_of_its_chart(name: str) -> None:
    assert run(f"tests.core.bakery:{name}").output == draw(BAKERY, "mermaid")


def test_a_machine_in_the_current_folder_is_found(module: Path) -> None:
    module.write_text("from tests.core.bakery import BAKERY as MINE\n")
    assert run("somebody_elses:MINE", "--format", "json").output == draw(BAKERY, "json")
    sys.modules.pop("somebody_elses")


def test_a_chart_that_is_refused_is_refused_in_the_words_of_the_compiler(module: Path) -> None:
    module.write_text(REFUSED)
    result = run("somebody_elses:DOOR")

    assert result.exit_code == 2
    assert "Door: 'on_enter_Open' is a callback or method. Charts have no actions: what an event" in result.stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("bakery", "'bakery' names no machine: write module:machine, as in bakery.orders:BAKERY."),
        ("bakery:", "'bakery:' names no machine"),
        ("no.such:MACHINE", "there is no module no.such here: run this in the folder that has it, or install it"),
        (
            "tests.core.bakery:OVEN",
            "the module tests.core.bakery has no OVEN: its machines and charts are Bakery, BAKERY.",
        ),
        ("json:dumps", "the module json has another thing named dumps: it has no machine and no chart at all."),
    ],
)
def test_a_name_that_leads_to_no_machine_is_told_with_what_to_do(target: str, said: str) -> None:
    result = run(target)
    assert (result.exit_code, said in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package", "the module somebody_elses needs no_such_package, which is not installed here."),
        ("1 / 0", "the module somebody_elses fails as it is imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_with_the_reason(module: Path, text: str, said: str) -> None:
    module.write_text(text)
    assert said in run("somebody_elses:MACHINE").stderr


@pytest.mark.parametrize("name", ["default", "local-only"])
def test_of_a_policy_only_what_it_reaches_is_drawn(name: str) -> None:
    drawn = from_json(run("--policy", name, "--format", "json").output)
    assert sorted(drawn) == sorted(case(name).explored)


def test_a_policy_is_for_the_sign_out_only() -> None:
    result = run("tests.core.bakery:BAKERY", "--policy", "default")
    assert (result.exit_code, "--policy is about the sign-out" in result.stderr) == (2, True)


def test_a_run_is_highlighted_by_the_names_of_its_events() -> None:
    result = run("--trace", "Begin, UserCancelled", "--format", "mermaid-sequence")
    assert "Runner--xMachine: ⊘ UserCancelled" in result.output

    other = run("tests.core.bakery:BAKERY", "--trace", "Ordered,Withdrawn", "--format", "markdown")
    assert "| `TakingMoney` | `Withdrawn` |  | `Closed` (taken) |" in other.output


def test_a_run_that_cannot_be_is_told_with_what_could() -> None:
    result = run("--policy", "local-only", "--trace", "Begin,TokenRevoked")
    assert result.exit_code == 2
    assert "After Begin, SignOut is in SigningOutLocally or Error: TokenRevoked does not happen there" in result.stderr


@pytest.mark.parametrize("trace", ["", " , "])
def test_a_run_has_events(trace: str) -> None:
    result = run("--trace", trace)
    assert (result.exit_code, "--trace names no event: give it one or more" in result.stderr) == (2, True)


@pytest.mark.parametrize("folder", ["--all", "--check"])
@pytest.mark.parametrize(
    "also",
    [
        ["tests.core.bakery:BAKERY"],
        ["--policy", "default"],
        ["--trace", "Begin"],
        ["--format", "mermaid"],
        ["-o", "picture"],
        None,
    ],
    ids=str,
)
def test_what_would_make_no_difference_to_a_folder_is_refused(
    folder: str, also: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(folder, ".", *(["--check" if folder == "--all" else "--all", "."] if also is None else also))
    assert (result.exit_code, "is about all pictures of the sign-out, and stands alone" in result.stderr) == (2, True)
    assert [*tmp_path.iterdir()] == []


def test_a_sequence_wants_a_run() -> None:
    result = run("--format", "mermaid-sequence")
    assert (result.exit_code, "highlight it, or give --trace" in result.stderr) == (2, True)


def test_without_graphviz_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def program() -> str:
        raise graphviz.NoGraphvizError("pip install 'authsm[svg]'")

    monkeypatch.setattr(graphviz, "program", program)
    result = run("--format", "svg")
    assert (result.exit_code, "pip install 'authsm[svg]'" in result.stderr) == (2, True)


def test_a_graphviz_that_fails_is_told_with_the_formats_that_need_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> bytes:
        raise RuntimeError("dot took more than 120 seconds.")

    monkeypatch.setattr(graphviz, "run", slow)
    for arguments in (["--format", "svg"], ["--format", "png"], ["--all", str(tmp_path)], ["--check", str(tmp_path)]):
        result = run(*arguments)
        assert (result.exit_code, [*tmp_path.iterdir()]) == (2, [])
        said = " ".join(result.stderr.split())
        assert "Graphviz fails here, and mermaid, " in said
        assert "json need none of it. dot took more than 120 seconds." in said


def test_a_stale_diagram_is_found_and_named(tmp_path: Path) -> None:
    run("--all", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == set(dict(gallery.files()))
    assert run("--check", str(tmp_path)).exit_code == 0

    (tmp_path / "sign_out.md").write_text("an old one")
    (tmp_path / "sign_out.default.svg").unlink()
    result = run("--check", str(tmp_path))

    assert result.exit_code == 1
    assert result.stderr.count("is not what the chart says: run authsm diagram --all") == 2


def test_a_picture_that_nothing_draws_any_more_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("--all", str(tmp_path))
    (tmp_path / "notes.txt").write_text("of somebody's own")
    assert run("--check", str(tmp_path)).exit_code == 0

    left = [tmp_path / "sign_out.crayon", tmp_path / "sign_out.gone.svg"]
    for path in left:
        path.write_text("an old one")
    result = run("--check", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [f"{path} is drawn by nothing any more: remove it" for path in left]

    monkeypatch.setattr(graphviz, "is_pinned", lambda: False)
    assert "svg is drawn by nothing" not in run("--check", str(tmp_path)).stderr


def test_a_graphviz_that_draws_otherwise_checks_the_texts_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("--all", str(tmp_path))
    monkeypatch.setattr(graphviz, "is_pinned", lambda: False)
    for path in tmp_path.glob("*.svg"):
        path.write_text("of another Graphviz")

    result = run("--check", str(tmp_path))
    assert (result.exit_code, "Left out: the SVG pictures." in result.stderr) == (0, True)


def test_a_folder_that_cannot_be_made_or_filled_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("--all", str(tmp_path / "file" / "pictures"))
    assert (result.exit_code, "cannot be made: Not a directory." in result.stderr) == (2, True)

    (tmp_path / "sign_out.json").mkdir()
    result = run("--all", str(tmp_path))
    assert (result.exit_code, "sign_out.json cannot be written: Is a directory." in result.stderr) == (2, True)


def test_an_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    result = run("-o", str(tmp_path / "no folder" / "x.mmd"))
    assert (result.exit_code, "cannot be written: No such file or directory" in result.stderr) == (2, True)
