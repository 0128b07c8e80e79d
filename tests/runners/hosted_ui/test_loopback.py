"""The handler as a runner sees it: real sockets, real HTTP, and a browser with cookies of its own."""

import contextlib
import io
import math
import os
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import pytest

from authsm.core.vocabulary import EffectFailedError, FailureKind
from authsm.errors import ConfigurationException, UserCancelledException
from authsm.runners.hosted_ui import AsyncLoopbackHostedUI, LoopbackHostedUI, listener, oidc_logout_url
from authsm.runners.hosted_ui.flight import Flight
from authsm.runners.hosted_ui.urls import SignOutURL
from authsm.testing.fake_cognito import FakeCognito
from tests.runners.hosted_ui.browser import WAIT_SECONDS, Browser, SignOut, end_time, make_call, send
from tests.runners.hosted_ui.desktop import LOOPS, PROVIDER, Desktop, begin
from tests.runners.hosted_ui.test_listener import free_port, listens, needs_ipv6, read_all

ADesktop: TypeAlias = Callable[..., Desktop]


BLOCKED: Final = """
import threading
from authsm import LoopbackHostedUI, ShowHostedUISignOut, UserCancelledException
from tests.runners.hosted_ui.browser import make_call

opened = threading.Event()


def open_browser(_):
    opened.set()
    threading.Event().wait()


def cancel():
    opened.wait()
    hosted_ui.cancel()


hosted_ui = LoopbackHostedUI(
    domain="auth.example.com", client_id="abc", sign_out_urls=["{url}"], open_browser=open_browser
)
threading.Thread(target=cancel).start()
try:
    hosted_ui(ShowHostedUISignOut(), make_call())
except UserCancelledException:
    pass
"""
"""A program that ends while the browser it has opened still runs."""


@pytest.fixture(params=LOOPS)
def a_desktop(request: pytest.FixtureRequest) -> ADesktop:
    """Makes a desktop whose handler waits in a thread, on asyncio or on trio: the outcomes are the same."""
    return partial(Desktop, loop=request.param)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every test leaves only the threads that were there before."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_the_browser_signs_out_and_comes_back(a_desktop: ADesktop) -> None:
    with FakeCognito() as cognito:
        desktop_url = f"http://127.0.0.1:{free_port()}/signed-out"
        client = cognito.add_client(sign_out_urls=(desktop_url,), callback_urls=("http://127.0.0.1:1/in",))
        cognito.add_user("ada", password="Correct-Horse-1")
        browser = Browser()
        login = f"{cognito.domain}/login?response_type=code&client_id={client.id}&redirect_uri=http://127.0.0.1:1/in"
        browser.get(login, follow=False, form={"username": "ada", "password": "Correct-Horse-1"})
        assert cognito.browser_sessions("ada") == 1
        with a_desktop(desktop_url, domain=cognito.domain, client_id=client.id).sign_out() as sign_out:
            page = browser.get(sign_out.start_url)
            assert page.status == 200
            assert b"You are signed out" in page.body
            assert sign_out.succeeded()
        assert cognito.browser_sessions("ada") == 0


def test_the_browser_is_opened_with_the_url_that_is_shown(a_desktop: ADesktop) -> None:
    opened: SimpleQueue[str] = SimpleQueue()
    with a_desktop(open_browser=opened.put).sign_out() as sign_out:
        assert opened.get(timeout=WAIT_SECONDS) == sign_out.start_url


def test_the_start_leads_to_the_provider_with_the_url_that_is_held(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        page = Browser().get(sign_out.start_url, follow=False)
        assert page.headers["Location"] == desktop.handler.sign_out_url
        assert desktop.handler.sign_out_url.startswith(f"{PROVIDER}/logout?client_id=abc&logout_uri=http%3A%2F%2F127")


def test_somebody_elses_link_is_not_the_return(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        assert send(desktop.urls[0]).status == 400
        browser = begin(sign_out)
        assert send(desktop.urls[0]).status == 400
        assert Browser().get(desktop.urls[0]).status == 400
        assert send(desktop.urls[0], Cookie=f"authsm-sign-out-{desktop.urls[0].split(':')[2][:5]}=x").status == 400
        assert sign_out.waits
        assert browser.get(desktop.urls[0]).status == 200
        assert sign_out.succeeded()


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (421, {"Host": "evil.example"}),
        (421, {"Host": "localhost:{port}"}),
        (405, {"method": "POST"}),
        (400, {"Sec_Purpose": "prefetch"}),
        (404, {"path": "/favicon.ico"}),
        (404, {"path": "/"}),
    ],
)
def test_what_is_not_the_return_is_answered_and_ignored(
    a_desktop: ADesktop, status: int, options: dict[str, str]
) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        browser = begin(sign_out)
        (cookie,) = browser.cookies
        url = desktop.urls[0].replace("/signed-out", options.get("path", "/signed-out"))
        headers = {name: value.format(port=url.split(":")[2].split("/")[0]) for name, value in options.items()}
        headers.pop("path", None)
        assert send(url, Cookie=f"{cookie.name}={cookie.value}", **headers).status == status
        assert sign_out.waits
        assert browser.get(desktop.urls[0]).status == 200
        assert sign_out.succeeded()


