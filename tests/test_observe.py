"""Observers: what the log says and when, and what becomes of observers that raise."""

import functools
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import structlog

from authsm import Auth, CompleteSignOut, Failure, FailureKind, MemoryCredentialStore, RevokeToken
from authsm.core.drive import LateAnswer, Transition
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.context import SignOutContext
from authsm.flows.sign_out.effects import Begin, TokenRevoked
from authsm.flows.sign_out.plan import Plan, Why
from authsm.observe import Audience, JournalFailed, Notice, ObserverDropped, SignedOutLocally, log_notices
from tests.auth.world import session
from tests.core import bakery
from tests.core.bakery import BAKERY, Remembered

_START: Final = BAKERY.start(Remembered(pays=False))
_BAKING: Final = BAKERY.step(_START, bakery.Ordered(layers=1)).snapshot
_COOLING: Final = BAKERY.step(_BAKING, bakery.LayerBaked()).snapshot
_BURNT: Final = bakery.LayerBurnt(Failure(FailureKind.REFUSED, "TooHot", "It is 100% black\nand %s smokes."))
_REVOKING: Final = SIGN_OUT.step(
    SIGN_OUT.start(
        SignOutContext(
            Plan(
                key="ada",
                epoch=1,
                hosted_ui=Why.POLICY,
                refresh_tokens=Why.NOT_NEEDED,
                global_sign_out=Why.NOT_REQUESTED,
            )
        )
    ),
    Begin(),
).snapshot
_REVOKED_LINE: Final = (
    "event='Transition' run='run' source='RevokingToken' cause='TokenRevoked' target='SigningOutLocally' "
    "effect='RevokeToken' attempt=1 seconds=0.5"
)


def _revoked(skipped: Why | None) -> Transition[SignOutContext]:
    event = TokenRevoked(sso_skipped=skipped)
    return Transition("run", _REVOKING, event, SIGN_OUT.step(_REVOKING, event).snapshot, RevokeToken(), 0.5)


NOTICES: Final[dict[str, tuple[Notice, int, str]]] = {
    "event from outside": (
        Transition("run", _START, bakery.Ordered(layers=1), _BAKING, None, 0.0),
        logging.DEBUG,
        "event='Transition' run='run' source='Open' cause='Ordered' target='Baking'",
    ),
    "effect done": (
        Transition("run", _BAKING, bakery.LayerBaked(), _COOLING, bakery.BakeLayer(2), 0.5),
        logging.DEBUG,
        (
            "event='Transition' run='run' source='Baking' cause='LayerBaked' target='Cooling' effect='BakeLayer' "
            "attempt=2 seconds=0.5"
        ),
    ),
    "effect failed": (
        Transition("run", _BAKING, _BURNT, BAKERY.step(_BAKING, _BURNT).snapshot, bakery.BakeLayer(), 0.5),
        logging.WARNING,
        (
            "event='Transition' run='run' source='Baking' cause='LayerBurnt' target='CleaningUp' effect='BakeLayer' "
            "attempt=1 seconds=0.5 kind='refused' code='TooHot' message='It is 100% black\\nand %s smokes.'"
        ),
    ),
    "sso session that lives on": (
        _revoked(Why.SESSIONS_NOT_TRACKED),
        logging.WARNING,
        _REVOKED_LINE + " end_sso_session='sessions_not_tracked'",
    ),
    "no sso session": (
        _revoked(Why.NO_SSO_SESSION),
        logging.DEBUG,
        _REVOKED_LINE + " end_sso_session='no_sso_session'",
    ),
    "sso session": (_revoked(None), logging.DEBUG, _REVOKED_LINE),
    "late answer": (
        LateAnswer("run", 3, bakery.LayerBaked()),
        logging.WARNING,
        "event='LateAnswer' run='run' ask=3 cause='LayerBaked'",
    ),
    "signed out": (
        SignedOutLocally("run", "ada", 2, resumed=True),
        logging.INFO,
        "event='SignedOutLocally' run='run' key='ada' epoch=2 resumed=True",
    ),
    "journal": (
        JournalFailed("run", "ada", "The disk is full."),
        logging.WARNING,
        "event='JournalFailed' run='run' key='ada' reason='The disk is full.'",
    ),
    "observer dropped": (
        ObserverDropped("run", "watch", "ValueError"),
        logging.WARNING,
        "event='ObserverDropped' run='run' observer='watch' reason='ValueError'",
    ),
}


