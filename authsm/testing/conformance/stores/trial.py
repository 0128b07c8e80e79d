"""What the tests of a store share: what you say about yours, and one trial of it, written down as it goes on."""

from __future__ import annotations

import contextlib
import inspect
import unittest
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from authsm.testing.conformance.script import OPERATIONS, Recorded, Script
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.stage import described
from authsm.testing.conformance.suite import ConformanceSuite, expect, leave_out

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from authsm.stores.contract import CredentialStore

PLAIN_KEYS: Final = "plain_keys"


class StoreSuite(ConformanceSuite):
    """What you say about your store: how it is made, and, where you can, how it gets into trouble."""

    known_limitations: ClassVar[Mapping[str, str]] = {
        PLAIN_KEYS: "only keys of the letters a to z, digits, '-' and '_' are taken; others raise",
    }

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

    def dispose(self, store: CredentialStore) -> None:
        """Let go of what a store object keeps open, at the end of a test. Nothing by default.

        Args:
            store: What `make` or `reopen` gave.
        """

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

    @contextlib.contextmanager
    def _trial(self) -> Generator[Trial]:
        """Begin a trial; whatever fails in it is told with its script."""
        trial = Trial(self)
        try:
            trial.begin()
            yield trial
        except unittest.SkipTest:
            raise
        except Exception as error:
            said = str(error) if isinstance(error, AssertionError) else f"found {described(error)}"
            raise AssertionError(f"{said}\n\nTo repeat it:\n\n{trial.script.text()}\n") from error
        finally:
            trial.end()

    def _medium_shows(self, store: CredentialStore, sessions: int) -> bool:
        """Tell whether the medium shows a token of the first so many sessions of `session_data`."""
        held = self.written(store).decode("utf-8", "replace")
        numbers = range(1, sessions + 1)
        return any(secret.reveal() in held for each in numbers for secret in session_data(str(each)).secrets())

    def _needs(self, hook: str, what: str) -> None:
        if not self._offers(hook, StoreSuite):
            leave_out(f"{what} was not asked: this suite has no `{hook}`")


class Trial:
    """A store, and what is done to it.

    Args:
        suite: Whose.

    Attributes:
        script: What was done.
        store: The store, as it is open now.
    """

    def __init__(self, suite: StoreSuite) -> None:
        self.script = Script(suite)
        self.store: Any
        self._suite = suite
        self._opened: list[CredentialStore] = []

    def begin(self) -> None:
        """Make the store."""
        made: Any = self._suite.make()
        if inspect.isawaitable(made):
            if inspect.iscoroutine(made):
                made.close()
            raise AssertionError("expected that `make` is a plain function, found an async one: stores block")
        is_async = [each for each in OPERATIONS if inspect.iscoroutinefunction(getattr(made, each, None))]
        expect(
            not is_async,
            f"a store's methods are plain functions, which are called from threads; async here: {', '.join(is_async)}",
        )
        self._open(made)
        self.begin_script()

    def begin_script(self, *lines: str) -> None:
        """Begin the script anew: what follows does not depend on what was done before, under other keys."""
        self._let_go(but_for=self.store.true)
        self.script.begin_anew("store = suite.make()", *lines)

    def end(self) -> None:
        """Let go of every object. Not sooner: what a crash abandons must not be tidied up before the verdict."""
        self._let_go()

    def _let_go(self, *, but_for: CredentialStore | None = None) -> None:
        over = [store for store in self._opened if store is not but_for]
        self._opened = [store for store in self._opened if store is but_for]
        for store in over:
            self._suite.dispose(store)

    def reopened(self) -> Any:
        """Give the same credentials through another object."""
        other = self._suite.reopen(self.store.true)
        if other is self.store.true:
            return self.store
        self._opened.append(other)
        return Recorded(other, self.script, "suite.reopen(store)")

    @property
    def is_volatile(self) -> bool:
        """Whether nothing outlives the object."""
        other = self._suite.reopen(self.store.true)
        if other is self.store.true:
            return True
        self._opened.append(other)
        return False

    def needs_to_outlive_its_object(self) -> None:
        """Leave the test out where nothing does."""
        if self.is_volatile:
            leave_out("crashes were not asked about: nothing outlives the store object, as `reopen` gives the same one")

    def crash(self) -> None:
        """Abandon the store object as it is: nothing is closed, nothing is flushed. Go on with another."""
        self._open(self._suite.reopen(self.store.true))
        self.script.say("store = suite.reopen(store)  # the process is gone")

    def look_through_another(self) -> None:
        """Go on with another object, as a process that looks at what this one has done."""
        self._open(self._suite.reopen(self.store.true))
        self.script.say("store = suite.reopen(store)  # as whoever comes after it")

    def _open(self, store: CredentialStore) -> None:
        self._opened.append(store)
        self.store = Recorded(store, self.script)

    def same(self, found: object, expected: object) -> None:
        """Fail unless what was found is equal to what was expected."""
        if found != expected:
            self.differs(found, expected)

    def differs(self, found: object, *expected: object) -> NoReturn:
        """Fail because what was found is none of what was expected."""
        self.script.expects(found, *expected)
        raise AssertionError(f"expected {' or '.join(map(repr, expected))}, found {found!r}")

    def is_a(self, found: object, kind: type, why: str) -> None:
        """Fail unless what was found is of a type."""
        if not isinstance(found, kind):
            self.script.expects_a(found, kind)
            raise AssertionError(f"expected that {why}, found {found!r}")  # noqa: TRY004 - a test

    def fail(self, what: str) -> NoReturn:
        """Fail."""
        self.script.say(f"# {what}")
        raise AssertionError(what)
