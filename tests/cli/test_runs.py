"""Both commands that run a stranger's machine begin alike, and say alike what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import pytest
from click.testing import CliRunner

from authsm.cli.app import app
from authsm.core.chart import Chart, End, Waiting
from authsm.core.machine import Machine
from authsm.core.vocabulary import Context, Event
from authsm.flows.sign_out.chart import SIGN_OUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

HERE: Final = __name__
SHIPPED: Final = "authsm.flows.sign_out.chart"
SIGN_OUT_OF_ITS_OWN: Final = Machine(SIGN_OUT.chart)


@dataclass(frozen=True, slots=True)
class Knock(Event):
    """Somebody knocks."""


@dataclass(frozen=True, slots=True)
class Call(Event):
    """Somebody calls, with a voice."""

    voice: str


@dataclass(frozen=True, slots=True)
class Bring(Event):
    """Somebody brings things."""

    things: list[str] = field(default_factory=list)


_Knock, _Call, _Bring = Knock, Call, Bring


@dataclass(frozen=True, slots=True)
class Plain(Context):
    def after(self, event: Event) -> Self:
        del event
        return self


@dataclass(frozen=True, slots=True)
class Numbered(Plain):
    number: int


@dataclass(frozen=True, slots=True)
class Particular(Plain):
    number: int = 0

    def __post_init__(self) -> None:
        if not self.number:
            raise ValueError("number must be set")


@dataclass(frozen=True, slots=True)
class Listing(Plain):
    things: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failing(Plain):
    def after(self, event: Event) -> Self:
        raise KeyError(event.name)


@dataclass(frozen=True, slots=True)
class Guarded(Plain):
    @property
    def holds(self) -> bool:
        """It holds."""
        raise ZeroDivisionError


class FromNumber(Chart[Numbered]):
    Waits = Waiting(_Knock, initial=True)
    Opens = End()
    Knock = Waits.first_of(Opens)


class FromParticular(Chart[Particular]):
    Waits = Waiting(_Knock, initial=True)
    Opens = End()
    Knock = Waits.first_of(Opens)


class FromList(Chart[Listing]):
    Waits = Waiting(_Knock, initial=True)
    Opens = End()
    Knock = Waits.first_of(Opens)


class Fails(Chart[Failing]):
    Waits = Waiting(_Knock, initial=True)
    Opens = End()
    Knock = Waits.first_of(Opens)


class FailsToGuard(Chart[Guarded]):
    Waits = Waiting(_Knock, initial=True)
    Opens = End(when="holds")
    Knock = Waits.first_of(Opens, Waits)


class Ringing(Chart[Plain]):
    Waits = Waiting(_Call, initial=True)
    Opens = End()
    Call = Waits.first_of(Opens)


class Bringing(Chart[Plain]):
    Waits = Waiting(_Bring, initial=True)
    Opens = End()
    Bring = Waits.first_of(Opens)


LISTS: Final = [Listing([])]


def diagram(machine: str) -> Result:
    return CliRunner().invoke(app, ["diagram", machine, "--trace", "Knock"])


def explore(machine: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["explore", machine, *arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are run, and write to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [diagram, explore])
@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("FromNumber", r"Numbered cannot be made without arguments \(.*'number'\)\. .*(defaults|--starts module:name)"),
        ("FromParticular", r"Particular cannot be made without arguments \(number must be set\)\."),
        ("FromList", r"Listing cannot be told apart from others \(unhashable type: 'list'\): make it .* with tuples"),
        ("Fails", r"Fails fails on the way: KeyError: 'Knock' \(test_runs\.py, line \d+, in after\)\. A step must"),
        ("FailsToGuard", r"FailsToGuard fails on the way: ZeroDivisionError: .*, in holds\)"),
        ("Ringing", r"An event of the state Waits cannot be made without arguments \(.*'voice'\): give its fields de"),
        ("Bringing", r"Bring cannot be told apart from others \(unhashable type: 'list'\)"),
    ],
)
def test_a_machine_that_cannot_be_run_is_refused_with_what_to_do(
    command: Callable[[str], Result], machine: str, said: str, folder: Path
) -> None:
    ended = command(f"{HERE}:{machine}")
    assert (ended.exit_code, [*folder.iterdir()]) == (2, [])
    assert re.search(said, " ".join(ended.stderr.split()))


def test_contexts_to_begin_with_are_refused_likewise() -> None:
    ended = explore(f"{HERE}:FromList", "--starts", f"{HERE}:LISTS")
    assert (ended.exit_code, "Listing cannot be told apart from others" in ended.stderr) == (2, True)


@pytest.mark.parametrize("name", [f"{SHIPPED}:SignOut", f"{HERE}:SIGN_OUT_OF_ITS_OWN"])
def test_sign_out_is_recognised_by_its_chart(name: str, folder: Path) -> None:
    assert explore(name).exit_code == 0
    assert '"title":"A guest"' in (folder / "explorer.html").read_text(encoding="utf-8")
    for arguments in (["--trace", "Begin,UserCancelled"], ["--policy", "local-only"]):
        plain, other = (CliRunner().invoke(app, ["diagram", *named, *arguments]) for named in ([], [name]))
        assert (other.exit_code, other.stdout) == (0, plain.stdout)
