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
`authsm.web`. A Content-Security-Policy of your pages that has ``form-action`` must name ``'self'`` and every origin
that the browser then passes through: the hosted UI, providers behind it, that of ``signed_out_place`` (CSP Level 3,
section 6.4.1). With ``Referrer-Policy: no-referrer``, browsers that have no ``Sec-Fetch-Site`` send ``Origin: null``,
and are refused; ``same-origin`` does no harm.

**Proxies and prefixes**: the callback's ``Host`` must be that of the sign-out URL, or one of ``WebSignOut(hosts=...)``;
where the application is mounted under a prefix, say by ``callback_path`` what is left of the path below it.

**Whoever never comes back**, and what a crash interrupts: have ``web.sweep`` called every minute, by a management
command of yours in cron, or ``web.sweep_until`` run in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.urls import path as url
from django.views.decorators.http import require_POST

from authsm.auth.functions import refuse_coroutine_functions

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
    callback_path: str | None = None,
    global_sign_out: bool = False,
    key_of: Callable[[HttpRequest], str | None] = key_in_session,
    forget: Callable[[HttpRequest], object] = flush_session,
) -> list[URLPattern]:
    """Make the views: ``POST path``, and the callback at the path of the sign-out URL.

    Args:
        web: The sign-outs of this application.
        path: Where the form posts to.
        callback_path: Where the callback is routed; the path of the sign-out URL if not given.
        global_sign_out: Whether every session of the user is to end, on all devices.
        key_of: Gives the key of the user's session in the store. It must come from where no request can make it up.
        forget: Forgets the application's own session; called once the credentials are gone.

    Returns:
        The patterns, for the ``urlpatterns`` of the project. `LoginRequiredMiddleware` lets them pass: by then, nobody
        is logged in.

    Raises:
        ConfigurationException: A function is async.
    """
    refuse_coroutine_functions(key_of=key_of, forget=forget)

    @login_not_required
    @require_POST
    def sign_out(request: HttpRequest) -> HttpResponse:
        begun = web.begin(key_of(request), request.headers.items(), global_sign_out=global_sign_out)
        if begun.is_over:
            forget(request)
        return _response(begun.answer)

    @login_not_required
    def signed_out(request: HttpRequest) -> HttpResponse:
        method = request.method or ""
        return _response(web.callback(method, request.META.get("QUERY_STRING", ""), request.headers.items()).answer)

    return [
        url(path.removeprefix("/"), sign_out, name="authsm-sign-out"),
        url((callback_path or web.callback_path).removeprefix("/"), signed_out, name="authsm-signed-out"),
    ]


def _response(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers:
        response[name] = value
    return response
