"""Providers that a browser signs in to, and an application that signs in and out there."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import anyio

from authsm import (
    AsyncAuth,
    AsyncLoopbackHostedUI,
    Auth,
    Call,
    CognitoRunner,
    Limits,
    LoopbackHostedUI,
    MemoryCredentialStore,
    RevokeToken,
    Runner,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutResult,
    UserPoolTokens,
)
from authsm.runners.hosted_ui import LogoutURL, cognito_logout_url, oidc_logout_url
from tests.left_out import missing
from tests.programs import PATIENCE
from tests.runners.hosted_ui.browser import WAIT_SECONDS
from tests.runners.hosted_ui.test_listener import free_port
from tests.sites import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext

    from authsm.testing import FakeCognito
    from tests.runners.hosted_ui.users_browser import UsersBrowser

_HERE: Final = Path(__file__).parent
_MODULES: Final = _HERE.parents[2] / ".node" / "provider" / "node_modules"
PASSWORD: Final = "Correct-Horse-1"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """What an application has to know of a provider.

    Attributes:
        domain: Where it is.
        client_id: The application, as it is registered there.
        cookie: The name of the cookie that keeps a browser signed in.
        authorization: The path where a browser signs in.
        token: The path where codes and refresh tokens are exchanged.
        username_field: The name of the field for the user's name.
        sign_in_buttons: What the user presses one after the other to sign in.
        sign_out_button: What the user presses to sign out, if anything.
        logout_url: Builds the URL at which the browser is signed out.
        runner: Makes the runner whose handler for the hosted UI this is.
    """

    domain: str
    client_id: str
    cookie: str
    authorization: str
    token: str
    username_field: str
    sign_in_buttons: tuple[str, ...]
    sign_out_button: str = ""
    logout_url: LogoutURL = cognito_logout_url
    runner: Callable[[Any], Any] = field(repr=False)


@dataclass(kw_only=True)
class Application:
    """A program on the user's machine that signs her in through her browser (RFC 8252), and out again.

    Attributes:
        callback_url: Where the browser comes back to after the sign-in.
        sign_out_url: Where it comes back to after the sign-out.
        store: Where the program keeps its tokens.
        hosted_ui: The handler of the latest sign-out.
    """

    provider: Provider
    browser: UsersBrowser
    callback_url: str
    sign_out_url: str
    store: MemoryCredentialStore = field(default_factory=MemoryCredentialStore)
    hosted_ui: Any = None

    def sign_in(self) -> UserPoolTokens:
        """Sign the user in: she fills in the form of the provider, and the program exchanges the code for tokens."""
        page, verifier = self.browser.page, secrets.token_urlsafe(32)
        page.goto(self._authorization_url(verifier))
        page.locator(f"[name={self.provider.username_field}]").fill("ada")
        page.locator("[name=password]").fill(PASSWORD)
        for button in self.provider.sign_in_buttons:
            page.get_by_role("button", name=button).click()
        page.wait_for_url(f"{self.callback_url}?*")
        (code,) = parse_qs(urlsplit(page.url).query)["code"]
        said = self._exchange(
            grant_type="authorization_code", code=code, redirect_uri=self.callback_url, code_verifier=verifier
        )
        access_token = said["access_token"]
        tokens = UserPoolTokens.from_text(
            access_token=access_token if access_token.count(".") == 2 else None,  # only Cognito's says what it holds
            id_token=said["id_token"],
            refresh_token=said["refresh_token"],
        )
        data = SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=tokens)
        Auth(self.store, {}).sign_in(data)
        return tokens

    def asks_for_login(self, context: BrowserContext | None = None) -> bool:
        """Tell what a new authorization does in a browser: ask for a login, or lead straight back with a code."""
        with contextlib.closing((context or self.browser.context).new_page()) as page:
            page.goto(self._authorization_url(secrets.token_urlsafe(32)))
            asks, leads_back = page.locator("[name=password]").count() == 1, page.url.startswith(self.callback_url)
        assert asks != leads_back
        return asks

    def cookies(self) -> list[Any]:
        """What the user's browser holds for the provider."""
        return list(self.browser.context.cookies(self.provider.domain))

    def confirm(self) -> None:
        """Press the provider's button that signs the browser out."""
        self.browser.page.get_by_role("button", name=self.provider.sign_out_button).click()

    def refreshes(self, tokens: UserPoolTokens) -> bool:
        """Tell whether the provider still gives new tokens for the refresh token."""
        assert tokens.refresh_token is not None
        sent = tokens.refresh_token.reveal()
        try:
            return "access_token" in self._exchange(grant_type="refresh_token", refresh_token=sent)
        except urllib.error.HTTPError as refusal:
            with refusal:
                said = json.load(refusal)
            assert said["error"] == "invalid_grant"
            return False

    def sign_out(self, loop: str = "threads", *, seconds: float = WAIT_SECONDS) -> Future[SignOutResult]:
        """Begin to sign the user out; the browser is opened as the library does it by default."""
        handler = LoopbackHostedUI if loop == "threads" else AsyncLoopbackHostedUI
        self.hosted_ui = handler(
            domain=self.provider.domain,
            client_id=self.provider.client_id,
            sign_out_urls=[self.sign_out_url],
            show_url=lambda _: None,  # it lets one browser in, and belongs in no output
            logout_url=self.provider.logout_url,
        )
        runner, limits = self.provider.runner(self.hosted_ui), Limits(seconds={ShowHostedUISignOut: seconds})
        if loop == "threads":
            return Auth(self.store, runner, limits=limits).sign_out_future()
        auth = AsyncAuth(self.store, runner, limits=limits)
        background = ThreadPoolExecutor(max_workers=1)
        ending = background.submit(lambda: anyio.run(auth.sign_out, backend=loop))
        background.shutdown(wait=False)  # its thread ends with the sign-out
        return ending

    @property
    def port(self) -> int:
        """Where the program waits for the browser."""
        return urlsplit(self.sign_out_url).port or 0

    def _authorization_url(self, verifier: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asks = {
            "client_id": self.provider.client_id,
            "response_type": "code",
            "scope": "openid aws.cognito.signin.user.admin",
            "redirect_uri": self.callback_url,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.provider.domain}{self.provider.authorization}?{urlencode(asks)}"

    def _exchange(self, **form: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(
            _post(f"{self.provider.domain}{self.provider.token}", client_id=self.provider.client_id, **form)
        )
        return said


def _post(url: str, **form: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, urlencode(form).encode(), timeout=WAIT_SECONDS) as answer:  # the tests' own URLs
        body: bytes = answer.read()
        return body


@contextlib.contextmanager
def application(
    browser: UsersBrowser, find: Callable[[str, str], contextlib.AbstractContextManager[Provider]]
) -> Iterator[Application]:
    """Run an application.

    Args:
        browser: The user's.
        find: Registers the callback URL and the sign-out URL at a provider.
    """
    sign_out_url = f"http://127.0.0.1:{free_port()}/signed-out"
    with Site({"/in": "<h1>Signed in</h1>"}) as site, find(f"{site.url}in", sign_out_url) as provider:
        app = Application(provider=provider, browser=browser, callback_url=f"{site.url}in", sign_out_url=sign_out_url)
        try:
            yield app
        finally:
            if app.hosted_ui is not None:
                app.hosted_ui.cancel()  # a test that fails leaves nothing that waits


@contextlib.contextmanager
def fake_cognito(cognito: FakeCognito, callback_url: str, *sign_out_urls: str) -> Iterator[Provider]:
    """The stand-in of Cognito, with its own API for the remote steps."""
    client = cognito.add_client(callback_urls=(callback_url,), sign_out_urls=sign_out_urls)
    yield Provider(
        domain=cognito.domain,
        client_id=client.id,
        cookie="cognito",
        authorization="/login",
        token="/oauth2/token",
        username_field="username",
        sign_in_buttons=("Sign in",),
        runner=lambda hosted_ui: CognitoRunner(
            client_id=client.id,
            region=cognito.region,
            endpoint_url=cognito.endpoint_url,
            hosted_ui=hosted_ui,
        ),
    )


@contextlib.contextmanager
def oidc_provider(callback_url: str, *sign_out_urls: str, by_openid_connect: bool) -> Iterator[Provider]:
    """oidc-provider, which knows nothing of Cognito.

    Args:
        callback_url: Where it may lead after a sign-in.
        sign_out_urls: Where it may lead after a sign-out.
        by_openid_connect: Whether the browser is signed out at its own end-session endpoint, which asks the user, and
            not at the one of Cognito's shape in front of it.
    """
    node = shutil.which("node")
    if node is None or not (_MODULES / "oidc-provider").is_dir():
        missing("oidc-provider")
    process = subprocess.Popen(  # noqa: S603 - our own script
        [node, _HERE / "provider" / "server.mjs", _MODULES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin, process.stdout:
            client = {"id": "shop", "callback_url": callback_url, "sign_out_urls": sign_out_urls}
            process.stdin.write(f"{json.dumps(client)}\n")
            process.stdin.flush()
            domain = json.loads(process.stdout.readline())

            def revoke(_: RevokeToken, call: Call) -> None:
                token = call.tokens().refresh_token
                assert token is not None
                _post(f"{domain}/token/revocation", client_id="shop", token=token.reveal())  # RFC 7009

            yield Provider(
                domain=domain,
                client_id="shop",
                cookie="_session",
                authorization="/auth",
                token="/token",
                username_field="login",
                sign_in_buttons=("Sign-in", "Continue"),
                sign_out_button="Yes, sign me out" if by_openid_connect else "",
                logout_url=oidc_logout_url("/session/end") if by_openid_connect else cognito_logout_url,
                runner=lambda hosted_ui: Runner(
                    handlers={ShowHostedUISignOut: hosted_ui, RevokeToken: revoke}, hosted_ui_url=hosted_ui.sign_out_url
                ),
            )
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
