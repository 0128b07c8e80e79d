"""What the example applications share: where their user pool is, and the sign-in (OAuth 2.0, authorization code)."""

import html
import json
import secrets
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from authsm import (
    CognitoRunner,
    Notice,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    SQLiteCredentialStore,
    Transition,
    UserPoolTokens,
)
from authsm.web import SQLiteTicketStore, WebSignOut

ENDS: Final = ("SignedOut", "PartialSignedOut", "Error")
STYLE: Final = "<!doctype html><title>Example</title><meta name=viewport content=width=device-width>"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Where the user pool is, and where this application is.

    Attributes:
        endpoint_url: The API of the pool.
        domain: Its hosted UI.
        client_id: The app client.
        origin: Where this application is.
        sign_out_url: Where its callback is; another process may serve that.
        database: Its SQLite file.
        audit: Its file of how sign-outs ended, a line of JSON each.
        secret_key: Signs its session cookies.
    """

    endpoint_url: str
    domain: str
    client_id: str
    origin: str
    sign_out_url: str
    database: str
    audit: str
    secret_key: str

    @property
    def redirect_uri(self) -> str:
        return f"{self.origin}/callback"

    def web_sign_out(self, *, clock: Callable[[], float] = time.time) -> WebSignOut:
        """Credentials and tickets in one SQLite file, which all processes of the application share."""
        return WebSignOut(
            SQLiteCredentialStore(self.database),
            CognitoRunner(client_id=self.client_id, region="eu-central-1", endpoint_url=self.endpoint_url),
            SQLiteTicketStore(self.database),
            domain=self.domain,
            client_id=self.client_id,
            sign_out_url=self.sign_out_url,
            observers=[self._write_down],
            clock=clock,
        )

    def _write_down(self, notice: Notice) -> None:
        """Write the end of a sign-out into the audit. Short lines that are appended are not torn by other processes."""
        if isinstance(notice, Transition) and notice.target.state in ENDS:
            with Path(self.audit).open("a", encoding="utf-8") as lines:
                lines.write(f"{json.dumps([notice.run, notice.target.state])}\n")

    def sign_in_url(self, state: str) -> str:
        asks = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "state": state,
        }
        return f"{self.domain}/login?{urlencode(asks)}"

    def redeem(self, code: str) -> SignedInData:
        """Exchange the code for tokens."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": self.redirect_uri,
        }
        with urllib.request.urlopen(f"{self.domain}/oauth2/token", urlencode(form).encode()) as answer:  # noqa: S310 - the pool's own URL
            said = json.load(answer)
        tokens = UserPoolTokens.from_text(
            access_token=said["access_token"], id_token=said["id_token"], refresh_token=said["refresh_token"]
        )
        return SignedInData(sign_in_method=SignInMethod.HOSTED_UI, tokens=tokens)


def sweep_in_background(web: WebSignOut) -> None:
    """Have somebody notice whose browser never comes back."""
    threading.Thread(target=web.sweep_until, args=(threading.Event(),), daemon=True).start()


def who(web: WebSignOut, key: str | None) -> str | None:
    """Say who is signed in. (This reads a claim of a token that came from the pool itself, over its own connection.)"""
    credentials = web.auth(key).credentials() if key else None
    tokens = credentials.data.tokens if credentials else None
    if tokens is None or tokens.access_token is None:
        return None
    import jwt  # noqa: PLC0415 - only here

    claims = jwt.decode(tokens.access_token.reveal(), options={"verify_signature": False})
    return str(claims["username"])


def sign_in(web: WebSignOut, old: str | None, data: SignedInData) -> str:
    """Sign in, and give the key of the session. The tokens of an older one in this browser would otherwise live on."""
    if old is not None:
        web.auth(old).sign_out(policy=SignOutPolicy(hosted_ui="never"))
    key = new_text()
    web.auth(key).sign_in(data)
    return key


def new_text() -> str:
    """A random text: a state, or the key of a session."""
    return secrets.token_urlsafe(32)


def home(name: str | None, hidden: str = "") -> str:
    """The page of the application."""
    if name is None:
        return f'{STYLE}<p>Nobody is signed in.</p><a href="/sign-in">Sign in</a>'
    button = f'<form method="post" action="/sign-out">{hidden}<button>Sign out</button></form>'
    return f"{STYLE}<p>Signed in: {html.escape(name)}</p>{button}"
