"""The command ``authsm``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; without the packages that it needs, say what to install."""
    try:
        from authsm.cli.app import app  # noqa: PLC0415 - click and rich are an extra, and this is where one is told
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.exit(f"The command authsm needs {error.name}: pip install 'authsm[cli]'")
    app()
