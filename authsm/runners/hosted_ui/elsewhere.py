"""The hosted UI sign-out of a program that cannot watch the user's browser: the URL is shown, or there is none to show.

Both handlers serve `Auth` and `AsyncAuth` alike.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.runners.hosted_ui.urls import (
    LogoutURL,
    checked_logout_url,
    checked_return_url,
    cognito_logout_url,
    hosted_ui_origin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.flows.sign_out.effects import ShowHostedUISignOut
    from authsm.runners.handlers import Call

_UNCONFIRMED: Final = (
    "Unconfirmed: the URL that signs the browser out was shown, and nobody looked whether it was opened. Until it is, "
    "the browser's session lives on."
)
_NO_BROWSER: Final = (
    "No browser can be opened here, so the browser's session at the hosted UI lives on until it expires, an hour after "
    "the sign-in by default. Where the user pool tracks sessions, SignOutPolicy(end_sso_session=True) has Cognito end "
    "it without a browser."
)


class PrintUrlHostedUI:
    """Shows the user the URL that signs a browser out, and goes on: for SSH sessions and machines without a browser.

    It is a handler of `ShowHostedUISignOut`. The step counts as done, and its note says that this is unconfirmed: the
    browser is on another machine, so nobody can look whether the URL was opened.

    Args:
        domain: The domain of the hosted UI: a host such as ``"my-app.auth.eu-west-1.amazoncognito.com"``, or an origin.
        client_id: The id of the app client.
        sign_out_url: Where the browser is sent afterwards: any page, to the letter one of the allowed sign-out URLs of
            the app client.
        show_url: Shows a URL to the user; if not given, it is printed to the standard error stream. What it raises
            fails the effect.
        logout_url: Builds the URL at which the provider signs the browser out.

    Attributes:
        sign_out_url: The URL that is shown. It holds no secret.

    Raises:
        ConfigurationException: The domain, the client id or the sign-out URL cannot be right.
    """

    def __init__(
        self,
        *,
        domain: str,
        client_id: str,
        sign_out_url: str,
        show_url: Callable[[str], None] | None = None,
        logout_url: LogoutURL = cognito_logout_url,
    ) -> None:
        origin, back = hosted_ui_origin(domain), checked_return_url(sign_out_url)
        self._show_url = show_url or _print_url
        self.sign_out_url: str = checked_logout_url(logout_url(domain=origin, client_id=client_id, sign_out_url=back))

    def __repr__(self) -> str:
        return f"PrintUrlHostedUI(sign_out_url={self.sign_out_url!r})"

    def __call__(self, effect: ShowHostedUISignOut, call: Call) -> str:
        """Show the URL.

        Args:
            effect: What is asked for.
            call: Not needed: nothing is waited for.

        Returns:
            The note that this is unconfirmed.

        Raises:
            EffectFailedError: There is no standard error stream to print it to.
        """
        del effect, call
        self._show_url(self.sign_out_url)
        return _UNCONFIRMED


class NoHostedUI:
    """Says that no browser can be signed out here: for services and jobs that meet sessions of the hosted UI.

    It is a handler of `ShowHostedUISignOut` that always fails, so that the sign-out goes on and its result says what is
    left: the browser's session. To end that one without a browser, where the user pool tracks sessions, sign out with
    ``SignOutPolicy(hosted_ui="never", end_sso_session=True)``; this handler is then not asked at all.
    """

    def __repr__(self) -> str:
        return "NoHostedUI()"

    def __call__(self, effect: ShowHostedUISignOut, call: Call) -> None:
        """Fail.

        Args:
            effect: What is asked for.
            call: Not needed.

        Raises:
            EffectFailedError: Always; it says what lives on, and what can end it.
        """
        del effect, call
        raise EffectFailedError(Failure(FailureKind.NOT_ATTEMPTED, "NoBrowser", _NO_BROWSER))


def _print_url(url: str) -> None:
    try:
        # None in programs without a console (Python documentation, sys.__stderr__).
        sys.stderr.write(f"To sign out in the browser, open this address there:\n{url}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        is_shown = False
    else:
        is_shown = True
    if not is_shown:  # raised here, so that no traceback leads into the stream
        message = "The URL that signs the browser out could not be shown: there is no standard error stream."
        raise EffectFailedError(Failure(FailureKind.NOT_ATTEMPTED, "NotShown", message))
