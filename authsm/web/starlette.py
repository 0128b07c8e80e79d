"""Sign-out routes for Starlette and FastAPI; the extra ``starlette``.

::

    web = WebSignOut(
        store, runner, tickets, domain=..., client_id=..., sign_out_url="https://app.example.com/signed-out"
    )
    app = FastAPI(routes=sign_out_routes(web))
    app.add_middleware(SessionMiddleware, secret_key=..., https_only=True)

    <form method="post" action="/sign-out"><button>Sign out</button></form>

**Session cookies.** At sign-in, put a random key into ``request.session["authsm"]`` and the tokens under that key into
the store (``web.auth(key).sign_in``): the session cookie is signed and not encrypted, and can be played again. Played
again after the sign-out, it names a session that is cleared. As soon as it is, ``request.session`` is emptied. Say
``https_only=True``; ``same_site="lax"`` is what `SessionMiddleware` does by itself. The ticket has a cookie of its own.

**CSRF.** Starlette has no protection of its own. `WebSignOut.begin` refuses what the browser says another site's page
has made (``Sec-Fetch-Site``, else ``Origin``), and the session's cookie, being Lax, does not come with it either.
Any middleware with tokens goes in front, if you have one: the form then holds its field. FastAPI's ``dependencies`` do
not run for routes that are handed over as a list.

**Open redirects.** None: of a request, neither query nor body nor ``Host`` decides where the browser goes. See
`authsm.web`. A Content-Security-Policy of your pages that has ``form-action`` must name ``'self'`` and every origin
that the browser then passes through: the hosted UI, providers behind it, that of ``signed_out_place`` (CSP Level 3,
section 6.4.1). With ``Referrer-Policy: no-referrer``, browsers that have no ``Sec-Fetch-Site`` send ``Origin: null``,
and are refused; ``same-origin`` does no harm.

**Proxies and prefixes**: the callback's ``Host`` must be that of the sign-out URL, or one of ``WebSignOut(hosts=...)``;
where the application is mounted under a prefix, say by ``callback_path`` what is left of the path below it.

**Whoever never comes back**, and what a crash interrupts: have ``web.sweep`` called every minute, or
``web.sweep_until`` run, in a thread: both block.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
from anyio import lowlevel
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from authsm.runners.hosted_ui.judge import Answer
    from authsm.web import WebSignOut

T = TypeVar("T")

SESSION_KEY: Final = "authsm"
"""Where the key of the user's session stands in the application's own session."""

MOST_THREADS: Final = 256
"""How many requests are served at the same time in one event loop: each may wait for the network."""

_threads: lowlevel.RunVar[anyio.CapacityLimiter] = lowlevel.RunVar("authsm-web")


def key_in_session(request: Request) -> str | None:
    """Give the key of the user's session in the store; None where nobody is signed in."""
    key = request.session.get(SESSION_KEY)
    return key if isinstance(key, str) else None


def clear_session(request: Request) -> None:
    """Forget the application's own session."""
    request.session.clear()


def sign_out_routes(
    web: WebSignOut,
    *,
    path: str = "/sign-out",
    callback_path: str | None = None,
    global_sign_out: bool = False,
    key_of: Callable[[Request], str | Awaitable[str | None] | None] = key_in_session,
    forget: Callable[[Request], object] = clear_session,
) -> list[BaseRoute]:
    """Make the routes: ``POST path``, and the callback at the path of the sign-out URL.

    Args:
        web: The sign-outs of this application.
        path: Where the form posts to.
        callback_path: Where the callback is routed; the path of the sign-out URL if not given.
        global_sign_out: Whether every session of the user is to end, on all devices.
        key_of: Gives the key of the user's session in the store; may be async. It must come from where no request can
            make it up.
        forget: Forgets the application's own session; may be async. Called once the credentials are gone.

    Returns:
        The routes, for ``Starlette(routes=...)``, ``FastAPI(routes=...)`` or ``app.router.routes.extend(...)``.
    """

    async def sign_out(request: Request) -> Response:
        given, headers = key_of(request), request.headers.items()
        key = await given if inspect.isawaitable(given) else given
        begun = await _in_thread(functools.partial(web.begin, key, headers, global_sign_out=global_sign_out))
        if begun.is_over:
            forgetting = forget(request)
            if inspect.isawaitable(forgetting):
                await forgetting
        return _response(begun.answer)

    async def signed_out(request: Request) -> Response:
        arguments = (request.method, request.url.query, request.headers.items())
        return _response((await _in_thread(functools.partial(web.callback, *arguments))).answer)

    return [
        Route(path, sign_out, methods=["POST"], name="authsm-sign-out"),
        Route(callback_path or web.callback_path, signed_out, methods=["GET"], name="authsm-signed-out"),
    ]


async def _in_thread(function: Callable[[], T]) -> T:
    """Wait for a thread. A client that hangs up does not end what it has begun."""
    try:
        limiter = _threads.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MOST_THREADS)
        _threads.set(limiter)
    return await anyio.to_thread.run_sync(function, limiter=limiter)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response
