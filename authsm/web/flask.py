"""A sign-out blueprint for Flask; the extra ``flask``.

::

    web = WebSignOut(
        store, runner, tickets, domain=..., client_id=..., sign_out_url="https://app.example.com/signed-out"
    )
    app.register_blueprint(sign_out_blueprint(web))

    <form method="post" action="/sign-out"><button>Sign out</button></form>

**Session cookies.** At sign-in, put a random key into ``flask.session["authsm"]`` and the tokens under that key into
the store (``web.auth(key).sign_in``): Flask's session cookie is signed and not encrypted, and can be played again.
Played again after the sign-out, it names a session that is cleared. As soon as it is, ``flask.session`` is emptied. Set
``SESSION_COOKIE_SECURE=True`` and ``SESSION_COOKIE_SAMESITE="Lax"``, which Flask does not do by itself. The ticket has
a cookie of its own.

**CSRF.** Flask has no protection of its own. `WebSignOut.begin` refuses what the browser says another site's page has
made (``Sec-Fetch-Site``, else ``Origin``). With Flask-WTF's ``CSRFProtect(app)``, this POST is protected like any
other: the form then holds ``<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">``.

**Open redirects.** None: of a request, neither query nor body nor ``Host`` decides where the browser goes. See
`authsm.web`. A Content-Security-Policy of your pages that has ``form-action`` must name ``'self'`` and every origin
that the browser then passes through: the hosted UI, providers behind it, that of ``signed_out_place`` (CSP Level 3,
section 6.4.1). With ``Referrer-Policy: no-referrer``, browsers that have no ``Sec-Fetch-Site`` send ``Origin: null``,
and are refused; ``same-origin`` does no harm.

**Proxies and prefixes**: the callback's ``Host`` must be that of the sign-out URL, or one of ``WebSignOut(hosts=...)``;
where the application is mounted under a prefix, say by ``callback_path`` what is left of the path below it.

**Whoever never comes back**, and what a crash interrupts: have ``web.sweep`` called every minute, or
``web.sweep_until`` run in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import flask

from authsm.auth.functions import refuse_coroutine_functions

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.runners.hosted_ui.judge import Answer
    from authsm.web import WebSignOut

SESSION_KEY: Final = "authsm"
"""Where the key of the user's session stands in the application's own session."""


def key_in_session() -> str | None:
    """Give the key of the user's session in the store; None where nobody is signed in."""
    key = flask.session.get(SESSION_KEY)
    return key if isinstance(key, str) else None


def clear_session() -> None:
    """Forget the application's own session."""
    flask.session.clear()


def sign_out_blueprint(
    web: WebSignOut,
    *,
    path: str = "/sign-out",
    callback_path: str | None = None,
    global_sign_out: bool = False,
    key_of: Callable[[], str | None] = key_in_session,
    forget: Callable[[], object] = clear_session,
) -> flask.Blueprint:
    """Make the views: ``POST path``, and the callback at the path of the sign-out URL.

    Args:
        web: The sign-outs of this application.
        path: Where the form posts to.
        callback_path: Where the callback is routed; the path of the sign-out URL if not given.
        global_sign_out: Whether every session of the user is to end, on all devices.
        key_of: Gives the key of the user's session in the store. It must come from where no request can make it up.
        forget: Forgets the application's own session; called once the credentials are gone.

    Returns:
        The blueprint.

    Raises:
        ConfigurationException: A function is async.
    """
    refuse_coroutine_functions(key_of=key_of, forget=forget)
    blueprint = flask.Blueprint("authsm", __name__)

    def sign_out() -> flask.Response:
        begun = web.begin(key_of(), flask.request.headers.items(), global_sign_out=global_sign_out)
        if begun.is_over:
            forget()
        return _response(begun.answer)

    def signed_out() -> flask.Response:
        query = flask.request.query_string.decode("latin-1")
        return _response(web.callback(flask.request.method, query, flask.request.headers.items()).answer)

    blueprint.add_url_rule(path, view_func=sign_out, methods=["POST"])
    blueprint.add_url_rule(callback_path or web.callback_path, view_func=signed_out, methods=["GET"])
    return blueprint


def _response(answer: Answer) -> flask.Response:
    return flask.Response(answer.body, answer.status, headers=list(answer.headers))
