"""What comes in and what goes out, as values: requests, and answers in the service's wire forms."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from .values import ServiceError

__all__ = [
    "SESSION_COOKIE",
    "Answer",
    "Request",
    "json_answer",
    "oauth_error",
    "page",
    "redirect",
    "service_error",
]

SESSION_COOKIE: Final = "cognito"
"""The name of the hosted UI's session cookie."""

# API reference, "Making API requests": the JSON protocol of version 1.1.
_AMZ_JSON: Final = "application/x-amz-json-1.1"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. The ``repr`` shows neither its query, nor its headers, nor its body."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def parameters(self) -> dict[str, str]:
        """The query's parameters; the first value of each."""
        return _first_values(self.query)

    @property
    def form(self) -> dict[str, str] | None:
        """The form's fields, the first value of each; None if the body is no form."""
        if self.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _FORM:
            return None
        return _first_values(self.body.decode(errors="replace"))

    @property
    def session_cookie(self) -> str:
        """The value of the hosted UI's cookie; empty if the browser sends none."""
        # By hand: http.cookies drops them all where one, of whatever page, has a name that it does not like.
        for pair in self.headers.get("Cookie", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == SESSION_COOKIE:
                return value
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer.

    Attributes:
        status: The HTTP status code.
        headers: Further headers, in order.
        body: What is sent.
        has_request_id: Whether ``x-amzn-RequestId`` goes with it: everything that Cognito sends has one.
    """

    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    has_request_id: bool = True


def json_answer(members: Mapping[str, Any] | None, *, content_type: str = _AMZ_JSON) -> Answer:
    """Answer with these members; with an empty body where there are none, as the API reference says."""
    body = b"" if members is None else json.dumps(members).encode()
    return Answer(headers=(("Content-Type", content_type),), body=body)


def service_error(error: ServiceError) -> Answer:
    """Refuse in the JSON protocol's form, from which boto3 makes its ``ClientError``."""
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    headers = (("Content-Type", _AMZ_JSON), ("x-amzn-ErrorType", error.code))
    return Answer(status=error.status, headers=headers, body=body)


def oauth_error(error: str, *, status: int = HTTPStatus.BAD_REQUEST, description: str = "") -> Answer:
    """Refuse in the form of OAuth 2.0 (RFC 6749 section 5.2, RFC 7009 section 2.2.1)."""
    members = {"error": error} | ({"error_description": description} if description else {})
    headers = (("Content-Type", "application/json;charset=UTF-8"), ("Cache-Control", "no-store"))
    return Answer(status=status, headers=headers, body=json.dumps(members).encode())


def page(title: str, content: str = "", *, status: int = HTTPStatus.OK) -> Answer:
    """Show a page. The content is HTML already, the title is not."""
    safe_title = html.escape(title)
    text = f"<!doctype html><html><head><title>{safe_title}</title></head><body><h1>{safe_title}</h1>{content}</body>"
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"))
    return Answer(status=status, headers=headers, body=f"{text}</html>".encode())


def redirect(location: str, *, cookie: str | None = None, cookie_seconds: int = 0) -> Answer:
    """Send the browser elsewhere and, where a value is given, set the session cookie (0 seconds delete it)."""
    headers = [("Location", location), ("Cache-Control", "no-store")]
    if cookie is not None:
        # Without Secure: over plain HTTP, clients that are no browser would keep it to themselves.
        attributes = f"Path=/; Max-Age={cookie_seconds}; HttpOnly; SameSite=Lax"
        headers.append(("Set-Cookie", f"{SESSION_COOKIE}={cookie}; {attributes}"))
    return Answer(status=HTTPStatus.FOUND, headers=tuple(headers))


def _first_values(encoded: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(encoded, keep_blank_values=True).items()}
