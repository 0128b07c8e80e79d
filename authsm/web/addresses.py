"""The addresses that an application configures: where the browser comes back to, and where it goes from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from authsm.errors import ConfigurationException

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = r"(?::(?P<port>[1-9][0-9]{0,4}))?"
_SEGMENT: Final = r"/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,=:@-]*"
"""Browsers rewrite dot segments, servers unescape what is escaped, and a semicolon would end the path of a cookie: none
of them is allowed. Then the path of the cookie, of the request and of the framework's route are the same."""

_CALLBACK: Final = re.compile(
    rf"(?P<scheme>https)://(?P<host>(?:{_LABEL}\.)*{_LABEL}){_PORT}(?P<path>(?:{_SEGMENT})+)"
    rf"|(?P<local>http://127\.0\.0\.1(?::(?P<local_port>[1-9][0-9]{{0,4}}))?)(?P<local_path>(?:{_SEGMENT})+)"
)
_LAST_PORT: Final = 65535
_PLACE: Final = re.compile(rf"(?:https://(?:{_LABEL}\.)*{_LABEL}{_PORT})?/(?![/\\])[\x21\x23-\x5b\x5d-\x7e]*")
_LOCAL_PLACE: Final = re.compile(r"http://127\.0\.0\.1(?::[1-9][0-9]{0,4})?/[\x21\x23-\x5b\x5d-\x7e]*")


@dataclass(frozen=True, slots=True)
class CallbackURL:
    """Where the provider sends the browser after the sign-out: the ``logout_uri``.

    Attributes:
        text: The URL, to the letter as it is registered on the app client.
        origin: Its scheme, host and port, as browsers write them.
        path: Its path; at least ``"/"``.
        is_secure: Whether it is https; else it is http on 127.0.0.1.
    """

    text: str
    origin: str
    path: str
    is_secure: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it.

        Args:
            text: The URL.

        Returns:
            Its parts.

        Raises:
            ConfigurationException: It is none that a cookie could be kept for in safety.
        """
        parts = _fits(_CALLBACK, text)
        if parts is None or int(parts["port"] or parts["local_port"] or 0) > _LAST_PORT:
            raise ConfigurationException(
                f"{text!r} is not a URL that a signed-out browser can come back to.",
                "Write https://HOST/path without query and fragment, just as it is registered among the allowed "
                "sign-out URLs of the app client; http:// is for 127.0.0.1 only: open the application there, too.",
            )
        path = str(parts["path"] or parts["local_path"])
        is_secure = parts["local"] is None
        # As browsers write it: in small letters, and without the usual port (RFC 6454, section 6.1).
        origin = text.removesuffix(path).lower().removesuffix(":443" if is_secure else ":80")
        return cls(text, origin, path, is_secure)

    @property
    def host(self) -> str:
        """What a browser sends as ``Host``."""
        return self.origin.partition("://")[2]


def checked_place(place: str | None) -> str | None:
    """Check where signed-out users are sent: it goes into a header field.

    Args:
        place: A path on this site, or an https:// URL; http:// for 127.0.0.1; None for none.

    Returns:
        The same.

    Raises:
        ConfigurationException: It is neither.
    """
    if place is None or _fits(_PLACE, place) or _fits(_LOCAL_PLACE, place):
        return place
    raise ConfigurationException(
        f"{place!r} is not a place to send signed-out users to.",
        'Give a path of this site, such as "/", or an https:// URL, in ASCII.',
    )


def _fits(pattern: re.Pattern[str], value: object) -> re.Match[str] | None:
    # Settings often come from the environment, where what is missing is None.
    return pattern.fullmatch(value) if isinstance(value, str) else None
