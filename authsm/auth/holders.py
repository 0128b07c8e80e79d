"""Who holds the credentials of a session while it is signed out: a store, the caller of a retry, or another SDK."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from authsm.core.vocabulary import EffectFailedError, Failure, FailureKind
from authsm.credentials import SignedInData, UserPoolTokens
from authsm.runners.carrying import failure_of
from authsm.stores.contract import (
    Cleared,
    Entry,
    EntryState,
    Refused,
    Residue,
    Saved,
    StoreCorruptError,
    Superseded,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authsm.credentials import Secret
    from authsm.stores.contract import CredentialStore, Verified

SUPERSEDED = "a newer sign-in stands in its place, and was left alone"


class Found(Enum):
    """What is left of a session whose sign-out was interrupted."""

    SESSION = auto()
    """The session, or what cannot be read: its sign-out goes on."""
    TOMBSTONE = auto()
    """It was cleared, and nobody has seen the end."""
    NOTHING = auto()
    """Somebody else has ended it, or signed in anew."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a holder found when a sign-out began."""

    epoch: int
    data: SignedInData | None


class Holder(Protocol):
    """Holds the credentials of one session."""

    key: str

    def open(self) -> Held:
        """Look what there is. May raise whatever reading can raise."""
        ...

    def reopen(self, epoch: int) -> Found:
        """Go on with the sign-out of an epoch, whatever is held by now. Never raises.

        Returns:
            What is left of it, as far as can be seen.
        """
        ...

    @property
    def known(self) -> SignedInData | None:
        """The freshest credentials that were seen, without looking again."""
        ...

    def secrets(self) -> Iterable[Secret]:
        """Give every secret that was seen, the stale ones too."""
        ...

    def tokens(self) -> UserPoolTokens:
        """Give the freshest tokens, read now; the last ones seen where reading fails. Never raises."""
        ...

    def hold(self, tokens: UserPoolTokens) -> None:
        """Use refreshed tokens from now on; they are stored by `save_refreshed`. Does not block."""
        ...

    def save_refreshed(self, tokens: UserPoolTokens) -> None:
        """Keep tokens that were refreshed for this sign-out."""
        ...

    def write_journal(self, journal: str) -> None:
        """Make durable where the sign-out stands, and fence off saves. May raise whatever writing can raise."""
        ...

    def clear(self) -> str | None:
        """Clear the credentials and look whether they are gone; give a note, or raise `EffectFailedError`."""
        ...

    def erase_journal(self) -> None:
        """Forget the journal of a sign-out that is over. May raise whatever writing can raise."""
        ...


