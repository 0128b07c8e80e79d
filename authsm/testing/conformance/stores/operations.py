"""Scripts: what is done to a session in a store, one operation after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from authsm.stores.contract import Entry, Saved
from authsm.testing.conformance.sessions import session_data

if TYPE_CHECKING:
    from authsm.credentials import SignedInData
    from authsm.testing.conformance.trial import Trial


@dataclass
class Session:
    """A key of a store, and what whoever uses it remembers.

    Attributes:
        store: The store.
        key: The key.
        stored: What each sign-in and each save gave.
    """

    store: Any
    key: str
    stored: list[Entry] = field(default_factory=list[Entry])

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epoch of each sign-in."""
        return tuple(dict.fromkeys(entry.epoch for entry in self.stored))

    @property
    def epoch(self) -> int:
        """Of the latest sign-in."""
        return self.epochs[-1]

    @property
    def first_epoch(self) -> int:
        """Of the first sign-in."""
        return self.epochs[0]

    def new_data(self) -> SignedInData:
        """Make up what is to be stored next."""
        return session_data(str(len(self.stored) + 1))


Operation: TypeAlias = Callable[[Session], object]


def sign_in(session: Session) -> object:
    """Open an epoch."""
    entry = session.store.begin(session.key, session.new_data())
    session.stored.append(entry)
    return entry


def sign_in_anew(session: Session) -> object:
    """Put a new session in the place of one that is there."""
    entry = session.store.begin(session.key, session.new_data(), replace=True)
    session.stored.append(entry)
    return entry


def refresh(session: Session) -> object:
    """Save from what was stored last."""
    before = session.stored[-1]
    answer = session.store.save(session.key, session.new_data(), epoch=before.epoch, generation=before.generation)
    if isinstance(answer, Saved):
        session.stored.append(answer.entry)
    return answer


def refresh_late(session: Session) -> object:
    """Save from what the first sign-in stored, as a refresh that took long would."""
    first = session.stored[0]
    return session.store.save(session.key, session.new_data(), epoch=first.epoch, generation=first.generation)


def leave(session: Session) -> object:
    """Commit LEAVING."""
    return session.store.leave(session.key, epoch=session.epoch, journal="one")


def journal(session: Session) -> object:
    """Write the journal."""
    return session.store.write_journal(session.key, epoch=session.epoch, journal="two")


def clear(session: Session) -> object:
    """Commit the tombstone."""
    return session.store.clear(session.key, epoch=session.epoch)


def erase(session: Session) -> object:
    """Forget the journal."""
    return session.store.erase_journal(session.key, epoch=session.epoch)


def old_journal(session: Session) -> object:
    """Go on with the first session's sign-out."""
    return session.store.write_journal(session.key, epoch=session.first_epoch, journal="old")


def old_leave(session: Session) -> object:
    """Begin the first session's sign-out."""
    return session.store.leave(session.key, epoch=session.first_epoch, journal="old")


def old_clear(session: Session) -> object:
    """Clear the first session."""
    return session.store.clear(session.key, epoch=session.first_epoch)


def old_erase(session: Session) -> object:
    """Forget the first session's journal."""
    return session.store.erase_journal(session.key, epoch=session.first_epoch)


SCRIPTS: Final[Mapping[str, tuple[Operation, ...]]] = {
    "a sign-out": (sign_in, refresh, leave, journal, clear, erase),
    "a sign-out that writes no journal": (sign_in, clear, clear),
    "a clear that is done twice": (sign_in, leave, clear, clear, erase),
    "a refresh that comes too late": (sign_in, leave, refresh_late, clear, refresh_late, erase),
    "a sign-in after a sign-out": (sign_in, leave, clear, erase, sign_in, refresh, leave, clear, erase),
    "a sign-in before the end of a sign-out": (sign_in, leave, clear, sign_in, old_erase, refresh),
    "an old sign-out that goes on": (sign_in, leave, sign_in_anew, old_journal, old_clear, old_erase, refresh),
    "an old sign-out that begins late": (sign_in, sign_in_anew, old_leave, old_clear, leave, old_erase, clear, erase),
}
"""Every script; each is done with a crash before and after each of its operations."""

EVERY_OPERATION: Final[tuple[Operation, ...]] = (sign_in, refresh, leave, journal, clear, erase, sign_in, sign_in_anew)
"""A script in which each operation that writes occurs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a look at a session shows, and should not.

    Attributes:
        look: The name of the operation that shows it.
        named: Its arguments beside the key.
        expected: What it should give; a type where only that matters.
        found: What it gives.
    """

    look: str
    named: Mapping[str, int]
    expected: object
    found: object


def difference(found: Session, expected: Session) -> Difference | None:
    """Look at a session as its user would, and tell in what it differs from another. Nothing of it is written down.

    Args:
        found: In the store under test.
        expected: In the store that gives the example.

    Returns:
        The first difference; None where there is none.
    """
    stored = {
        (theirs.epoch, theirs.generation): ours for ours, theirs in zip(found.stored, expected.stored, strict=True)
    }
    store, key = found.store.true, found.key
    example: Entry = expected.store.load(key)
    twin = stored.get((example.epoch, example.generation), example)  # each store numbers in its own way
    example = replace(example, epoch=twin.epoch, generation=twin.generation)
    wanted: list[tuple[str, Mapping[str, int], object, Callable[[Any], object]]] = [
        ("load", {}, example, lambda seen: seen),
        ("read_journal", {}, expected.store.read_journal(key), lambda seen: seen),
    ]
    for ours, theirs in zip(found.epochs, expected.epochs, strict=True):
        verified: object = expected.store.verify_cleared(key, epoch=theirs)
        wanted.append(("verify_cleared", {"epoch": ours}, type(verified), type))
    for look, named, right, essence in wanted:
        seen = getattr(store, look)(key, **named)
        if essence(seen) != right:
            return Difference(look, named, right, seen)
    listed = tuple(each for each in store.journals() if each == key)
    should_be = tuple(each for each in expected.store.journals() if each == key)
    return None if listed == should_be else Difference("journals", {}, should_be, listed)


def tell(trial: Trial, key: str, *differences: Difference) -> NoReturn:
    """Fail, with a script that ends in an assertion.

    Args:
        trial: Of which store.
        key: Under which key.
        differences: What was found, by each of the ways in which it would have been right.
    """
    first = differences[0]
    arguments = () if first.look == "journals" else (key,)
    found = getattr(trial.store, first.look)(*arguments, **first.named)
    if {each.look for each in differences} != {first.look}:
        trial.fail(
            "; or ".join(f"{each.look}: expected {each.expected!r}, found {each.found!r}" for each in differences)
        )
    if isinstance(first.expected, type):
        trial.is_a(found, first.expected, f"{first.look} answers {first.expected.__name__}")
    trial.differs(found, *(each.expected for each in differences))
