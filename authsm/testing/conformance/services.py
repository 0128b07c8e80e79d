"""The service that a runner turns to: `FakeCognito`, or your own stand-in behind the same few methods."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from authsm.credentials import UserPoolTokens
from authsm.flows.sign_out.effects import GlobalSignOut, RefreshTokens, RevokeToken
from authsm.testing.fake_cognito import FakeCognito, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class Trouble(StrEnum):
    """What goes wrong at the service."""

    REFUSED = "the service refuses"
    """It answers, and the answer is no."""
    ANSWER_LOST = "the work is done, and the answer is lost"
    """The connection ends after the work."""
    CONNECTION_CLOSED = "the connection is closed before anything is done"
    """It ends before the work."""
    FOREIGN_PAGE = "a captive portal answers 200 with a page of its own"
    """Nothing comes to the service."""
    SILENCE = "the service never answers"
    """Nothing is done, and nothing comes back."""
    TOKEN_ECHOED = "the service refuses, and repeats the token in its message"  # noqa: S105 - no password
    """Some do."""
    AWAY = "nobody listens"
    """No connection is to be had, for whatever operation."""


@dataclass(frozen=True, slots=True)
class ServiceSession:
    """A session at the service.

    Attributes:
        username: Whose.
        tokens: Its tokens.
    """

    username: str
    tokens: UserPoolTokens


class Service(ABC):
    """A stand-in of a service, for one test. Used in a ``with`` statement: it runs within."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Begin to serve."""

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, and let go of every caller that still waits."""

    @abstractmethod
    def sign_in(self, username: str | None = None) -> ServiceSession:
        """Open a session.

        Args:
            username: Whose: of a user that was signed in before. A new user if not given.
        """

    @abstractmethod
    def is_alive(self, tokens: UserPoolTokens) -> bool:
        """Tell whether a session could still be used: its refresh token would be exchanged."""

    @abstractmethod
    def calls(self, effect: type[Any]) -> int:
        """Count how often the service was asked for what an effect stands for."""

    @abstractmethod
    def spoil(self, effect: type[Any], trouble: Trouble) -> None:
        """Let something go wrong from now on, each time that the service is asked for an effect; until `heal`."""

    @abstractmethod
    def heal(self) -> None:
        """Let nothing go wrong from now on. Nobody asks for that after `Trouble.AWAY`."""


_OPERATIONS: Final[Mapping[type[Any], tuple[str, ...]]] = {
    GlobalSignOut: ("GlobalSignOut", "AdminUserGlobalSignOut"),
    RevokeToken: ("RevokeToken", "POST /oauth2/revoke"),
    RefreshTokens: ("GetTokensFromRefreshToken", "InitiateAuth", "POST /oauth2/token"),
}

FAULTS: Final[Mapping[Trouble, Fault]] = {
    Trouble.REFUSED: Fault.error("NotAuthorizedException", "Refused by the conformance suite."),
    Trouble.ANSWER_LOST: Fault.cut_after_work(),
    Trouble.CONNECTION_CLOSED: Fault.cut_before_work(),
    Trouble.FOREIGN_PAGE: Fault.html(),
    Trouble.SILENCE: Fault.hang(),
    Trouble.TOKEN_ECHOED: Fault.echo_token(),
}
"""What each trouble is at a `FakeCognito`; `Trouble.AWAY` is one that does not listen."""


class CognitoService(Service):
    """A `FakeCognito`, with one app client that has no secret.

    Attributes:
        cognito: The service.
        client: The app client.
    """

    def __init__(self) -> None:
        self.cognito = FakeCognito()
        self.client = self.cognito.add_client()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self.cognito.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cognito.stop()

    def sign_in(self, username: str | None = None) -> ServiceSession:
        """Open a session; see `Service.sign_in`."""
        if username is None:
            username = self.cognito.add_user(f"ada-{next(self._numbers)}").username
        tokens = self.cognito.sign_in(self.client, username)
        return ServiceSession(
            username,
            UserPoolTokens.from_text(
                access_token=tokens.access_token, id_token=tokens.id_token, refresh_token=tokens.refresh_token
            ),
        )

    def is_alive(self, tokens: UserPoolTokens) -> bool:
        """Tell whether a session could still be used; see `Service.is_alive`."""
        return tokens.refresh_token is not None and self.cognito.holds(tokens.refresh_token.reveal())

    def calls(self, effect: type[Any]) -> int:
        """Count how often the service was asked; see `Service.calls`."""
        return sum(call in _OPERATIONS.get(effect, ()) for call in self.cognito.calls)

    def spoil(self, effect: type[Any], trouble: Trouble) -> None:
        """Let something go wrong; see `Service.spoil`."""
        if trouble is Trouble.AWAY:
            self.cognito.stop()
            return
        for operation in _OPERATIONS[effect]:
            self.cognito.fail(operation, FAULTS[trouble], times=None)

    def heal(self) -> None:
        """Let nothing go wrong from now on; see `Service.heal`."""
        self.cognito.heal()
