"""Where the browser is elsewhere, or nowhere: what is shown, and that the result says what is not known."""

import io
import sys
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    CompleteSignOut,
    ConfigurationException,
    Done,
    MemoryCredentialStore,
    NoHostedUI,
    PartialSignOut,
    PrintUrlHostedUI,
    RevokeToken,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutResult,
    UserPoolTokens,
)
from authsm.core.vocabulary import EffectFailedError, FailureKind
from authsm.runners.hosted_ui import cognito_logout_url, oidc_logout_url
from tests.runners.hosted_ui.browser import make_call
from tests.runners.hosted_ui.desktop import LOOPS, PROVIDER

SETTINGS: dict[str, Any] = {"domain": PROVIDER, "client_id": "abc", "sign_out_url": "https://www.example.com/bye"}
URL = cognito_logout_url(**SETTINGS)


def sign_out(loop: str, hosted_ui: Callable[..., Any]) -> SignOutResult:
    store = MemoryCredentialStore()
    handlers = {ShowHostedUISignOut: hosted_ui, RevokeToken: lambda *_: None}
    data = SignedInData(
        username="ada",
        sign_in_method=SignInMethod.HOSTED_UI,
        tokens=UserPoolTokens.from_text(refresh_token="r" * 40),
    )
    if loop == "threads":
        auth = Auth(store, handlers)
        auth.sign_in(data)
        return auth.sign_out()

    async def main() -> SignOutResult:
        auth = AsyncAuth(store, handlers)
        await auth.sign_in(data)
        return await auth.sign_out()

    return anyio.run(main, backend=loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_shown_url_is_unconfirmed(loop: str) -> None:
    shown: list[str] = []
    result = sign_out(loop, PrintUrlHostedUI(**SETTINGS, show_url=shown.append))
    assert isinstance(result, CompleteSignOut)
    assert isinstance(result.steps.hosted_ui, Done)
    assert result.steps.hosted_ui.note.startswith("Unconfirmed: the URL")
    assert shown == [URL]


@pytest.mark.parametrize("loop", LOOPS)
def test_without_a_browser_the_result_says_what_lives_on(loop: str) -> None:
    result = sign_out(loop, NoHostedUI())
    assert isinstance(result, PartialSignOut)
    assert result.hosted_ui_error is not None
    failure = result.hosted_ui_error.exception.failure
    assert failure is not None
    assert (failure.kind, failure.code) == (FailureKind.NOT_ATTEMPTED, "NoBrowser")
    assert "end_sso_session=True" in failure.message


def test_by_default_the_url_is_printed_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    PrintUrlHostedUI(**SETTINGS)(ShowHostedUISignOut(), make_call())
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith(f"\n{URL}\n")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError


@pytest.mark.parametrize("stream", [None, closed(), Full()])
def test_a_url_that_nobody_can_have_seen_is_a_failure(
    stream: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(EffectFailedError) as caught:
        PrintUrlHostedUI(**SETTINGS)(ShowHostedUISignOut(), make_call())
    assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.NOT_ATTEMPTED, "NotShown")
    assert capsys.readouterr().out == ""


def test_another_provider_has_its_own_url() -> None:
    handler = PrintUrlHostedUI(**SETTINGS, logout_url=oidc_logout_url("/oidc/logout"))
    back = "https%3A%2F%2Fwww.example.com%2Fbye"
    assert handler.sign_out_url == f"{PROVIDER}/oidc/logout?client_id=abc&post_logout_redirect_uri={back}"
    assert repr(handler) == f"PrintUrlHostedUI(sign_out_url={handler.sign_out_url!r})"
    assert repr(NoHostedUI()) == "NoHostedUI()"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"domain": "my-app"}, "The domain of the hosted UI"),
        ({"client_id": "my app"}, "The client id"),
        ({"sign_out_url": "/bye"}, "The sign-out URL"),
        ({"sign_out_url": "https://x/ y"}, "The sign-out URL"),
        ({"sign_out_url": None}, "The sign-out URL"),
        ({"logout_url": lambda **_: "/logout"}, "The logout URL that was built"),
    ],
)
def test_a_setting_that_cannot_work_is_told_at_once(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationException, match=f"^{message}"):
        PrintUrlHostedUI(**SETTINGS | setting)
