"""A store that cannot be reached: unavailable is not absent, and not cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authsm.auth.blocking import Auth
from authsm.flows.sign_out.policy import SignOutPolicy
from authsm.flows.sign_out.results import FailedSignOut
from authsm.stores.contract import Cleared, Entry, EntryState, StoreUnavailableError
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.stage import described
from authsm.testing.conformance.stores.trial import StoreSuite, Trial
from authsm.testing.conformance.suite import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WHAT: Final = "what the store says when it cannot be reached"


_RAISED: Final = object()
"""Stands for the answer of an operation that raised `StoreUnavailableError`."""

_LOCAL: Final = SignOutPolicy(local_only=True)

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


class Outages(StoreSuite):
    """Asked where `StoreSuite.break_it` brings an outage about. What is answered during one has to be true after it."""

    def test_what_cannot_be_read_is_not_taken_for_absent_or_cleared(self) -> None:
        """By `load`, by the journal, and by `verify_cleared`, which answers `Unknown`."""
        self._needs("break_it", _WHAT)
        with self._trial() as trial:
            begun = _leaving(trial)
            with self.break_it(trial.store.true):
                seen = _asked(trial, "load", "ada")
                listed = _asked(trial, "journals")
                read = _asked(trial, "read_journal", "ada")
                found = trial.store.verify_cleared("ada", epoch=begun.epoch)
            for what, true in (
                (f"`load`: {seen!r}", seen is _RAISED or seen.state is EntryState.LEAVING),
                (f"`journals`: {listed!r}", listed is _RAISED or "ada" in listed),
                (f"`read_journal`: {read!r}", read is _RAISED or read == "one"),
            ):
                expect(true, f"it raises StoreUnavailableError, or tells the truth. {what}")
            expect(not isinstance(found, Cleared), f"`verify_cleared` does not say Cleared; found {found!r}")

    def test_what_cannot_be_cleared_is_not_reported_as_cleared(self) -> None:
        """`clear` raises `StoreUnavailableError`, or it has cleared all the same."""
        self._needs("break_it", _WHAT)
        with self._trial() as trial:
            begun = _leaving(trial)
            with self.break_it(trial.store.true):
                answer = _asked(trial, "clear", "ada", epoch=begun.epoch)
            state = trial.store.load("ada").state
            if answer is not _RAISED and state is not EntryState.TOMBSTONE:
                trial.fail(
                    f"expected that `clear` raises StoreUnavailableError, found {answer!r}, and that it is {state}"
                )

    def test_what_cannot_be_written_is_not_reported_as_written(self) -> None:
        """Sign-in, refresh and LEAVING: each raises `StoreUnavailableError`, or is done all the same."""
        self._needs("break_it", _WHAT)
        for operation, (named, is_done) in _WRITES.items():
            with self._trial() as trial:
                begun = trial.store.begin("ada", session_data("1"), replace=True)
                with self.break_it(trial.store.true):
                    answer = _asked(trial, operation, "ada", **named(begun))
                entry = trial.store.load("ada")
                if answer is not _RAISED and not is_done(entry):
                    trial.fail(f"expected that `{operation}` raises StoreUnavailableError, found {answer!r}")
                expect(entry.data is not None, "a session outlives an outage")

    def test_a_sign_out_during_an_outage_is_ended_after_it(self) -> None:
        """It fails, and says so; the same store object works again once the cause is gone."""
        self._needs("break_it", _WHAT)
        with self._trial() as trial:
            trial.store.begin("ada", session_data("1"))
            auth = Auth(trial.store, {}, key="ada", policy=_LOCAL)
            with self.break_it(trial.store.true):
                during = auth.sign_out()
            state = trial.store.load("ada").state
            if state is not EntryState.TOMBSTONE:
                expect(isinstance(during, FailedSignOut), f"the sign-out is a FailedSignOut; found {during!r}")
            after = auth.resume() or auth.sign_out()
            expect(not isinstance(after, FailedSignOut), f"it can be ended after the outage; found {after!r}")
            trial.same(trial.store.load("ada").state, EntryState.TOMBSTONE)


def _leaving(trial: Trial) -> Entry:
    begun: Entry = trial.store.begin("ada", session_data("1"))
    trial.store.leave("ada", epoch=begun.epoch, journal="one")
    return begun


def _asked(trial: Trial, operation: str, *arguments: object, **named: object) -> Any:
    """Give what an operation answers; `_RAISED` where it says that the store is unavailable."""
    try:
        return getattr(trial.store, operation)(*arguments, **named)
    except StoreUnavailableError:
        return _RAISED
    except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything
        return trial.fail(f"expected that `{operation}` raises StoreUnavailableError, found {described(error)}")
