"""What the tests of a credential store share: what you say about yours."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.suite import leave_out
from authsm.testing.conformance.trial import TrialSuite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from authsm.stores.contract import CredentialStore

OPERATIONS: Final = (
    "load",
    "begin",
    "save",
    "leave",
    "write_journal",
    "read_journal",
    "erase_journal",
    "journals",
    "clear",
    "verify_cleared",
)
"""Every operation of `CredentialStore`."""

PLAIN_KEYS: Final = "plain_keys"


class StoreSuite(TrialSuite):
    """What you say about your store: how it is made, and, where you can, how it gets into trouble."""

    known_limitations: ClassVar[Mapping[str, str]] = {
        PLAIN_KEYS: "only keys of the letters a to z, digits, '-' and '_' are taken; others raise",
    }

    operations = OPERATIONS
    imports = (
        "from authsm.stores.contract import *\n"
        "from authsm.testing.conformance import crash_within, during_outage, fail_within, session_data\n"
    )

    def make(self) -> CredentialStore:
        """Make a new, empty store. A plain function: stores are used from threads."""
        raise NotImplementedError("Say how a new, empty store is made.")

    def reopen(self, store: CredentialStore) -> CredentialStore:
        """Give the same credentials through a new store object, as another process would see them.

        Crashes are played by leaving a store object as it is and looking through another. Without this, they are left
        out: then nothing outlives the object, so far as the suite can tell.

        Args:
            store: What `make` or `reopen` gave.

        Returns:
            Another object; or the same one, where the credentials live in it, and nothing else is declared.
        """
        return store

    def break_it(self, store: CredentialStore) -> AbstractContextManager[object]:
        """Give a context manager within which what the store keeps can be neither read nor written. Optional.

        Args:
            store: What `make` gave, with a session in it.

        Returns:
            Breaks it on entry, and makes it as it was before on exit.
        """
        raise NotImplementedError(store)

    def on_write(self, store: CredentialStore, about_to_write: Callable[[], None]) -> AbstractContextManager[object]:
        """Give a context manager within which a call goes before each single write. Optional.

        A write is what the medium does as a whole or not at all: replacing a file, committing a transaction, one
        request to a server. What ``about_to_write`` raises must come out of that write, which is then not done.

        Args:
            store: What `make` or `reopen` gave.
            about_to_write: To be called right before each write of this store.

        Returns:
            Watches on entry, and leaves things as they were on exit.
        """
        raise NotImplementedError(store, about_to_write)

    def written(self, store: CredentialStore) -> bytes:
        """Give everything that the store's medium holds, as whoever steals it would find it. Optional.

        Args:
            store: What `make` or `reopen` gave.
        """
        raise NotImplementedError(store)

    def _medium_shows(self, store: CredentialStore, sessions: int) -> bool:
        """Tell whether the medium shows a token of the first so many sessions of `session_data`."""
        held = self.written(store).decode("utf-8", "replace")
        numbers = range(1, sessions + 1)
        return any(secret.reveal() in held for each in numbers for secret in session_data(str(each)).secrets())

    def _needs(self, hook: str, what: str) -> None:
        if not self._offers(hook, StoreSuite):
            leave_out(f"{what} was not asked: this suite has no `{hook}`")
