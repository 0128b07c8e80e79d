"""The hosted UI sign-out of a program on the user's own machine: open the browser, and wait for it to come back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from authsm.runners.hosted_ui.base import BaseLoopbackHostedUI
from authsm.runners.hosted_ui.listener import Listener

if TYPE_CHECKING:
    from authsm.flows.sign_out.effects import ShowHostedUISignOut
    from authsm.runners.handlers import Call


class LoopbackHostedUI(BaseLoopbackHostedUI):
    """Signs the browser out of the hosted UI, and waits on this machine until it comes back.

    It is the handler of `ShowHostedUISignOut`. It listens on the first free port of the sign-out URLs, opens the
    browser, and returns when that very browser has come back from the provider; a cookie tells it from any other that
    is led to the same address. One object serves any number of calls, also at the same time.

    The return is evidence, not proof, that the session of the browser has ended: other users of this machine who may
    list its processes can read the address on the browser's command line, begin with it themselves, and come back.

    Args:
        domain: The domain of the hosted UI: a host such as ``"my-app.auth.eu-west-1.amazoncognito.com"``, or an origin.
        client_id: The id of the app client.
        sign_out_urls: Where the browser may come back to, in order of preference, each
            ``http://127.0.0.1:PORT/path`` or ``http://localhost:PORT/path`` and each registered, to the letter, among
            the allowed sign-out URLs of the app client. Several ports let the next one stand in for one that is taken.
        open_browser: Opens a URL in the user's browser; if not given, `webbrowser.open` does, but for browsers that
            would run in this terminal. It is called in a daemon thread of its own, which is left behind if it hangs;
            what it returns or raises is ignored.
        show_url: Shows the same URL to the user, in case no browser opens; if not given, it is printed to the standard
            error stream. It must return soon; what it raises fails the effect.
        logout_url: Builds the URL at which the provider signs the browser out.

    Attributes:
        sign_out_url: The URL that signs the browser out and leads to the first of the sign-out URLs, to be tried by
            hand after a failure.

    Raises:
        ConfigurationException: The domain, the client id or a sign-out URL cannot be right.
    """

    def __call__(self, effect: ShowHostedUISignOut, call: Call) -> None:
        """Sign the browser out, and wait until it comes back.

        Args:
            effect: What is asked for.
            call: Ends the wait: when its time is nearly over, or when it is given up.

        Raises:
            EffectFailedError: The provider reported an error, the browser did not come back in time, no port was free,
                or the call was given up.
            UserCancelledException: `cancel` was called.
        """
        del effect  # the browser knows whom it signs out
        with ExitStack() as held:
            flight, sockets = self._begin(held, call)
            listener = held.enter_context(Listener(sockets, flight.answer, flight.linger_seconds))
            self._show(flight)
            while seconds := flight.seconds_to_wait():
                listener.turn(seconds)
        flight.end()
