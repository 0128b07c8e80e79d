"""What classes say of themselves, whoever wrote it, and however."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from authsm.core.words import first_line
from tests.diagrams import odd
from tests.diagrams.odd import ODD


@dataclass
class Signed:
    """Signed(what) is what it says."""

    what: int = 1


@dataclass(frozen=True, slots=True)
class Unsigned:
    what: str = "(a\nb)"


class Silent:
    pass


@pytest.mark.parametrize(
    ("described", "line"),
    [
        (Unsigned, ""),
        (Silent, ""),
        (Signed, "Signed(what) is what it says."),
        (odd.Act, ""),
        (odd.ActAgain, "Act once more."),
        (odd.Größe, "It says so on its second line."),
        (odd.Remembered.first, ""),
    ],
)
def test_a_first_line_is_what_somebody_wrote(described: object, line: str) -> None:
    assert first_line(described) == line


def test_every_place_takes_the_line_that_was_written() -> None:
    states = ODD.table.states
    assert (states["end"].about, states["state_end"].about) == ("", "Act once more.")
    assert ODD.table.guard_in_words("first") == "first"
    assert ODD.table.guard_in_words("second") == odd.HOSTILE
