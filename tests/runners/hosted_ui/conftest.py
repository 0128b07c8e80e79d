"""The user's browser, for the tests that need a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chromium import chromium
from tests.runners.hosted_ui.users_browser import ONLY_THIS_MACHINE, UsersBrowser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def running_chromium() -> Iterator[Browser]:
    with chromium(ONLY_THIS_MACHINE) as running:
        yield running


@pytest.fixture
def browser(running_chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[UsersBrowser]:
    """A new profile of Chromium, which `webbrowser` opens."""
    with UsersBrowser(running_chromium, monkeypatch) as browser:
        yield browser
