"""Looking for tokens in whatever a sign-out shows: as such, in base64, URL-encoded."""

import base64
import logging
import pickle
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from authsm import AuthException, FailedSignOut, FileCredentialStore, MemoryCredentialStore, PartialSignOut, Secret
from authsm.auth.flights import Flight
from authsm.auth.sign_out import SignOutRun
from authsm.observe import Audience

LONG_ENOUGH: Final = 12
"""A shorter text is no token, and may stand anywhere by accident."""


def shapes(secrets: Iterable[Secret]) -> Iterator[str]:
    """Every shape in which a token counts as shown."""
    for secret in secrets:
        raw = secret.reveal().encode("utf-8", "surrogatepass")
        yield secret.reveal()
        yield quote(raw, safe="")
        yield base64.b64encode(raw).decode()
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=")


def leaks_in(texts: Iterable[str], secrets: Iterable[Secret]) -> list[str]:
    """The texts that show a secret."""
    looked_for = {shape for shape in shapes(secrets) if len(shape) >= LONG_ENOUGH}
    return [text for text in texts if any(shape in text for shape in looked_for)]


def written_in(folder: Path) -> bytes:
    """Everything that the files of a folder hold."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def shown_by(*values: object) -> Iterator[str]:
    """Everything that a value shows of itself: texts, tracebacks with locals, pickles."""
    for value in values:
        yield str(value)
        yield repr(value)
        yield f"{value}"
        yield _pickled(value)
        yield from _exceptions_of(value)


def shown_by_record(record: logging.LogRecord) -> Iterator[str]:
    yield record.getMessage()
    yield repr(vars(record))
    if record.exc_info and record.exc_info[1]:
        yield with_locals(record.exc_info[1])


def with_locals(error: BaseException) -> str:
    """A traceback as tools for finding errors take it: with the variables of every frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _pickled(value: object) -> str:
    try:
        return pickle.dumps(value).decode("latin-1")
    except (TypeError, pickle.PicklingError, AttributeError):
        return ""


def _exceptions_of(value: object) -> Iterator[str]:
    match value:
        case BaseException():
            yield with_locals(value)
            yield repr(value.args)
            if isinstance(value, AuthException):
                yield f"{value.message} {value.recovery_suggestion} {value.failure!r}"
        case FailedSignOut():
            yield from _exceptions_of(value.exception)
        case PartialSignOut():
            for each in (value.hosted_ui_error, value.global_sign_out_error, value.revoke_token_error):
                if each is not None:
                    yield from _exceptions_of(each.exception)
        case _:
            pass


class Watch(logging.Handler):
    """Looks at everything that the sign-outs of a test show.

    From the first sign-out on: each result and notice, each journal, each log record of whatever library at DEBUG, each
    exception that a test sees, each output. Secrets are those that were ever wrapped in a `Secret` during the test.

    Attributes:
        secrets: What must not be seen.
        shown: What was seen.
        sign_outs: How many were begun.
        shows_tokens_because: Why this test shows tokens; None where it must not.
    """

    def __init__(self, patch: pytest.MonkeyPatch, shows_tokens_because: str | None = None) -> None:
        super().__init__(logging.DEBUG)
        self.secrets: set[Secret] = set()
        self.shown: list[str] = []
        self.sign_outs = 0
        self.shows_tokens_because = shows_tokens_because
        self._patch = patch
        self._after(Secret, "__init__", lambda secret, *_, **__: self._know(secret))
        self._after(SignOutRun, "__init__", lambda *_, **__: self._begin())
        self._after(Audience, "tell", lambda _, notice: self.look_at(notice))
        self._after(Flight, "end", lambda _, result: self.look_at(result))
        self._after(Flight, "fail", lambda _, error: self.look_at(error))
        for store in (MemoryCredentialStore, FileCredentialStore):
            self._after(store, "leave", lambda *_, journal, **__: self.look_at(journal))
            self._after(store, "write_journal", lambda *args, **named: self.look_at(args[1:], named))
        self._wrap_outputs()

    def look_at(self, *values: object) -> None:
        """Remember what is shown."""
        if self.sign_outs:
            self.shown.extend(shown_by(*values))

    def emit(self, record: logging.LogRecord) -> None:
        if self.sign_outs:
            self.shown.extend(shown_by_record(record))

    def leaks(self) -> list[str]:
        return leaks_in(set(self.shown), self.secrets)

    def _know(self, secret: Secret) -> None:
        self.secrets.add(secret)

    def _begin(self) -> None:
        self.sign_outs += 1

    def _after(self, owner: type[Any], name: str, look: Any) -> None:
        true = getattr(owner, name)

        def call(*args: Any, **named: Any) -> Any:
            answer = true(*args, **named)
            look(*args, **named)
            return answer

        self._patch.setattr(owner, name, call)

    def _wrap_outputs(self) -> None:
        """Output that a test takes for itself never comes to the report."""
        true_invoke, true_read = CliRunner.invoke, pytest.CaptureFixture.readouterr

        def invoke(*args: Any, **named: Any) -> Any:
            result = true_invoke(*args, **named)
            self.look_at(result.output)
            return result

        def read(fixture: Any) -> Any:
            captured = true_read(fixture)
            self.look_at(*captured)
            return captured

        self._patch.setattr(CliRunner, "invoke", invoke)
        self._patch.setattr(pytest.CaptureFixture, "readouterr", read)
