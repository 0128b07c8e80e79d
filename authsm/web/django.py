"""Sign-out views for Django; the extra ``django``.

::

    web = WebSignOut(
        store, runner, tickets, domain=..., client_id=..., sign_out_url="https://app.example.com/signed-out"
    )
    urlpatterns = [*sign_out_urls(web), ...]

    <form method="post" action="/sign-out">{% csrf_token %}<button>Sign out</button></form>

**Session cookies.** At sign-in, put a random key into ``request.session["authsm"]``, call
``request.session.cycle_key()``, and put the tokens under that key into the store (``web.auth(key).sign_in``). Django's
sessions live on the server but for the backend ``signed_cookies``, and that one can be played again; it then names a
session that is cleared. As soon as it is, ``request.session.flush()`` is called. Set ``SESSION_COOKIE_SECURE`` and
``CSRF_COOKIE_SECURE``. The ticket has a cookie of its own.

**CSRF.** ``django.middleware.csrf.CsrfViewMiddleware``, which every new project has, protects this POST: the form holds
``{% csrf_token %}``. Nothing here is exempt. Behind it, `WebSignOut.begin` refuses what the browser says another site's
page has made (``Sec-Fetch-Site``, else ``Origin``). With ``django.contrib.auth``, call ``logout`` in ``forget``.

**Open redirects.** None: of a request, neither query nor body nor ``Host`` decides where the browser goes. See
`authsm.web`. If your pages have a Content-Security-Policy with ``form-action``, it must name the hosted UI's origin, to
which the form's answer redirects (CSP Level 3, section 6.4.1).

**Whoever never comes back**: have ``web.sweep`` called every minute, by a management command of yours in cron, or
``web.sweep_until`` run in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponse
from django.urls import path as url
from django.views.decorators.http import require_POST

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.urls import URLPattern

    from authsm.runners.hosted_ui.judge import Answer
    from authsm.web import WebSignOut

SESSION_KEY: Final = "authsm"
"""Where the key of the user's session stands in the application's own session."""


def key_in_session(request: HttpRequest) -> str | None:
    """Give the key of the user's session in the store; None where nobody is signed in."""
    key = request.session.get(SESSION_KEY)
    return key if isinstance(key, str) else None


def flush_session(request: HttpRequest) -> None:
    """Forget the application's own session."""
    request.session.flush()


def sign_out_urls(
    web: WebSignOut,
    *,
    path: str = "/sign-out",
    global_sign_out: bool = False,
    key_of: Callable[[HttpRequest], str | None] = key_in_session,
    forget: Callable[[HttpRequest], None] = flush_session,
) -> list[URLPattern]:
    """Make the views: ``POST path``, and the callback at the path of the sign-out URL.

    Args:
        web: The sign-outs of this application.
        path: Where the form posts to.
        global_sign_out: Whether every session of the user is to end, on all devices.
        key_of: Gives the key of the user's session in the store. It must come from where no request can make it up.
        forget: Forgets the application's own session; called once the credentials are gone.

    Returns:
        The patterns, for the ``urlpatterns`` of the project: not within an `include` that has a prefix.
    """

    @require_POST
    def sign_out(request: HttpRequest) -> HttpResponse:
        begun = web.begin(key_of(request), request.headers.items(), global_sign_out=global_sign_out)
        if begun.is_over:
            forget(request)
        return _response(begun.answer)

    def signed_out(request: HttpRequest) -> HttpResponse:
        method = request.method or ""
        return _response(web.callback(method, request.META["QUERY_STRING"], request.headers.items()).answer)

    return [
        url(path.removeprefix("/"), sign_out, name="authsm-sign-out"),
        url(web.callback_path.removeprefix("/"), signed_out, name="authsm-signed-out"),
    ]


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers:
        response[name] = value
    return response
