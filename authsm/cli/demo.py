"""``authsm demo``: sign out in every way against a stand-in of Cognito, and show what server and store hold."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from authsm.auth.blocking import Auth
from authsm.cli.browser import SmallBrowser
from authsm.cli.handover import HandOver
from authsm.cli.show import show_result, show_transition
from authsm.core.drive import Transition
from authsm.credentials import SignedInData, SignInMethod, UserPoolTokens
from authsm.flows.sign_out.results import CompleteSignOut, FailedSignOut, PartialSignOut
from authsm.runners.cognito import CognitoRunner
from authsm.runners.hosted_ui import LoopbackHostedUI
from authsm.runners.hosted_ui.users_browser import has_browser
from authsm.stores.memory import MemoryCredentialStore
from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Notice

_PASSWORD = "Correct-Horse-1"  # noqa: S105 - of a user who exists only here
_BROWSER_SECONDS = 15.0
"""How long the user's browser has to open."""
_AN_HOUR_AND_A_BIT = 3700.0
_SIGN_OUT_URLS = tuple(f"http://127.0.0.1:{port}/signed-out" for port in range(8410, 8420))


@dataclass(frozen=True, slots=True)
class _Scene:
    """One way to sign out.

    Attributes:
        title: What it shows.
        play: Plays it; gives the result.
        ends: The kind of result that it must end in.
    """

    title: str
    play: Callable[[_Stage], SignOutResult]
    ends: type[SignOutResult]


@click.command()
def demo() -> None:
    """Sign users out in every way, against a stand-in of Cognito on this machine, and watch."""
    console = Console(highlight=False)
    console.print(
        "Six sign-outs against a stand-in of Amazon Cognito on 127.0.0.1. The users sign in through boto3, and boto3 "
        "carries the remote steps of the sign-out out. "
        + (
            "At the hosted UI, your browser opens."
            if has_browser()
            else "There is no browser here: its part at the hosted UI is played by a small HTTP client."
        )
    )
    for number, scene in enumerate(_SCENES, 1):
        console.rule(f"[bold]{number}. {scene.title}")
        with FakeCognito() as cognito:
            result = scene.play(_Stage(console, cognito))
        show_result(console, result)
        if type(result) is not scene.ends:
            raise click.ClickException(f"This should have ended in {scene.ends.__name__}.")
    console.rule()


class _Stage:
    """A stand-in of Cognito with a user who is signed in, and who watches."""

    def __init__(self, console: Console, cognito: FakeCognito) -> None:
        self.console = console
        self.cognito = cognito
        self.client: FakeClient = cognito.add_client(sign_out_urls=_SIGN_OUT_URLS)
        cognito.add_user("ada", password=_PASSWORD)
        self.boto3 = _boto3_client(cognito)
        self.store = MemoryCredentialStore()
        self.browser = SmallBrowser()
        self.cookie = ""
        self.tokens: FakeTokens | None = None

    def auth(self, *, seconds_ago: float = 0, hosted_ui: LoopbackHostedUI | None = None, admin: bool = False) -> Auth:
        """Sign the user in, some time ago, and give the object that can sign her out."""
        self.cognito.pass_time(-seconds_ago)
        answer = self.boto3.initiate_auth(
            ClientId=self.client.id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": _PASSWORD},
        )["AuthenticationResult"]
        self.cognito.pass_time(seconds_ago)
        self.tokens = FakeTokens(
            access_token=answer["AccessToken"],
            id_token=answer["IdToken"],
            refresh_token=answer["RefreshToken"],
            expires_in=answer["ExpiresIn"],
        )
        if hosted_ui is not None:
            self.cookie = self.cognito.open_browser_session("ada")
            self.browser.hold_cookie(self.cognito.domain, "cognito", self.cookie)
        runner = CognitoRunner(
            client_id=self.client.id,
            user_pool_id=self.cognito.user_pool_id,
            region=None if admin else self.cognito.region,
            client=self.boto3 if admin else None,
            endpoint_url=None if admin else self.cognito.endpoint_url,
            admin=admin,
            hosted_ui=hosted_ui,
        )
        auth = Auth(self.store, runner, observers=[self._watch])
        auth.sign_in(
            SignedInData(
                username="ada",
                sign_in_method=SignInMethod.HOSTED_UI if hosted_ui else SignInMethod.USER_POOL,
                tokens=UserPoolTokens.from_text(
                    access_token=answer["AccessToken"],
                    id_token=answer["IdToken"],
                    refresh_token=answer["RefreshToken"],
                ),
            )
        )
        return auth

    def _show_url(self, url: str) -> None:
        """Show where the browser goes, without the part that lets only this browser in."""
        self.console.print(f"  browser: {url.rpartition('/')[0]}/...", style="dim", soft_wrap=True)

    def _open(self, url: str) -> None:
        """Open the user's browser, signed in as this stage's; where none comes, play its part."""
        if has_browser():
            with HandOver(f"cognito={self.cookie}", url) as page:
                # Some browsers hold their caller up for as long as they run.
                threading.Thread(target=webbrowser.open, args=(page.url,), daemon=True).start()
                if page.was_taken(_BROWSER_SECONDS):
                    self.console.print("  your browser opened", style="dim")
                    return
            self.console.print("  your browser did not open: a small HTTP client plays its part", style="dim")
        else:
            self.console.print("  no browser here: a small HTTP client opens this address", style="dim")
        self.browser.open(url)

    def hosted_ui(self, open_browser: Callable[[str], object] | None = None) -> LoopbackHostedUI:
        """Give a hosted UI with the user's browser, or else with the small one of this stage, unless one is given."""
        return LoopbackHostedUI(
            domain=self.cognito.domain,
            client_id=self.client.id,
            sign_out_urls=_SIGN_OUT_URLS,
            open_browser=open_browser or self._open,
            show_url=self._show_url,
        )

    @contextmanager
    def before_and_after(self) -> Generator[None]:
        """Show what server and store hold, before and after what is done meanwhile."""
        before = self._holds()
        yield
        after = self._holds()
        table = Table(title="held", title_justify="left")
        for heading in ("", "before", "after"):
            table.add_column(heading)
        for what, then in before.items():
            table.add_row(what, then, after[what])
        self.console.print(table)

    def _holds(self) -> dict[str, str]:
        assert self.tokens is not None  # noqa: S101 - every scene signs in first
        return {
            "server: refresh token": _alive(self.cognito.holds(self.tokens.refresh_token)),
            "server: access token": _alive(self.cognito.accepts(self.tokens.access_token)),
            "server: all sessions of the user": str(self.cognito.live_refresh_tokens("ada")),
            "server: browser sessions": str(self.cognito.browser_sessions("ada")),
            "store": self.store.load("default").state.value,
        }

    def _watch(self, notice: Notice) -> None:
        if isinstance(notice, Transition):
            show_transition(self.console, notice)


