"""``authsm demo`` ends in every kind of result, and ``authsm diagram`` draws."""

import dataclasses
import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from authsm import CompleteSignOut
from authsm.cli.app import app
from authsm.diagrams.formats import draw
from authsm.flows.sign_out.chart import SIGN_OUT
from tests.leaks import Watch, leaks_in

demo = importlib.import_module("authsm.cli.demo")  # the package itself has the command under this name


@pytest.mark.shows_tokens(because="the demo signs in through bare boto3, whose log at DEBUG shows what it is given")
def test_the_demo_shows_its_six_ends(watch: Watch) -> None:
    result = CliRunner().invoke(app, ["demo"])
    assert leaks_in([result.output], watch.secrets) == []

    ends = [line for line in result.output.split() if line.endswith("SignOut")]
    complete, partial, failed = "CompleteSignOut", "PartialSignOut", "FailedSignOut"
    assert (result.exit_code, ends) == (0, [complete, partial, failed, complete, complete, partial])
    assert "GetUser still answers: ada" in result.output


@pytest.mark.shows_tokens(because="the demo signs in through bare boto3, whose log at DEBUG shows what it is given")
def test_a_demo_that_ends_otherwise_than_it_says_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = dataclasses.replace(demo._SCENES[-1], ends=CompleteSignOut)
    monkeypatch.setattr(demo, "_SCENES", (scene,))
    result = CliRunner().invoke(app, ["demo"])
    assert (result.exit_code, "This should have ended in CompleteSignOut." in result.stderr) == (1, True)


def test_a_diagram_goes_to_standard_output_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "table.md"

    shown = CliRunner().invoke(app, ["diagram"])
    written = CliRunner().invoke(app, ["diagram", "--format", "markdown", "-o", str(path)])

    assert (shown.output, written.exit_code) == (draw(SIGN_OUT, "mermaid"), 0)
    assert path.read_text(encoding="utf-8") == draw(SIGN_OUT, "markdown")


def test_a_stale_diagram_is_found_and_named(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["diagram", "--all", str(tmp_path)])
    assert CliRunner().invoke(app, ["diagram", "--check", str(tmp_path)]).exit_code == 0

    (tmp_path / "sign_out.md").write_text("an old one")
    result = CliRunner().invoke(app, ["diagram", "--check", str(tmp_path)])

    assert (result.exit_code, "sign_out.md is not what the chart says" in result.stderr) == (1, True)
