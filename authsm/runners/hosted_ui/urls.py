"""The URLs of a hosted UI sign-out: where the provider signs the browser out, and where the browser comes back to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol, Self
from urllib.parse import quote, urlencode

from authsm.errors import ConfigurationException

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = r"[1-9][0-9]{0,4}"
_HIGHEST_PORT: Final = 65535
_HTTP_PORT: Final = 80

_BARE_HOST: Final = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_SECURE_ORIGIN: Final = re.compile(rf"https://(?:{_LABEL}\.)*{_LABEL}(?::{_PORT})?/?")
_LOCAL_ORIGIN: Final = re.compile(rf"http://(?:localhost|127\.0\.0\.1)(?::{_PORT})?/?")
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_+]{1,128}")
"""The service's own pattern (Cognito API Reference, ClientIdType)."""
_ENDPOINT_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_LOGOUT_URL: Final = re.compile(r"https?://[\x21-\x7e]+")
_SIGN_OUT_URL: Final = re.compile(
    rf"http://(?P<host>127\.0\.0\.1|localhost):(?P<port>{_PORT})"
    r"(?P<path>(?:/(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%(?!2[eE])[0-9A-Fa-f]{2})*)*)"
)
"""Browsers rewrite dot segments and escaped dots, and a semicolon would end the path of a cookie: none of them is
allowed. Then the path that the browser asks for is the one that is registered, to the letter."""


class LogoutURL(Protocol):
    """Builds the URL at which a provider signs the browser out; for other providers than Cognito, write your own."""

    def __call__(self, *, domain: str, client_id: str, sign_out_url: str) -> str:
        """Build the URL.

        Args:
            domain: Where the hosted UI is, as an origin: ``"https://auth.example.com"``.
            client_id: The id of the app client.
            sign_out_url: Where the provider sends the browser afterwards.

        Returns:
            The URL, in ASCII, percent-encoded where needed.
        """
        ...


def cognito_logout_url(*, domain: str, client_id: str, sign_out_url: str) -> str:
    """Build the URL of Cognito's logout endpoint (Amazon Cognito Developer Guide, "Logout endpoint").

    Args:
        domain: The domain of the user pool: a host, or an origin.
        client_id: The id of the app client.
        sign_out_url: Where Cognito sends the browser afterwards: to the letter one of the allowed sign-out URLs of the
            app client. Otherwise Cognito shows an error page, and the browser never comes back.

    Returns:
        The URL.

    Raises:
        ConfigurationException: The domain or the client id cannot be right.

    Examples:
        >>> cognito_logout_url(
        ...     domain="my-app.auth.eu-west-1.amazoncognito.com",
        ...     client_id="1example23456789",
        ...     sign_out_url="http://127.0.0.1:8400/signed-out",
        ... )
        'https://my-app.auth.eu-west-1.amazoncognito.com/logout?client_id=1example23456789&logout_uri=http%3A%2F%2F127.0.0.1%3A8400%2Fsigned-out'
    """
    if not _fits(_CLIENT_ID, client_id):
        raise ConfigurationException(
            "The client id is not one of an app client of Cognito.",
            'Pass the "Client ID" that the Cognito console shows for the app client, such as "1example23456789".',
        )
    query = urlencode({"client_id": client_id, "logout_uri": sign_out_url}, quote_via=quote, safe="")
    return f"{hosted_ui_origin(domain)}/logout?{query}"


