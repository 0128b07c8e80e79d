"""What the conformance suites have in common: tests that need neither pytest nor unittest, and run under both."""

from __future__ import annotations

import unittest
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a suite found.

    Attributes:
        passed: The names of the tests that passed.
        failed: By the name of each test that failed: what was expected, what was found, and how to repeat it.
        left_out: By the name of each test that was left out: why.
    """

    passed: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict[str, str])
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])


class ConformanceSuite:
    """Tests, each a method whose name begins with ``test``. None needs another.

    Three ways to run one, each in full:

    - pytest: a subclass whose name begins with ``Test``. What is left out is reported as skipped, with its reason.
    - unittest: the same, with ``unittest.TestCase`` as the second base: ``class TestMine(StoreConformance, TestCase)``.
    - neither: `check` raises when a test failed, `report` does not.

    Attributes:
        limitations: What your part is known not to do, by the names in ``known_limitations``. The tests do not ask for
            it then, but look that it is so: a limitation that is not there is a failure, too.
        known_limitations: What can be declared, and what each means.
        left_out: After `check`: by the name of each test that was left out, why.
    """

    limitations: Collection[str] = ()
    known_limitations: ClassVar[Mapping[str, str]] = _NOTHING
    left_out: Mapping[str, str] = _NOTHING

    def check(self) -> tuple[str, ...]:
        """Run every test.

        Returns:
            The names of the tests that passed; those that were left out are in ``left_out``.

        Raises:
            AssertionError: A test failed. The message says of each what was expected, what was found, and how to
                repeat it.
        """
        report = self.report()
        self.left_out = report.left_out
        if report.failed:
            raise AssertionError("\n\n".join(f"{name}: {why}" for name, why in report.failed.items()))
        return report.passed

    def report(self) -> Report:
        """Run every test, whatever becomes of the others.

        Returns:
            What was found.
        """
        passed: list[str] = []
        failed: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for name in sorted(name for name in dir(self) if name.startswith("test")):
            try:
                getattr(self, name)()
            except unittest.SkipTest as skipped:
                left_out[name] = str(skipped)
            except AssertionError as error:
                failed[name] = str(error)
            except Exception as error:  # noqa: BLE001 - a stranger's part may raise anything, and the others go on
                failed[name] = f"{type(error).__name__}: {error}"
            else:
                passed.append(name)
        return Report(passed=tuple(passed), failed=failed, left_out=left_out)

    def test_its_limitations_are_known(self) -> None:
        """A misspelt limitation would be asked for all the same."""
        if isinstance(self.limitations, str):
            raise AssertionError(f"expected that limitations is a set of names, found the text {self.limitations!r}")  # noqa: TRY004 - a test
        known = ", ".join(f"{name!r} ({meaning})" for name, meaning in self.known_limitations.items()) or "none"
        unknown = sorted(set(self.limitations) - set(self.known_limitations))
        expect(not unknown, f"limitations are known ones; {unknown} is not. There are: {known}")

    def _declares(self, limitation: str) -> bool:
        return limitation in self.limitations

    def _offers(self, hook: str, base: type[ConformanceSuite]) -> bool:
        """Tell whether a method that may be overridden is."""
        return getattr(type(self), hook) is not getattr(base, hook)


def source_of(suite: ConformanceSuite) -> str:
    """Give the source that makes a suite and calls it ``suite``.

    Args:
        suite: The suite.
    """
    kind = type(suite)
    made = f"suite = {kind.__qualname__.rpartition('.')[2]}()"
    if "<locals>" in kind.__qualname__ or kind.__module__ == "__main__":
        return made  # nobody can import it from there
    return f"from {kind.__module__} import {kind.__qualname__}\n{made}"


def expect(condition: object, what: str) -> None:
    """Fail unless something is so.

    Args:
        condition: Whether it is so.
        what: What is expected, as the end of a sentence.

    Raises:
        AssertionError: It is not.
    """
    if not condition:
        raise AssertionError(f"expected that {what}")


def refute(declared: str, seen: str) -> NoReturn:
    """Fail because a limitation that was declared is not there.

    Args:
        declared: What was declared.
        seen: What was seen instead.

    Raises:
        AssertionError: Always.
    """
    raise AssertionError(
        f"you declare {declared}, and it was not seen to be so: {seen}. Take the declaration away, so that it is tested"
    )


def leave_out(why: str) -> NoReturn:
    """Leave out the test that runs. pytest reports this as skipped, as unittest does.

    Args:
        why: What is missing for it.

    Raises:
        SkipTest: Always.
    """
    raise unittest.SkipTest(why)
