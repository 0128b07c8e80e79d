"""The explorer in a real browser: it offers what the machine can do, and ends where the machine's own step ends."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from authsm.diagrams import svg
from authsm.diagrams.explorer import page
from authsm.diagrams.expressions import Expression
from authsm.diagrams.formats import draw
from authsm.diagrams.picture import picture_of
from authsm.diagrams.sign_out_tour import SIGN_OUT_TOUR
from authsm.diagrams.tour import Place, Start, Tour
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.effects import SignOutEffect
from tests.chromium import chromium
from tests.core import bakery
from tests.core.bakery import BAKERY
from tests.diagrams import odd
from tests.diagrams.odd import ODD
from tests.diagrams.pages import axe, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

    from authsm.core.machine import Machine, Snapshot
    from authsm.diagrams.tour import Choice

LARGEST: Final = 150_000
WALKS: Final = 100
BAKERY_TOUR: Final = Tour(starts=(Start("start", "The start", "", bakery.Remembered()),))

SHOWN: Final = """() => ({
    state: document.getElementById("state").textContent,
    asks: document.getElementById("asks").textContent,
    offered: [...document.querySelectorAll("#outcomes button strong")].map((each) => each.textContent),
    facts: [...document.querySelectorAll("#facts :is(dd, li)")].map((each) => each.textContent),
})"""

FOLLOWED: Final = f"""([start, ways]) => {{
    const slow = [update, bringIntoView];
    [update, bringIntoView] = [(moved) => moved && show(), () => {{}}];
    begin(start);
    show();
    let walked = [];
    const seen = ways.map((way) => {{
        const differs = way.findIndex((number, index) => number !== walked[index]);
        update(go(differs));
        for (const number of way.slice(differs)) document.querySelectorAll("#outcomes button")[number].click();
        walked = way;
        return ({SHOWN})();
    }});
    [update, bringIntoView] = slow;
    return seen;
}}"""
"""Clicks ways, each as the numbers of the outcomes; from one to the next it goes back to where they part.

