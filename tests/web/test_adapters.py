"""The adapters for the frameworks: what they hand over, and where they are mounted."""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from authsm import (
    ConfigurationException,
    GlobalSignOut,
    MemoryCredentialStore,
    RevokeToken,
)
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import EntryState, StoreUnavailableError
from authsm.stores.tickets import MemoryTicketStore
from authsm.web import WebSignOut
from tests.auth.world import faulty, raising
from tests.web.frameworks import (
    HTTPS,
    IN_SESSION,
    SERVE,
    Serve,
    in_folder,
    mounted_at,
    serve_django,
    serve_flask,
    serve_starlette,
    without_query_string,
)
from tests.web.site import KEY, sign_in_quietly, web_sign_out

FROM_OWN_PAGE: Final = {"Sec-Fetch-Site": "same-origin"}
BLOCKING: Final = {name: serve for name, serve in SERVE.items() if name != "starlette"}

LOGIN: Final = (
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
)


@pytest.fixture
def store() -> Any:
    return faulty(MemoryCredentialStore())


@pytest.fixture
def asked() -> list[str]:
    """What the service was asked for."""
    return []


@pytest.fixture
def web(store: Any, asked: list[str]) -> WebSignOut:
    return _web(store, asked)


def _web(store: Any, asked: list[str], path: str = "/signed-out") -> WebSignOut:
    runner = {each: lambda effect, _: asked.append(effect.name) for each in (GlobalSignOut, RevokeToken)}
    web = web_sign_out(store, runner, MemoryTicketStore(), sign_out_url=f"{HTTPS}{path}")
    sign_in_quietly(web, KEY)
    return web


@pytest.fixture(params=SERVE)
def serve(request: pytest.FixtureRequest) -> Serve:
    return SERVE[request.param]


def _sign_out(client: httpx.Client, path: str = "/sign-out") -> httpx.Response:
    client.get("/remember")
    assert client.get("/session").json() == IN_SESSION
    return client.post(path, headers=FROM_OWN_PAGE)


def _ticket(answer: httpx.Response) -> str:
    (cookie,) = [each for each in answer.headers.get_list("Set-Cookie") if "authsm-sign-out=" in each]
    return cookie


def _comes_back(client: httpx.Client, path: str = "/signed-out") -> None:
    back = client.get(path)
    assert (back.status_code, back.content) == (HTTPStatus.OK, pages.SIGNED_OUT)
    assert back.headers["Content-Type"] == "text/html; charset=utf-8"
    assert back.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("path", "prefix"), [("/signed-out", "__Secure-"), ("/", "__Host-")])
def test_over_https_all_cookies_are_secure_and_the_session_is_forgotten(
    serve: Serve, store: Any, asked: list[str], path: str, prefix: str
) -> None:
    with serve(_web(store, asked, path)) as client:
        answer = _sign_out(client)
        assert answer.status_code == HTTPStatus.SEE_OTHER
        assert _ticket(answer).startswith(f"{prefix}authsm-sign-out=")
        assert _ticket(answer).endswith(f"; Path={path}; Max-Age=900; HttpOnly; Secure; SameSite=Lax")
        assert all(cookie.secure for cookie in client.cookies.jar)
        assert client.get("/session").json() == {}
        _comes_back(client, path)


@pytest.mark.parametrize("to_all", [False, True])
def test_a_global_sign_out_is_one_where_the_application_says_so(
    serve: Serve, web: WebSignOut, asked: list[str], to_all: bool
) -> None:
    with serve(web, global_sign_out=to_all) as client:
        _sign_out(client)
    assert asked == [*(["GlobalSignOut"] if to_all else []), "RevokeToken"]


def test_the_applications_own_functions_are_used(serve: Serve, web: WebSignOut, store: Any) -> None:
    sign_in_quietly(web, "grace")
    forgotten: list[object] = []
    with serve(web, path="/bye", key_of=lambda *_: "grace", forget=lambda *given: forgotten.append(given)) as client:
        _ticket(_sign_out(client, "/bye"))
        assert client.get("/session").json() == IN_SESSION
        _comes_back(client)
    assert len(forgotten) == 1
    assert [store.load(key).state for key in (KEY, "grace")] == [EntryState.LIVE, EntryState.TOMBSTONE]


