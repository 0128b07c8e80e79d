"""The example for Flask."""

import flask
from flask import Flask
from werkzeug.wrappers import Response

from authsm.web.flask import SESSION_KEY, key_in_session, sign_out_blueprint
from tests.examples.pool import Pool, home, new_text, sign_in, sweep_in_background, who


def make_app(pool: Pool) -> Flask:
    web = pool.web_sign_out()
    sweep_in_background(web)
    app = Flask(__name__)
    # Over https, set SESSION_COOKIE_SECURE=True, too.
    app.config.update(SECRET_KEY=pool.secret_key, SESSION_COOKIE_SAMESITE="Lax")
    app.register_blueprint(sign_out_blueprint(web))

    @app.get("/")
    def index() -> str:
        return home(who(web, key_in_session()))

    @app.get("/sign-in")
    def sign_in_there() -> Response:
        flask.session["state"] = new_text()
        return flask.redirect(pool.sign_in_url(flask.session["state"]), 303)

    @app.get("/callback")
    def callback() -> Response:
        if flask.request.args.get("state") != flask.session.pop("state", None):
            flask.abort(400)
        flask.session[SESSION_KEY] = sign_in(web, key_in_session(), pool.redeem(flask.request.args["code"]))
        return flask.redirect("/", 303)

    return app
