"""What the user sees in her browser: every page, with the header fields that it is served with."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import Error

from authsm.runners.hosted_ui import pages
from tests.diagrams.pages import axe
from tests.runners.hosted_ui.browser import WAIT_SECONDS
from tests.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PAGES: Final = {f"/{name}": page for name, page in vars(pages).items() if isinstance(page, bytes)} | {
    f"/{status.name}": page for status, page in pages.REFUSALS.items()
}

SCHEMES: Final[tuple[Any, ...]] = ("light", "dark")

SHOWN: Final = """() => ({
    resources: performance.getEntriesByType("resource").length,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    scripts: document.scripts.length,
    handlers: [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames())
        .filter((name) => name.startsWith("on")),
    colours: ["body", "main", "h1", "p"].map((each) => getComputedStyle(document.querySelector(each)))
        .map(({ color, backgroundColor }) => `${color} on ${backgroundColor}`),
})"""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(PAGES, *pages.SECURITY_HEADERS) as site:
        yield site


def test_every_page_is_found() -> None:
    assert PAGES["/CAME_BACK"] == pages.CAME_BACK
    assert PAGES["/CAME_BACK_WITH_ERROR"] == pages.CAME_BACK_WITH_ERROR
    assert len(PAGES) == len(pages.REFUSALS) + 9


def test_a_page_is_all_there_is_and_fits_a_phone(running_chromium: Browser, site: Site) -> None:
    said: list[str] = []
    colours: dict[Any, list[Any]] = {}
    for scheme in SCHEMES:
        with closing(
            running_chromium.new_context(color_scheme=scheme, viewport={"width": 320, "height": 568})
        ) as context:
            context.on("console", lambda message: said.append(message.text))
            page = context.new_page()
            for path in PAGES:
                page.goto(f"{site.url}{path[1:]}")
                shown = page.evaluate(SHOWN)
                assert (shown["overflow"], shown["scripts"], shown["handlers"], shown["resources"]) == (0, 0, [], 0)
                assert page.title() == page.get_by_role("heading").inner_text()
                assert page.locator("html").get_attribute("lang") == "en"
                colours.setdefault(scheme, []).append(shown["colours"])
    assert site.asked == [*PAGES] * len(SCHEMES)
    assert said == []  # the policy refused nothing
    for light, dark in zip(colours["light"], colours["dark"], strict=True):
        assert not {*light} & {*dark}


def test_no_script_gets_into_a_page(running_chromium: Browser, site: Site) -> None:
    with closing(running_chromium.new_context()) as context:
        page = context.new_page()
        for path in PAGES:
            page.goto(f"{site.url}{path[1:]}")
            with pytest.raises(Error, match="Content Security Policy"):
                page.add_script_tag(content="document.title = 'Got in.'")
            assert page.title() != "Got in."


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(running_chromium: Browser, site: Site, scheme: Any) -> None:
    script = axe()
    # The pages' own policy lets no script in, axe-core's neither.
    with closing(running_chromium.new_context(color_scheme=scheme, bypass_csp=True)) as context:
        page = context.new_page()
        page.set_default_timeout(1000 * WAIT_SECONDS)
        for path in PAGES:
            page.goto(f"{site.url}{path[1:]}")
            page.evaluate(script)
            found = page.evaluate(
                "(options) => axe.run(options)",
                {"runOnly": ["color-contrast"]} if scheme == "dark" else {},  # no other rule depends on it
            )
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
            assert "color-contrast" in {each["id"] for each in found["passes"]}