class StoreHolder:
    """Credentials in a store.

    Args:
        store: The store.
        key: The session's key there.
    """

    def __init__(self, store: CredentialStore, key: str) -> None:
        self.key = key
        self._store = store
        self._epoch = 0
        self._known: SignedInData | None = None
        self._secrets = _Secrets()
        self._unsaved: UserPoolTokens | None = None
        self._left = False

    @property
    def known(self) -> SignedInData | None:
        """The freshest credentials that were seen, without looking again."""
        return self._known

    def _know(self, data: SignedInData | None) -> None:
        self._known = data
        self._secrets.add(data)

    def secrets(self) -> Iterable[Secret]:
        """Give every secret that was seen; see `Holder.secrets`."""
        return self._secrets.all()

    def open(self) -> Held:
        """Look what there is; see `Holder.open`."""
        entry = self._store.load(self.key)
        if entry.state is EntryState.CORRUPT:
            raise StoreCorruptError(entry.reason)
        self._epoch = entry.epoch
        self._know(entry.data)
        return Held(entry.epoch, entry.data)

    def reopen(self, epoch: int) -> Found:
        """Go on with the sign-out of an epoch; see `Holder.reopen`."""
        self._epoch = epoch
        self._known = None
        try:
            entry = self._store.load(self.key)
        except Exception:  # noqa: BLE001 - a stranger's store may raise anything; the clear will tell
            return Found.SESSION
        if entry.state is EntryState.CORRUPT:
            return Found.SESSION
        if entry.epoch != epoch:
            return Found.NOTHING
        self._know(entry.data)
        if entry.state is EntryState.LEAVING:
            return Found.SESSION
        return Found.TOMBSTONE if entry.state is EntryState.TOMBSTONE and self._is_unfinished() else Found.NOTHING

    def _is_unfinished(self) -> bool:
        """Tell whether the sign-out behind a tombstone was interrupted, and nobody else has ended it since."""
        try:
            return self._store.read_journal(self.key) is not None
        except Exception:  # noqa: BLE001 - a stranger's store may raise anything; clearing again does no harm
            return True

    def _load(self) -> Entry | None:
        """Give the session of this epoch, if it can be read and is still there."""
        try:
            entry = self._store.load(self.key)
        except Exception:  # noqa: BLE001 - a stranger's store may raise anything; the tokens seen last are used then
            return None
        return entry if entry.epoch == self._epoch and entry.data is not None else None

    def tokens(self) -> UserPoolTokens:
        """Give the freshest tokens; see `Holder.tokens`."""
        if self._unsaved is not None:
            return self._unsaved
        entry = self._load()
        if entry is not None:
            self._know(entry.data)
        return (self._known and self._known.tokens) or UserPoolTokens()

    def save_refreshed(self, tokens: UserPoolTokens) -> None:
        """Keep refreshed tokens; see `Holder.save_refreshed`."""
        self.hold(tokens)  # from now on, however long it takes to store them
        entry = self._load()
        if entry is None or entry.data is None:
            return
        data = replace(entry.data, tokens=tokens.over(entry.data.tokens))
        answer = self._save(data, entry.generation)
        if isinstance(answer, Refused) and answer.entry.epoch == self._epoch and answer.entry.state is EntryState.LIVE:
            # Somebody else has just refreshed this session, and stored what they got: that is as fresh.
            self._unsaved = None
            self._know(entry.data)
            return
        # LEAVING, or gone, or not to be written: this sign-out alone still needs them.
        self._unsaved = None if isinstance(answer, Saved) else data.tokens
        self._know(data)

    def hold(self, tokens: UserPoolTokens) -> None:
        """Use refreshed tokens from now on; see `Holder.hold`."""
        data = self._known or SignedInData()
        self._unsaved = tokens.over(data.tokens)
        self._know(replace(data, tokens=self._unsaved))

    def _save(self, data: SignedInData, generation: int) -> Saved | Refused | None:
        try:
            return self._store.save(self.key, data, epoch=self._epoch, generation=generation)
        except Exception:  # noqa: BLE001 - a stranger's store may raise anything, and the old tokens may be dead already
            return None

    def write_journal(self, journal: str) -> None:
        """Fence off saves, and make the journal durable; see `Holder.write_journal`."""
        if not self._left:
            self._store.leave(self.key, epoch=self._epoch, journal=journal)
            self._left = True
        else:
            self._store.write_journal(self.key, epoch=self._epoch, journal=journal)

    def clear(self) -> str | None:
        """Clear and verify; see `Holder.clear`."""
        complaint = ""
        residue: tuple[str, ...] = ()
        try:
            answer = self._store.clear(self.key, epoch=self._epoch)
            residue = answer.residue if isinstance(answer, Cleared) else ()
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything; what counts is what a look finds
            complaint = _complaint(error)
            residue = (f"perhaps something, because the clear raised{complaint}",)
        match self._verify():
            case Superseded():
                return SUPERSEDED
            case Cleared(more):
                residue += more
            case Residue(what, readable=False):
                residue += what
            case Residue(what):
                raise _still_there(f"The credentials are still there: {', '.join(what)}{complaint}.")
            case Unknown(reason):
                raise _not_verified(f"{reason}{complaint}")
        return f"left to be destroyed: {', '.join(dict.fromkeys(residue))}" if residue else None

    def _verify(self) -> Verified:
        try:
            return self._store.verify_cleared(self.key, epoch=self._epoch)
        except Exception as error:  # noqa: BLE001 - a stranger's store may raise anything: then it has not looked
            return Unknown(failure_of(error).message)

    def erase_journal(self) -> None:
        """Forget the journal; see `Holder.erase_journal`."""
        self._store.erase_journal(self.key, epoch=self._epoch)


