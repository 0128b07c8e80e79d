"""Keeps secrets out of what boto3 and the libraries below it log while they carry our calls.

At the level DEBUG, botocore logs whole requests and answers: tokens, client secrets, signatures (``botocore.endpoint``,
``botocore.parsers``, ``botocore.auth``, ``botocore.hooks``...). Within `scrubbed` such records are rewritten before any
handler sees them; outside of it they pass untouched.

Two things do it. A filter on each logger of these libraries runs before the handlers of that logger and of those above
it. A logger that is first made in the middle of a call has no filter yet, and no handler either, so its records come
to the library's top logger first: a handler there, which writes nothing, rewrites them before the handlers of the root
logger see them. These three libraries give their top loggers a `logging.NullHandler` themselves, so one more of the
kind does not change whether anything is printed. Levels, propagation and the record factory stay as they are.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authsm._forks import ForkSafeLock
from authsm.credentials import scrub

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from authsm.credentials import Secret

_LIBRARIES: Final = ("boto3", "botocore", "urllib3")
_BELOW_LIBRARIES: Final = tuple(f"{library}." for library in _LIBRARIES)

_HIDDEN: Final = "[hidden]"
_CANNOT_BE_SCRUBBED: Final = "[a record that could not be scrubbed]"

_SIGNING: Final = re.compile(
    r"""(?ix)
    ( \b(?:authorization|x-amz-security-token) ["']? \s* [:=,] \s* b?["']? ) [^"'\r\n]+  # headers, canonical requests
    | ( \bsignature (?:=|:\s*) ) [0-9a-f]{64}
    | ( <(?:secretaccesskey|sessiontoken)> ) [^<]+  # answers of AWS STS
    """
)
"""What signs a request with IAM credentials (AWS Signature Version 4), which nobody hands to us."""

_QUOTED: Final = re.compile(r"""(["'])[^"'\s]{8,}+(?!["']\s*:)""")
"""A quoted text of eight characters or more that is no key: opaque tokens are far longer."""

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""What every record has; the rest is what the caller gave as ``extra``."""


@dataclass(frozen=True, slots=True)
class _InHand:
    secrets: tuple[Secret, ...]
    answers_hold_secrets: bool


_in_hand: ContextVar[_InHand | None] = ContextVar("authsm_secrets_in_hand", default=None)


@contextmanager
def scrubbed(secrets: Iterable[Secret], *, answers_hold_secrets: bool = False) -> Generator[None]:
    """Within this block, hide secrets in what boto3, botocore and urllib3 log from this thread or task.

    Whatever looks like a JSON Web Token and whatever signs a request is hidden, too. Blocks may be nested.

    Args:
        secrets: The secrets that are sent.
        answers_hold_secrets: Whether the answers hold secrets that are not known yet, such as the opaque refresh token
            that a refresh brings. Then every quoted text of eight characters or more is hidden.

    Yields:
        Nothing.
    """
    _cover()
    outer = _in_hand.get()
    both = (*outer.secrets, *secrets) if outer else tuple(secrets)
    token = _in_hand.set(_InHand(both, answers_hold_secrets or (outer is not None and outer.answers_hold_secrets)))
    try:
        yield
    finally:
        _in_hand.reset(token)


class _Scrubber(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        _rewrite(record)
        return True


class _TopScrubber(logging.NullHandler):
    def handle(self, record: logging.LogRecord) -> bool:
        _rewrite(record)
        return True


_scrubber: Final = _Scrubber()
_top_scrubber: Final = _TopScrubber()
_covering: Final = ForkSafeLock()


def _cover() -> None:
    """Put the filter and the handlers where they are missing, first in line: nobody is to see a record before them.

    It is asked before each call, because `logging.config` and applications take handlers away, and imports add loggers.
    """
    with _covering.lock:
        for library in _LIBRARIES:
            handlers = logging.getLogger(library).handlers
            if _top_scrubber not in handlers:
                handlers.insert(0, _top_scrubber)
        for name, logger in logging.Logger.manager.loggerDict.copy().items():
            ours = name in _LIBRARIES or name.startswith(_BELOW_LIBRARIES)
            if ours and isinstance(logger, logging.Logger) and _scrubber not in logger.filters:
                logger.filters.insert(0, _scrubber)


def _rewrite(record: logging.LogRecord) -> None:
    in_hand = _in_hand.get()
    if in_hand is None:
        return
    try:
        _hide_secrets(record, in_hand)
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything, and logging must never break a sign-out
        record.msg, record.args = _CANNOT_BE_SCRUBBED, ()
        record.exc_info = record.exc_text = record.stack_info = None
        for name in record.__dict__.keys() - _STANDARD:
            setattr(record, name, _HIDDEN)


def _hide_secrets(record: logging.LogRecord, in_hand: _InHand) -> None:
    record.msg, record.args = _hide(record.getMessage(), in_hand), ()
    if record.exc_info:
        # The exception's frames hold the requests, so handlers get the traceback as a text only.
        record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
    if record.exc_text:
        record.exc_text = _hide(record.exc_text, in_hand)
    if record.stack_info:
        record.stack_info = _hide(record.stack_info, in_hand)
    for name in record.__dict__.keys() - _STANDARD:
        value = getattr(record, name)
        if value is not None and not isinstance(value, bool | int | float):
            setattr(record, name, _hide(str(value), in_hand))


def _hide(text: str, in_hand: _InHand) -> str:
    text = _SIGNING.sub(lambda found: "".join(part or "" for part in found.groups()) + _HIDDEN, text)
    text = scrub(text, in_hand.secrets)
    if in_hand.answers_hold_secrets:
        text = _QUOTED.sub(rf"\1{_HIDDEN}", text)
    return text
