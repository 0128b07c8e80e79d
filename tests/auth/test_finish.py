"""A sign-out whose hosted UI comes last erases its journal after that; a store that hangs there is given up."""

from pathlib import Path
from typing import Final

import pytest

from authsm import ClearCredentials, CompleteSignOut, JournalFailed, Limits, SignInMethod, SignOutPolicy
from tests.auth.styles import STYLES, Style, Told
from tests.auth.world import Cast, eventually, faulty, gate, of_kind, session

SHORT: Final = Limits(seconds={ClearCredentials: 1.0})
"""How long a store may take: long enough for one that works."""


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_journal_that_cannot_be_erased_in_time_is_told_and_the_sign_out_ends(style: Style, tmp_path: Path) -> None:
    told = Told()
    true = style.store(tmp_path)
    true.begin("default", session(SignInMethod.HOSTED_UI))
    with gate() as stands:
        result = style.sign_out(
            faulty(true, erase_journal=stands.fault),
            Cast().runner(),
            policy=SignOutPolicy(hosted_ui="last"),
            limits=SHORT,
            observers=[told],
            after=stands.open,
        )
    assert isinstance(result, CompleteSignOut)
    (failed,) = of_kind(told.notices, JournalFailed)
    assert failed.reason == "The credential store gave no answer within 1 s."
    eventually(lambda: true.journals() == (), "the journal is erased")
