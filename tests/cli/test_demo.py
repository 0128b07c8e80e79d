"""``authsm demo`` ends in every kind of result."""

import dataclasses
import importlib

import pytest
from click.testing import CliRunner

from authsm import CompleteSignOut
from authsm.cli.app import app
from tests.leaks import Watch, leaks_in

demo = importlib.import_module("authsm.cli.demo")  # the package itself has the command under this name


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "has_browser", lambda: False)


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
