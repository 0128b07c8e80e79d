"""A small application for each framework, in this process: sign-out routes, and a session to look into."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import anyio
import django
import flask
import httpx
from django import conf
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import override_settings
from django.urls import include
from django.urls import path as url
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from authsm.web import WebSignOut
from authsm.web.django import sign_out_urls
from authsm.web.flask import sign_out_blueprint
from authsm.web.starlette import sign_out_routes
from tests.web.site import KEY

HTTPS: Final = "https://app.example.com"
IN_SESSION: Final = {"authsm": KEY, "cart": "3"}
"""What ``/remember`` puts into the application's own session; ``/session`` shows what is in it."""

Wrap = Callable[[WSGIApplication], WSGIApplication]
Serve = Callable[..., AbstractContextManager[httpx.Client]]
"""Serves the sign-outs of a `WebSignOut`. ``under`` is a prefix of its routes; all else goes to the adapter."""


@contextlib.contextmanager
def serve_starlette(web: WebSignOut, *, under: str = "", **options: Any) -> Iterator[httpx.Client]:
    async def remember(request: Request) -> JSONResponse:
        request.session.update(IN_SESSION)
        return JSONResponse({})

    async def show(request: Request) -> JSONResponse:
        return JSONResponse(request.session)

    routes = sign_out_routes(web, **options)
    app = Starlette(
        routes=[
            Route("/remember", remember),
            Route("/session", show),
            *([Mount(under, routes=routes)] if under else routes),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key="secret", https_only=True)],
    )
    with httpx.Client(transport=_OneLoopEach(app), base_url=HTTPS) as client:
        yield client


class _OneLoopEach(httpx.BaseTransport):
    """Asks an ASGI application, each time in an event loop of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            answer = await self._transport.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return anyio.run(ask)


@contextlib.contextmanager
def serve_flask(
    web: WebSignOut, *, under: str = "", wrap: Wrap = lambda app: app, **options: Any
) -> Iterator[httpx.Client]:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="secret", SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")
    app.register_blueprint(sign_out_blueprint(web, **options), url_prefix=under or None)

    @app.get("/remember")
    def remember() -> dict[str, str]:
        flask.session.update(IN_SESSION)
        return {}

    @app.get("/session")
    def show() -> dict[str, str]:
        return dict(flask.session)

    with _asking(wrap(app.wsgi_app)) as client:
        yield client


@contextlib.contextmanager
def serve_django(
    web: WebSignOut,
    *,
    under: str = "",
    wrap: Wrap = lambda app: app,
    settings: dict[str, Any] | None = None,
    middleware: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[httpx.Client]:
    def remember(request: HttpRequest) -> JsonResponse:
        request.session.update(IN_SESSION)
        return JsonResponse({})

    def show(request: HttpRequest) -> JsonResponse:
        return JsonResponse(dict(request.session.items()))

    own = sign_out_urls(web, **options)

    class Urls:
        urlpatterns = (
            url("remember", remember),
            url("session", show),
            *([url(f"{under.removeprefix('/')}/", include(own))] if under else own),
        )

    if not conf.settings.configured:
        conf.settings.configure(
            SECRET_KEY="0123456789" * 5,
            ALLOWED_HOSTS=["app.example.com"],
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
            SESSION_COOKIE_SECURE=True,
        )
        django.setup()
    sessions = {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies", **(settings or {})}
    every = ["django.contrib.sessions.middleware.SessionMiddleware", *middleware]
    with override_settings(ROOT_URLCONF=Urls, MIDDLEWARE=every, **sessions), _asking(wrap(WSGIHandler())) as client:
        yield client


def _asking(app: WSGIApplication) -> httpx.Client:
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url=HTTPS)


def mounted_at(prefix: str, *, says_so: bool) -> Wrap:
    """Make what stands before an application that does not see the prefix of its paths.

    Args:
        prefix: The prefix.
        says_so: Whether the application is told of it, as a server does that has mounted it (PEP 3333).
    """

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def mounted(environ: WSGIEnvironment, start: StartResponse) -> Any:
            inside = environ["PATH_INFO"].removeprefix(prefix)
            return app({**environ, "PATH_INFO": inside, "SCRIPT_NAME": prefix if says_so else ""}, start)

        return mounted

    return wrap


def without_query_string(app: WSGIApplication) -> WSGIApplication:
    """Leave out what servers may leave out when it is empty (PEP 3333)."""

    def asked(environ: WSGIEnvironment, start: StartResponse) -> Any:
        assert environ.pop("QUERY_STRING") in {"", b""}
        return app(environ, start)

    return asked


SERVE: Final[dict[str, Serve]] = {"starlette": serve_starlette, "flask": serve_flask, "django": serve_django}

IN_FOLDER: Final = "django.contrib.sessions.backends.file"


def in_folder(folder: Path) -> dict[str, Any]:
    """Settings of Django for sessions that live on the server."""
    return {"SESSION_ENGINE": IN_FOLDER, "SESSION_FILE_PATH": str(folder)}
