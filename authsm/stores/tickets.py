"""Where suspended sign-outs wait for their browser: one ticket each, under the digest of what the browser holds.

Why not in the records of a `CredentialStore`? Its operations do not suffice. A key per ticket could be compared and
set by `save`; but `journals` lists only sessions that are LEAVING, where `save` is refused, so a sweeper could not find
what has expired, or everybody who looks for crashed sign-outs would find tickets; and each would leave a tombstone for
a month. So tickets have a store of their own, by the same means: the one for SQLite lives in the same file.

What a ticket store promises:

1. A ticket ends once. Among all threads and processes that call `TicketStore.end` for it, exactly one is told True.
2. From then on the text of the suspended sign-out is gone; how it ended is kept, so that a page that is loaded again
   shows the same, until `TicketStore.forget`.
3. A ticket that was put is there after a crash, where the store survives crashes at all.
4. It never sees what the browser holds, only the SHA-256 of that: whoever reads the store cannot play the browser.

A ticket holds no token. `authsm.testing.TicketStoreConformance` asks all of this of a ticket store of your own, but for
the crash.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from authsm._forks import ForkSafeLock

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A suspended sign-out.

    Attributes:
        key: The key of the session that it signs out.
        expires: Until when its browser is waited for, in seconds since 1970.
        suspended: What there is to go on from, as text; empty once it has ended.
        ending: How it ended; empty while it waits.
    """

    key: str
    expires: float
    suspended: str
    ending: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether it has not ended."""
        return not self.ending

    def ended(self, ending: str) -> Ticket:
        """Give what is kept of it once it has ended."""
        return replace(self, suspended="", ending=ending)


class TicketStore(Protocol):
    """Where suspended sign-outs wait. Methods may be called from any thread, and must not wait for long.

    Every method may raise `authsm.stores.contract.StoreUnavailableError`, which says nothing about what is in it, and
    `authsm.stores.contract.StoreCorruptError`.
    """

    def put(self, digest: str, ticket: Ticket) -> None:
        """Keep a ticket, durably.

        Args:
            digest: The SHA-256 of what the browser holds, in hexadecimal digits.
            ticket: What to keep.
        """
        ...

    def read(self, digest: str) -> Ticket | None:
        """Give a ticket; None where there is none, or none any more."""
        ...

    def end(self, digest: str, ending: str) -> bool:
        """Compare and delete: end a ticket that waits, and destroy the text of its sign-out.

        Args:
            digest: Which one.
            ending: How it ended; not empty.

        Returns:
            Whether this call has ended it. Of all calls for a ticket, one is told True.
        """
        ...

    def renew(self, key: str, digest: str, *, expires: float) -> bool:
        """Let the newest ticket of a session that waits be found under another digest, and no more under the old one.

        Args:
            key: The session's key.
            digest: The new digest.
            expires: Until when it is waited for now, in seconds since 1970.

        Returns:
            Whether there was one.
        """
        ...

    def expired(self, now: float) -> Iterable[str]:
        """Give the digests of tickets that still wait, and whose time is over.

        Args:
            now: The time, in seconds since 1970.
        """
        ...

    def forget(self, before: float) -> int:
        """Remove tickets that have ended and whose time was over before this; tell how many.

        Args:
            before: A time, in seconds since 1970.
        """
        ...


class BookOfTickets(ABC):
    """A ticket store that has all its tickets at hand at once; see `TicketStore` for what its operations mean."""

    @abstractmethod
    def _opened(self) -> AbstractContextManager[dict[str, Ticket]]:
        """Give the tickets by their digests. What is changed is kept at the end, in one step; nobody comes between."""

    @abstractmethod
    def _seen(self) -> Mapping[str, Ticket]:
        """Give the tickets by their digests as they are at a moment, not to be changed."""

    def put(self, digest: str, ticket: Ticket) -> None:
        """Keep a ticket; see `TicketStore.put`."""
        with self._opened() as tickets:
            tickets[digest] = ticket

    def read(self, digest: str) -> Ticket | None:
        """Give a ticket; see `TicketStore.read`."""
        return self._seen().get(digest)

    def end(self, digest: str, ending: str) -> bool:
        """Compare and delete; see `TicketStore.end`."""
        with self._opened() as tickets:
            ticket = tickets.get(digest)
            if ticket is None or not ticket.is_waiting:
                return False
            tickets[digest] = ticket.ended(ending)
            return True

    def renew(self, key: str, digest: str, *, expires: float) -> bool:
        """Let it be found under another digest; see `TicketStore.renew`."""
        with self._opened() as tickets:
            waiting = [(each.expires, old) for old, each in tickets.items() if each.is_waiting and each.key == key]
            if not waiting:
                return False
            _, old = max(waiting)
            tickets[digest] = replace(tickets.pop(old), expires=expires)
            return True

    def expired(self, now: float) -> Iterable[str]:
        """Give the digests of tickets whose time is over; see `TicketStore.expired`."""
        return [digest for digest, each in self._seen().items() if each.is_waiting and each.expires <= now]

    def forget(self, before: float) -> int:
        """Remove tickets that have ended; see `TicketStore.forget`."""
        with self._opened() as tickets:
            spent = [digest for digest, each in tickets.items() if not each.is_waiting and each.expires < before]
            for digest in spent:
                del tickets[digest]
            return len(spent)


class MemoryTicketStore(BookOfTickets):
    """Tickets in the memory of this process, for tests and for programs of one process: a restart forgets them."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}
        self._safe = ForkSafeLock()

    @contextlib.contextmanager
    def _opened(self) -> Generator[dict[str, Ticket]]:
        with self._safe.lock:
            yield self._tickets

    def _seen(self) -> Mapping[str, Ticket]:
        with self._safe.lock:
            return self._tickets.copy()
