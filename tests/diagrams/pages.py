"""Pages that are opened as files, and from which nothing leaves."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.diagrams.tools import MODULES
from tests.left_out import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

_AXE = MODULES / "axe-core" / "axe.min.js"


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
