"""One request of a browser and the answer to it, in bytes, for whoever moves them. No I/O, no clock."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

from authsm.runners.hosted_ui.judge import Answer, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_HEAD: Final = 65536
"""In bytes. All servers on this address share their cookies, so there may be many."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_REQUEST_LINE: Final = re.compile(r"([!-~]+) ([!-~]+) HTTP/1\.[01]")
_HEADER_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")

Respond: TypeAlias = "Callable[[str, str, list[tuple[str, str]]], Answer]"
"""Called with the method, the target and the header fields of a request; gives the answer."""


class Exchange:
    """One request and its answer.

    Args:
        respond: Answers the request once it is complete.
    """

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._received = b""
        self._is_answered = False

    def receive(self, chunk: bytes) -> bytes | None:
        """Take what has come in.

        Args:
            chunk: The next bytes of the request.

        Returns:
            The whole answer, with which the connection ends, once the request is complete; None before and after that.
        """
        if self._is_answered:
            return None
        self._received += chunk
        head, is_complete, _ = self._received.partition(_END_OF_HEAD)
        if len(head) > LARGEST_HEAD:
            return self._end("", refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        if not is_complete:
            return None
        request = read_head(head)
        if request is None:
            return self._end("", refuse(HTTPStatus.BAD_REQUEST))
        return self._end(request[0], self._respond(*request))

    def _end(self, method: str, answer: Answer) -> bytes:
        self._is_answered = True
        self._received = b""
        return write_answer(method, answer)


def read_head(head: bytes) -> tuple[str, str, list[tuple[str, str]]] | None:
    """Read the head of a request (RFC 9112, sections 3 and 5).

    Args:
        head: What came before the empty line.

    Returns:
        Method, target and header fields; None where it is no request.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    request_line = _REQUEST_LINE.fullmatch(first)
    fields = [field for line in rest if (field := _HEADER_FIELD.fullmatch(line)) is not None]
    if request_line is None or len(fields) != len(rest):
        return None
    return request_line[1], request_line[2], [(field[1], field[2]) for field in fields]


def write_answer(method: str, answer: Answer) -> bytes:
    """Put an answer into bytes.

    Args:
        method: The method of the request; the answer to HEAD has no body.
        answer: The answer.

    Returns:
        The whole answer; the connection ends with it.
    """
    length = ("Content-Length", str(len(answer.body)))
    fields = (*answer.headers, length, ("Connection", "close"))
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}", *(f"{name}: {value}" for name, value in fields)]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head if method == "HEAD" else head + answer.body
