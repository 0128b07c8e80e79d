"""The cookie that carries a ticket, and where a request says that it comes from. No I/O."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Final

from authsm.credentials import Secret

if TYPE_CHECKING:
    from authsm.runners.hosted_ui.judge import Headers
    from authsm.web.addresses import CallbackURL

_SPACE: Final = " \t"
_TICKET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST: Final = 16
"""How many cookies of one name are looked at: each costs a look into the store. Any host of the site can set some."""


def new_ticket() -> Secret:
    """Make a ticket: 256 random bits."""
    return Secret(secrets.token_urlsafe(32))


def digest_of(ticket: Secret) -> str:
    """Give what a ticket is kept under; it does not lead back to the ticket."""
    return hashlib.sha256(ticket.reveal().encode()).hexdigest()


class TicketCookie:
    """The cookie that carries a ticket to the callback, and nowhere else.

    ``__Host-`` would keep other hosts of the site from setting it, and demands the path ``/``; on any other path it is
    ``__Secure-`` (RFC 6265bis, section 4.1.3). Setting it is of no use to anybody who has no ticket.

    Args:
        url: The callback.
        seconds: How long the browser keeps it, in seconds.

    Attributes:
        name: Its name.
    """

    def __init__(self, url: CallbackURL, seconds: int) -> None:
        prefix = ("__Host-" if url.path == "/" else "__Secure-") if url.is_secure else ""
        self.name = f"{prefix}authsm-sign-out"
        secure = "Secure; " if url.is_secure else ""
        # Lax, because the browser comes back from another site; a Strict cookie would stay behind.
        self._attributes = f"Path={url.path}; Max-Age={seconds}; HttpOnly; {secure}SameSite=Lax"

    def header(self, ticket: Secret) -> tuple[str, str]:
        """Give the header field that sets it."""
        return "Set-Cookie", f"{self.name}={ticket.reveal()}; {self._attributes}"

    def tickets(self, headers: Headers) -> list[Secret]:
        """Give what a request has brought under its name, and looks like a ticket."""
        pairs = [
            pair.partition("=") for name, value in headers if name.lower() == "cookie" for pair in value.split(";")
        ]
        sent = [value.strip(_SPACE) for name, _, value in pairs if name.strip(_SPACE) == self.name]
        return [Secret(value) for value in sent if _TICKET.fullmatch(value)][:_MOST]


def comes_from_elsewhere(headers: Headers, origin: str) -> bool:
    """Tell whether a request was made by the page of another site, or does not say.

    Args:
        headers: Its header fields.
        origin: Where the application's own pages are, as browsers write it.

    Returns:
        What ``Sec-Fetch-Site`` says, which no page can change (W3C, Fetch Metadata Request Headers); where it says
        nothing, because the browser is old or the site has no https, what ``Origin`` says (RFC 6454, section 7).
    """
    said: dict[str, list[str]] = {}
    for name, value in headers:
        said.setdefault(name.lower(), []).append(value.strip(_SPACE))
    if "sec-fetch-site" in said:
        return said["sec-fetch-site"] not in (["same-origin"], ["none"])
    return said.get("origin") != [origin]