def test_silent_connections_hold_nothing_up(a_desktop: ADesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would outlive the call, if the browser had to wait for them."""
    monkeypatch.setattr(listener, "READ_SECONDS", 10 * WAIT_SECONDS)
    desktop = a_desktop()
    with desktop.sign_out() as sign_out, contextlib.ExitStack() as silent:
        port = int(sign_out.start_url.split(":")[2].split("/")[0])
        for _ in range(30):
            silent.enter_context(socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS))
        assert begin(sign_out).get(desktop.urls[0]).status == 200
        assert sign_out.succeeded()


def test_a_client_that_never_hangs_up_holds_nothing_up(a_desktop: ADesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LINGER_SECONDS", 10 * WAIT_SECONDS)
    desktop = a_desktop()
    with (
        desktop.sign_out() as sign_out,
        socket.create_connection(("127.0.0.1", desktop.port), timeout=WAIT_SECONDS) as client,
    ):
        client.sendall(b"GET /favicon.ico HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 421 Mi"
        sign_out.stop.set()
        assert sign_out.failure().kind is FailureKind.INTERRUPTED


@pytest.mark.parametrize(("seconds", "most"), [(0.4, 0.1), (2.0, 0.5), (300.0, 1.0), (math.inf, 1.0)])
def test_the_last_answers_take_less_than_what_the_reply_is_left(seconds: float, most: float) -> None:
    waits = Flight(SignOutURL.parse("http://127.0.0.1:8400/x"), PROVIDER, "abc", make_call(seconds))
    assert 0 < waits.linger_seconds < waits._reserve <= most


def test_an_error_of_the_provider_is_told(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        assert send(f"{desktop.urls[0]}?error=forged").status == 400
        page = begin(sign_out).get(f"{desktop.urls[0]}?error=access_denied&error_description=Not+today")
        failure = sign_out.failure()
    assert failure.kind is FailureKind.REFUSED
    assert failure.code == "access_denied"
    assert failure.message.endswith("access_denied: Not today")
    assert b"may still be signed in" in page.body
    assert b"oday" not in page.body


def test_a_cancel_ends_every_wait_and_is_then_forgotten(a_desktop: ADesktop) -> None:
    port = free_port()
    desktop = a_desktop(f"http://127.0.0.1:{port}/a", f"http://127.0.0.1:{free_port()}/b")
    desktop.handler.cancel()
    with desktop.sign_out() as first, desktop.sign_out() as second:
        desktop.handler.cancel()
        for sign_out in (first, second):
            sign_out.end()
            assert isinstance(sign_out.raised, UserCancelledException)
    with desktop.sign_out() as third:
        begin(third).get(desktop.urls[0])
        assert third.succeeded()


def test_a_call_that_is_given_up_ends(a_desktop: ADesktop) -> None:
    with a_desktop().sign_out() as sign_out:
        sign_out.stop.set()
        assert sign_out.failure().kind is FailureKind.INTERRUPTED


@pytest.mark.parametrize("is_late", [True, False])
def test_a_call_that_is_given_up_before_it_begins_shows_and_opens_nothing(
    a_desktop: ADesktop, *, is_late: bool
) -> None:
    opened: list[str] = []
    call = make_call()
    desktop = a_desktop(open_browser=opened.append)
    if is_late:
        end_time(call)
    else:
        call.stop.set()
    with pytest.raises(EffectFailedError):
        desktop.run(call)
    assert desktop.shown.empty()
    assert not any(thread.name == "authsm-browser" for thread in threading.enumerate())
    assert opened == []


def test_a_state_that_the_provider_echoes_does_no_harm(a_desktop: ADesktop) -> None:
    desktop = a_desktop(logout_url=oidc_logout_url("/oidc/logout"))
    with desktop.sign_out() as sign_out:
        page = begin(sign_out).get(f"{desktop.urls[0]}?state=error%3Dx")
        assert page.status == 200
        assert sign_out.succeeded()


def test_running_out_of_time_names_the_url_to_register(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        begin(sign_out)
        sign_out.end_time()
        failure = sign_out.failure()
    assert failure.kind is FailureKind.TIMED_OUT
    assert f"{desktop.urls[0]} must be registered" in failure.message
    assert "app client abc" in failure.message


def test_running_out_of_time_says_that_nobody_opened_the_address(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        assert send(desktop.urls[0]).status == 400
        sign_out.end_time()
        failure = sign_out.failure()
    assert failure.kind is FailureKind.TIMED_OUT
    assert failure.message.startswith("No browser opened")
    assert "register" not in failure.message


def test_the_wait_ends_before_the_runner_stops_listening(a_desktop: ADesktop) -> None:
    class Clock:
        stop = threading.Event()

        def __init__(self) -> None:
            self.left = [300.0, 300.0, 300.0, 1.0]

        def seconds_left(self) -> float:
            return self.left.pop(0)

    clock: Any = Clock()
    with pytest.raises(EffectFailedError) as caught:
        a_desktop().run(clock)
    assert caught.value.failure.kind is FailureKind.TIMED_OUT
    assert clock.left == []


def test_the_next_url_stands_in_for_a_port_that_is_taken(a_desktop: ADesktop) -> None:
    desktop = a_desktop(f"http://127.0.0.1:{free_port()}/a", f"http://127.0.0.1:{free_port()}/b")
    with desktop.sign_out() as first, desktop.sign_out() as second:
        one, other = begin(first), begin(second)
        assert second.start_url.startswith(desktop.urls[1][:-1])
        assert "%2Fb" in Browser().get(second.start_url, follow=False).headers["Location"]
        assert other.get(desktop.urls[0]).status == 400
        assert one.get(desktop.urls[1].replace("/b", "/a")).status == 404
        assert other.get(desktop.urls[1]).status == 200
        assert second.succeeded()
        assert first.waits
        assert one.get(desktop.urls[0]).status == 200
        assert first.succeeded()


def test_without_a_free_port_nothing_is_begun(a_desktop: ADesktop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (one, other)]
        desktop = a_desktop(*(f"http://127.0.0.1:{port}/x" for port in ports))
        with pytest.raises(EffectFailedError) as caught:
            desktop.run(make_call())
    failure = caught.value.failure
    assert (failure.kind, failure.code) == (FailureKind.UNREACHABLE, "NoFreePort")
    assert all(str(port) in failure.message for port in ports)
    assert desktop.shown.empty()


@needs_ipv6
def test_a_squatter_on_ipv6_drives_localhost_to_the_next_port(a_desktop: ADesktop) -> None:
    desktop = a_desktop(f"http://localhost:{free_port()}/x", f"http://localhost:{free_port()}/x")
    port = int(desktop.urls[0].split(":")[2].split("/")[0])
    with socket.create_server(("::1", port), family=socket.AF_INET6), desktop.sign_out() as sign_out:
        assert sign_out.start_url.startswith(desktop.urls[1][:-1])
        assert begin(sign_out).get(desktop.urls[1]).status == 200
        assert sign_out.succeeded()


@needs_ipv6
@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_localhost_is_served_on_both_addresses(a_desktop: ADesktop, address: str) -> None:
    desktop = a_desktop(f"http://localhost:{free_port()}/x")
    with desktop.sign_out() as sign_out:
        (cookie,) = begin(sign_out).cookies
        url = desktop.urls[0]
        host = url.split("/")[2]
        page = send(url.replace("localhost", address), Host=host, Cookie=f"{cookie.name}={cookie.value}")
        assert page.status == 200
        assert sign_out.succeeded()


def test_a_browser_that_cannot_be_opened_is_no_failure(a_desktop: ADesktop) -> None:
    def open_browser(url: str) -> bool:
        raise RuntimeError(url)

    desktop = a_desktop(open_browser=open_browser)
    with desktop.sign_out() as sign_out:
        assert begin(sign_out).get(desktop.urls[0]).status == 200
        assert sign_out.succeeded()


def test_a_browser_that_blocks_holds_nothing_up(a_desktop: ADesktop) -> None:
    closed = threading.Event()
    desktop = a_desktop(open_browser=lambda _: closed.wait(WAIT_SECONDS))
    with desktop.sign_out() as sign_out:
        assert begin(sign_out).get(desktop.urls[0]).status == 200
        assert sign_out.succeeded()
    closed.set()


def test_a_browser_that_blocks_does_not_outlive_the_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(BLOCKED.format(url=f"http://127.0.0.1:{free_port()}/x"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, str(program)], check=True, env=environment, timeout=WAIT_SECONDS)  # noqa: S603 - our own code


def test_a_page_that_is_loaded_twice_gives_one_reply(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        browser = begin(sign_out)
        port = int(desktop.urls[0].split(":")[2].split("/")[0])
        (cookie,) = browser.cookies
        request = f"GET /signed-out HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie.name}={cookie.value}\r\n\r\n"
        with (
            socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as one,
            socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as other,
        ):
            one.sendall(request.encode())
            with contextlib.suppress(ConnectionError):  # the first may have ended it all
                other.sendall(request.encode())
            assert one.recv(15) == b"HTTP/1.1 200 OK"
        assert sign_out.succeeded()
    with desktop.sign_out() as again:
        assert browser.get(desktop.urls[0]).status == 400
        assert again.waits


def test_what_follows_on_a_connection_does_not_count(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        browser = begin(sign_out)
        (cookie,) = browser.cookies
        host = f"Host: 127.0.0.1:{desktop.port}\r\n"
        icon = f"GET /favicon.ico HTTP/1.1\r\n{host}\r\n".encode()
        back = f"GET /signed-out HTTP/1.1\r\n{host}Cookie: {cookie.name}={cookie.value}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", desktop.port), timeout=WAIT_SECONDS) as client:
            client.sendall(icon + back)
            assert client.recv(12) == b"HTTP/1.1 404"
            client.sendall(back)
            client.shutdown(socket.SHUT_WR)
            assert b"HTTP/1.1 200" not in read_all(client)
        assert browser.get(desktop.urls[0]).status == 200
        assert sign_out.succeeded()


def test_the_first_outcome_counts() -> None:
    over = Flight(SignOutURL.parse("http://127.0.0.1:8400/x"), PROVIDER, "abc", make_call())
    expected = over._expected
    headers = [("Host", "127.0.0.1:8400"), ("Cookie", f"{expected.cookie_name}={expected.cookie.reveal()}")]
    assert over.seconds_to_wait() > 0
    assert over.answer("GET", "/x?error=first", headers).status == 200
    assert over.answer("GET", "/x", headers).status == 200
    over.cancelled.set()
    assert over.seconds_to_wait() == 0
    with pytest.raises(EffectFailedError, match="first"):
        over.end()


def test_a_return_after_the_end_does_not_count() -> None:
    over = Flight(SignOutURL.parse("http://127.0.0.1:8400/x"), PROVIDER, "abc", make_call())
    expected = over._expected
    over.cancelled.set()
    assert over.seconds_to_wait() == 0
    headers = [("Host", "127.0.0.1:8400"), ("Cookie", f"{expected.cookie_name}={expected.cookie.reveal()}")]
    assert over.answer("GET", "/x", headers).status == 200
    with pytest.raises(UserCancelledException):
        over.end()


def come_back(desktop: Desktop, sign_out: SignOut) -> None:
    begin(sign_out).get(desktop.urls[0])


def come_back_with_error(desktop: Desktop, sign_out: SignOut) -> None:
    begin(sign_out).get(f"{desktop.urls[0]}?error=x")


def cancel(desktop: Desktop, sign_out: SignOut) -> None:
    del sign_out
    desktop.handler.cancel()


def stop(desktop: Desktop, sign_out: SignOut) -> None:
    del desktop
    sign_out.stop.set()


def wait(desktop: Desktop, sign_out: SignOut) -> None:
    del desktop
    sign_out.end_time()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("way_out", [come_back, come_back_with_error, cancel, stop, wait])
def test_every_way_out_frees_the_port(
    a_desktop: ADesktop, host: str, way_out: Callable[[Desktop, SignOut], None]
) -> None:
    port = free_port()
    desktop = a_desktop(f"http://{host}:{port}/x")
    for _ in range(2):
        with (
            desktop.sign_out() as sign_out,
            socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS),
        ):
            way_out(desktop, sign_out)
            sign_out.end()
            assert not listens("127.0.0.1", port)
            if host == "localhost" and listener.has_ipv6_loopback():
                assert not listens("::1", port)
    assert not desktop.handler._flights


def test_a_url_that_cannot_be_shown_frees_the_port(a_desktop: ADesktop) -> None:
    def show_url(url: str) -> None:
        raise RuntimeError(url)

    port = free_port()
    desktop = a_desktop(f"http://127.0.0.1:{port}/x", show_url=show_url)
    with pytest.raises(RuntimeError):
        desktop.run(make_call())
    assert not listens("127.0.0.1", port)
    assert not desktop.handler._flights


def test_by_default_the_url_is_printed_beside_the_output(
    a_desktop: ADesktop, capsys: pytest.CaptureFixture[str]
) -> None:
    call = make_call()
    desktop = a_desktop(show_url=None, open_browser=lambda _: end_time(call))
    with pytest.raises(EffectFailedError):
        desktop.run(call)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{desktop.urls[0].removesuffix('signed-out')}start/" in printed.err


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_an_error_stream_the_browser_may_still_open(
    a_desktop: ADesktop, stream: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", None if stream is None else closed)
    monkeypatch.setattr(sys, "stdout", None)
    call = make_call()
    desktop = a_desktop(show_url=None, open_browser=lambda _: end_time(call))
    with pytest.raises(EffectFailedError, match="time"):
        desktop.run(call)


def test_by_default_the_users_browser_opens(a_desktop: ADesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
    monkeypatch.setattr(webbrowser, "open", opened.put)
    with a_desktop(open_browser=None).sign_out() as sign_out:
        assert opened.get(timeout=WAIT_SECONDS) == sign_out.start_url


def test_another_provider_builds_its_own_url(a_desktop: ADesktop) -> None:
    def end_session(*, domain: str, client_id: str, sign_out_url: str) -> str:
        return f"{domain}/end-session?client={client_id}&to={sign_out_url}"

    desktop = a_desktop(domain="auth.example.com", client_id="my-app", logout_url=end_session)
    assert desktop.handler.sign_out_url == f"{PROVIDER}/end-session?client=my-app&to={desktop.urls[0]}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"domain": "my-app"}, "The domain of the hosted UI"),
        ({"client_id": "my app"}, "The client id"),
        ({"sign_out_urls": []}, "The sign-out URLs are not a list"),
        ({"sign_out_urls": "http://127.0.0.1:8400/"}, "The sign-out URLs are not a list"),
        ({"sign_out_urls": None}, "The sign-out URLs are not a list"),
        ({"sign_out_urls": ["http://127.0.0.1:8400/", "http://x/"]}, "'http://x/' is not a sign-out URL"),
        ({"logout_url": lambda **_: "https://x\r\nSet-Cookie: y"}, "The logout URL that was built"),
    ],
)
def test_a_setting_that_cannot_work_is_told_at_once(setting: dict[str, Any], message: str) -> None:
    settings = {"domain": PROVIDER, "client_id": "abc", "sign_out_urls": ["http://127.0.0.1:8400/"]} | setting
    for handler in (LoopbackHostedUI, AsyncLoopbackHostedUI):
        with pytest.raises(ConfigurationException, match=f"^{message}"):
            handler(**settings)


def test_nothing_shows_the_nonce_or_the_cookie(a_desktop: ADesktop) -> None:
    desktop = a_desktop()
    with desktop.sign_out() as sign_out:
        (cookie,) = begin(sign_out).cookies
        (waits,) = desktop.handler._flights
        shown = repr((desktop.handler, waits, waits._expected))
        assert sign_out.start_url.rpartition("/")[2] not in shown
        assert str(cookie.value) not in shown
    assert repr(desktop.handler).removeprefix("Async") == (
        f"LoopbackHostedUI(domain='{PROVIDER}', client_id='abc', sign_out_urls={list(desktop.urls)!r})"
    )


def test_a_cookie_ends_although_the_call_never_does(a_desktop: ADesktop) -> None:
    call = make_call(float("inf"))
    call.stop.set()
    with pytest.raises(EffectFailedError, match="Nobody waits"):
        a_desktop().run(call)


def test_a_cookie_lives_as_long_as_the_call(a_desktop: ADesktop) -> None:
    with a_desktop().sign_out(seconds=20) as sign_out:
        page = Browser().get(sign_out.start_url, follow=False)
        assert "; Max-Age=20; HttpOnly; SameSite=Lax" in page.headers["Set-Cookie"]


def test_a_cookie_lives_for_a_day_at_most() -> None:
    endless = Flight(SignOutURL.parse("http://127.0.0.1:8400/x"), PROVIDER, "abc", make_call(math.inf))
    begun = endless.answer("GET", endless.start_url.removeprefix("http://127.0.0.1:8400"), [("Host", "127.0.0.1:8400")])
    assert "; Max-Age=86400;" in dict(begun.headers)["Set-Cookie"]
