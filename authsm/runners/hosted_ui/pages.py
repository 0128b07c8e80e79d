"""The pages that the browser is shown. All of them are static: nothing of a request ever stands in one."""

from __future__ import annotations

import base64
import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --ink: #1b1f24; --soft: #4d5661; --edge: #d5dae0 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --card: #1e2227; --ink: #eef1f4; --soft: #b0b8c1; --edge: #363c44 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 28rem; padding: 2rem; background: var(--card); border: 1px solid var(--edge);
  border-radius: .75rem }
h1 { margin: 0 0 .5rem; font-size: 1.375rem; line-height: 1.25 }
p { margin: 0; color: var(--soft) }
"""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""


def _page(title: str, text: str) -> bytes:
    return _PAGE.format(title=title, text=text, style=_STYLE).encode()


_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
"""What every answer carries. The policy allows one style, by its digest, and nothing else (CSP Level 3)."""

CAME_BACK: Final = _page(
    "You are signed out in this browser", "You can close this page and go back to the application."
)
"""For the browser that came back."""

CAME_BACK_WITH_ERROR: Final = _page(
    "The sign-out did not finish",
    "This browser may still be signed in. Go back to the application: it says what happened.",
)
"""For the browser that came back with an error."""

SIGNED_OUT: Final = _page(
    "You are signed out", "You can close this page, or go back to the application to sign in again."
)
"""Of a web application: everything that was due is done."""

SIGNED_OUT_HERE: Final = _page(
    "You are signed out of this application",
    "The page where you sign in may still know you in this browser. If others use it, too, delete its cookies.",
)
"""Of a web application: the browser came back with an error, or too late."""

SIGNED_OUT_IN_PART: Final = _page(
    "You are signed out of this application",
    "Not everything could be ended elsewhere: another device, or a copy of this session, may still be signed in.",
)
"""Of a web application: the tokens could not be revoked, or not everywhere."""

NOT_SIGNED_OUT: Final = _page(
    "The sign-out did not finish", "You may still be signed in. Please try again in a moment."
)
"""Of a web application: the sign-out could not begin, or the local clear failed."""

NOTHING_CHANGED: Final = _page(
    "This page has changed nothing",
    "It ends a sign-out, and none waits for this browser. Whether you are signed in, the application itself tells you.",
)
"""Of a web application: whoever came has no ticket. It has ended, or was lost, or there never was one."""

FROM_ELSEWHERE: Final = _page(
    "Nothing was changed", "Another site asked for this sign-out. To sign out, use the application itself."
)
"""Of a web application: the request was not made by its own page."""

NOT_NOW: Final = _page("One moment, please", "The application is busy. Load this page again in a moment.")
"""Of a web application: its store does not answer."""

REFUSALS: Final[Mapping[HTTPStatus, bytes]] = {
    HTTPStatus.BAD_REQUEST: _page(
        "No sign-out was begun in this browser",
        "This page changed nothing. To sign out, open the address that the application shows.",
    ),
    HTTPStatus.NOT_FOUND: _page("Nothing is here", "To sign out, open the address that the application shows."),
    HTTPStatus.METHOD_NOT_ALLOWED: _page(
        "This cannot be sent here", "To sign out, open the address that the application shows."
    ),
    HTTPStatus.MISDIRECTED_REQUEST: _page(
        "This is not the right address", "To sign out, open the address that the application shows."
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: _page(
        "The browser sent too much",
        "Delete the cookies of this address, or use a private window, and open the address that the application shows.",
    ),
}
"""For everything else that arrives, by the status it is answered with."""