class KeptHolder:
    """Tokens that the caller of a retry still holds; the local credentials are gone already.

    Args:
        data: Those tokens, and whose they are.
        key: The session's key, for the log.
    """

    def __init__(self, data: SignedInData, key: str) -> None:
        self.key = key
        self._data = data
        self._secrets = _Secrets()
        self._secrets.add(data)

    @property
    def known(self) -> SignedInData | None:
        """The freshest credentials that were seen."""
        return self._data

    def secrets(self) -> Iterable[Secret]:
        """Give every secret that was seen; see `Holder.secrets`."""
        return self._secrets.all()

    def open(self) -> Held:
        """Give the tokens at hand; see `Holder.open`."""
        return Held(0, self._data)

    def reopen(self, epoch: int) -> Found:
        """Nothing of a retry survives a crash; see `Holder.reopen`."""
        del epoch
        return Found.NOTHING

    def tokens(self) -> UserPoolTokens:
        """Give the tokens at hand; see `Holder.tokens`."""
        return self._data.tokens or UserPoolTokens()

    def save_refreshed(self, tokens: UserPoolTokens) -> None:
        """Keep refreshed tokens for the rest of the retry; see `Holder.save_refreshed`."""
        self.hold(tokens)

    def hold(self, tokens: UserPoolTokens) -> None:
        """Use refreshed tokens from now on; see `Holder.hold`."""
        tokens = tokens.over(self._data.tokens)
        self._data = replace(self._data, tokens=tokens)
        self._secrets.add(tokens)

    def write_journal(self, journal: str) -> None:
        """Nothing is kept of a retry; see `Holder.write_journal`."""

    def clear(self) -> str | None:
        """There is nothing to clear; see `Holder.clear`."""
        return None

    def erase_journal(self) -> None:
        """Nothing is kept of a retry; see `Holder.erase_journal`."""


class ForeignHolder(KeptHolder):
    """Tokens that another SDK keeps its own way.

    Args:
        data: The tokens, and whose they are.
        clear: Makes the other SDK forget them.
        is_cleared: Tells whether it has; without it, a clear that returns is believed.
        key: A name of the session, for the log.
    """

    def __init__(
        self, data: SignedInData, clear: Callable[[], object], is_cleared: Callable[[], bool] | None, key: str
    ) -> None:
        super().__init__(data, key)
        self._clear = clear
        self._is_cleared = is_cleared

    def clear(self) -> str | None:
        """Make the other SDK forget its tokens; see `Holder.clear`."""
        complaint = ""
        try:
            _refuse_awaitable("clear", self._clear())
        except Exception as error:  # noqa: BLE001 - another SDK may raise anything; what counts is what a look finds
            complaint = _complaint(error)
        if self._is_cleared is None:
            if complaint:
                raise _not_verified(f"the clear raised, and nothing looked{complaint}")
            return "the clear returned; nothing looked whether the credentials are gone"
        try:
            gone = self._is_cleared()
            _refuse_awaitable("is_cleared", gone)
        except Exception as error:  # noqa: BLE001 - the same
            raise _not_verified(f"looking failed{_complaint(error)}{complaint}") from None
        if not gone:
            raise _still_there(f"The credentials are still there{complaint}.")
        return None


def _refuse_awaitable(name: str, answer: object) -> None:
    """Refuse to take what was never awaited for done, and an awaitable for a yes."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError(f"{name} returned something to be awaited, and this call blocks: pass a plain function")


class _Secrets:
    """Everything that must not be seen: a refresh does not make the old tokens fit to be shown."""

    def __init__(self) -> None:
        self._seen: dict[Secret, None] = {}

    def add(self, held: SignedInData | UserPoolTokens | None) -> None:
        if held is not None:
            self._seen.update(dict.fromkeys(held.secrets()))

    def all(self) -> tuple[Secret, ...]:
        return tuple(self._seen)


def _complaint(error: Exception) -> str:
    failure = failure_of(error)
    return f" ({failure.code}: {failure.message})"


def _still_there(message: str) -> EffectFailedError:
    return EffectFailedError(Failure(FailureKind.REFUSED, "StillThere", message))


def _not_verified(reason: str) -> EffectFailedError:
    message = f"It could not be seen whether the credentials are gone: {reason}"
    return EffectFailedError(Failure(FailureKind.UNREACHABLE, "NotVerified", message))