The address and the picture's scroll stay as they were: a browser takes its time over them, and they have tests of their
own.
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page of sign-out."""
    path = tmp_path_factory.mktemp("explorer") / "sign_out.html"
    source = Expression("SIGN_OUT", (("authsm.flows.sign_out.chart", "SIGN_OUT"),))
    text = page(SIGN_OUT, SIGN_OUT_TOUR, source=source, svg=svg.render(picture_of(SIGN_OUT)))
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def bakery_explorer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page of another machine, without a picture."""
    path = tmp_path_factory.mktemp("explorer") / "bakery.html"
    source = Expression("BAKERY", (("tests.core.bakery", "BAKERY"),))
    path.write_text(page(BAKERY, BAKERY_TOUR, source=source, svg=None), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def shown(browser: Browser, explorer: str) -> Iterator[Page]:
    with opened(browser) as shown:
        shown.goto(explorer)
        yield shown


def outcomes(shown: Page) -> Locator:
    return shown.locator("#outcomes button")


def choose(shown: Page, name: str) -> None:
    shown.locator("#outcomes strong").get_by_text(name, exact=True).first.click()


def state(shown: Page) -> str:
    return shown.locator("#state").inner_text().strip("✓◐✗ ")


def ways(machine: Machine[Any], tour: Tour[Any], start: Start[Any]) -> dict[tuple[int, ...], Place[Any]]:
    """Every place that can be reached from a start, and every choice there: by the numbers to click, where it leads."""
    places = tour.places(machine)
    first = tour.begin(machine, start)
    found: dict[tuple[int, ...], Place[Any]] = {(): first}
    entered = {first}
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        way = waiting.pop(0)
        for number, choice in enumerate(places[found[way]]):
            found[*way, number] = choice.target
            if choice.target not in entered:
                entered.add(choice.target)
                waiting.append((*way, number))
    return dict(sorted(found.items()))  # neighbours have much of the way in common


def name_of(choice: Choice[Any]) -> str:
    return choice.event.name if choice.event else "A crash"


def test_every_choice_at_every_place_can_be_clicked_and_leads_where_the_machine_goes(
    shown: Page, count: Callable[[str], None]
) -> None:
    places = SIGN_OUT_TOUR.places(SIGN_OUT)
    clicked = set()
    for number, start in enumerate(SIGN_OUT_TOUR.starts):
        expected = ways(SIGN_OUT, SIGN_OUT_TOUR, start)
        seen = shown.evaluate(FOLLOWED, [number, [list(way) for way in expected]])
        for saw, place in zip(seen, expected.values(), strict=True):
            assert saw["state"] == place.snapshot.state
            assert saw["offered"] == [name_of(choice) for choice in places[place]]
            told = [fact.text for fact in SIGN_OUT_TOUR.facts(SIGN_OUT, place)]
            assert [said.endswith(text) for said, text in zip(saw["facts"], told, strict=True)] == [True] * len(told)
        clicked |= {*expected.values()}
    assert clicked == {*places}
    count(f"explorer: {len(places)} places, each outcome of each clicked: {sum(map(len, places.values()))}")


def test_a_hundred_random_walks_end_where_step_says_and_so_do_the_tests_copied_from_them(shown: Page) -> None:
    dice = random.Random(6)  # noqa: S311 - no secret
    walks = [random_walk(dice) for _ in range(WALKS)]

    seen = shown.evaluate(
        f"(walks) => walks.map(([start, clicks]) => [({FOLLOWED})([start, [clicks]])[0], here().attempt, replay()])",
        [[number, clicks] for number, clicks, _ in walks],
    )

    for (saw, attempt, copied), (_, _, end) in zip(seen, walks, strict=True):
        assert (saw["state"], attempt) == (end.state, end.attempt)
        assert run_copied(copied)[-1] == end
    assert sum("a crash" in copied for _, _, copied in seen) > WALKS // 4
    assert {attempt > 1 for _, attempt, _ in seen} == {True, False}


def random_walk(dice: random.Random) -> tuple[int, list[int], Snapshot[Any]]:
    """Walk the machine itself, with its own attempts: give the start, what was chosen, and where it led."""
    number = dice.randrange(len(SIGN_OUT_TOUR.starts))
    start = SIGN_OUT.start(SIGN_OUT_TOUR.starts[number].context)
    snapshot, safe = start, start
    clicks: list[int] = []
    for _ in range(dice.randrange(1, 12)):
        events = list(SIGN_OUT_TOUR.events(SIGN_OUT, snapshot))
        if not events:
            break
        pending = SIGN_OUT.pending(snapshot)
        clicks.append(dice.randrange(len(events) + (pending is not None)))
        if clicks[-1] < len(events):
            snapshot = SIGN_OUT.step(snapshot, events[clicks[-1]]).snapshot
        else:
            snapshot = start if safe is start else SIGN_OUT.again(safe).snapshot
        effect = SIGN_OUT.pending(snapshot)
        if isinstance(effect, SignOutEffect) and effect.irreversible:
            safe = snapshot
    return number, clicks, snapshot


def run_copied(text: str) -> list[Snapshot[Any]]:
    """Run a copied test; give the snapshots that it visited."""
    names: dict[str, Any] = {}
    exec(text.replace("    assert", "    global VISITED\n    VISITED = visited\n    assert", 1), names)  # noqa: S102 - that is what it is for
    names["test_replay"]()
    found: list[Snapshot[Any]] = names["VISITED"]
    return found


def test_a_copied_test_runs_by_itself_and_fails_where_the_machine_goes_elsewhere(
    browser: Browser, explorer: str, tmp_path: Path
) -> None:
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as shown:
        shown.goto(explorer + "#hosted-ui-last,Begin,TokenRevoked,a-crash,ClearCredentialsFailed")
        shown.get_by_role("button", name="Copy as test").click()
        shown.get_by_text("The test is copied.").wait_for()
        text = shown.evaluate("navigator.clipboard.readText()")

    (tmp_path / "copied.py").write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", "import copied; copied.test_replay()"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    with pytest.raises(AssertionError):
        run_copied(text.replace('("Error", 1)', '("SignedOut", 1)'))


def test_a_crash_before_anything_was_written_down_changes_nothing_and_later_ones_count_attempts(shown: Page) -> None:
    choose(shown, "Begin")
    choose(shown, "A crash")
    assert state(shown) == "NotStarted"
    choose(shown, "Begin")
    choose(shown, "HostedUISignedOut")
    for attempt in (2, 3):
        choose(shown, "A crash")
        assert shown.locator("#asks").inner_text() == f"Asks for RevokeToken, attempt {attempt}"
    choose(shown, "TokenRevoked")
    assert shown.locator("#asks").inner_text() == "Asks for ClearCredentials, attempt 1"


def test_a_crash_at_a_hosted_ui_that_comes_last_goes_on_at_the_clear(shown: Page, explorer: str) -> None:
    shown.goto(explorer + "#hosted-ui-last,Begin,TokenRevoked,a-crash,CredentialsCleared,a-crash")
    assert shown.locator("#asks").inner_text() == "Asks for ClearCredentials, attempt 3"


def test_back_and_forward_keep_what_was_walked_until_another_way_is_taken(shown: Page) -> None:
    for name in ("Begin", "UserCancelled"):
        choose(shown, name)
    assert state(shown) == "Error"
    back, forward = shown.locator("#back"), shown.locator("#forward")
    back.click()
    assert (state(shown), shown.locator("#log li").count()) == ("SigningOutHostedUI", 3)
    forward.click()
    assert (state(shown), forward.is_disabled()) == ("Error", True)
    shown.locator("#restart").click()
    assert (state(shown), back.is_disabled()) == ("NotStarted", True)
    shown.locator("#log a").nth(1).click()
    assert state(shown) == "SigningOutHostedUI"
    choose(shown, "HostedUISignedOut")
    assert (state(shown), forward.is_disabled()) == ("RevokingToken", True)


def test_the_browser_s_own_back_button_goes_back(shown: Page) -> None:
    for name in ("Begin", "UserCancelled"):
        choose(shown, name)
    shown.go_back()
    assert state(shown) == "SigningOutHostedUI"
    shown.go_forward()
    assert state(shown) == "Error"


def test_the_link_to_a_place_opens_it_again(explorer: str, shown: Page) -> None:
    dice = random.Random(6)  # noqa: S311 - no secret
    other = shown.context.new_page()
    for number, start in enumerate(SIGN_OUT_TOUR.starts):
        way = dice.choice(list(ways(SIGN_OUT, SIGN_OUT_TOUR, start)))
        (saw,) = shown.evaluate(FOLLOWED, [number, [list(way)]])
        other.goto(f"{explorer}?{number}{shown.evaluate('linkTo(walk.position)')}")  # loaded anew, and no mere jump
        assert other.evaluate(SHOWN) == saw
        assert other.locator("#start").input_value() == str(number)


def test_a_link_that_cannot_be_followed_to_its_end_says_so(shown: Page, explorer: str) -> None:
    shown.goto(explorer + "#hosted-ui,Begin,TokenRevoked")
    said = "The link goes on with TokenRevoked, which cannot happen in SigningOutHostedUI."
    assert (state(shown), shown.locator("#said").inner_text()) == ("SigningOutHostedUI", said)
    shown.goto(explorer + "#nowhere,Begin")
    assert shown.locator("#said").inner_text() == "This page has no beginning called nowhere."


def test_the_link_that_is_copied_is_the_one_to_here(browser: Browser, explorer: str) -> None:
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as shown:
        shown.goto(explorer)
        outcomes(shown).first.click()
        shown.get_by_role("button", name="Copy the link").click()
        shown.get_by_text("The link is copied.").wait_for()
        assert shown.evaluate("navigator.clipboard.readText()") == explorer + "#hosted-ui,Begin" == shown.url


def test_the_keyboard_alone_suffices(shown: Page) -> None:
    keys = shown.keyboard
    for key, expected in (
        ("1", "SigningOutHostedUI"),
        ("4", "Error"),
        ("ArrowLeft", "SigningOutHostedUI"),
        ("ArrowRight", "Error"),
        ("9", "Error"),
        ("0", "NotStarted"),
    ):
        keys.press(key)
        assert (key, state(shown)) == (key, expected)
    keys.press("Tab")
    assert shown.evaluate("document.activeElement.id") == "start"
    keys.press("ArrowDown")
    assert shown.locator("#start").input_value() == "1"
    keys.press("Tab")
    walked = []
    for _ in range(4):
        keys.press("Enter")
        walked.append(state(shown))
    assert walked == ["SigningOutGlobally", "RevokingToken", "SigningOutLocally", "SignedOut"]
    assert shown.evaluate("document.activeElement.id") == "restart"
    keys.press("Enter")
    assert state(shown) == "NotStarted"
    reached = set()
    for _ in range(20):
        keys.press("Tab")
        reached.add(shown.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"start", "forward", "copy-link", "copy-test", "A", "SUMMARY", "BUTTON"} <= reached


def test_each_outcome_bears_a_mark_that_needs_no_colour(shown: Page) -> None:
    marks = shown.locator("#outcomes .mark")
    assert marks.all_inner_texts() == ["→"]
    shown.keyboard.press("1")
    assert marks.all_inner_texts() == ["✓", "✗", "✗", "⊘", "↯"]


def test_the_page_itself_forbids_to_ask_for_anything(browser: Browser, explorer: str) -> None:
    shown = browser.new_page()
    shown.goto(explorer)
    refused = shown.evaluate(
        "new Promise((answer) => {"
        " document.addEventListener('securitypolicyviolation', (event) => answer(event.effectiveDirective));"
        " fetch('http://localhost/').then(() => answer('answered'), () => setTimeout(answer, 1000, 'sent'));"
        "})"
    )
    shown.close()
    assert refused == "connect-src"


def test_keys_that_belong_to_the_browser_are_left_to_it(shown: Page) -> None:
    shown.keyboard.press("Control+1")
    assert state(shown) == "NotStarted"


def test_what_happened_is_told_to_screen_readers_step_by_step(shown: Page) -> None:
    shown.evaluate("first = document.querySelector('#log li')")
    outcomes(shown).first.click()
    shown.keyboard.press("5")
    log = shown.get_by_role("log")
    assert log.get_by_role("listitem").all_inner_texts() == [
        "Hosted UI, this device → NotStarted",
        "Begin → SigningOutHostedUI",
        "↯ A crash → NotStarted",
    ]
    assert shown.evaluate("first.isConnected"), "what was told before is told again"
    assert log.locator("[aria-current=step]").inner_text() == "↯ A crash → NotStarted"
    assert shown.get_by_role("list", name="What may happen now").get_by_role("button").count() == 1


def test_the_picture_shows_where_it_stands_what_may_follow_and_what_was_walked(shown: Page) -> None:
    shown.keyboard.press("1")
    shown.keyboard.press("1")

    def marked(mark: str) -> set[str]:
        found: list[str] = shown.evaluate(
            "(mark) => [...document.querySelectorAll(`svg .${mark}`)].map((part) => part.dataset.state"
            " || `${part.dataset.source} ${part.dataset.target}`)",
            mark,
        )
        return {*found}

    assert marked("is-here") == {"RevokingToken"}
    assert marked("was-here") == {"NotStarted", "SigningOutHostedUI", "RevokingToken"}
    assert marked("was-taken") == {"NotStarted SigningOutHostedUI", "SigningOutHostedUI RevokingToken"}
    assert marked("is-next") == {"SigningOutLocally", "RevokingToken SigningOutLocally"}


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_needs_no_scrolling_to_the_side(browser: Browser, explorer: str, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 667}, has_touch=True, is_mobile=True) as shown:
        for start in ("#everything", "#android"):
            shown.goto(explorer + start)
            shown.locator("details").evaluate("(each) => { each.open = true; }")
            while not shown.locator("#outcomes").is_hidden():
                outcomes(shown).nth(min(1, outcomes(shown).count() - 1)).tap()
                assert shown.evaluate("document.documentElement.scrollWidth") == width


