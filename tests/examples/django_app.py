"""The example for Django, in one file: what a project has in its settings stands in `make_app`."""

from pathlib import Path
from wsgiref.types import WSGIApplication

import django
from django import conf
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.urls import path

from authsm.web.django import SESSION_KEY, key_in_session, sign_out_urls
from tests.examples.pool import Pool, home, new_text, sign_in, sweep_in_background, who


def make_app(pool: Pool) -> WSGIApplication:
    web = pool.web_sign_out()
    sweep_in_background(web)

    def index(request: HttpRequest) -> HttpResponse:
        hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
        return HttpResponse(home(who(web, key_in_session(request)), hidden))

    def sign_in_there(request: HttpRequest) -> HttpResponse:
        request.session["state"] = new_text()
        return HttpResponseRedirect(pool.sign_in_url(request.session["state"]))

    def callback(request: HttpRequest) -> HttpResponse:
        if request.GET.get("state") != request.session.pop("state", None):
            return HttpResponseBadRequest()
        key = sign_in(web, key_in_session(request), pool.redeem(request.GET["code"]))
        request.session.cycle_key()
        request.session[SESSION_KEY] = key
        return HttpResponseRedirect("/")

    class Urls:
        urlpatterns = (
            *sign_out_urls(web),
            path("", index),
            path("sign-in", sign_in_there),
            path("callback", callback),
        )

    conf.settings.configure(
        SECRET_KEY=pool.secret_key,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=Urls,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        # Over https, set SESSION_COOKIE_SECURE=True, too.
        SESSION_ENGINE="django.contrib.sessions.backends.file",
        SESSION_FILE_PATH=str(Path(pool.database).parent),
    )
    django.setup()
    return get_wsgi_application()
