"""The hosted UI's pages and the OAuth 2.0 endpoints beside them.

``/login`` keeps a browser signed in by a cookie, ``/logout`` ends that (Cognito guide, "The managed login sign-out
endpoint"), ``/oauth2/token`` and ``/oauth2/revoke`` are called by the app itself. PKCE is not looked at.
"""

import base64
import binascii
import html
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

from .answers import Answer, Request, json_answer, oauth_error, page, redirect
from .browsers import BROWSER_SESSION_SECONDS
from .pool import UserPool
from .values import FakeClient, FakeTokens, FakeUser, ServiceError

__all__ = ["ROUTES", "visit"]

_FORM: Final = (
    '{problem}<form method="post" action="/login?{query}">'
    '<input name="username" autocomplete="username"><input name="password" type="password">'
    '<button type="submit">Sign in</button></form>'
)


def visit(pool: UserPool, route: str, request: Request) -> Answer:
    """Answer a request to one of the ``ROUTES``; 404 for any other, 405 for a known path with another method."""
    serve = ROUTES.get(route)
    if serve is not None:
        return serve(pool, request)
    if any(known.endswith(f" {request.path}") for known in ROUTES):
        return page("Method not allowed", status=HTTPStatus.METHOD_NOT_ALLOWED)
    return page("Not found", status=HTTPStatus.NOT_FOUND)


def _show_login(pool: UserPool, request: Request) -> Answer:
    client = _login_client(pool, request)
    if client is None:
        return _bad_request()
    cookie = request.session_cookie
    user = pool.browsers.user(cookie)
    if user is None:
        return _login_form(request)
    return redirect(_callback(pool, client, user, request, cookie))


def _submit_login(pool: UserPool, request: Request) -> Answer:
    client = _login_client(pool, request)
    if client is None:
        return _bad_request()
    form = request.form or {}
    try:
        user = pool.check_password(form.get("username", ""), form.get("password", ""))
    except ServiceError as error:
        return _login_form(request, problem=error.message, status=HTTPStatus.UNAUTHORIZED)
    cookie = pool.browsers.sign_in(user)
    callback = _callback(pool, client, user, request, cookie)
    return redirect(callback, cookie=cookie, cookie_seconds=BROWSER_SESSION_SECONDS)


def _login_client(pool: UserPool, request: Request) -> FakeClient | None:
    parameters = request.parameters
    client = _known_client(pool, parameters.get("client_id", ""))
    if client is None or parameters.get("response_type") != "code":
        return None
    return client if parameters.get("redirect_uri") in client.callback_urls else None


def _callback(pool: UserPool, client: FakeClient, user: FakeUser, request: Request, cookie: str) -> str:
    parameters = request.parameters
    redirect_uri = parameters["redirect_uri"]
    asked = parameters.get("scope", "").split()
    scopes = tuple(scope for scope in client.scopes if scope in asked) if asked else client.scopes
    code = pool.browsers.give_code(client, user, cookie, redirect_uri=redirect_uri, scopes=scopes)
    returned = {"code": code} | ({"state": parameters["state"]} if "state" in parameters else {})
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{separator}{urlencode(returned)}"


def _login_form(request: Request, *, problem: str = "", status: int = HTTPStatus.OK) -> Answer:
    said = f"<p>{html.escape(problem)}</p>" if problem else ""
    return page("Sign in", _FORM.format(problem=said, query=html.escape(request.query)), status=status)


def _log_out(pool: UserPool, request: Request) -> Answer:
    parameters = request.parameters
    client = _known_client(pool, parameters.get("client_id", ""))
    logout_uri = parameters.get("logout_uri", "")
    if client is None or logout_uri not in client.sign_out_urls:
        return _bad_request()
    pool.browsers.sign_out(request.session_cookie)
    return redirect(logout_uri, cookie="")


def _revoke(pool: UserPool, request: Request) -> Answer:
    form = request.form
    if form is None:
        return oauth_error("invalid_request")
    client = _authenticated_client(pool, request, form)
    if client is None:
        return oauth_error("invalid_client", status=HTTPStatus.UNAUTHORIZED)
    token = form.get("token")
    if not token:
        return oauth_error("invalid_request", description="token is missing")
    try:
        pool.revoke(client, token)
    except ServiceError as error:
        if error.code == "UnsupportedTokenTypeException":
            return oauth_error("unsupported_token_type")
        # Revocation is off for this client, or the token is another client's: RFC 7009 section 2.1 wants that refused,
        # and of the errors in the Cognito guide, "The token revocation endpoint", no other fits.
        return oauth_error("invalid_request", description=error.message)
    return Answer()


def _token(pool: UserPool, request: Request) -> Answer:
    form = request.form
    if form is None:
        return oauth_error("invalid_request")
    client = _authenticated_client(pool, request, form)
    if client is None:
        # 400 here and 401 at /oauth2/revoke: so the guide has it, "The token issuer endpoint".
        return oauth_error("invalid_client")
    grant = form.get("grant_type")
    if grant == "authorization_code":
        tokens = pool.redeem_code(client, form.get("code", ""), redirect_uri=form.get("redirect_uri", ""))
        return oauth_error("invalid_grant") if tokens is None else _token_answer(tokens)
    if grant == "refresh_token":
        sent = form.get("refresh_token", "")
        try:
            return _token_answer(pool.refresh(client, sent), sent)
        except ServiceError:
            return oauth_error("invalid_grant")
    return oauth_error("unsupported_grant_type" if grant else "invalid_request")


def _token_answer(tokens: FakeTokens, sent_refresh_token: str = "") -> Answer:
    members = {
        "access_token": tokens.access_token,
        "id_token": tokens.id_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh_token != sent_refresh_token:
        members["refresh_token"] = tokens.refresh_token
    return json_answer(members, content_type="application/json;charset=UTF-8")


def _authenticated_client(pool: UserPool, request: Request, form: Mapping[str, str]) -> FakeClient | None:
    """Return the client that sent the request, by Basic authentication or, without a secret, by its bare id."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        client = _known_client(pool, form.get("client_id", ""))
        return client if client is not None and client.secret is None else None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    client = _known_client(pool, client_id)
    if client is None or client.secret is None:
        return None
    return client if secrets.compare_digest(client.secret.encode(), secret.encode()) else None


def _known_client(pool: UserPool, client_id: str) -> FakeClient | None:
    try:
        return pool.client(client_id)
    except ServiceError:
        return None


def _bad_request() -> Answer:
    # Nothing of the request is shown, and nothing redirects to an address that is not registered.
    return page("An error was encountered with the requested page.", status=HTTPStatus.BAD_REQUEST)


ROUTES: Final[Mapping[str, Callable[[UserPool, Request], Answer]]] = {
    "GET /login": _show_login,
    "POST /login": _submit_login,
    "GET /logout": _log_out,
    "POST /oauth2/revoke": _revoke,
    "POST /oauth2/token": _token,
}
"""Every page and endpoint beside the JSON API, by method and path."""
