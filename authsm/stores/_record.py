"""What the stores share: the record under a key, the rules by which it changes, and its text form.

A store only has to keep a record and to change it in one step; which changes are allowed is decided here, once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from authsm.credentials import Secret, SignedInData
from authsm.stores.contract import (
    Cleared,
    Entry,
    EntryState,
    Left,
    Refused,
    Residue,
    Saved,
    SessionExistsError,
    Superseded,
    Verified,
)

if TYPE_CHECKING:
    from datetime import datetime

FORMAT: Final = 1
"""The version of the text form."""


MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises at texts that are no JSON, or not the expected one."""


class Hidden(bytes):
    """Bytes that show tokens, and do not show themselves: not in a traceback with its variables either."""

    def __repr__(self) -> str:
        return "Hidden(...)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Sealed:
    """The data of a session, encrypted. Every rule here holds without knowing what is in it."""

    text: bytes


_HAS_SESSION = frozenset({EntryState.LIVE, EntryState.LEAVING})
_KEPT = _HAS_SESSION | {EntryState.TOMBSTONE}


@dataclass(frozen=True, slots=True)
class Record:
    """All that a store keeps under a key."""

    state: EntryState = EntryState.ABSENT
    epoch: int = 0
    generation: int = 0
    data: SignedInData | Sealed | None = None
    journal: str | None = None

    @property
    def entry(self) -> Entry:
        """What the outside sees of it; sealed data is not seen."""
        data = self.data if isinstance(self.data, SignedInData) else None
        return Entry(self.state, self.epoch, self.generation, data)

    @property
    def in_progress(self) -> bool:
        """Whether a sign-out has begun whose end was not seen: also a tombstone whose journal is still there."""
        return self.state is EntryState.LEAVING or self.journal is not None

    def begin(self, key: str, data: SignedInData, *, replace_it: bool) -> Record:
        """Open a new epoch; see `CredentialStore.begin`."""
        if self.state in _HAS_SESSION and not replace_it:
            raise SessionExistsError(
                f"A session is stored under the key {key!r}: sign it out first, or replace it with replace=True."
            )
        return Record(EntryState.LIVE, max(self.epoch + 1, _microseconds()), 1, data)

    def save(self, data: SignedInData, epoch: int, generation: int) -> tuple[Record, Saved | Refused]:
        """Compare and set; see `CredentialStore.save`."""
        if (self.state, self.epoch, self.generation) != (EntryState.LIVE, epoch, generation):
            return self, Refused(replace(self.entry, data=None))
        saved = replace(self, generation=generation + 1, data=data)
        return saved, Saved(saved.entry)

    def leave(self, epoch: int, journal: str) -> tuple[Record, Left | Superseded]:
        """Commit LEAVING; see `CredentialStore.leave`."""
        if self.state not in _HAS_SESSION or self.epoch != epoch:
            return self, Superseded()
        return replace(self, state=EntryState.LEAVING, journal=journal), Left()

    def write_journal(self, epoch: int, journal: str) -> tuple[Record, Left | Superseded]:
        """Replace the journal; see `CredentialStore.write_journal`."""
        if self.state is not EntryState.LEAVING or self.epoch != epoch:
            return self, Superseded()
        return replace(self, journal=journal), Left()

    def erase_journal(self, epoch: int) -> Record:
        """Forget the journal; see `CredentialStore.erase_journal`."""
        if self.journal is None or self.epoch != epoch:
            return self
        return replace(self, journal=None)

    def clear(self, epoch: int) -> tuple[Record, Cleared | Superseded]:
        """Become a tombstone; see `CredentialStore.clear`."""
        if self.state is EntryState.ABSENT:
            return self, Cleared()
        if self.epoch != epoch:
            return self, Superseded()
        return replace(self, state=EntryState.TOMBSTONE, data=None), Cleared()

    def is_spent(self, before: int) -> bool:
        """Tell whether it is a tombstone of an epoch before this one, and its sign-out has nothing left to do."""
        return self.state is EntryState.TOMBSTONE and self.journal is None and self.epoch < before

    def verified(self, epoch: int) -> Verified:
        """Say what a fresh look found; see `CredentialStore.verify_cleared`."""
        if self.state is EntryState.ABSENT or (self.state is EntryState.TOMBSTONE and self.data is None):
            return Cleared()
        if self.epoch != epoch:
            return Superseded()
        return Residue((f"the session is {self.state.value}",), readable=self.state in _HAS_SESSION)


