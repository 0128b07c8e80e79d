"""A headless Chromium for the tests that look at pages, or follow a browser."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.left_out import missing

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium_program() -> str:
    """Give its path; where none is installed, the tests that need it are skipped by name, or fail where CI is set."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        missing("Chromium")
    return found


@contextmanager
def chromium(*arguments: str) -> Generator[Browser]:
    """Run one.

    Args:
        arguments: What it is started with, such as ``--remote-debugging-port=9222``.
    """
    found = chromium_program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *arguments])
        try:
            yield browser
        finally:
            browser.close()
