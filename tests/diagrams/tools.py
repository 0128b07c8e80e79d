"""Programs that the tests use where they are installed."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.left_out import missing

_HERE: Final = Path(__file__).parent
MODULES: Final = _HERE.parents[1] / ".node" / "diagrams" / "node_modules"


def read_by_mermaid(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Have diagrams read by Mermaid's own parser; give what it understood of each, by the same names."""
    node = shutil.which("node")
    if node is None or not (MODULES / "mermaid").is_dir():
        missing("Mermaid")
    done = subprocess.run(  # noqa: S603 - our own script
        [node, _HERE / "read_mermaid.mjs", MODULES],
        input=json.dumps(texts),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    answers: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return answers