@pytest.fixture
def logger(caplog: pytest.LogCaptureFixture) -> Iterator[logging.Logger]:
    """The logger of authsm, as an application configures it that wants to see everything."""
    logger = logging.getLogger("authsm")
    with caplog.at_level(logging.DEBUG, logger="authsm"):
        yield logger


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "authsm"]


@pytest.mark.parametrize(("notice", "level", "line"), NOTICES.values(), ids=NOTICES)
@pytest.mark.usefixtures("logger")
def test_each_notice_is_one_line_with_its_fields_at_its_level(
    caplog: pytest.LogCaptureFixture, notice: Notice, level: int, line: str
) -> None:
    log_notices(notice)
    assert [(record.name, record.levelno) for record in caplog.records] == [("authsm", level)]
    assert lines(caplog) == [line]


@pytest.mark.parametrize("threshold", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
def test_a_notice_below_the_level_of_the_logger_is_not_logged(
    caplog: pytest.LogCaptureFixture, logger: logging.Logger, threshold: int
) -> None:
    logger.setLevel(threshold)
    for notice, _, _ in NOTICES.values():
        log_notices(notice)
    assert lines(caplog) == [line for _, level, line in NOTICES.values() if level >= threshold]


def test_it_is_silent_and_does_not_load_structlog_until_the_application_configures_logging() -> None:
    program = """
import logging, sys
from authsm.observe import JournalFailed, SignedOutLocally, log_notices
log_notices(SignedOutLocally("run", "ada", 1, resumed=False))
assert "structlog" not in sys.modules
log_notices(JournalFailed("run", "ada", "unseen"))  # a warning would come to standard error without a handler
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
log_notices(SignedOutLocally("run", "ada", 1, resumed=False))
"""
    ended = subprocess.run(  # noqa: S603 - the program is the text above
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    line = "INFO event='SignedOutLocally' run='run' key='ada' epoch=1 resumed=False\n"
    assert (ended.stdout, ended.stderr) == (line, "")


class _Strict(dict[str, Any]):
    """A context as an application may want it."""


def _refuse(*_: object) -> Any:
    raise AssertionError("the application's own processors are for its own log")


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "other processors": {"processors": [_refuse]},
    "other loggers": {"logger_factory": structlog.PrintLoggerFactory(), "processors": [_refuse]},
    "other wrapper": {"wrapper_class": structlog.make_filtering_bound_logger(logging.CRITICAL)},
    "other context": {"context_class": _Strict},
    "cached": {"cache_logger_on_first_use": True},
}


@pytest.mark.parametrize("configured", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.usefixtures("logger")
def test_what_an_application_configures_in_structlog_for_itself_changes_nothing(
    caplog: pytest.LogCaptureFixture, configured: dict[str, Any]
) -> None:
    structlog.configure(**configured)
    before = structlog.get_config()
    try:
        with structlog.contextvars.bound_contextvars(request="of the application"):
            for notice, _, _ in NOTICES.values():
                log_notices(notice)
        assert structlog.get_config() == before
    finally:
        structlog.reset_defaults()
    assert lines(caplog) == [line for _, _, line in NOTICES.values()]


class Observer:
    """Remembers what it is told, and raises where it is to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told: list[Notice] = []
        self.error = error

    def __call__(self, notice: Notice) -> None:
        self.told.append(notice)
        if self.error is not None:
            raise self.error

    def watch(self, notice: Notice) -> None:
        self(notice)


_NOTICE: Final = SignedOutLocally("run", "ada", 1, resumed=False)


class TestAudience:
    def test_every_observer_is_told_in_the_order_they_were_added(self) -> None:
        order: list[str] = []
        audience = Audience("run", [lambda _: order.append("first"), lambda _: order.append("second")])
        audience.add([lambda _: order.append("third")])
        audience.tell(_NOTICE)
        assert order == ["first", "second", "third"]

    def test_an_observer_that_is_added_later_sees_what_happens_from_then_on(self) -> None:
        first, later = Observer(), Observer()
        audience = Audience("run", [first])
        audience.tell(_NOTICE)
        audience.add([later])
        audience.tell(NOTICES["journal"][0])
        assert (len(first.told), later.told) == (2, [NOTICES["journal"][0]])

    @pytest.mark.parametrize("as_method", [True, False])
    def test_an_observer_that_is_added_twice_is_told_once(self, as_method: bool) -> None:
        observer = Observer()

        def each() -> Callable[[Notice], object]:
            return observer.watch if as_method else observer  # a bound method is a new object each time

        audience = Audience("run", [each(), each()])
        audience.add([each()])
        audience.tell(_NOTICE)
        assert observer.told == [_NOTICE]

    @pytest.mark.usefixtures("logger")
    def test_the_log_is_written_once_where_the_application_adds_it_too(self, caplog: pytest.LogCaptureFixture) -> None:
        Audience("run", [log_notices]).tell(_NOTICE)
        assert lines(caplog) == [NOTICES["signed out"][2].replace("epoch=2 resumed=True", "epoch=1 resumed=False")]

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            pytest.param(lambda raising: raising, "Observer", id="object"),
            pytest.param(lambda raising: raising.watch, "Observer.watch", id="bound method"),
            pytest.param(functools.partial, "partial", id="partial"),
        ],
    )
    @pytest.mark.usefixtures("logger")
    def test_one_that_raises_is_dropped_and_logged_by_its_name_and_the_kind_of_the_exception_only(
        self, caplog: pytest.LogCaptureFixture, make: Callable[[Observer], Callable[[Notice], object]], name: str
    ) -> None:
        raising, other = Observer(ValueError("a text that may show anything")), Observer()
        audience = Audience("run", [make(raising), other])
        audience.tell(_NOTICE)
        audience.tell(_NOTICE)
        assert (len(raising.told), len(other.told)) == (1, 2)
        dropped = [line for line in lines(caplog) if "ObserverDropped" in line]
        assert dropped == [f"event='ObserverDropped' run='run' observer='{name}' reason='ValueError'"]
        assert "a text that may show anything" not in caplog.text

    def test_one_that_raises_is_told_again_by_the_next_sign_out(self) -> None:
        raising = Observer(ValueError("x"))
        for _ in range(2):
            Audience("run", [raising]).tell(_NOTICE)
        assert len(raising.told) == 2


class _RaisingFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        del record
        raise RuntimeError("a filter of the application")


def test_a_filter_of_the_application_that_raises_does_not_break_a_sign_out(logger: logging.Logger) -> None:
    other = Observer()
    auth = Auth(MemoryCredentialStore(), {RevokeToken: lambda *_: None}, observers=[other])
    auth.sign_in(session())
    breaks = _RaisingFilter()
    logger.addFilter(breaks)
    try:
        result = auth.sign_out()
    finally:
        logger.removeFilter(breaks)
    assert isinstance(result, CompleteSignOut)
    assert any(isinstance(notice, SignedOutLocally) for notice in other.told)


def test_an_observer_that_raises_does_not_break_a_sign_out() -> None:
    raising, other = Observer(ValueError("x")), Observer()
    auth = Auth(MemoryCredentialStore(), {RevokeToken: lambda *_: None}, observers=[raising, other])
    auth.sign_in(session())
    assert isinstance(auth.sign_out(), CompleteSignOut)
    assert (len(raising.told), len(other.told) > 1) == (1, True)