def _alive(alive: bool) -> str:  # noqa: FBT001 - the only thing it says
    return "alive" if alive else "dead"


def _boto3_client(cognito: FakeCognito) -> Any:
    import boto3  # noqa: PLC0415 - heavy
    from botocore.config import Config  # noqa: PLC0415 - heavy

    return boto3.client(  # pyright: ignore[reportUnknownMemberType] - the stubs of the other services are not here
        "cognito-idp",
        region_name=cognito.region,
        endpoint_url=cognito.endpoint_url,
        aws_access_key_id="demo",
        aws_secret_access_key="demo",  # noqa: S106 - the stand-in asks for a signature, and does not check it
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=5),
    )


def _complete(stage: _Stage) -> SignOutResult:
    auth = stage.auth(hosted_ui=stage.hosted_ui())
    with stage.before_and_after():
        return auth.sign_out()


def _partial(stage: _Stage) -> SignOutResult:
    auth = stage.auth()
    stage.cognito.fail("RevokeToken", Fault.error("InternalErrorException", status=500), times=None)
    with stage.before_and_after():
        return auth.sign_out()


def _failed(stage: _Stage) -> SignOutResult:
    def cancel(_: str) -> None:
        stage.console.print("  the user cancels", style="dim")
        hosted_ui.cancel()

    hosted_ui = stage.hosted_ui(cancel)
    auth = stage.auth(hosted_ui=hosted_ui)
    with stage.before_and_after():
        result = auth.sign_out()
    assert stage.tokens is not None  # noqa: S101 - the scene signed in
    username = stage.boto3.get_user(AccessToken=stage.tokens.access_token)["Username"]
    stage.console.print(f"GetUser still answers: {username}. Nothing was revoked, nothing was cleared.")
    return result


def _global(stage: _Stage) -> SignOutResult:
    for _ in range(2):
        stage.cognito.sign_in(stage.client, "ada")
    auth = stage.auth(seconds_ago=_AN_HOUR_AND_A_BIT)
    with stage.before_and_after():
        return auth.sign_out(global_sign_out=True)


def _admin(stage: _Stage) -> SignOutResult:
    auth = stage.auth(hosted_ui=stage.hosted_ui(), admin=True)
    with stage.before_and_after():
        return auth.sign_out(global_sign_out=True)


def _offline(stage: _Stage) -> SignOutResult:
    auth = stage.auth()
    with stage.before_and_after():
        stage.cognito.stop()
        return auth.sign_out()


_SCENES = (
    _Scene("Complete: a session of the hosted UI", _complete, CompleteSignOut),
    _Scene("Partial: the service cannot revoke the token now", _partial, PartialSignOut),
    _Scene("Failed: the user cancels in the browser", _failed, FailedSignOut),
    _Scene("Global, from a session an hour old: the access token is refreshed first", _global, CompleteSignOut),
    _Scene("Global with IAM credentials: hosted UI, revocation, then the global sign-out", _admin, CompleteSignOut),
    _Scene("Offline: signed out here, and what is left is said", _offline, PartialSignOut),
)
