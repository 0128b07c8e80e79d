"""A headless Chromium that opens files, and lets nothing leave the page."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.diagrams.tools import missing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Browser, Page, Route

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_AXE = Path(__file__).parents[2] / ".node" / "diagrams" / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Generator[Browser]:
    """Run one; where none is installed, the tests that need it are skipped by name, or fail where CI is set."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, **settings: Any) -> Iterator[Page]:
    """Open a page that fails the test where it asks for anything but files, or says anything on the console."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings})
    trouble: list[str] = []

    def refuse_all_but_files(route: Route) -> None:
        if route.request.url.startswith(("file:", "about:")):
            route.continue_()
        else:
            trouble.append(f"asked for {route.request.url}")
            route.abort()

    context.route("**/*", refuse_all_but_files)
    context.on("console", lambda message: trouble.append(message.text))
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    try:
        yield context.new_page()
    finally:
        context.close()
    assert trouble == []


def axe() -> str:
    """Give axe-core's script, which finds what people with impairments would trip over."""
    if not _AXE.is_file():
        missing("axe-core")
    return _AXE.read_text(encoding="utf-8")
