"""A store that cannot be reached: unavailable is not absent, and not cleared."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from authsm.auth.blocking import Auth
from authsm.flows.sign_out.policy import SignOutPolicy
from authsm.flows.sign_out.results import FailedSignOut
from authsm.stores.contract import Entry, EntryState, Residue, StoreUnavailableError, Unknown
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.stage import described
from authsm.testing.conformance.stores.trial import StoreSuite
from authsm.testing.conformance.suite import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsm.stores.contract import CredentialStore
    from authsm.testing.conformance.trial import Trial

_WHAT: Final = "what the store says when it cannot be reached"


_LOCAL: Final = SignOutPolicy(local_only=True)

_LOOKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "load": lambda seen: seen.state is EntryState.LEAVING,
    "read_journal": lambda seen: seen == "one",
    "journals": lambda seen: "ada" in seen,
}
"""Each operation that reads: whether an answer is true of a session that is leaving."""

_WRITES: Final[Mapping[str, tuple[Callable[[Entry], Mapping[str, Any]], Callable[[Entry], bool]]]] = {
    "begin": (
        lambda _: {"data": session_data("2"), "replace": True},
        lambda entry: entry.data == session_data("2"),
    ),
    "save": (
        lambda begun: {"data": session_data("2"), "epoch": begun.epoch, "generation": begun.generation},
        lambda entry: entry.data == session_data("2"),
    ),
    "leave": (
        lambda begun: {"epoch": begun.epoch, "journal": "one"},
        lambda entry: entry.state is EntryState.LEAVING,
    ),
}
"""Each operation that writes: its arguments, given the session, and whether an entry shows that it was done."""


def during_outage(suite: StoreSuite, store: CredentialStore, act: Callable[[], object]) -> object:
    """Ask something of a store while what it keeps can be neither read nor written.

    Args:
        suite: Breaks it, and heals it again.
        store: The store.
        act: What to ask.

    Returns:
        What it answered, or the exception that it raised: nothing is raised into a hook, which may not heal it then.
    """
    with suite.break_it(store):
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - the caller judges it
            return error


class Outages(StoreSuite):
    """Asked where `StoreSuite.break_it` brings an outage about. What is answered during one has to be true after it."""

    def test_what_cannot_be_read_is_not_taken_for_absent_or_cleared(self) -> None:
        """By `load`, by the journal, and by `verify_cleared`, which answers `Unknown` and never raises."""
        self._needs("break_it", _WHAT)
        with self._trial() as trial:
            begun = _leaving(trial)
            store = trial.store
            for look, is_true in _LOOKS.items():
                arguments = () if look == "journals" else ("ada",)
                self._raises_or(trial, functools.partial(getattr(store, look), *arguments), is_true)
            found = self._asked(trial, lambda: store.verify_cleared("ada", epoch=begun.epoch))
            if not isinstance(found, Residue):
                trial.is_a(found, Unknown, "`verify_cleared` answers Unknown where it could not look")

    def test_what_cannot_be_cleared_is_not_reported_as_cleared(self) -> None:
        """`clear` raises `StoreUnavailableError`, or it has cleared all the same."""
        self._needs("break_it", _WHAT)
        with self._trial() as trial:
            begun, store = _leaving(trial), trial.store
            self._raises_or(
                trial,
                lambda: store.clear("ada", epoch=begun.epoch),
                lambda _: store.true.load("ada").state is EntryState.TOMBSTONE,
            )

    def test_what_cannot_be_written_is_not_reported_as_written(self) -> None:
        """Sign-in, refresh and LEAVING: each raises `StoreUnavailableError`, or is done all the same."""
        self._needs("break_it", _WHAT)
        for operation, (named, is_done) in _WRITES.items():
            with self._trial() as trial:
                begun = trial.store.begin("ada", session_data("1"), replace=True)
                act = functools.partial(getattr(trial.store, operation), "ada", **named(begun))
                self._raises_or(trial, act, functools.partial(_is_done_in, trial, is_done))
                expect(trial.store.load("ada").data is not None, "a session outlives an outage")

    def test_a_sign_out_during_an_outage_is_ended_after_it(self) -> None:
        """It fails, and says so; the same store object works again once the cause is gone."""
        self._needs("break_it", _WHAT)
        with self._trial() as trial:
            trial.store.begin("ada", session_data("1"))
            auth = Auth(trial.store, {}, key="ada", policy=_LOCAL)
            during = during_outage(self, trial.store.true, auth.sign_out)
            if trial.store.load("ada").state is not EntryState.TOMBSTONE:
                expect(isinstance(during, FailedSignOut), f"the sign-out is a FailedSignOut; found {during!r}")
            after = auth.resume() or auth.sign_out()
            expect(not isinstance(after, FailedSignOut), f"it can be ended after the outage; found {after!r}")
            trial.same(trial.store.load("ada").state, EntryState.TOMBSTONE)

    def _asked(self, trial: Trial, act: Callable[[], object]) -> object:
        with trial.script.within("during_outage(suite, store, lambda: {})"):
            return during_outage(self, trial.store.true, act)

    def _raises_or(self, trial: Trial, act: Callable[[], object], is_true: Callable[[Any], bool]) -> None:
        """Fail unless it raises `StoreUnavailableError` during the outage, or its answer is true after it."""
        found = self._asked(trial, act)
        if isinstance(found, StoreUnavailableError):
            return
        if isinstance(found, Exception):
            raise AssertionError(f"expected StoreUnavailableError, found {described(found)}")  # noqa: TRY004 - a test
        if not is_true(found):
            why = "it raises StoreUnavailableError, or what it answers is true after the outage"
            trial.is_a(found, StoreUnavailableError, why)


def _is_done_in(trial: Trial, is_done: Callable[[Entry], bool], _: object) -> bool:
    return is_done(trial.store.true.load("ada"))


def _leaving(trial: Trial) -> Entry:
    begun: Entry = trial.store.begin("ada", session_data("1"))
    trial.store.leave("ada", epoch=begun.epoch, journal="one")
    return begun
