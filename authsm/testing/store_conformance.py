"""What every credential store has to do: a suite for your own store, with pytest or without.

With pytest, subclass `StoreConformance` under a name that begins with ``Test``; without it, call `check`:

    class TestMyStore(StoreConformance):
        def make(self):
            return MyStore(...)          # a new one, empty

        def reopen(self, store):
            return MyStore(...)          # the same credentials, as another process would see them
"""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from authsm.credentials import SignedInData, SignInMethod, UserPoolTokens
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm.stores.contract import CredentialStore

One = TypeVar("One")
Other = TypeVar("Other")

_ROUNDS: Final = 20
"""How often two things are done at once."""

KEYS: Final = ("ada", "Ada", "", "ada/../grace", "ada%2fgrace", "ädä \n", "a" * 64, ".hidden", "con")
"""Keys that must not be mistaken for each other, nor lead anywhere else."""


class StoreConformance:
    """The tests of `CredentialStore`, each a method whose name begins with ``test``, and none needs another."""

    def make(self) -> CredentialStore:
        """Make a new, empty store."""
        raise NotImplementedError("Say how a new, empty store is made.")

    def reopen(self, store: CredentialStore) -> CredentialStore:
        """Give the same credentials through a new store object, as another process would see them.

        Args:
            store: What `make` gave.

        Returns:
            Another object; or the same one, where the credentials live in it, and nothing else is declared.
        """
        return store

    def check(self) -> tuple[str, ...]:
        """Run every test, without pytest.

        Returns:
            The names of the tests that passed.

        Raises:
            AssertionError: A test failed; the message says which, and what was expected.
        """
        passed: list[str] = []
        for name in sorted(dir(self)):
            if name.startswith("test"):
                try:
                    getattr(self, name)()
                except AssertionError as error:
                    raise AssertionError(f"{name}: {error}") from error
                passed.append(name)
        return tuple(passed)

    def test_it_declares_what_it_can_promise(self) -> None:
        """Capabilities are what `Auth` and its users go by."""
        said = self.make().capabilities
        is_one = isinstance(said, Capabilities)  # pyright: ignore[reportUnnecessaryIsInstance] - yours may be untyped
        _expect(is_one, "capabilities is a Capabilities")

    def test_what_outlives_its_object_is_looked_at_through_another(self) -> None:
        """Otherwise nothing here would tell whether it does."""
        store = self.make()
        said = store.capabilities
        if said.durable_clear or said.cross_process:
            _expect(
                self.reopen(store) is not store,
                "`reopen` gives another object, as the store declares durable_clear or cross_process: "
                "write one that opens the same credentials as another process would",
            )

    def test_equal_stores_have_equal_hashes(self) -> None:
        """Sign-outs at the same time become one where their stores are equal."""
        store = self.make()
        _expect(hash(store) == hash(store), "a store can be hashed")
        again = self.reopen(store)
        _expect(again != store or hash(again) == hash(store), "equal stores have equal hashes")

    def test_a_key_that_was_never_used_is_absent(self) -> None:
        """Absent is not cleared, and not corrupt; asking changes nothing."""
        store = self.make()
        for key in KEYS:
            _same(store.load(key), Entry(EntryState.ABSENT))
            _same(store.read_journal(key), None)
            _same(store.verify_cleared(key, epoch=0), Cleared())
            _same(store.clear(key, epoch=0), Cleared())
            store.erase_journal(key, epoch=0)
            _same(self.reopen(store).load(key), Entry(EntryState.ABSENT))
        _same(tuple(store.journals()), ())

    def test_what_was_signed_in_is_there_for_whoever_opens_it(self) -> None:
        """Everything comes back as it was: tokens, times and names of any alphabet."""
        store = self.make()
        for number, key in enumerate(KEYS):
            data = _data(str(number))
            begun = store.begin(key, data)
            _same((begun.state, begun.generation, begun.data), (EntryState.LIVE, 1, data))
            _same(self.reopen(store).load(key), begun)
        for number, key in enumerate(KEYS):
            _same(store.load(key).data, _data(str(number)))

    def test_a_sign_in_over_a_session_is_refused_unless_it_replaces(self) -> None:
        """One user is signed in at a time; epochs rise."""
        store = self.make()
        first = store.begin("ada", _data("1"))
        try:
            store.begin("ada", _data("2"))
        except SessionExistsError:
            pass
        else:
            _expect(condition=False, what="begin over a session raises SessionExistsError")
        _same(store.load("ada"), first)
        second = store.begin("ada", _data("2"), replace=True)
        _expect(second.epoch > first.epoch, "each sign-in opens a higher epoch")
        _same(self.reopen(store).load("ada"), second)

    def test_a_save_compares_and_sets(self) -> None:
        """A refresh that began from what is stored is saved; one that began earlier is refused."""
        store = self.make()
        begun = store.begin("ada", _data("1"))
        saved = store.save("ada", _data("2"), epoch=begun.epoch, generation=begun.generation)
        now = store.load("ada")
        _same(saved, Saved(now))
        _same((now.state, now.epoch, now.data), (EntryState.LIVE, begun.epoch, _data("2")))
        _expect(now.generation > begun.generation, "each save raises the generation")
        for epoch, generation in ((begun.epoch, begun.generation), (begun.epoch - 1, now.generation)):
            late = store.save("ada", _data("3"), epoch=epoch, generation=generation)
            _expect(isinstance(late, Refused), "a save of an older generation or another epoch is Refused")
        _same(self.reopen(store).load("ada"), now)

    def test_of_many_saves_at_once_one_wins(self) -> None:
        """`Capabilities.atomic_cas`: among threads at least, and among processes where `cross_process` says so."""
        store = self.make()
        if not store.capabilities.atomic_cas:
            return
        begun = store.begin("ada", _data("0"))
        start = threading.Barrier(4)

        def save(number: int) -> bool:
            own = self.reopen(store) if store.capabilities.cross_process else store
            start.wait(30)
            return isinstance(own.save("ada", _data(str(number)), epoch=begun.epoch, generation=1), Saved)

        with ThreadPoolExecutor(4) as pool:
            won = list(pool.map(save, range(1, 5)))
        _same(won.count(True), 1)
        _same(store.load("ada").data, _data(str(won.index(True) + 1)))

    def test_a_save_that_races_a_leave_never_lands_after_it(self) -> None:
        """And one that came before it is kept: its refresh token is the one to be revoked."""
        for store, begun, saved, left in self._races(_save, _leave):
            _same(left, Left())
            kept = saved.entry if isinstance(saved, Saved) else begun
            _same(store.load("ada"), replace(kept, state=EntryState.LEAVING))
            _same(store.read_journal("ada"), "one")

    def test_a_save_that_races_a_clear_never_lands_after_it(self) -> None:
        """Whichever came first, the tombstone stands, with the generation that was saved last."""
        for store, begun, saved, cleared in self._races(_save, _clear):
            _expect(isinstance(cleared, Cleared), "a clear that races a save answers Cleared")
            kept = saved.entry if isinstance(saved, Saved) else begun
            _same(store.load("ada"), replace(kept, state=EntryState.TOMBSTONE, data=None))

    def test_a_sign_in_that_races_a_clear_stands(self) -> None:
        """Whichever came first, the old sign-out does not clear the new session."""
        for store, _, begun, _ in self._races(_begin_anew, _clear):
            _same(store.load("ada"), begun)

    def _races(
        self, one: Callable[[CredentialStore, Entry], One], other: Callable[[CredentialStore, Entry], Other]
    ) -> Iterator[tuple[CredentialStore, Entry, One, Other]]:
        """Do two things to a session at once, again and again; and as two processes, where the store is for several."""
        store = self.make()
        said = store.capabilities
        with ThreadPoolExecutor(2) as pool:
            for turn in range(_ROUNDS if said.atomic_cas else 0):
                begun = store.begin("ada", _data("1"), replace=True)
                start = threading.Barrier(2)
                ours, theirs = (self.reopen(store) if said.cross_process else store for _ in range(2))
                # Whoever is last at a barrier is the first to leave it: each is so as often.
                early = pool.submit(_at, start, one, ours, begun) if turn % 2 else None
                second = pool.submit(_at, start, other, theirs, begun)
                first = early or pool.submit(_at, start, one, ours, begun)
                yield store, begun, first.result(), second.result()

    def test_a_session_that_is_leaving_refuses_saves_and_keeps_its_journal(self) -> None:
        """The fence: a token refresh that began before cannot bring the session back."""
        store = self.make()
        begun = store.begin("ada", _data("1"))
        _same(store.leave("ada", epoch=begun.epoch, journal="one"), Left())
        late = store.save("ada", _data("2"), epoch=begun.epoch, generation=begun.generation)
        _expect(isinstance(late, Refused), "a save is refused once the session is leaving")
        _same(store.write_journal("ada", epoch=begun.epoch, journal="two"), Left())
        again = self.reopen(store)
        _same(again.load("ada"), replace(begun, state=EntryState.LEAVING))
        _same((again.read_journal("ada"), tuple(again.journals())), ("two", ("ada",)))

    def test_a_cleared_session_is_a_tombstone_for_everybody(self) -> None:
        """The tombstone is the truth: nothing is there, nothing can be saved, and clearing again does no harm."""
        store = self.make()
        begun = store.begin("ada", _data("1"))
        store.leave("ada", epoch=begun.epoch, journal="one")
        for _ in range(2):
            _expect(isinstance(store.clear("ada", epoch=begun.epoch), Cleared), "a clear answers Cleared, each time")
            again = self.reopen(store)
            _same(again.load("ada"), replace(begun, state=EntryState.TOMBSTONE, data=None))
            _same(again.verify_cleared("ada", epoch=begun.epoch), Cleared())
        late = store.save("ada", _data("2"), epoch=begun.epoch, generation=begun.generation)
        _expect(isinstance(late, Refused), "a save is refused on a tombstone")
        _same(store.leave("ada", epoch=begun.epoch, journal="two"), Superseded())

    def test_a_sign_out_whose_end_was_not_seen_stays_in_the_list(self) -> None:
        """A crash between the tombstone and the end: the journal says so until it is erased."""
        store = self.make()
        begun = store.begin("ada", _data("1"))
        store.leave("ada", epoch=begun.epoch, journal="one")
        store.clear("ada", epoch=begun.epoch)
        _same((store.read_journal("ada"), tuple(store.journals())), ("one", ("ada",)))
        store.erase_journal("ada", epoch=begun.epoch - 1)
        _same(store.read_journal("ada"), "one")
        store.erase_journal("ada", epoch=begun.epoch)
        _same((self.reopen(store).read_journal("ada"), tuple(store.journals())), (None, ()))

    def test_a_newer_session_is_never_harmed_by_an_old_sign_out(self) -> None:
        """Whatever an old sign-out still does, it does to its own epoch."""
        store = self.make()
        old = store.begin("ada", _data("1"))
        new = store.begin("ada", _data("2"), replace=True)
        _same(store.clear("ada", epoch=old.epoch), Superseded())
        _same(store.leave("ada", epoch=old.epoch, journal="old"), Superseded())
        _same(store.write_journal("ada", epoch=old.epoch, journal="old"), Superseded())
        store.erase_journal("ada", epoch=old.epoch)
        _same(store.verify_cleared("ada", epoch=old.epoch), Superseded())
        _same((self.reopen(store).load("ada"), store.read_journal("ada")), (new, None))

    def test_a_session_that_is_there_is_found(self) -> None:
        """`verify_cleared` must not be fooled by its own store."""
        store = self.make()
        begun = store.begin("ada", _data("1"))
        for _ in range(2):
            found = store.verify_cleared("ada", epoch=begun.epoch)
            _expect(isinstance(found, Residue) and found.readable, "a live or leaving session is readable Residue")
            store.leave("ada", epoch=begun.epoch, journal="one")

    def test_a_new_sign_in_leads_out_of_a_tombstone(self) -> None:
        """And its epoch is higher, so that nothing of the old session can touch it."""
        store = self.make()
        first = store.begin("ada", _data("1"))
        store.leave("ada", epoch=first.epoch, journal="one")
        store.clear("ada", epoch=first.epoch)
        second = store.begin("ada", _data("2"))
        _expect(second.epoch > first.epoch, "each sign-in opens a higher epoch")
        _same((second.generation, store.read_journal("ada")), (1, None))
        late = store.save("ada", _data("1"), epoch=first.epoch, generation=first.generation)
        _expect(isinstance(late, Refused), "a save of an old epoch is Refused")
        _same(self.reopen(store).load("ada"), second)

    def test_keys_never_touch_each_other(self) -> None:
        """Not even those that look alike."""
        store = self.make()
        begun = {key: store.begin(key, _data(str(number))) for number, key in enumerate(KEYS)}
        cleared = KEYS[::2]
        for key in cleared:
            store.leave(key, epoch=begun[key].epoch, journal=key)
            store.clear(key, epoch=begun[key].epoch)
        for key in KEYS:
            expected = EntryState.TOMBSTONE if key in cleared else EntryState.LIVE
            _same(self.reopen(store).load(key).state, expected)
        _same(sorted(store.journals()), sorted(cleared))


