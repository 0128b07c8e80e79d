"""What `Auth` and `AsyncAuth` have in common: a session, and boarding a flight that signs it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from authsm.auth.session import Session
from authsm.core.drive import Limits
from authsm.flows.sign_out.policy import SignOutPolicy
from authsm.runners.handlers import refuse_async

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authsm.auth.flights import Flight
    from authsm.flows.sign_out.results import PartialSignOut, SignOutResult
    from authsm.observe import Observer
    from authsm.runners.handlers import RunnerLike
    from authsm.stores.contract import CredentialStore


class AnyAuth(ABC):
    """One user's session, and how it ends; see `Auth` and `AsyncAuth`."""

    _awaits: ClassVar[bool]
    """Whether handlers may be async functions."""

    def __init__(
        self,
        store: CredentialStore,
        runner: RunnerLike,
        *,
        key: str = "default",
        policy: SignOutPolicy | None = None,
        observers: Iterable[Observer] = (),
        limits: Limits | None = None,
    ) -> None:
        self._session = Session(
            store,
            runner,
            key=key,
            policy=policy or SignOutPolicy(),
            observers=observers,
            limits=limits or Limits(),
        )
        if not self._awaits:
            refuse_async(self._session.runner)
        self._last_result: SignOutResult | None = None

    @property
    def last_result(self) -> SignOutResult | None:
        """What the last sign-out through this object ended in, also where its caller was interrupted."""
        return self._last_result

    def _sign_out(self, policy: SignOutPolicy | None, *, to_all: bool) -> Flight:
        return self._session.board_sign_out(self._start, self._joined, global_sign_out=to_all, policy=policy)

    def _retry(self, partial: PartialSignOut) -> Flight:
        flight = self._session.retry_flight(partial)
        self._joined(flight)
        self._start(flight)
        return flight

    def _joined(self, flight: Flight) -> None:
        flight.keep(self._keep)

    @abstractmethod
    def _start(self, flight: Flight) -> None:
        """Begin to run a flight."""

    def _keep(self, result: SignOutResult) -> None:
        self._last_result = result
