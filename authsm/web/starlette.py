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
Any middleware with tokens goes in front, if you have one: the form then holds its field.

**Open redirects.** None: of a request, neither query nor body nor ``Host`` decides where the browser goes. See
`authsm.web`. If your pages have a Content-Security-Policy with ``form-action``, it must name the hosted UI's origin, to
which the form's answer redirects (CSP Level 3, section 6.4.1).

**Whoever never comes back**: have ``web.sweep`` called every minute, or ``web.sweep_until`` run, in a thread: both
block.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
from anyio import lowlevel
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

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
    global_sign_out: bool = False,
    key_of: Callable[[Request], str | None] = key_in_session,
    forget: Callable[[Request], None] = clear_session,
) -> list[BaseRoute]:
    """Make the routes: ``POST path``, and the callback at the path of the sign-out URL.

    Args:
        web: The sign-outs of this application.
        path: Where the form posts to.
        global_sign_out: Whether every session of the user is to end, on all devices.
        key_of: Gives the key of the user's session in the store. It must come from where no request can make it up.
        forget: Forgets the application's own session; called once the credentials are gone.

    Returns:
        The routes, for ``Starlette(routes=...)``, ``FastAPI(routes=...)`` or ``app.router.routes.extend(...)``.
    """

    async def sign_out(request: Request) -> Response:
        key, headers = key_of(request), request.headers.items()
        begun = await _in_thread(functools.partial(web.begin, key, headers, global_sign_out=global_sign_out))
        if begun.is_over:
            forget(request)
        return _response(begun.answer)

    async def signed_out(request: Request) -> Response:
        arguments = (request.method, request.url.query, request.headers.items())
        return _response((await _in_thread(functools.partial(web.callback, *arguments))).answer)

    return [
        Route(path, sign_out, methods=["POST"], name="authsm-sign-out"),
        Route(web.callback_path, signed_out, methods=["GET"], name="authsm-signed-out"),
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