def _save(store: CredentialStore, begun: Entry) -> Saved | Refused:
    return store.save("ada", _data("2"), epoch=begun.epoch, generation=begun.generation)


def _leave(store: CredentialStore, begun: Entry) -> Left | Superseded:
    return store.leave("ada", epoch=begun.epoch, journal="one")


def _clear(store: CredentialStore, begun: Entry) -> Cleared | Superseded:
    return store.clear("ada", epoch=begun.epoch)


def _begin_anew(store: CredentialStore, _: Entry) -> Entry:
    return store.begin("ada", _data("2"), replace=True)


def _at(
    start: threading.Barrier, act: Callable[[CredentialStore, Entry], One], store: CredentialStore, begun: Entry
) -> One:
    start.wait(30)
    return act(store, begun)


def _data(number: str) -> SignedInData:
    tokens = UserPoolTokens.from_text(
        access_token=_token(f"access-{number}"),
        id_token=_token(f"id-{number}"),
        refresh_token=f"refresh-token-{number}-" + "0123456789" * 120,  # as long as Cognito's
    )
    return SignedInData(
        username=f"ädä-{number}",
        sign_in_method=SignInMethod.USER_POOL,
        tokens=tokens,
        signed_in_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )


def _token(name: str) -> str:
    parts = (json.dumps({"alg": "none"}), json.dumps({"sub": name}), name)
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _same(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def _expect(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if not condition:
        raise AssertionError(f"expected that {what}")
