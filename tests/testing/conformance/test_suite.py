"""The suites run under pytest, under unittest and by themselves, and their failures can be repeated."""

import io
import os
import subprocess
import sys
import textwrap
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from authsm import CredentialStore, MemoryCredentialStore
from authsm.testing import RunnerConformance, SignOutConformance, StoreConformance, TicketStoreConformance
from authsm.testing.conformance import ConformanceSuite
from authsm.testing.conformance.stores.crashes import Crash
from authsm.testing.conformance.stores.sign_outs import Process
from tests.programs import PATIENCE, ROOT
from tests.testing.conformance import by_hand, runners_by_hand, tickets_by_hand
from tests.testing.conformance.shipped import Memory

SUITES = (StoreConformance, TicketStoreConformance, RunnerConformance, SignOutConformance)


@pytest.mark.parametrize("suite", SUITES)
def test_every_test_is_described(suite: type[ConformanceSuite]) -> None:
    tests = [name for name in dir(suite) if name.startswith("test")]
    assert len(tests) > 10
    assert [name for name in tests if not getattr(suite, name).__doc__] == []


def test_it_runs_without_pytest_and_says_what_it_left_out() -> None:
    suite = Memory()
    passed = suite.check()
    assert len(passed) == 20
    assert len(suite.left_out) == 13
    assert all("asked" in why for why in suite.left_out.values())
    assert passed == tuple(sorted(passed))
    assert not suite.left_out.keys() & set(passed)


def test_all_that_failed_is_told_with_what_was_expected_and_found() -> None:
    class Suite(Memory):
        def test_one(self) -> None:
            """One."""
            raise AssertionError("expected that one, found two")

        def test_two(self) -> None:
            """Two."""
            raise KeyError("three")

    with pytest.raises(AssertionError) as failed:
        Suite().check()
    assert str(failed.value) == "test_one: expected that one, found two\n\ntest_two: KeyError: 'three'"


@pytest.mark.parametrize(
    ("suite", "known"),
    [
        (StoreConformance, "plain_keys"),
        (RunnerConformance, "outlives_its_time"),
        (SignOutConformance, "signs_out_everywhere"),
    ],
)
def test_a_limitation_that_is_not_known_is_told_with_those_that_are(suite: type[ConformanceSuite], known: str) -> None:
    suite = type("Suite", (suite,), {"limitations": {"misspelt"}})
    with pytest.raises(AssertionError, match=rf"\['misspelt'\] is not. There are: '{known}' \(.+\)"):
        suite().test_its_limitations_are_known()


def test_limitations_are_a_set_and_no_text() -> None:
    suite = type("Suite", (StoreConformance,), {"limitations": "plain_keys"})
    with pytest.raises(AssertionError, match="a set of names, found the text 'plain_keys'"):
        suite().test_its_limitations_are_known()


class _OnlyPlainKeys(by_hand.ByHand):
    """Takes no key that would have to be escaped."""

    def begin(self, key: str, *arguments: Any, **named: Any) -> Any:
        if not key.replace("-", "").replace("_", "").isalnum() or key != key.lower():
            raise ValueError(key)
        return super().begin(key, *arguments, **named)


class _PlainKeysSuite(by_hand.Suite):
    limitations = ("plain_keys",)


def test_a_store_of_plain_keys_only_may_say_so() -> None:
    assert _PlainKeysSuite(_OnlyPlainKeys).report().failed == {}
    assert "test_it_takes_every_key_or_says_so" in by_hand.Suite(_OnlyPlainKeys).report().failed


def test_a_store_that_takes_every_key_may_not_deny_it() -> None:
    with pytest.raises(AssertionError, match="you declare plain_keys, and it was not seen to be so"):
        _PlainKeysSuite(by_hand.ByHand).test_it_takes_every_key_or_says_so()


def test_a_store_is_not_made_by_an_async_function() -> None:
    class Suite(StoreConformance):
        async def make(self) -> CredentialStore:  # type: ignore[override]  # which is what is wrong with it
            return MemoryCredentialStore()

    with pytest.raises(AssertionError, match="`make` is a plain function, found an async one: stores block"):
        Suite().test_it_declares_what_it_can_promise()


class BrokenStoreSuite(by_hand.Suite):
    """To be made without arguments, as the script of a failure does."""

    kind: type[by_hand.ByHand]

    def __init__(self) -> None:
        super().__init__(self.kind)


class Tearing(BrokenStoreSuite):
    kind = by_hand.DestroysFirst


class Behind(BrokenStoreSuite):
    kind = by_hand.WriteBehind


class Swallowing(BrokenStoreSuite):
    kind = by_hand.SwallowsErrors


class Resurrecting(BrokenStoreSuite):
    kind = by_hand.Resurrects


class BlindToOutages(BrokenStoreSuite):
    kind = by_hand.TakesOutagesForAbsence


class BrokenTicketStoreSuite(tickets_by_hand.Suite):
    """The same."""

    kind: type[tickets_by_hand.ByHand]

    def __init__(self) -> None:
        super().__init__(self.kind)


class EndingTwice(BrokenTicketStoreSuite):
    kind = tickets_by_hand.EndsAgain


class Waiting(BrokenTicketStoreSuite):
    kind = tickets_by_hand.WaitsTooLong


class Lying(runners_by_hand.Suite):
    def __init__(self) -> None:
        super().__init__(runners_by_hand.Lies)


