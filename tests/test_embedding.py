"""The README's guide to embedding, run: its own programs, on a pool on this machine, with stores and a browser."""

import re
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import anyio
import boto3
import httpx
import pytest
from pycognito import Cognito
from starlette.requests import Request
from starlette.responses import Response

from authsm import (
    Auth,
    AuthState,
    CognitoRunner,
    CompleteSignOut,
    FailedSignOut,
    FileCredentialStore,
    SignedInData,
    SignInMethod,
    SignOutResult,
    UserPoolTokens,
)
from authsm.runners.hosted_ui import pages
from authsm.testing import FakeClient, FakeCognito, Fault
from tests.runners.hosted_ui.browser import WAIT_SECONDS, Browser
from tests.runners.hosted_ui.test_listener import free_port
from tests.stores.secret_service import secret_service

_GUIDE = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8").partition("## Embed it")[2]
_PROGRAM = re.compile(r"^### (In an? [^\n]*)\n[^#]*?^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS: dict[str, str] = dict(_PROGRAM.findall(_GUIDE))

THEIR_DOMAIN = "my-app.auth.eu-central-1.amazoncognito.com"
ELSEWHERE = ("https://www.example.com/signed-out", "https://app.example.com/signed-out")
SIGN_IN = "http://127.0.0.1:1/in"
PASSWORD = "Correct-Horse-1"

shows_the_address = pytest.mark.shows_tokens(
    because="the address lets one browser in, once, and is shown to be opened by hand"
)


@dataclass
class Reader:
    """Who runs the programs of the guide, on a pool and on ports of their own, and has a browser."""

    cognito: FakeCognito
    client: FakeClient = field(init=False)
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    browser: Browser = field(default_factory=Browser)

    def __post_init__(self) -> None:
        here = [f"http://127.0.0.1:{port}/signed-out" for port in self.ports]
        self.client = self.cognito.add_client(sign_out_urls=(*here, *ELSEWHERE), callback_urls=(SIGN_IN,))

    def load(self, title: str) -> dict[str, Any]:
        program = PROGRAMS[title]
        for theirs, mine in {
            THEIR_DOMAIN: self.cognito.domain,
            "4example": self.client.id,
            '"eu-central-1"': f'"eu-central-1", endpoint_url="{self.cognito.endpoint_url}"',
            ":8400/": f":{self.ports[0]}/",
            ":8401/": f":{self.ports[1]}/",
        }.items():
            program = program.replace(theirs, mine)
        loaded: dict[str, Any] = {}
        exec(compile(program, "README.md", "exec", dont_inherit=True), loaded)  # noqa: S102 - it is our README
        return loaded

    def signs_in(self, method: SignInMethod = SignInMethod.HOSTED_UI) -> SignedInData:
        asks = f"response_type=code&client_id={self.client.id}&redirect_uri={SIGN_IN}"
        form = {"username": "ada", "password": PASSWORD}
        if not self.cognito.browser_sessions("ada"):  # else the provider knows the browser, and asks for nothing
            self.browser.get(f"{self.cognito.domain}/login?{asks}", follow=False, form=form)
        tokens = self.cognito.sign_in(self.client, "ada")
        own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
        return SignedInData(username="ada", sign_in_method=method, tokens=own)

    @property
    def is_signed_in(self) -> tuple[bool, bool]:
        """At the service, and in the browser."""
        return self.cognito.live_refresh_tokens("ada") > 0, self.cognito.browser_sessions("ada") > 0


@pytest.fixture
def reader(cognito: FakeCognito) -> Reader:
    return Reader(cognito)


def test_each_kind_of_program_has_its_own() -> None:
    assert list(PROGRAMS) == [
        "In a desktop application",
        "In a command line",
        "In a web back end",
        "In an SDK that keeps tokens its own way",
    ]


@shows_the_address
def test_a_desktop_application(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = reader.load("In a desktop application")
    shown: SimpleQueue[SignOutResult] = SimpleQueue()
    opened: SimpleQueue[str] = SimpleQueue()
    with secret_service(tmp_path):
        auth, hosted_ui = program["open_session"](tmp_path / "sessions")
        auth.sign_in(reader.signs_in())

        monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
        monkeypatch.setattr(webbrowser, "open", opened.put)
        program["sign_out_clicked"](auth, shown.put)
        assert opened.get(timeout=WAIT_SECONDS)
        assert program["cancel_clicked"](hosted_ui)
        assert isinstance(shown.get(timeout=WAIT_SECONDS), FailedSignOut)
        assert (auth.state, reader.is_signed_in) == (AuthState.SIGNED_IN, (True, True))

        monkeypatch.setattr(webbrowser, "open", reader.browser.get)
        program["sign_out_clicked"](auth, shown.put)
        assert isinstance(shown.get(timeout=WAIT_SECONDS), CompleteSignOut)
        assert (auth.state, reader.is_signed_in) == (AuthState.SIGNED_OUT, (False, False))
        assert not program["cancel_clicked"](hosted_ui)


@pytest.fixture
def on_the_command_line(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[SignInMethod], int]:
    """Runs the program; gives its exit status."""
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
    monkeypatch.setattr(webbrowser, "open", reader.browser.get)

    def run(method: SignInMethod = SignInMethod.HOSTED_UI) -> int:
        Auth(FileCredentialStore(tmp_path), {}).sign_in(reader.signs_in(method))
        status: int = reader.load("In a command line")["sign_out"](tmp_path)
        return status

    return run


@shows_the_address
def test_a_command_line(reader: Reader, on_the_command_line: Callable[..., int]) -> None:
    assert on_the_command_line() == 0
    assert reader.is_signed_in == (False, False)


def test_a_command_line_on_a_machine_without_the_users_browser(
    reader: Reader,
    on_the_command_line: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 51000 198.51.100.8 22")
    assert on_the_command_line() == 0
    assert reader.is_signed_in == (False, True)
    (url,) = re.findall(r"^http.*$", capsys.readouterr().err, re.MULTILINE)
    reader.browser.get(url, follow=False)
    assert reader.is_signed_in == (False, False)


@shows_the_address
def test_a_command_line_says_what_failed_and_what_to_do(
    reader: Reader, on_the_command_line: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    reader.cognito.fail("RevokeToken", Fault.error("UnsupportedOperationException"))
    assert on_the_command_line() == 3
    assert "revo" in capsys.readouterr().err
    assert on_the_command_line(SignInMethod.FEDERATED) == 4
    assert "federated" in capsys.readouterr().err


def test_a_web_back_end(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = reader.load("In a web back end")

    async def sign_in(request: Request) -> Response:
        program["signed_in"](request, reader.signs_in())
        return Response()

    program["app"].add_route("/sign-in", sign_in)

    async def click_through() -> None:
        app = program["app"]
        server = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=server, base_url="https://app.example.com") as browser,
        ):
            for _ in range(2):
                await browser.get("/sign-in")
            assert reader.cognito.live_refresh_tokens("ada") == 1  # those of the first sign-in do not live on
            assert reader.is_signed_in == (True, True)
            button = await browser.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})
            assert reader.is_signed_in == (False, True)
            at_the_provider = reader.browser.get(button.headers["Location"], follow=False)
            assert reader.is_signed_in == (False, False)
            back = await browser.get(at_the_provider.headers["Location"] or "")
            assert back.content == pages.SIGNED_OUT

    anyio.run(click_through)


def test_an_sdk_that_keeps_tokens_its_own_way(reader: Reader) -> None:
    program = reader.load("In an SDK that keeps tokens its own way")
    tokens = reader.cognito.sign_in(reader.client, "ada")
    user = Cognito(
        reader.cognito.user_pool_id,
        reader.client.id,
        username="ada",
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        session=boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=reader.cognito.region),
    )
    runner = CognitoRunner(
        client_id=reader.client.id, region=reader.cognito.region, endpoint_url=reader.cognito.endpoint_url
    )
    assert isinstance(program["sign_out"](user, runner), CompleteSignOut)
    assert (user.access_token, user.refresh_token, reader.is_signed_in) == (None, None, (False, False))
