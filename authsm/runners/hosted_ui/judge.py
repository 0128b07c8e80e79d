"""Decides what one request of the browser means for a sign-out that waits for its return. No I/O, no clock, no chance.

Cognito's ``/logout`` echoes no ``state``, so any page's link to the sign-out URL looks like the return. A cookie tells
them apart: the browser is sent to ``/start/<nonce>`` first, is given the cookie there, and goes on to the provider. A
return with that cookie is evidence, bound to the browser that began. It is no proof: a page that leads this very
browser to the sign-out URL before the provider does is not told apart.

Whatever is not that return is answered and otherwise ignored: favicons, scanners, prefetching, other people's links. A
cookie knows no ports, so even with it, what another page of this machine embeds or fetches is ignored, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qs

from authsm.core.vocabulary import Failure, FailureKind
from authsm.credentials import Secret, scrub
from authsm.runners.hosted_ui import pages

if TYPE_CHECKING:
    from collections.abc import Iterable

START_PATH: Final = "/start/"
"""Where a sign-out begins in the browser; the nonce follows."""

_SPACE: Final = " \t"
"""The only white space around values in HTTP (RFC 9110, section 5.6.3)."""

_LONGEST_CODE: Final = 64
_LONGEST_DESCRIPTION: Final = 300

_SPECULATION: Final = {
    "sec-purpose": ("prefetch", "prerender"),
    "purpose": ("prefetch", "prerender", "preview"),
    "x-purpose": ("prefetch", "preview"),
    "x-moz": ("prefetch",),
}
"""What browsers say when they fetch a page that nobody has opened yet (Fetch Standard, ``Sec-Purpose``; the others are
older names of it)."""

Headers: TypeAlias = "Iterable[tuple[str, str]]"
"""The header fields of a request, as name and value, in any order; a name may occur more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the browser that began a sign-out will send, and where it is sent in between.

    Attributes:
        hosts: What the ``Host`` field may say: ``"127.0.0.1:8400"``.
        path: The path of the sign-out URL.
        nonce: Names the start page; only who was given its address can begin. A browser is given it on its command
            line, where other users of the machine who may list its processes can read it, and forge the return.
        cookie_name: The name of the cookie that binds the return to the browser that began.
        cookie: Its value.
        cookie_seconds: How long the browser keeps it, in seconds.
        logout_url: Where the provider signs the browser out.
    """

    hosts: tuple[str, ...]
    path: str
    nonce: Secret
    cookie_name: str
    cookie: Secret
    cookie_seconds: int
    logout_url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer the browser.

    Attributes:
        status: The HTTP status.
        headers: The header fields, but for those of the connection. No ``repr`` shows them: they may hold the cookie.
        body: The page; empty for a redirect.
    """

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """The request is not the return of the browser that began."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class CameBack:
    """The browser that began came back from the provider."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class CameBackWithError:
    """The browser that began came back, and the provider says that something went wrong.

    Attributes:
        answer: What to answer; it does not show the error.
        failure: What the provider says.
    """

    answer: Answer
    failure: Failure


Verdict: TypeAlias = KeepWaiting | CameBack | CameBackWithError
"""What a request means."""


def judge(expected: Expected, method: str, target: str, headers: Headers) -> Verdict:
    """Decide what a request means.

    Args:
        expected: The sign-out that waits.
        method: The method of the request.
        target: Its target: the path, and the query after a question mark.
        headers: Its header fields.

    Returns:
        The verdict, with the answer to give. It never raises, whatever was sent.
    """
    fields = [(name.lower(), value.strip(_SPACE)) for name, value in headers]
    path, _, query = target.partition("?")
    hosts = [value for name, value in fields if name == "host"]
    begins = path.startswith(START_PATH) and _is_same(expected.nonce, path.removeprefix(START_PATH))
    if len(hosts) != 1 or hosts[0] not in expected.hosts:
        verdict: Verdict = KeepWaiting(refuse(HTTPStatus.MISDIRECTED_REQUEST))
    elif not begins and path != expected.path:
        verdict = KeepWaiting(refuse(HTTPStatus.NOT_FOUND))
    elif method != "GET":
        verdict = KeepWaiting(refuse(HTTPStatus.METHOD_NOT_ALLOWED))
    elif not _is_opened(fields):
        verdict = KeepWaiting(refuse(HTTPStatus.BAD_REQUEST))
    elif begins:
        verdict = KeepWaiting(_begin(expected))
    elif not _is_bound(expected, fields):
        verdict = KeepWaiting(refuse(HTTPStatus.BAD_REQUEST))
    else:
        verdict = _return(query)
    return verdict