def test_the_picture_s_words_can_be_read_and_the_picture_alone_is_scrolled(shown: Page) -> None:
    scroll = shown.locator(".scroll")
    for width, least in ((320, 12), (375, 12), (959, 12), (960, 10), (1280, 10), (1920, 10)):
        shown.set_viewport_size({"width": width, "height": 800})
        size = 12 * scroll.locator("svg").evaluate("(each) => each.getScreenCTM().a")
        assert (width, least <= size < 12.01) == (width, True)
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        scroll.evaluate("(each) => each.scrollTo(9999, 0)")
        assert (width, scroll.evaluate("(each) => each.scrollLeft") > 0) == (width, width < 1920)
    opacities = "(all) => all.map((each) => Number(getComputedStyle(each).opacity))"
    assert min(shown.locator(".picture .edge[data-source]").evaluate_all(opacities)) >= 0.45


def test_the_picture_is_scrolled_to_where_it_stands(shown: Page) -> None:
    shown.set_viewport_size({"width": 375, "height": 800})
    frame = shown.locator(".scroll").evaluate("(each) => each.getBoundingClientRect().toJSON()")
    for name in ("Begin", "UserCancelled", "Back"):
        shown.get_by_role("button", name=name).first.click()
        here = shown.locator(".is-here").evaluate("(each) => each.getBoundingClientRect().toJSON()")
        assert frame["left"] <= here["left"] < here["right"] <= frame["right"], state(shown)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, explorer: str, bakery_explorer: str, scheme: Any) -> None:
    script = axe()
    with opened(browser, color_scheme=scheme) as shown:
        for address in (
            explorer,
            explorer + "#everything,Begin,HostedUISignOutFailed,TokensRefreshed,a-crash",
            explorer + "#everything,Begin,HostedUISignOutFailed,TokensRefreshed,GlobalSignOutFailed,TokenRevoked,"
            "CredentialsCleared",
            explorer + "#hosted-ui,Begin,UserCancelled",
            explorer + "#guest,Begin,CredentialsCleared",
            bakery_explorer,
        ):
            shown.goto(address)
            shown.locator("details").evaluate("(each) => { each.open = true; }")
            shown.evaluate(script)
            found = shown.evaluate(
                "(options) => axe.run(options).then(({ violations, passes }) => [violations, passes.length])",
                {"runOnly": ["color-contrast"]} if scheme == "dark" else {},  # no other rule depends on it
            )
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found[0]] == []
            assert found[1] > (0 if scheme == "dark" else 20)