def oidc_logout_url(path: str) -> LogoutURL:
    """Make the builder for a provider with an end-session endpoint (OpenID Connect RP-Initiated Logout 1.0, section 2).

    Keycloak, Auth0 and most others take it. The provider names the user pages it registers "post logout redirect URIs".
    No ``id_token_hint`` is sent, for it is a token, and this URL is shown to the user: without it, some providers ask
    the user to confirm (Keycloak), and those that insist on it (Okta) need a handler of your own. No ``state`` is sent
    either: the cookie already binds the return to the browser; a provider that echoes one does no harm.

    Args:
        path: The path of the endpoint, as the provider's discovery document tells it: Auth0 has ``"/oidc/logout"``,
            Keycloak ``"/realms/REALM/protocol/openid-connect/logout"``.

    Returns:
        What to pass as ``logout_url``.

    Raises:
        ConfigurationException: It is no path.

    Examples:
        >>> build = oidc_logout_url("/realms/shop/protocol/openid-connect/logout")
        >>> build(domain="https://id.example.com", client_id="my-app", sign_out_url="http://127.0.0.1:8400/signed-out")
        'https://id.example.com/realms/shop/protocol/openid-connect/logout?client_id=my-app&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8400%2Fsigned-out'
    """
    if not _fits(_ENDPOINT_PATH, path):
        raise ConfigurationException(
            "The path of the end-session endpoint is none.",
            'Pass what follows the domain in "end_session_endpoint" of the discovery document, such as "/oidc/logout".',
        )

    def build(*, domain: str, client_id: str, sign_out_url: str) -> str:
        query = urlencode({"client_id": client_id, "post_logout_redirect_uri": sign_out_url}, quote_via=quote, safe="")
        return f"{hosted_ui_origin(domain)}{path}?{query}"

    return build


def hosted_ui_origin(domain: str) -> str:
    """Give the origin of a hosted UI.

    Args:
        domain: A host, which is taken to speak HTTPS, or an origin. Plain HTTP is for stand-ins on this machine.

    Returns:
        The origin, without a slash at its end.

    Raises:
        ConfigurationException: It is neither.
    """
    if _fits(_BARE_HOST, domain):
        return f"https://{domain}"
    if _fits(_SECURE_ORIGIN, domain) or _fits(_LOCAL_ORIGIN, domain):
        return domain.removesuffix("/")
    raise ConfigurationException(
        "The domain of the hosted UI is neither a host nor an https:// origin without a path.",
        'Pass the whole domain, such as "my-app.auth.eu-west-1.amazoncognito.com"; http:// is for localhost only.',
    )


def checked_logout_url(url: str) -> str:
    """Check what a `LogoutURL` gave: it goes into a header field.

    Args:
        url: What it gave.

    Returns:
        The same.

    Raises:
        ConfigurationException: It is no URL in printable ASCII.
    """
    if _fits(_LOGOUT_URL, url):
        return url
    raise ConfigurationException(
        "The logout URL that was built is not an absolute http(s):// URL in ASCII without spaces.",
        "Percent-encode the parameters in the callable passed as logout_url, as urllib.parse.urlencode does.",
    )


def checked_return_url(url: str) -> str:
    """Check a sign-out URL that may lead to any machine.

    Args:
        url: The URL.

    Returns:
        The same.

    Raises:
        ConfigurationException: It is no URL in printable ASCII.
    """
    if _fits(_LOGOUT_URL, url):
        return url
    raise ConfigurationException(
        "The sign-out URL is not an absolute http(s):// URL in ASCII without spaces.",
        "Write it just as it is registered among the allowed sign-out URLs of the app client.",
    )


@dataclass(frozen=True, slots=True)
class SignOutURL:
    """A sign-out URL on this machine, as it is registered on the app client.

    Attributes:
        text: The URL, to the letter.
        host: ``"127.0.0.1"`` or ``"localhost"``.
        port: The port.
        path: The path that a browser asks for; at least ``"/"``.
    """

    text: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a sign-out URL.

        Args:
            text: The URL.

        Returns:
            Its parts.

        Raises:
            ConfigurationException: It is none that a browser could be sent back to on this machine.
        """
        parts = _SIGN_OUT_URL.fullmatch(text) if _fits(_SIGN_OUT_URL, text) else None
        if parts is None or int(parts["port"]) > _HIGHEST_PORT:
            raise ConfigurationException(
                f"{text!r} is not a sign-out URL for this machine.",
                "Write http://127.0.0.1:PORT/path (or http://localhost:PORT/path), without query and fragment, just "
                "as it is registered on the app client.",
            )
        return cls(text, parts["host"], int(parts["port"]), parts["path"] or "/")

    @property
    def origin(self) -> str:
        """The URL without its path."""
        return f"http://{self.host}:{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may send as ``Host``; it leaves the port away where it is the usual one."""
        full = f"{self.host}:{self.port}"
        return (full, self.host) if self.port == _HTTP_PORT else (full,)


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    # Settings often come from the environment, where what is missing is None.
    return isinstance(value, str) and pattern.fullmatch(value) is not None