def refuse(status: HTTPStatus) -> Answer:
    """Give the answer to a request that means nothing.

    Args:
        status: The HTTP status; one of those in `pages.REFUSALS`.

    Returns:
        A static page.
    """
    allow = (("Allow", "GET"),) if status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    return _page(status, pages.REFUSALS[status], *allow)


def _begin(expected: Expected) -> Answer:
    # Lax, because the browser comes back from another site; a Strict cookie would stay behind.
    cookie = (
        f"{expected.cookie_name}={expected.cookie.reveal()}; Path={expected.path}; "
        f"Max-Age={expected.cookie_seconds}; HttpOnly; SameSite=Lax"
    )
    headers = (("Location", expected.logout_url), ("Set-Cookie", cookie), *pages.SECURITY_HEADERS)
    return Answer(HTTPStatus.FOUND, headers, b"")


def _return(query: str) -> Verdict:
    said = parse_qs(query, keep_blank_values=True)
    if "error" not in said:
        return CameBack(_page(HTTPStatus.OK, pages.CAME_BACK))
    code = _bounded(said["error"][0], _LONGEST_CODE) or "error"
    description = _bounded(said.get("error_description", [""])[0], _LONGEST_DESCRIPTION)
    message = f"The hosted UI answered with an error: {code}" + (f": {description}" if description else "")
    failure = Failure(FailureKind.REFUSED, code, message)
    return CameBackWithError(_page(HTTPStatus.OK, pages.CAME_BACK_WITH_ERROR), failure)


def _page(status: HTTPStatus, body: bytes, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (("Content-Type", "text/html; charset=utf-8"), *headers, *pages.SECURITY_HEADERS), body)


def _is_bound(expected: Expected, fields: list[tuple[str, str]]) -> bool:
    # Another server on this address may have set a cookie of the same name, so every one of them is looked at.
    pairs = [pair.partition("=") for name, value in fields if name == "cookie" for pair in value.split(";")]
    sent = [value.strip(_SPACE) for name, _, value in pairs if name.strip(_SPACE) == expected.cookie_name]
    return any(_is_same(expected.cookie, value) for value in sent)


def _is_same(secret: Secret, sent: str) -> bool:
    # Comparing two secrets takes the same time wherever they differ.
    return sent.isascii() and Secret(sent) == secret


def _is_opened(fields: list[tuple[str, str]]) -> bool:
    """Tell whether this is a page that a tab goes to: not one fetched in advance, nor an image or frame of another."""
    if any(word in value.lower() for name, value in fields for word in _SPECULATION.get(name, ())):
        return False
    # Older browsers do not say what a request is for (W3C, Fetch Metadata Request Headers). "empty" is what a script
    # fetches: a service worker of the application that passes the request on, where it is one of the same origin.
    is_own = [value for name, value in fields if name == "sec-fetch-site"] == ["same-origin"]
    opened = {"document", "empty"} if is_own else {"document"}
    return all(value in opened for name, value in fields if name == "sec-fetch-dest")


def _bounded(text: str, longest: int) -> str:
    """Make a stranger's text fit for a log: one line of printable characters, without tokens, and not long."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return scrub(" ".join(printable.split()))[:longest].strip()