def first_epoch_of(time_: datetime) -> int:
    """Give the lowest epoch that a sign-in at a time may have got."""
    return int(time_.timestamp() * 1_000_000)


def _microseconds() -> int:
    """Give the microseconds since 1970, by which epochs are numbered.

    Counted from one, an epoch would be given twice where a record was damaged, moved away by hand, or came from a
    backup; and whatever an old sign-out or an old refresh still does to its epoch would be done to the new session.
    """
    return time.time_ns() // 1000


class _Text(msgspec.Struct, frozen=True, omit_defaults=True):
    """The text form: the data as it is, or sealed."""

    authsm: int
    state: EntryState
    epoch: int
    generation: int
    data: SignedInData | None = None
    sealed: bytes | None = None
    journal: str | None = None


def to_text(record: Record) -> Hidden:
    """Turn a record into JSON text. It shows the tokens: it goes to where credentials are kept, and nowhere else."""
    sealed = record.data.text if isinstance(record.data, Sealed) else None
    data = record.data if isinstance(record.data, SignedInData) else None
    text = _Text(FORMAT, record.state, record.epoch, record.generation, data, sealed, record.journal)
    return _encode(text)


def data_to_text(data: SignedInData) -> Hidden:
    """Turn the data of a session into JSON text, to be sealed."""
    return _encode(data)


def _encode(value: object) -> Hidden:
    try:
        return Hidden(msgspec.json.encode(value, enc_hook=_reveal))
    except UnicodeEncodeError as error:
        reason = error.reason
    # Raised outside of the handler: that error holds the text.
    raise ValueError(f"A text of the session cannot be written: {reason}.")


def data_from_text(text: bytes) -> SignedInData | None:
    """Read back what `data_to_text` wrote; None where it is something else."""
    try:
        return msgspec.json.decode(text, type=SignedInData, dec_hook=_hide)
    except MALFORMED:
        return None


def from_text(text: bytes) -> Record | str:
    """Read back what `to_text` wrote. It does not raise: a traceback from here would show the tokens.

    Args:
        text: The JSON text.

    Returns:
        The record; or, where it is damaged, foreign or of a newer format, what is wrong, not showing what was found.
    """
    wrong = _why_not_ours(text)
    if wrong:
        return wrong
    try:
        found = msgspec.json.decode(text, type=_Text, dec_hook=_hide)
    except UnicodeDecodeError:
        return f"is damaged: it is no UTF-8. {_MOVE_IT_AWAY}"
    except msgspec.ValidationError as error:
        # The message's beginning may show a value, and its end only says where.
        return f"is damaged{_where(str(error))}. {_MOVE_IT_AWAY}"
    data = found.data if found.sealed is None else Sealed(found.sealed)
    record = Record(found.state, found.epoch, found.generation, data, found.journal)
    if record.state not in _KEPT or (record.state in _HAS_SESSION) is not (record.data is not None):
        return f"is damaged: its state and its data contradict each other. {_MOVE_IT_AWAY}"
    return record


_MOVE_IT_AWAY: Final = "Move it away (it may hold a live token), then sign in."


def _why_not_ours(text: bytes) -> str | None:
    """Tell why a text was not written by this version of authsm, as the end of a sentence; None where it was."""
    try:
        said = msgspec.json.decode(text, type=dict[str, Any])
    except MALFORMED:
        said = {}
    if "authsm" not in said:
        return f"was not written by authsm, or is damaged. {_MOVE_IT_AWAY}"
    version = said["authsm"]
    if not isinstance(version, int):
        return f"was not written by authsm. {_MOVE_IT_AWAY}"
    if version != FORMAT:
        return f"has the format {version}; this version of authsm reads {FORMAT}. Use the version that wrote it."
    return None


def _where(message: str) -> str:
    """Give the place that the message of a `msgspec.ValidationError` names."""
    _, at, place = message.rpartition(" - at ")
    return f" at {place}" if at else ""


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"A record holds no {type(value).__name__}.")


def _hide(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"Expected a text for {kind.__name__}")
