"""No secret reaches a log handler while the CognitoRunner calls, third-party loggers at DEBUG included."""

from __future__ import annotations

import base64
import logging
import logging.config
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import boto3
import pytest

from authsm.credentials import Secret, UserPoolTokens
from authsm.runners.cognito import wire_logs
from authsm.runners.cognito.wire_logs import scrubbed
from authsm.testing.fake_cognito import FakeCognito, Fault
from tests.runners.cognito.calls import GLOBAL, REFRESH, REVOKE, Session, iam_credentials, runner_for, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authsm.core.vocabulary import Effect

LIBRARIES: Final = ("boto3", "botocore", "urllib3")
OPAQUE: Final = Secret("b2f3c1de-7a3b-4a53-9f0e-2d6a0a9be111")
SESSION_TOKEN: Final = "IQoJb3JpZ2luX2VjEFakeSessionToken//////////wEaCXVzLWVhc3Qt"


class Captured(logging.Handler):
    """Keeps everything that a handler could show: the formatted record, and every attribute that it has."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self._texts += [self.format(record), repr(vars(record))]

    @property
    def text(self) -> str:
        return "\n".join(self._texts)


@pytest.fixture
def captured() -> Iterator[Captured]:
    """What a handler of the root logger is given, with every logger at DEBUG."""
    handler = Captured()
    loggers = [logging.getLogger(name) for name in (None, *LIBRARIES)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    yield handler
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def _no_scrubbing(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave_as_it_is(_: logging.LogRecord) -> None:
        pass

    monkeypatch.setattr(wire_logs, "_rewrite", leave_as_it_is)


@pytest.fixture(autouse=True)
def _aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    iam_credentials(monkeypatch)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)


def leaks(text: str, secrets: Iterable[str]) -> set[str]:
    """The secrets that can be found in the text as such, URL-encoded, in base64, or by their last characters."""
    return {
        secret
        for secret in secrets
        if any(
            shape in text
            for shape in (
                secret,
                secret[-20:],
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode()[:-4],
                base64.urlsafe_b64encode(secret.encode()).decode()[:-4],
            )
        )
    }


CALLS: Final[dict[str, tuple[Effect, bool]]] = {
    "RefreshTokens": (REFRESH, False),
    "RevokeToken": (REVOKE, False),
    "GlobalSignOut": (GLOBAL, False),
    "AdminUserGlobalSignOut": (GLOBAL, True),
}
FAULTS: Final = {
    "no fault": None,
    "refused": Fault.echo_token(),
    "cut": Fault.cut_before_work(),
    "cut after work": Fault.cut_after_work(),
    "throttled": Fault.throttle(),
    "captive portal": Fault.html(),
}


def secrets_of_a_call(cognito: FakeCognito, call: str, fault: Fault | None, *, rotation: bool) -> set[str]:
    """Make the call, and give every secret that it had to do with."""
    effect, admin = CALLS[call]
    client = cognito.add_client(secret=True, rotation=rotation)
    session = Session(wrapped(cognito.sign_in(client, "ada")))
    runner = runner_for(cognito, client, admin=admin, user_pool_id=cognito.user_pool_id)
    if fault is not None:
        cognito.fail("GetTokensFromRefreshToken" if effect == REFRESH else call, fault)
    try:
        session.carries_out(runner, effect)
    except Exception as error:  # some faults fail the call, which is not what this is about
        logging.getLogger("application").debug("failed", exc_info=error)
    finally:
        runner.client.close()
    assert client.secret
    held = {client.secret, SESSION_TOKEN, "fake/secret/access/key"}
    for tokens in (session.tokens, *session.saved):
        held |= {secret.reveal() for secret in tokens.secrets()}
    return held


class TestCalls:
    @pytest.mark.parametrize("rotation", [False, True], ids=["", "rotation"])
    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
    def test_no_secret_is_logged(
        self, *, cognito: FakeCognito, captured: Captured, call: str, fault: Fault | None, rotation: bool
    ) -> None:
        held = secrets_of_a_call(cognito, call, fault, rotation=rotation)
        assert any(record.name == "botocore.endpoint" for record in captured.records)
        assert leaks(captured.text, held) == set()
        assert "Signature=" not in captured.text.replace("Signature=[hidden]", "")

    @pytest.mark.usefixtures("_no_scrubbing")
    @pytest.mark.parametrize("call", CALLS)
    def test_without_scrubbing_secrets_would_be_logged(
        self, cognito: FakeCognito, captured: Captured, call: str
    ) -> None:
        held = secrets_of_a_call(cognito, call, None, rotation=True)
        leaked = leaks(captured.text, held)
        # One token is sent, with the client's secret where that is asked for; a refresh brings three more.
        sent = {"RefreshTokens": 5, "RevokeToken": 2, "GlobalSignOut": 1, "AdminUserGlobalSignOut": 1}
        assert len(leaked) == sent[call]

    def test_handlers_of_the_libraries_own_loggers_see_no_secret(
        self, cognito: FakeCognito, captured: Captured
    ) -> None:
        names = (*LIBRARIES, "botocore.endpoint", "botocore.parsers", "urllib3.connectionpool")
        for name in names:
            logging.getLogger(name).addHandler(captured)
        try:
            held = secrets_of_a_call(cognito, "RefreshTokens", None, rotation=True)
        finally:
            for name in names:
                logging.getLogger(name).removeHandler(captured)
        assert leaks(captured.text, held) == set()

    def test_filters_of_the_application_see_no_secret(self, cognito: FakeCognito, captured: Captured) -> None:
        def see(record: logging.LogRecord) -> bool:
            captured.handle(record)
            return True

        logger = logging.getLogger("botocore.endpoint")
        logger.addFilter(see)
        try:
            held = secrets_of_a_call(cognito, "RevokeToken", None, rotation=False)
        finally:
            logger.removeFilter(see)
        assert leaks(captured.text, held) == set()

    def test_every_logger_of_the_libraries_has_the_filter(self, cognito: FakeCognito) -> None:
        for call in CALLS:
            secrets_of_a_call(cognito, call, None, rotation=False)
        with scrubbed([]):
            below = tuple(f"{name}." for name in LIBRARIES)
            uncovered = [
                name
                for name, logger in logging.Logger.manager.loggerDict.items()
                if name in LIBRARIES or name.startswith(below)
                if isinstance(logger, logging.Logger) and wire_logs._scrubber not in logger.filters
            ]
        assert uncovered == []


def log(name: str, message: str, *args: object, **settings: Any) -> None:
    logging.getLogger(name).debug(message, *args, **settings)


class TestRecords:
    @pytest.mark.parametrize("name", [*LIBRARIES, "botocore.endpoint"])
    def test_secret_is_hidden_in_message_and_arguments(self, captured: Captured, name: str) -> None:
        with scrubbed([OPAQUE]):
            log(name, f"{OPAQUE.reveal()} %s 100%%", OPAQUE.reveal())
        (record,) = captured.records
        assert record.getMessage() == "[token] [token] 100%"
        assert leaks(captured.text, [OPAQUE.reveal()]) == set()

    def test_outside_of_the_block_records_are_left_as_they_are(self, captured: Captured) -> None:
        with scrubbed([OPAQUE]):
            pass
        log("botocore.endpoint", "sent %s", OPAQUE.reveal(), extra={"token": OPAQUE.reveal()})
        (record,) = captured.records
        assert (record.msg, record.args) == ("sent %s", (OPAQUE.reveal(),))
        assert vars(record)["token"] == OPAQUE.reveal()

    @pytest.mark.parametrize("name", ["application", "botocore_extension", "urllib3x.pool"])
    def test_other_loggers_are_left_as_they_are(self, captured: Captured, name: str) -> None:
        with scrubbed([OPAQUE]):
            log(name, "%s", OPAQUE.reveal())
        assert captured.records[0].args == (OPAQUE.reveal(),)

    def test_other_threads_are_left_as_they_are(self, captured: Captured) -> None:
        with scrubbed([OPAQUE]):
            thread = threading.Thread(target=log, args=("botocore.endpoint", "%s", OPAQUE.reveal()))
            thread.start()
            thread.join()
        assert captured.records[0].args == (OPAQUE.reveal(),)

    def test_logger_that_is_made_during_a_call_is_covered(self, captured: Captured) -> None:
        with scrubbed([OPAQUE]):
            log(f"botocore.made_{uuid.uuid4().hex}.late", "%s", OPAQUE.reveal())
        assert captured.records[0].getMessage() == "[token]"

    def test_coverage_survives_a_new_configuration_of_logging(self, captured: Captured) -> None:
        with scrubbed([]):
            pass
        logger = {"handlers": [], "level": "DEBUG"}
        logging.config.dictConfig(
            {"version": 1, "disable_existing_loggers": False, "loggers": {"botocore": logger, "botocore.hooks": logger}}
        )
        with scrubbed([OPAQUE]):
            log("botocore.hooks", "%s", OPAQUE.reveal())
            log(f"botocore.made_{uuid.uuid4().hex}", "%s", OPAQUE.reveal())
        assert [record.getMessage() for record in captured.records] == ["[token]", "[token]"]

    def test_exceptions_become_scrubbed_texts(self, captured: Captured) -> None:
        with scrubbed([OPAQUE]):
            try:
                int(OPAQUE.reveal())
            except ValueError:
                log("botocore.endpoint", "failed", exc_info=True, stack_info=True)
        (record,) = captured.records
        assert record.exc_info is None
        assert "ValueError: invalid literal for int() with base 10: '[token]'" in str(record.exc_text)
        assert str(record.exc_text) in captured.text
        assert record.stack_info
        assert leaks(captured.text, [OPAQUE.reveal()]) == set()

    def test_extra_fields_are_scrubbed(self, captured: Captured) -> None:
        with scrubbed([OPAQUE]):
            extra = {"count": 3, "nothing": None, "text": OPAQUE.reveal(), "body": {"Token": OPAQUE.reveal().encode()}}
            log("botocore.endpoint", "sent", extra=extra)
        said = vars(captured.records[0])
        assert (said["count"], said["nothing"], said["text"]) == (3, None, "[token]")
        assert said["body"] == "{'Token': b'[token]'}"

    def test_record_that_cannot_be_rendered_shows_nothing_and_raises_nothing(self, captured: Captured) -> None:
        with scrubbed([OPAQUE]):
            log("botocore.endpoint", "%d", OPAQUE.reveal(), extra={"token": OPAQUE.reveal()})
        (record,) = captured.records
        assert record.getMessage() == "[a record that could not be scrubbed]"
        assert leaks(captured.text, [OPAQUE.reveal()]) == set()

    def test_web_tokens_are_hidden_though_nobody_handed_them_over(self, captured: Captured) -> None:
        with scrubbed([]):
            log("botocore.parsers", "body %s", "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")
        assert captured.records[0].getMessage() == "body [token]"

    @pytest.mark.parametrize(
        "body",
        [
            '{"AuthenticationResult": {"RefreshToken": "TOKEN", "ExpiresIn": 3600}}',
            '{"AuthenticationResult":{"RefreshToken":"TOKEN","ExpiresIn":3600}}',
            '{"RefreshToken": "TOKEN',
            "{'RefreshToken': 'TOKEN'}",
            r'"{\"RefreshToken\": \"TOKEN\"}"',
        ],
    )
    def test_opaque_tokens_in_answers_are_hidden(self, captured: Captured, body: str) -> None:
        body = body.replace("TOKEN", OPAQUE.reveal())
        with scrubbed([], answers_hold_secrets=True):
            log("botocore.parsers", "Response body:\n%s", body.encode())
            log("botocore.parsers", "Response body:\n%s", body)
        assert leaks(captured.text, [OPAQUE.reveal()]) == set()
        assert "RefreshToken" in captured.text

    @pytest.mark.parametrize(
        "text",
        [
            "x-amz-security-token:TOKEN\nx-amz-target:t",
            "{'X-Amz-Security-Token': b'TOKEN', 'a': 1}",
            "('Authorization', 'Bearer TOKEN')",
            "<SessionToken>TOKEN</SessionToken>",
            "<SecretAccessKey>TOKEN</SecretAccessKey>",
        ],
    )
    def test_what_signs_requests_is_hidden(self, captured: Captured, text: str) -> None:
        with scrubbed([]):
            log("botocore.auth", "%s", text.replace("TOKEN", SESSION_TOKEN))
        assert leaks(captured.text, [SESSION_TOKEN]) == set()

    def test_nested_blocks_hide_what_either_hides(self, captured: Captured) -> None:
        with scrubbed([OPAQUE], answers_hold_secrets=True):
            with scrubbed([Secret("inner secret")]):
                log("botocore.endpoint", "%s, inner secret, %r", OPAQUE.reveal(), "unknown-secret")
            log("botocore.endpoint", "%s, inner secret", OPAQUE.reveal())
        said = [record.getMessage() for record in captured.records]
        assert said == ["[token], [token], '[hidden]'", "[token], inner secret"]


class TestGlobalState:
    def test_nothing_changes_but_filters_and_a_handler_that_writes_nothing(self) -> None:
        def state() -> list[object]:
            loggers = [logging.getLogger(name) for name in (None, *LIBRARIES, "botocore.endpoint")]
            each: Callable[[logging.Logger], object] = lambda logger: (  # noqa: E731 - used once
                logger.level,
                logger.propagate,
                logger.disabled,
                logger.hasHandlers(),
                [handler for handler in logger.handlers if not isinstance(handler, logging.NullHandler)],
            )
            return [logging.getLogRecordFactory(), logging.getLoggerClass(), *map(each, loggers)]

        assert boto3.__name__ in logging.Logger.manager.loggerDict
        before = state()
        with scrubbed([OPAQUE]):
            assert state() == before
        assert state() == before

    def test_repeated_use_adds_nothing(self) -> None:
        logger = logging.getLogger("botocore")
        with scrubbed([]):
            before = (list(logger.filters), list(logger.handlers))
        with scrubbed([]):
            assert (logger.filters, logger.handlers) == before

    def test_block_ends_with_an_exception(self, captured: Captured) -> None:
        with pytest.raises(ValueError, match="out"), scrubbed([OPAQUE]):
            raise ValueError("out")
        log("botocore.endpoint", "%s", OPAQUE.reveal())
        assert captured.records[0].args == (OPAQUE.reveal(),)

    def test_tokens_of_no_session_need_no_secret(self) -> None:
        with scrubbed(UserPoolTokens().secrets()):
            pass