class Forgetting(runners_by_hand.Suite):
    def __init__(self) -> None:
        super().__init__(runners_by_hand.KeepsTheFirstTokens)


class OnlyForgetting(SignOutConformance):
    def sign_in(self, cognito: Any, client: Any, tokens: Any) -> Any:
        del cognito, client
        return [tokens.refresh_token]

    def sign_out(self, user: Any) -> None:
        user.clear()

    def tokens_of(self, user: Any) -> Any:
        return user


@pytest.mark.parametrize(
    ("test", "repaired"),
    [
        (Tearing().test_a_crash_within_a_clear_leaves_the_session_or_its_tombstone, (Tearing, "kind", by_hand.ByHand)),
        (Behind().test_what_has_happened_before_a_crash_has_happened_after_it, (Behind, "kind", by_hand.ByHand)),
        (Behind().test_nothing_is_kept_for_later, (Behind, "kind", by_hand.ByHand)),
        (Behind().test_a_sign_out_that_died_anywhere_can_be_ended, (Behind, "kind", by_hand.ByHand)),
        (Swallowing().test_a_write_that_fails_is_told, (Swallowing, "kind", by_hand.ByHand)),
        (Resurrecting().test_a_cleared_session_is_a_tombstone_for_everybody, (Resurrecting, "kind", by_hand.ByHand)),
        (
            BlindToOutages().test_what_cannot_be_read_is_not_taken_for_absent_or_cleared,
            (BlindToOutages, "kind", by_hand.ByHand),
        ),
        (EndingTwice().test_a_ticket_ends_once, (EndingTwice, "kind", tickets_by_hand.ByHand)),
        (Waiting().test_what_has_waited_until_its_time_has_expired, (Waiting, "kind", tickets_by_hand.ByHand)),
        (Lying().test_a_refusal_is_not_reported_as_done, (runners_by_hand, "Lies", runners_by_hand.ByHand)),
        (
            Forgetting().test_it_uses_the_tokens_that_the_call_gives,
            (runners_by_hand, "KeepsTheFirstTokens", runners_by_hand.ByHand),
        ),
        (OnlyForgetting().test_a_fresh_session_is_signed_out, None),
    ],
)
def test_a_failure_prints_the_script_that_repeats_it(
    test: Callable[[], None], repaired: tuple[Any, str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails in the same way; and once the part is repaired, it does not."""
    with pytest.raises(AssertionError) as failed:
        test()
    script = str(failed.value).partition("To repeat it:\n\n")[2]
    with pytest.raises(AssertionError):
        exec(compile(script, "script", "exec", dont_inherit=True), {})  # noqa: S102 - that is what is printed
    if repaired is not None:
        monkeypatch.setattr(*repaired)
        exec(compile(script, "script", "exec", dont_inherit=True), {})  # noqa: S102 - the same


def test_a_process_that_has_died_does_nothing_more() -> None:
    """Neither its store nor its handlers, whoever asks."""
    process = Process(dies_at=1)
    done: list[str] = []
    for act in (done.append, done.append):
        with pytest.raises(Crash):
            process.carry_out(act, "something")
    for effect, handler in process.runner().handlers.items():
        with pytest.raises(Crash):
            handler(effect(), None)  # type: ignore[arg-type]  # it looks at no call
    assert (done, process.asked) == ([], [])
    process = Process(dies_at=1, after=True)
    with pytest.raises(Crash):
        process.carry_out(done.append, "something")
    assert done == ["something"]


def test_one_crash_of_a_sign_out_can_be_repeated_by_itself() -> None:
    suite = by_hand.Suite(by_hand.ByHand)
    assert suite.crash_a_sign_out(dies_at=3, after=True)
    assert not suite.crash_a_sign_out(dies_at=50, after=False)


class _ForUnittest(Memory, unittest.TestCase):
    pass


def test_it_runs_under_unittest() -> None:
    output = io.StringIO()
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(_ForUnittest)
    result = unittest.TextTestRunner(output, verbosity=2).run(tests)
    assert (result.testsRun, len(result.skipped), result.wasSuccessful()) == (33, 13, True)
    assert "crashes were not asked about: nothing outlives the store object" in output.getvalue()


PLUGGED_IN: str = """
    from authsm import CognitoRunner, MemoryCredentialStore
    from authsm.testing import RunnerConformance, SignOutConformance, StoreConformance
    import unittest

    class TestMyStore(StoreConformance):
        def make(self):
            return MemoryCredentialStore()

    class TestMyStoreWithUnittest(StoreConformance, unittest.TestCase):
        def make(self):
            return MemoryCredentialStore()
    """


def test_it_runs_under_pytest_in_an_empty_folder_with_strict_markers(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(PLUGGED_IN))
    done = subprocess.run(  # noqa: S603 - this suite's own
        [
            *(sys.executable, "-m", "pytest", "-q", "-rs", "-W", "error"),
            *("--strict-markers", "--strict-config", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("40 passed, 26 skipped")
    assert "crashes were not asked about: nothing outlives the store object" in done.stdout


def test_importing_it_loads_neither_pytest_nor_hypothesis() -> None:
    program = "import sys, authsm.testing; print(sorted({'pytest', 'hypothesis', '_pytest'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - the same
    assert done.stdout.strip() == "[]"
