"""``authsm explore``: which machine, from where, and what it says where that cannot be done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from authsm.cli.app import app
from authsm.core.chart import Chart, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Event
from authsm.diagrams import graphviz
from tests.core import bakery

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

HERE: Final = __name__


@dataclass(frozen=True, slots=True)
class Knock(Event):
    """Somebody knocks."""


_Knock = Knock


class Nested(Chart[bakery.Remembered]):
    Waits = Waiting(_Knock, initial=True)
    Opens = End()
    Knock = Waits.first_of(Opens)

    def on_knock(self) -> None:
        """Do what only python-statemachine's own engine can do."""


@dataclass(frozen=True, slots=True)
class Spread(Context):
    number: int = 0

    def after(self, event: Event) -> Spread:
        del event
        return Spread(self.number + 1)

    @property
    def goes_on(self) -> bool:
        return self.number < 6000


class Long(Chart[Spread]):
    Waits = Waiting(_Knock, initial=True, when="goes_on")
    Opens = End()
    Knock = Waits.first_of(Waits, Opens)


LONG: Final = Machine(Long)
REGULARS: Final = {"A regular": bakery.Remembered(pays=False), "A stranger": bakery.Remembered()}
CUSTOMERS: Final = [*REGULARS.values()]


def explored(folder: Path, *arguments: str) -> tuple[Result, str]:
    """Run the command; give how it ended, and the page."""
    output = folder / "page.html"
    ended = CliRunner().invoke(app, ["explore", "-o", str(output), *arguments])
    return ended, output.read_text(encoding="utf-8") if output.exists() else ""


def test_the_sign_out_s_machine_is_explored_if_none_is_named(tmp_path: Path) -> None:
    ended, page = explored(tmp_path)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert re.fullmatch(r".*page\.html: \d+ kB\. Open it in a browser\.\n", ended.stdout)
    assert "<h1>SignOut</h1>" in page
    assert 'data-state="SigningOutHostedUI"' in page


def test_without_a_file_s_name_it_writes_one_into_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["explore"]).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["explorer.html"]


@pytest.mark.parametrize(
    ("name", "source"),
    [("tests.core.bakery:BAKERY", '"machine":"BAKERY"'), ("tests.core.bakery:Bakery", '"machine":"Machine(Bakery)"')],
)
def test_another_machine_or_its_chart_is_explored_from_its_default_context(
    tmp_path: Path, name: str, source: str
) -> None:
    ended, page = explored(tmp_path, name)
    assert ended.exit_code == 0
    assert source in page
    assert '"code":"Remembered()"' in page


@pytest.mark.parametrize(("name", "titles"), [("REGULARS", [*REGULARS]), ("CUSTOMERS", ["Start 1", "Start 2"])])
def test_the_contexts_to_begin_with_can_be_given(tmp_path: Path, name: str, titles: list[str]) -> None:
    ended, page = explored(tmp_path, "tests.core.bakery:BAKERY", "--starts", f"{HERE}:{name}")
    assert ended.exit_code == 0
    assert re.findall(r'"title":"(.*?)"', page) == titles
    assert '"code":"Remembered(pays=False)"' in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([f"{HERE}:Nested"], "Nested: 'on_knock' is a callback or method"),
        (["nowhere:MACHINE"], "there is no module nowhere"),
        (["tests.core.bakery:BAKERY", "--starts", f"{HERE}:HERE"], "put one Remembered or more into it"),
        (["tests.core.bakery:BAKERY", "--starts", f"{HERE}:NOTHING"], "put one Remembered or more into it"),
        (["tests.core.bakery:BAKERY", "--starts", "nowhere:STARTS"], "there is no module nowhere"),
        ([f"{HERE}:LONG", "--bound", "100"], r"Long reaches more than 100 places: .* \(--bound, --starts\)"),
    ],
)
def test_what_cannot_be_explored_is_refused_with_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    ended, page = explored(tmp_path, *arguments)
    assert (ended.exit_code, page) == (2, "")
    assert re.search(said, " ".join(ended.stderr.split()))


def test_a_long_exploration_says_how_far_it_is(tmp_path: Path) -> None:
    ended, _ = explored(tmp_path, f"{HERE}:LONG")
    assert (ended.exit_code, ended.stderr) == (0, "5000 places so far ...\n")


def test_a_file_that_cannot_be_written_is_an_error_in_its_use(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["explore", "-o", str(tmp_path / "none" / "page.html")])
    assert ended.exit_code == 2
    assert "cannot be written: No such file or directory." in ended.stderr


def test_without_graphviz_the_page_has_no_picture_and_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise graphviz.NoGraphvizError("Install it.")

    monkeypatch.setattr(graphviz, "program", missing)
    ended, page = explored(tmp_path)
    assert (ended.exit_code, ended.stderr) == (0, "The page has no picture. Install it.\n")
    assert "<svg" not in page
    assert "authsm[svg]" in page