def test_a_session_that_is_still_stored_is_not_forgotten(serve: Serve, web: WebSignOut, store: Any) -> None:
    store.faults["clear"] = raising(StoreUnavailableError("the disk is full"))
    with serve(web) as client:
        assert _sign_out(client).status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert client.get("/session").json() == IN_SESSION


def test_what_another_site_asks_for_is_not_done(serve: Serve, web: WebSignOut, asked: list[str]) -> None:
    with serve(web) as client:
        client.get("/remember")
        assert client.post("/sign-out", headers={"Sec-Fetch-Site": "cross-site"}).status_code == HTTPStatus.FORBIDDEN
        assert client.get("/session").json() == IN_SESSION
    assert asked == []


@pytest.mark.parametrize("name", ["key_of", "forget"])
@pytest.mark.parametrize("serve", BLOCKING.values(), ids=BLOCKING)
def test_an_async_function_is_refused_where_nobody_would_await_it(serve: Serve, web: WebSignOut, name: str) -> None:
    async def function(*_: object) -> None: ...

    with pytest.raises(ConfigurationException, match=f"{name} is async"), serve(web, **{name: function}):
        pass


def test_an_async_function_is_awaited_by_starlette(web: WebSignOut, asked: list[str]) -> None:
    forgotten: list[object] = []

    async def key_of(_: object) -> str:
        return KEY

    async def forget(request: object) -> None:
        forgotten.append(request)

    with serve_starlette(web, key_of=key_of, forget=forget) as client:
        _ticket(_sign_out(client))
        _comes_back(client)
    assert (asked, len(forgotten)) == (["RevokeToken"], 1)


@pytest.mark.parametrize(
    ("serve", "how"),
    [
        pytest.param(serve_starlette, {"under": "/app"}, id="Mount of Starlette"),
        pytest.param(serve_flask, {"under": "/app"}, id="url_prefix of Flask"),
        pytest.param(serve_flask, {"wrap": mounted_at("/app", says_so=True)}, id="SCRIPT_NAME and Flask"),
        pytest.param(serve_django, {"under": "/app"}, id="include of Django"),
        pytest.param(serve_django, {"wrap": mounted_at("/app", says_so=True)}, id="SCRIPT_NAME and Django"),
        pytest.param(
            serve_django,
            {"wrap": mounted_at("/app", says_so=False), "settings": {"FORCE_SCRIPT_NAME": "/app"}},
            id="FORCE_SCRIPT_NAME of Django",
        ),
    ],
)
def test_under_a_prefix_the_cookie_is_for_the_path_that_the_browser_sees(
    serve: Serve, how: dict[str, Any], store: Any, asked: list[str]
) -> None:
    web = _web(store, asked, "/app/signed-out")
    with serve(web, callback_path="/signed-out", key_of=lambda *_: KEY, forget=lambda *_: None, **how) as client:
        answer = client.post("/app/sign-out", headers=FROM_OWN_PAGE)
        assert "; Path=/app/signed-out; " in _ticket(answer)
        _comes_back(client, "/app/signed-out")


@pytest.mark.parametrize("serve", BLOCKING.values(), ids=BLOCKING)
def test_a_server_may_leave_an_empty_query_out(serve: Serve, web: WebSignOut) -> None:
    with serve(web, wrap=without_query_string) as client:
        _sign_out(client)
        _comes_back(client)


def test_djangos_sessions_are_removed_from_the_server(web: WebSignOut, tmp_path: Path) -> None:
    with serve_django(web, settings=in_folder(tmp_path)) as client:
        _sign_out(client)
    assert [*tmp_path.iterdir()] == []


def test_djangos_login_is_not_asked_for_where_nobody_can_be_logged_in_any_more(web: WebSignOut) -> None:
    middleware = tuple(
        f"django.contrib.auth.middleware.{each}Middleware" for each in ("Authentication", "LoginRequired")
    )
    with serve_django(web, middleware=middleware, key_of=lambda _: KEY) as client:
        assert "/login/" in client.get("/session").headers["Location"]
        _ticket(client.post("/sign-out", headers=FROM_OWN_PAGE))
        _comes_back(client)
