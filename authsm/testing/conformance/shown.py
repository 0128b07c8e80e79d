"""What a stranger's code shows while it runs: what it logs at DEBUG, prints, raises and returns."""

from __future__ import annotations

import contextlib
import io
import logging
import traceback
from typing import TYPE_CHECKING, Final

from authsm.core.vocabulary import EffectFailedError
from authsm.credentials import scrub
from authsm.flows.sign_out.effects import DoneReply

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from authsm.credentials import Secret

_EXCERPT: Final = 120
_MARK: Final = "[token]"


class Shown(logging.Handler):
    """Collects what is shown; see `listening`."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._texts: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of any logger, with what was given as ``extra``."""
        source = f"a log record of {record.name}"
        self.add(source, record.getMessage())
        self.add(source, repr(vars(record)))
        if record.exc_info and record.exc_info[1]:
            self.add(source, "".join(traceback.format_exception(record.exc_info[1])))

    def add(self, source: str, text: str) -> None:
        """Add a text, and say where it was seen."""
        self._texts.append((source, text))

    def add_result(self, value: object, error: BaseException | None) -> None:
        """Add what a call returned, and what it raised with everything that led to it."""
        if isinstance(value, str | DoneReply):
            self.add("the note", str(value))
        if error is not None:
            for text in _texts_of(error):
                self.add("the exception", text)

    def leaks(self, secrets: Iterable[Secret]) -> list[str]:
        """Give where a token is shown, as such, URL-encoded or in base64; or what looks like a JSON Web Token.

        Args:
            secrets: The tokens in hand.

        Returns:
            Where, and what stands around it; the token itself is taken out.
        """
        secrets = tuple(secrets)
        found: dict[str, None] = {}
        for source, text in self._texts:
            scrubbed = scrub(text, secrets)
            if scrubbed != text:
                at = scrubbed.find(_MARK)
                found[f"{source}: ...{scrubbed[max(0, at - _EXCERPT // 2) : at + _EXCERPT // 2]}..."] = None
        return list(found)


@contextlib.contextmanager
def listening() -> Generator[Shown]:
    """Collect everything that any logger says at DEBUG and up, and what is printed, within this block.

    Levels and handlers are put back at its end.
    """
    shown, printed = Shown(), io.StringIO()
    root = logging.getLogger()
    silent = [logger for logger in _loggers() if not logger.propagate]
    levels = {logger: logger.level for logger in (root, *_loggers()) if logger is root or logger.level}
    for logger in (root, *silent):
        logger.addHandler(shown)
    for logger in levels:
        logger.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield shown
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        for logger in (root, *silent):
            logger.removeHandler(shown)
        shown.add("what was printed", printed.getvalue())


def _loggers() -> Iterator[logging.Logger]:
    for logger in logging.Logger.manager.loggerDict.copy().values():
        if isinstance(logger, logging.Logger):
            yield logger


def _texts_of(error: BaseException) -> Iterator[str]:
    if isinstance(error, EffectFailedError):
        yield f"{error.failure.code} {error.failure.message}"
    with contextlib.suppress(Exception):  # a stranger's __str__ may raise anything
        yield "".join(traceback.format_exception(error))
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        with contextlib.suppress(Exception):
            yield f"{each} {each!r} {each.args!r}"
        each = each.__cause__ or each.__context__
