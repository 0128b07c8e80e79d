"""The example for Starlette; with FastAPI, ``FastAPI(routes=...)`` takes the same routes."""

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from authsm.web.starlette import SESSION_KEY, key_in_session, sign_out_routes
from tests.examples.pool import Pool, home, new_text, sign_in, sweep_in_background, who


def make_app(pool: Pool) -> ASGIApp:
    web = pool.web_sign_out()
    sweep_in_background(web)
    app = FastAPI(routes=sign_out_routes(web))
    # Over https, say https_only=True.
    app.add_middleware(SessionMiddleware, secret_key=pool.secret_key, session_cookie="session")

    async def index(request: Request) -> Response:
        return HTMLResponse(home(await run_in_threadpool(who, web, key_in_session(request))))

    async def sign_in_there(request: Request) -> Response:
        request.session["state"] = new_text()
        return RedirectResponse(pool.sign_in_url(request.session["state"]), 303)

    async def callback(request: Request) -> Response:
        if request.query_params.get("state") != request.session.pop("state", None):
            return Response(status_code=400)
        data = await run_in_threadpool(pool.redeem, request.query_params["code"])
        request.session[SESSION_KEY] = await run_in_threadpool(sign_in, web, key_in_session(request), data)
        return RedirectResponse("/", 303)

    app.add_route("/", index)
    app.add_route("/sign-in", sign_in_there)
    app.add_route("/callback", callback)
    return app
