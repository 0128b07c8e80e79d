"""The part of a store that is the same in all of them: each operation of the contract is one change of a record.

What is left to a store is where a record is kept, how one change of it is made atomic and durable, and what has to be
destroyed beside it.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from authsm.stores._record import first_epoch_of
from authsm.stores.contract import (
    Cleared,
    Entry,
    EntryState,
    StoreCorruptError,
    StoreUnavailableError,
    Superseded,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from authsm.credentials import SignedInData
    from authsm.stores._record import Record
    from authsm.stores.contract import Capabilities, Left, Refused, Saved, Verified

LOCK_SECONDS: Final = 4.0
"""How long to wait for others that write, in seconds: journal and clear fit into the ten seconds of a clear."""

Answer = TypeVar("Answer")
Change: TypeAlias = "Callable[[Record], tuple[Record, Answer]]"


class RecordStore(ABC):
    """A credential store that keeps one record a key; see `authsm.CredentialStore` for what its operations mean."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""

    @abstractmethod
    def _read(self, key: str) -> Record:
        """Give the record under a key, sealed if this store encrypts: an empty one where there is none.

        Raises:
            StoreUnavailableError: It cannot be read now.
            StoreCorruptError: It is damaged or foreign.
        """

    @abstractmethod
    def _change(self, key: str, change: Change[Answer], *, begins: bool = False, replaces: bool = False) -> Answer:
        """Change the record under a key in one step that is durable when this returns.

        Args:
            key: Which record.
            change: Gives the new record and the answer. Called while nobody else can change the record.
            begins: Whether this is a sign-in, which may make what the store lives in.
            replaces: Whether a damaged record is to be treated as an empty one.

        Raises:
            StoreUnavailableError: It cannot be read or written now.
            StoreCorruptError: It is damaged or foreign.
        """

    @abstractmethod
    def _in_progress(self) -> Iterable[str]:
        """Give the keys whose record says `Record.in_progress`; those that cannot be read may be among them."""

    @abstractmethod
    def _forget(self, before: int) -> int:
        """Remove every record that says `Record.is_spent`; tell how many. What is damaged is left."""

    def _destroy(self, key: str) -> tuple[str, ...]:
        """Destroy what is left of sessions that are over, on its own disk or elsewhere. A session that is not is kept.

        Returns:
            What could not be destroyed, in words.
        """
        del key
        return ()

    def _look_for_residue(self, key: str, epoch: int) -> tuple[str, ...]:
        """Look afresh for what is left of this session, which is over, and of those before it."""
        del key, epoch
        return ()

    def _unsealed(self, key: str, record: Record) -> Record:
        """Decrypt the data of a record, where this store encrypts.

        Raises:
            StoreUnavailableError: What decrypts cannot be reached.
            StoreCorruptError: It cannot be decrypted.
        """
        del key
        return record

    def load(self, key: str) -> Entry:
        """Give what is stored under a key; see `CredentialStore.load`."""
        try:
            return self._unsealed(key, self._read(key)).entry
        except StoreCorruptError as error:
            return Entry(EntryState.CORRUPT, reason=str(error))

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        """Store a new sign-in; see `CredentialStore.begin`."""

        def change(record: Record) -> tuple[Record, tuple[Entry, Record]]:
            begun = record.begin(key, data, replace_it=replace)
            return begun, (begun.entry, record)

        entry, before = self._change(key, change, begins=True, replaces=replace)
        if replace or before.in_progress:  # a session, or a clear that was not finished, may have left something
            with contextlib.suppress(StoreUnavailableError, StoreCorruptError):
                self._destroy(key)
        return entry

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        """Compare and set; see `CredentialStore.save`."""
        return self._change(key, lambda record: record.save(data, epoch, generation))

    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Commit LEAVING; see `CredentialStore.leave`."""
        return self._change(key, lambda record: record.leave(epoch, journal))

    def write_journal(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Replace the journal; see `CredentialStore.write_journal`."""
        return self._change(key, lambda record: record.write_journal(epoch, journal))

    def read_journal(self, key: str) -> str | None:
        """Give the journal; see `CredentialStore.read_journal`."""
        return self._read(key).journal

    def erase_journal(self, key: str, *, epoch: int) -> None:
        """Forget the journal; see `CredentialStore.erase_journal`."""
        self._change(key, lambda record: (record.erase_journal(epoch), None))

    def journals(self) -> tuple[str, ...]:
        """Give the keys under which a sign-out is in progress; see `CredentialStore.journals`."""
        return tuple(sorted(self._in_progress()))

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        """Become a tombstone, then destroy what is left; see `CredentialStore.clear`."""
        answer = self._change(key, lambda record: record.clear(epoch))
        try:
            residue = self._destroy(key)  # of a session that was superseded, too
        except (StoreUnavailableError, StoreCorruptError) as error:
            residue = (f"what it has left behind ({error})",)  # the tombstone stands, and that much is to be told
        return answer if isinstance(answer, Superseded) else Cleared(residue)

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        """Look afresh; see `CredentialStore.verify_cleared`."""
        try:
            found = self._read_afresh(key).verified(epoch)
            return Cleared(self._look_for_residue(key, epoch)) if isinstance(found, Cleared) else found
        except (StoreUnavailableError, StoreCorruptError) as error:
            return Unknown(str(error))

    def forget_cleared(self, *, before: datetime) -> int:
        """Forget the tombstones of old sessions, which would pile up where each session has a key of its own.

        A tombstone has done its work once the refresh token of its session has expired: after 30 days, unless the app
        client says otherwise (https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html).

        Args:
            before: When the sessions were signed in, at the latest; with its time zone.

        Returns:
            How many were forgotten.

        Raises:
            ValueError: The time has no time zone.
            StoreUnavailableError: The store could not be read or written now.
        """
        if before.tzinfo is None:
            raise ValueError("Give the time with its time zone: datetime.now(UTC) - timedelta(days=30), for example.")
        return self._forget(first_epoch_of(before))

    def _read_afresh(self, key: str) -> Record:
        """Read as another process would, where this store keeps anything open."""
        return self._read(key)


def unavailable(place: object, what: str) -> StoreUnavailableError:
    """Say that a place could not be read or written now, and what to look at.

    Args:
        place: Which file or folder.
        what: What the system said.

    Returns:
        The error, to be raised.
    """
    return StoreUnavailableError(
        f"{place} could not be read or written: {what}. "
        "Check that its folder exists, that this user may write there, and that the disk is not full."
    )


def gone(place: object) -> StoreUnavailableError:
    """Say that what held the sessions is gone, with a disk perhaps: it must not be taken for what was never there.

    Args:
        place: Which file or folder.

    Returns:
        The error, to be raised.
    """
    return StoreUnavailableError(
        f"{place} is gone, and with it what would tell whether a session is cleared. "
        "Put it back, or sign in again to begin a new one."
    )
