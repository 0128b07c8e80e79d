"""What a credential store promises.

A store keeps, for each key, a state, an **epoch** that each sign-in opens, a **generation** that each save raises, the
data, and the journal of a sign-out in progress:

1. Epochs and generations only rise, and no epoch is given twice. `CredentialStore.save` compares and sets, and is
   refused in LEAVING and on a tombstone, so that a token refresh that began before a sign-out cannot write after it.
2. `CredentialStore.clear` commits the tombstone first and destroys the data then. A crash between the two still reads
   as cleared, and clearing again finishes the job. What could not be destroyed is residue, and is told.
3. A clear never touches a newer epoch: a sign-out that is resumed must not destroy a later sign-in.
4. `Refused` tells a refresher that its new tokens are orphans, to be revoked.
5. `CredentialStore.verify_cleared` looks afresh, and answers `Unknown` where it could not look.
6. Tombstones outlive the refresh token's lifetime.
7. No lock is held while anybody waits for a network.
8. A journal holds no token.

Unavailable, absent and corrupt are three different things: what could not be read is never reported as cleared.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authsm.credentials import SignedInData


class EntryState(StrEnum):
    """What there is under a key."""

    ABSENT = "absent"
    """Nothing, and never was."""
    LIVE = "live"
    """A session."""
    LEAVING = "leaving"
    """A session whose sign-out has begun to do what cannot be undone. Saves are refused."""
    TOMBSTONE = "tombstone"
    """A session was cleared. Saves are refused."""
    CORRUPT = "corrupt"
    """Something that this store did not write, or that was damaged since."""


class StoreUnavailableError(Exception):
    """The store could not be read or written now: this says nothing about what is in it.

    The message names the cause and what to do, and holds no secret.
    """


class StoreCorruptError(Exception):
    """What is stored under a key is damaged or foreign; it was left as it is.

    The message names where it is and what to do, and holds no secret.
    """


class SessionExistsError(Exception):
    """A sign-in over a live session, without saying that it is to be replaced."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store holds under a key.

    Attributes:
        state: What there is.
        epoch: Which sign-in it belongs to; 0 where there never was one.
        generation: How often its data has been saved.
        data: The session; None without one.
        reason: For CORRUPT: where and what, in one line without a secret.
    """

    state: EntryState
    epoch: int = 0
    generation: int = 0
    data: SignedInData | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """The data is stored."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Refused:
    """The data was not stored: the entry has moved on. New tokens in hand are orphans."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Left:
    """LEAVING is committed, with its journal."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer epoch, or no session of this epoch, stands under the key; it was left alone."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """Nothing under the key reads as a session of this epoch any more.

    Attributes:
        residue: What could not be destroyed yet, in words; it is tried again by clearing again.
    """

    residue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Residue:
    """A fresh look found something of the session.

    Attributes:
        what: What, in words, without a secret.
        readable: Whether it still reads as a session; otherwise it is debris behind a tombstone.
    """

    what: tuple[str, ...]
    readable: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """The store could not be looked at."""

    reason: str


Verified: TypeAlias = Cleared | Residue | Superseded | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can promise.

    Attributes:
        atomic_cas: A save compares and sets in one step, among everybody who uses the store.
        durable_clear: Once cleared, a crash or a power cut does not bring the session back.
        cross_process: Several processes may use it at the same time.
        encrypted: What it writes cannot be read without a key that is kept elsewhere.
        sweeps_residue: It finds and destroys what killed writers left behind.
    """

    atomic_cas: bool = True
    durable_clear: bool = False
    cross_process: bool = False
    encrypted: bool = False
    sweeps_residue: bool = False


class CredentialStore(Protocol):
    """Where local credentials live. Methods may be called from any thread, and must not wait for long.

    Every method may raise `StoreUnavailableError`. For a damaged entry `load` answers with the state CORRUPT,
    `journals` gives its key, and the others raise `StoreCorruptError`, but for `begin` with ``replace=True``, which
    puts a new session in its place.
    Stores that are equal (``==``) keep the same credentials.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise."""
        ...

    def load(self, key: str) -> Entry:
        """Give what is stored under a key."""
        ...

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        """Store a new sign-in under a new epoch; the only way out of a tombstone.

        Raises:
            SessionExistsError: A session is LIVE or LEAVING there, and ``replace`` is not given.
        """
        ...

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        """Replace a session's data if it is LIVE and still has this epoch and generation."""
        ...

    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Commit LEAVING together with the first entry of the journal. Leaving again replaces the journal."""
        ...

    def write_journal(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        """Replace the journal of a session that is LEAVING."""
        ...

    def read_journal(self, key: str) -> str | None:
        """Give the journal of the sign-out in progress; None where there is none."""
        ...

    def erase_journal(self, key: str, *, epoch: int) -> None:
        """Forget the journal, if it is this epoch's."""
        ...

    def journals(self) -> Iterable[str]:
        """Give the keys under which a sign-out is in progress, or may be: of what cannot be read, nobody knows.

        One entry that cannot be read does not hide the others; `load` says what is the matter with it.
        """
        ...

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        """Commit the tombstone of a session, then destroy its data. Doing it again finishes what was left undone.

        Where nothing is stored there is nothing to clear, and the answer is `Cleared`.
        """
        ...

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        """Look with a fresh handle whether anything of the session is left. Never raises: it answers `Unknown`."""
        ...
