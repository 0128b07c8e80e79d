"""One trial of somebody's store, written down as it goes on; and what every suite that tries one has to be told."""

from __future__ import annotations

import contextlib
import inspect
import unittest
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from authsm.testing.conformance.script import Recorded, Script
from authsm.testing.conformance.stage import described
from authsm.testing.conformance.suite import ConformanceSuite, expect, leave_out

if TYPE_CHECKING:
    from collections.abc import Generator


class TrialSuite(ConformanceSuite):
    """What you say about your store: how it is made, and, where you can, how it is opened again.

    Attributes:
        operations: What is written down when it is called: every operation of such a store.
        imports: The source that goes before what was written down.
    """

    operations: ClassVar[tuple[str, ...]]
    imports: ClassVar[str]

    def make(self) -> Any:
        """Make a new, empty store. A plain function: stores are used from threads."""
        raise NotImplementedError("Say how a new, empty store is made.")

    def reopen(self, store: Any) -> Any:
        """Give what the store keeps through a new store object, as another process would see it.

        Args:
            store: What `make` or `reopen` gave.

        Returns:
            Another object; or the same one, where everything lives in it.
        """
        return store

    def dispose(self, store: Any) -> None:
        """Let go of what a store object keeps open, at the end of a test. Nothing by default.

        Args:
            store: What `make` or `reopen` gave.
        """

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


class Trial:
    """A store, and what is done to it.

    Args:
        suite: Whose.

    Attributes:
        script: What was done.
        store: The store, as it is open now.
    """

    def __init__(self, suite: TrialSuite) -> None:
        self.script = Script(suite, suite.imports)
        self.store: Any
        self._suite = suite
        self._opened: list[Any] = []

    def begin(self) -> None:
        """Make the store."""
        made = self._suite.make()
        if inspect.isawaitable(made):
            if inspect.iscoroutine(made):
                made.close()
            raise AssertionError("expected that `make` is a plain function, found an async one: stores block")
        operations = self._suite.operations
        is_async = [each for each in operations if inspect.iscoroutinefunction(getattr(made, each, None))]
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

    def _let_go(self, *, but_for: object = None) -> None:
        over = [store for store in self._opened if store is not but_for]
        self._opened = [store for store in self._opened if store is but_for]
        for store in over:
            self._suite.dispose(store)

    def reopened(self) -> Any:
        """Give what the store keeps through another object."""
        other = self._suite.reopen(self.store.true)
        if other is self.store.true:
            return self.store
        self._opened.append(other)
        return self._recorded(other, "suite.reopen(store)")

    @property
    def is_volatile(self) -> bool:
        """Whether nothing outlives the object."""
        other = self._suite.reopen(self.store.true)
        if other is self.store.true:
            return True
        self._opened.append(other)
        return False

    def needs_to_outlive_its_object(self, what: str = "crashes") -> None:
        """Leave the test out where nothing does.

        Args:
            what: What is not asked about then.
        """
        if self.is_volatile:
            leave_out(f"{what} were not asked about: nothing outlives the store object, as `reopen` gives the same one")

    def crash(self) -> None:
        """Abandon the store object as it is: nothing is closed, nothing is flushed. Go on with another."""
        self._open(self._suite.reopen(self.store.true))
        self.script.say("store = suite.reopen(store)  # the process is gone")

    def look_through_another(self) -> None:
        """Go on with another object, as a process that looks at what this one has done."""
        self._open(self._suite.reopen(self.store.true))
        self.script.say("store = suite.reopen(store)  # as whoever comes after it")

    def _open(self, store: object) -> None:
        self._opened.append(store)
        self.store = self._recorded(store, "store")

    def _recorded(self, store: object, name: str) -> Recorded:
        return Recorded(store, self.script, name, self._suite.operations)

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
