"""The pages that users of a web application see, in a real browser: plain, of one request, legible for everybody."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Error

from authsm.runners.hosted_ui import pages
from tests.chromium import chromium
from tests.diagrams.pages import axe
from tests.other_site import OtherSite, other_site

PAGES: Final = {
    "signed out": pages.SIGNED_OUT,
    "signed out here": pages.SIGNED_OUT_HERE,
    "not signed out": pages.NOT_SIGNED_OUT,
    "nothing changed": pages.NOTHING_CHANGED,
    "from elsewhere": pages.FROM_ELSEWHERE,
    "not now": pages.NOT_NOW,
}
NARROW: Final = {"width": 320, "height": 640}
"""The narrowest phones (WCAG 2.2, success criterion 1.4.10)."""

OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def site() -> Iterator[OtherSite]:
    """Shows each page at the path of its name, as it is sent."""
    with other_site(*pages.SECURITY_HEADERS) as site:
        site.pages.update({f"/{name.replace(' ', '-')}": page for name, page in PAGES.items()})
        yield site


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_one_document_that_fits_a_phone(browser: Browser, site: OtherSite, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=NARROW)  # type: ignore[arg-type]  # a TypedDict
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    page = context.new_page()
    grounds = set()
    for path in site.pages:
        page.goto(f"http://127.0.0.1:{site.port}{path}")
        assert page.get_by_role("heading").count() == 1
        assert page.evaluate(OVERFLOW) == 0
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert site.asked == [*site.pages]
    assert said == []
    assert grounds == {"rgb(20, 23, 27)" if scheme == "dark" else "rgb(244, 245, 247)"}
    context.close()


def test_no_script_is_in_a_page_and_none_gets_in(browser: Browser, site: OtherSite) -> None:
    context = browser.new_context()
    page = context.new_page()
    for path, text in site.pages.items():
        assert b"<script" not in text
        page.goto(f"http://127.0.0.1:{site.port}{path}")
        with pytest.raises(Error, match="Content Security Policy"):
            page.add_script_tag(content="document.title = 'Got in.'")
        assert page.title() != "Got in."
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, site: OtherSite, scheme: Any) -> None:
    script = axe()
    # The pages let no script in; this one has to.
    context = browser.new_context(color_scheme=scheme, viewport=NARROW, bypass_csp=True)  # type: ignore[arg-type]  # a TypedDict
    page = context.new_page()
    for path in site.pages:
        page.goto(f"http://127.0.0.1:{site.port}{path}")
        page.evaluate(script)
        violations, passes = page.evaluate("axe.run().then(({violations, passes}) => [violations, passes.length])")
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []
        assert passes > 10
    context.close()
