"""What a store promises, one rule a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from authsm.stores.contract import (
    Capabilities,
    Cleared,
    Entry,
    EntryState,
    Left,
    Refused,
    Residue,
    Saved,
    SessionExistsError,
    Superseded,
)
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.stage import described
from authsm.testing.conformance.stores.trial import PLAIN_KEYS, StoreSuite
from authsm.testing.conformance.suite import expect, leave_out, refute

_PLAIN_KEYS: Final = ("ada", "grace", "ada-1", "ada_1", "a" * 64, "con")
_ODD_KEYS: Final = ("Ada", "", "ada/../grace", "ada%2fgrace", "ädä \n", ".hidden")
"""Keys that must not be mistaken for each other, nor lead anywhere else."""


class Rules(StoreSuite):
    """What can be seen of one store by one user at a time."""

    @property
    def _keys(self) -> tuple[str, ...]:
        return _PLAIN_KEYS if self._declares(PLAIN_KEYS) else (*_PLAIN_KEYS, *_ODD_KEYS)

    def test_it_declares_what_it_can_promise(self) -> None:
        """Capabilities are what `Auth` and its users go by."""
        with self._trial() as trial:
            said = trial.store.capabilities
            expect(isinstance(said, Capabilities), f"capabilities is a Capabilities, not a {type(said).__name__}")

    def test_it_takes_every_key_or_says_so(self) -> None:
        """A key is any text; the limitation ``plain_keys`` says that it is not."""
        with self._trial() as trial:
            refused: list[str] = []
            for key in _ODD_KEYS:
                try:
                    trial.store.begin(key, session_data("1"))
                except Exception as error:  # noqa: BLE001 - whatever it is: the key is refused
                    refused.append(described(error))
            if not self._declares(PLAIN_KEYS):
                expect(not refused, f"every text is a key; of {len(_ODD_KEYS)}, these were refused: {refused}")
            elif not refused:
                refute(PLAIN_KEYS, "every other key was taken, too")

    def test_what_outlives_its_object_is_looked_at_through_another(self) -> None:
        """Otherwise nothing here would tell whether it does."""
        with self._trial() as trial:
            said = trial.store.capabilities
            if said.durable_clear or said.cross_process:
                expect(
                    not trial.is_volatile,
                    "`reopen` gives another object, as the store declares durable_clear or cross_process: "
                    "write one that opens the same credentials as another process would",
                )

    def test_equal_stores_have_equal_hashes(self) -> None:
        """Sign-outs at the same time become one where their stores are equal."""
        with self._trial() as trial:
            store, again = trial.store.true, trial.reopened().true
            expect(hash(store) == hash(store), "a store can be hashed")
            expect(again != store or hash(again) == hash(store), "equal stores have equal hashes")

    def test_a_key_that_was_never_used_is_absent(self) -> None:
        """Absent is not cleared, and not corrupt; asking changes nothing."""
        with self._trial() as trial:
            store = trial.store
            for key in self._keys:
                trial.same(store.load(key), Entry(EntryState.ABSENT))
                trial.same(store.read_journal(key), None)
                trial.same(store.verify_cleared(key, epoch=0), Cleared())
                trial.same(store.clear(key, epoch=0), Cleared())
                store.erase_journal(key, epoch=0)
                trial.same(trial.reopened().load(key), Entry(EntryState.ABSENT))
            trial.same(tuple(store.journals()), ())

    def test_what_was_signed_in_is_there_for_whoever_opens_it(self) -> None:
        """Everything comes back as it was: tokens, times and names of any alphabet."""
        with self._trial() as trial:
            store = trial.store
            for number, key in enumerate(self._keys):
                data = session_data(str(number))
                begun = store.begin(key, data)
                expect(begun.epoch > 0, "epochs begin above 0, which stands for none")
                trial.same(begun, Entry(EntryState.LIVE, begun.epoch, 1, data))
                trial.same(trial.reopened().load(key), begun)
            for number, key in enumerate(self._keys):
                trial.same(store.load(key).data, session_data(str(number)))

    def test_a_sign_in_over_a_session_is_refused_unless_it_replaces(self) -> None:
        """One user is signed in at a time; epochs rise."""
        with self._trial() as trial:
            store = trial.store
            first = store.begin("ada", session_data("1"))
            try:
                store.begin("ada", session_data("2"))
            except SessionExistsError:
                pass
            else:
                trial.fail("expected that begin over a session raises SessionExistsError, found that it does not")
            trial.same(store.load("ada"), first)
            second = store.begin("ada", session_data("2"), replace=True)
            expect(second.epoch > first.epoch, "each sign-in opens a higher epoch")
            trial.same(trial.reopened().load("ada"), second)

    def test_a_save_compares_and_sets(self) -> None:
        """A refresh that began from what is stored is saved; one that began earlier is refused."""
        with self._trial() as trial:
            store = trial.store
            begun = store.begin("ada", session_data("1"))
            saved = store.save("ada", session_data("2"), epoch=begun.epoch, generation=begun.generation)
            now = store.load("ada")
            trial.same(saved, Saved(now))
            trial.same((now.state, now.epoch, now.data), (EntryState.LIVE, begun.epoch, session_data("2")))
            expect(now.generation > begun.generation, "each save raises the generation")
            for epoch, generation in ((begun.epoch, begun.generation), (begun.epoch - 1, now.generation)):
                late = store.save("ada", session_data("3"), epoch=epoch, generation=generation)
                trial.is_a(late, Refused, "a save of an older generation or another epoch is Refused")
            trial.same(trial.reopened().load("ada"), now)

    def test_a_session_that_is_leaving_refuses_saves_and_keeps_its_journal(self) -> None:
        """The fence: a token refresh that began before cannot bring the session back."""
        with self._trial() as trial:
            store = trial.store
            begun = store.begin("ada", session_data("1"))
            trial.same(store.leave("ada", epoch=begun.epoch, journal="one"), Left())
            late = store.save("ada", session_data("2"), epoch=begun.epoch, generation=begun.generation)
            trial.is_a(late, Refused, "a save is refused once the session is leaving")
            trial.same(store.write_journal("ada", epoch=begun.epoch, journal="two"), Left())
            trial.same(trial.reopened().load("ada"), replace(begun, state=EntryState.LEAVING))
            trial.same(trial.reopened().read_journal("ada"), "two")
            trial.same(tuple(trial.reopened().journals()), ("ada",))

    def test_a_cleared_session_is_a_tombstone_for_everybody(self) -> None:
        """The tombstone is the truth: nothing is there, nothing can be saved, and clearing again does no harm."""
        with self._trial() as trial:
            store = trial.store
            begun = store.begin("ada", session_data("1"))
            store.leave("ada", epoch=begun.epoch, journal="one")
            for _ in range(2):
                trial.is_a(store.clear("ada", epoch=begun.epoch), Cleared, "a clear answers Cleared, each time")
                again = trial.reopened()
                trial.same(again.load("ada"), replace(begun, state=EntryState.TOMBSTONE, data=None))
                trial.same(again.verify_cleared("ada", epoch=begun.epoch), Cleared())
            late = store.save("ada", session_data("2"), epoch=begun.epoch, generation=begun.generation)
            trial.is_a(late, Refused, "a save is refused on a tombstone")
            trial.same(store.leave("ada", epoch=begun.epoch, journal="two"), Superseded())

    def test_a_sign_out_whose_end_was_not_seen_stays_in_the_list(self) -> None:
        """A crash between the tombstone and the end: the journal says so until it is erased."""
        with self._trial() as trial:
            store = trial.store
            begun = store.begin("ada", session_data("1"))
            store.leave("ada", epoch=begun.epoch, journal="one")
            store.clear("ada", epoch=begun.epoch)
            trial.same(store.read_journal("ada"), "one")
            trial.same(tuple(store.journals()), ("ada",))
            store.erase_journal("ada", epoch=begun.epoch - 1)
            trial.same(store.read_journal("ada"), "one")
            store.erase_journal("ada", epoch=begun.epoch)
            trial.same(trial.reopened().read_journal("ada"), None)
            trial.same(tuple(store.journals()), ())

    def test_a_newer_session_is_never_harmed_by_an_old_sign_out(self) -> None:
        """Whatever an old sign-out still does, it does to its own epoch."""
        with self._trial() as trial:
            store = trial.store
            old = store.begin("ada", session_data("1"))
            new = store.begin("ada", session_data("2"), replace=True)
            trial.same(store.clear("ada", epoch=old.epoch), Superseded())
            trial.same(store.leave("ada", epoch=old.epoch, journal="old"), Superseded())
            trial.same(store.write_journal("ada", epoch=old.epoch, journal="old"), Superseded())
            store.erase_journal("ada", epoch=old.epoch)
            trial.same(store.verify_cleared("ada", epoch=old.epoch), Superseded())
            trial.same(trial.reopened().load("ada"), new)
            trial.same(store.read_journal("ada"), None)

    def test_a_session_that_is_there_is_found(self) -> None:
        """`verify_cleared` must not be fooled by its own store."""
        with self._trial() as trial:
            store = trial.store
            begun = store.begin("ada", session_data("1"))
            for _ in range(2):
                found = store.verify_cleared("ada", epoch=begun.epoch)
                trial.is_a(found, Residue, "a live or leaving session is Residue")
                expect(found.readable, "a live or leaving session is readable Residue")
                store.leave("ada", epoch=begun.epoch, journal="one")

    def test_a_new_sign_in_leads_out_of_a_tombstone(self) -> None:
        """And its epoch is higher, so that nothing of the old session can touch it."""
        with self._trial() as trial:
            store = trial.store
            first = store.begin("ada", session_data("1"))
            store.leave("ada", epoch=first.epoch, journal="one")
            store.clear("ada", epoch=first.epoch)
            second = store.begin("ada", session_data("2"))
            expect(second.epoch > first.epoch, "each sign-in opens a higher epoch")
            trial.same(second.generation, 1)
            trial.same(store.read_journal("ada"), None)
            late = store.save("ada", session_data("1"), epoch=first.epoch, generation=first.generation)
            trial.is_a(late, Refused, "a save of an old epoch is Refused")
            trial.same(trial.reopened().load("ada"), second)

    def test_keys_never_touch_each_other(self) -> None:
        """Not even those that look alike."""
        with self._trial() as trial:
            store = trial.store
            begun = {key: store.begin(key, session_data(str(number))) for number, key in enumerate(self._keys)}
            cleared = self._keys[::2]
            for key in cleared:
                store.leave(key, epoch=begun[key].epoch, journal=key)
                store.clear(key, epoch=begun[key].epoch)
            for key in self._keys:
                expected = EntryState.TOMBSTONE if key in cleared else EntryState.LIVE
                trial.same(trial.reopened().load(key).state, expected)
            trial.same(tuple(sorted(store.journals())), tuple(sorted(cleared)))

    def test_no_token_is_left_after_a_clear(self) -> None:
        """Of a session that was refreshed, too. Asked where `written` says what the medium holds."""
        self._needs("written", "what a clear leaves on the medium")
        with self._trial() as trial:
            store = trial.store
            begun = store.begin("ada", session_data("1"))
            store.save("ada", session_data("2"), epoch=begun.epoch, generation=begun.generation)
            shown = self._medium_shows(trial.store.true, 2)
            if store.capabilities.encrypted:
                expect(not shown, "what is declared to be encrypted shows no token on the medium")
            elif not shown:
                leave_out(
                    "`written` does not show the token of a live session: that it is gone later would say nothing"
                )
            store.leave("ada", epoch=begun.epoch, journal="one")
            store.clear("ada", epoch=begun.epoch)
            if self._medium_shows(trial.store.true, 2):
                trial.fail("expected that a cleared session leaves no token on the medium, found one")
