"""The README's examples run, each by itself, as a reader would paste it."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_every_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for example in EXAMPLES:
        exec(compile(example, "README.md", "exec", dont_inherit=True), {})  # noqa: S102 - it is our README

    assert len(EXAMPLES) == 13
    assert capsys.readouterr().out.splitlines() == ["Signed out."]
