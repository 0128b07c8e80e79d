"""What every test may use, and what every test is watched by."""

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Final

import pytest

from authsm.stores import _record
from authsm.testing import FakeCognito
from tests.leaks import Watch, leaks_in

_BY_THE_CLOCK = _record._microseconds

_WATCH = pytest.StashKey[Watch]()
_COUNTED: Final = pytest.StashKey[list[str]]()


@pytest.fixture
def cognito() -> Iterator[FakeCognito]:
    """A running stand-in of Cognito with the user ada."""
    with FakeCognito() as cognito:
        cognito.add_user("ada")
        yield cognito


@pytest.fixture(autouse=True)
def epochs_count_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock that numbers epochs, so that tests can name them."""
    monkeypatch.setattr(_record, "_microseconds", lambda: 0)


@pytest.fixture
def epochs_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Number epochs as users have it."""
    monkeypatch.setattr(_record, "_microseconds", _BY_THE_CLOCK)


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Fail a test whose sign-outs show a token anywhere."""
    marker = request.node.get_closest_marker("shows_tokens")
    made = Watch(monkeypatch, shows_tokens_because=marker.kwargs["because"] if marker else None)
    request.node.stash[_WATCH] = made
    root = logging.getLogger()
    root.addHandler(made)
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        yield made
    finally:
        root.setLevel(level)
        root.removeHandler(made)
    assert made.shows_tokens_because or made.leaks() == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the output of a test, too: it is not known before its end."""
    report = yield
    watch = item.stash.get(_WATCH, None)
    if watch is not None and watch.sign_outs and not watch.shows_tokens_because:
        printed = [report.capstdout, report.capstderr]
        if report.passed and leaks_in(printed, watch.secrets):
            report.outcome = "failed"
            report.longrepr = "A sign-out of this test printed a token."
    return report


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Put a line with counts into the summary at the end of the test run."""
    return request.config.stash.setdefault(_COUNTED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_COUNTED, []):
        terminalreporter.write_line(line)