def test_another_machine_is_explored_without_an_edit(browser: Browser, bakery_explorer: str) -> None:
    places = BAKERY_TOUR.places(BAKERY)
    expected = ways(BAKERY, BAKERY_TOUR, BAKERY_TOUR.starts[0])
    assert {place.snapshot.state for place in expected.values()} == {*BAKERY.table.states}
    with opened(browser) as shown:
        shown.goto(bakery_explorer)
        seen = shown.evaluate(FOLLOWED, [0, [list(way) for way in expected]])
        for saw, place in zip(seen, expected.values(), strict=True):
            assert saw["state"] == place.snapshot.state
            assert saw["offered"] == [name_of(choice) for choice in places[place]]
        served = next(way for way, place in expected.items() if place.snapshot.state == "Wasted")
        shown.evaluate(FOLLOWED, [0, [list(served)]])
        assert run_copied(shown.evaluate("replay()"))[-1] == expected[served].snapshot
        assert "authsm[svg]" in shown.locator(".picture").inner_text()


def test_names_may_have_any_letters_and_that_of_a_crash_too(browser: Browser, tmp_path: Path) -> None:
    tour = Tour(starts=(Start("jetzt & 100%", "The start", "", odd.Remembered()),))
    text = page(ODD, tour, source=Expression("ODD", (("tests.diagrams.odd", "ODD"),)), svg=draw(ODD, "svg"))
    (tmp_path / "odd.html").write_text(text, encoding="utf-8")
    address = (tmp_path / "odd.html").as_uri()
    with opened(browser) as shown:
        shown.goto(address)
        for name, place in (("Größe", "end"), ("A crash", "end"), ("crash", "state_end"), ("Größer", "Übel")):
            choose(shown, name)
            shown.wait_for_timeout(50)  # the browser tells of a new address later
            assert (state(shown), shown.locator("#said").inner_text()) == (place, "")
        link = shown.url
        ids: list[str] = shown.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
        assert len(ids) == len({*ids})
        for again in (link, link.replace("%C3%B6%C3%9F", "öß")):
            shown.goto("about:blank")
            shown.goto(again)
            assert shown.locator("#log li").all_inner_texts() == [
                "The start → about",
                "Größe → end",
                "↯ A crash → end, attempt 2",
                "✓ crash → state_end",
                "✓ Größer → Übel",
            ]
        shown.goto(address + "#jetzt%2520,100%")
        said = "This page has no beginning called jetzt%20."
        assert shown.locator("#said").inner_text() == said


def test_the_shipped_page_is_small(explorer: str) -> None:
    assert Path(urlsplit(explorer).path).stat().st_size <= LARGEST
