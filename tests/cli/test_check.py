"""``authsm check``: which machine, what it says of it, and how it ends where something is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from authsm.cli import proving
from authsm.cli.app import app
from authsm.testing.proof import Invariant, mutants
from tests.auth.world import GUARD, eventually
from tests.testing.proof.kettle import HONEST, KETTLE, PROOF, Kitchen

if TYPE_CHECKING:
    from click.testing import Result

HERE: Final = __name__
KETTLES: Final = "tests.testing.proof.kettle"

WRONG: Final = replace(
    PROOF,
    machine=next(each for each in mutants(KETTLE) if each.about == "Off on Press to Filling, to Boiling"),
    at=f"{HERE}:WRONG",
)
BLIND: Final = replace(PROOF, invariants=(HONEST,), at=f"{HERE}:BLIND")
NOWHERE: Final = replace(PROOF, at="")
UNSEEN: Final = replace(PROOF, invariants=(Invariant("never", lambda _: "", lambda _: False),))
DRY: Final = [Kitchen()]


def checked(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


def said(*arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(checked("--json", *arguments).stdout)
    return answer


def test_the_sign_out_s_machine_is_proved_if_none_is_named() -> None:
    ended = checked()
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert re.search(r"crashes, torn writes +│ +12 │ +[\d,]+ │ +[\d,]+ │ +0 │", ended.stdout)
    assert re.search(r"all +│ +565 │ +559 │ +6 │ +0 │", ended.stdout)
    assert "✓ Everything holds." in ended.stdout


def test_a_proof_is_checked_with_what_it_says_itself() -> None:
    ended = checked(f"{KETTLES}:PROOF", "--json")
    answer = json.loads(ended.stdout)
    assert (ended.exit_code, ended.stderr, answer["holds"]) == (0, "", True)
    assert [each["name"] for each in answer["settings"]][:2] == ["no faults", "answers lost, late, twice"]
    assert {"name": "boiling is tried", "violated_in": 0}.items() <= answer["invariants"][-3].items()
    assert answer["mutants"]["survived"] == []


@pytest.mark.parametrize(("name", "contexts"), [("KETTLE", 1), ("Kettle", 1)])
def test_a_machine_or_its_chart_is_checked_for_what_must_hold_of_every_machine(name: str, contexts: int) -> None:
    answer = said(f"{KETTLES}:{name}")
    assert (answer["holds"], answer["mutants"], answer["settings"][0]["contexts"]) == (True, None, contexts)


def test_without_invariants_of_its_own_no_mutants_are_tried_and_that_is_said() -> None:
    ended = checked(f"{KETTLES}:KETTLE", "--starts", f"{HERE}:DRY")
    assert ended.exit_code == 0
    assert "No mutants were tried: nothing says what must hold of this machine" in ended.stdout
    assert "Mutants" not in ended.stdout


def test_a_violation_is_status_1_and_told_in_three_forms() -> None:
    ended = checked(f"{HERE}:WRONG", "--no-mutants")
    assert ended.exit_code == 1
    for part in ("never boils dry: it boils without water", "WRONG.replay(", "sequenceDiagram", "@example(run=("):
        assert part in ended.stdout
    assert "✗ Not everything holds." in ended.stdout


def test_what_a_violation_prints_repeats_it() -> None:
    script = said(f"{HERE}:WRONG", "--no-mutants")["counterexamples"][0]["script"]
    with pytest.raises(AssertionError, match="never boils dry"):
        exec(compile(script, "repeat.py", "exec"), {})  # noqa: S102 - that is what it is for


def test_a_surviving_mutant_is_status_1_and_named() -> None:
    ended = checked(f"{HERE}:BLIND")
    assert ended.exit_code == 1
    assert re.search(r"survived: redirect: Off on Press to Boiling, to\s+Filling", ended.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere:MACHINE"], "there is no module nowhere"),
        (["bakery"], "'bakery' names no machine: write module:machine"),
        ([f"{KETTLES}:NEVER_DRY"], "has another thing named NEVER_DRY: its machines and charts are Kettle, KETTLE"),
        ([f"{KETTLES}:PROOF", "--starts", f"{HERE}:DRY"], "says itself with what it begins: leave --starts away"),
        ([f"{KETTLES}:KETTLE", "--starts", f"{HERE}:HERE"], "put one Kitchen or more into it"),
        ([f"{KETTLES}:KETTLE", "--bound", "5"], r"Kettle reaches more than 5 snapshots: .* \(--bound, --starts\)"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_what_to_do(arguments: list[str], message: str) -> None:
    ended = checked(*arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert re.search(message, " ".join(ended.stderr.split()))


def test_a_proof_that_does_not_say_where_it_is_has_its_mutants_tried_all_the_same() -> None:
    assert said(f"{HERE}:NOWHERE")["mutants"]["survived"] == []


def test_an_invariant_that_looks_at_nothing_is_status_1() -> None:
    ended = checked(f"{HERE}:UNSEEN", "--no-mutants")
    assert ended.exit_code == 1
    assert "never: its condition was never met, so it says nothing." in ended.stdout


def test_without_a_machine_that_holds_no_mutants_are_waited_for() -> None:
    answer = said(f"{HERE}:WRONG")
    assert (answer["holds"], answer["mutants"]) == (False, None)


def test_proofs_that_cannot_be_made_twice_say_why_the_mutants_were_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process makes its own, and whatever goes wrong there is told here."""
    monkeypatch.setattr(proving, "_hunt", _fails)
    ended = checked(f"{KETTLES}:PROOF")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "The mutants could not be tried. It rains." in ended.stderr


def _fails(_: object, news: Any, __: int) -> None:
    news.send("It rains.")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the other process in /proc")
def test_no_process_is_left_behind_however_it_is_ended() -> None:
    command = [sys.executable, "-m", "authsm.cli", "check"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        eventually(lambda: len(children.read_text().split()) > 1, "the mutants are being tried")
        others = [int(number) for number in children.read_text().split()]
        process.terminate()
        process.wait(GUARD)
        eventually(lambda: not any(_runs(number) for number in others), "the other processes have ended")
    finally:
        process.kill()
        process.wait()


def _runs(number: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{number}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
