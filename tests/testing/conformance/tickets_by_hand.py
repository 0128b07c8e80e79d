"""A ticket store as somebody might write it by hand, over a small server; and everything that may be wrong with it."""

import fnmatch
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from authsm.stores.tickets import Ticket
from authsm.testing import TicketStoreConformance
from tests.auth.world import SOON


@dataclass
class Server:
    """What all processes share: tickets by their digests, and a lock."""

    tickets: dict[str, Ticket] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


class ByHand:
    """The store done right: all that looks and writes, under one lock."""

    def __init__(self, server: Server) -> None:
        self.tickets = server.tickets
        self.lock = server.lock

    def put(self, digest: str, ticket: Ticket) -> None:
        self.tickets[digest] = ticket

    def read(self, digest: str) -> Ticket | None:
        return self.tickets.get(digest)

    def end(self, digest: str, ending: str) -> bool:
        with self.lock:
            ticket = self.read(digest)
            if ticket is None or not ticket.is_waiting:
                return False
            self.tickets[digest] = self.ended(ticket, ending)
            return True

    def ended(self, ticket: Ticket, ending: str) -> Ticket:
        return ticket.ended(ending)

    def renew(self, key: str, digest: str, *, expires: float) -> bool:
        with self.lock:
            waiting = {old: each for old, each in self.tickets.items() if self.may_be_renewed(each, key)}
            if not waiting:
                return False
            old = self.chosen(waiting)
            self.move(old, digest, replace(waiting[old], expires=expires))
            return True

    def may_be_renewed(self, ticket: Ticket, key: str) -> bool:
        return ticket.is_waiting and ticket.key == key

    def chosen(self, waiting: dict[str, Ticket]) -> str:
        return max(waiting, key=lambda each: waiting[each].expires)

    def move(self, old: str, new: str, ticket: Ticket) -> None:
        del self.tickets[old]
        self.tickets[new] = ticket

    def expired(self, now: float) -> Iterable[str]:
        return [digest for digest, each in self.tickets.items() if each.is_waiting and each.expires <= now]

    def forget(self, before: float) -> int:
        with self.lock:
            spent = [digest for digest, each in self.tickets.items() if self.may_be_forgotten(each, before)]
            for digest in spent:
                del self.tickets[digest]
            return len(spent)

    def may_be_forgotten(self, ticket: Ticket, before: float) -> bool:
        return not ticket.is_waiting and ticket.expires < before


class Suite(TicketStoreConformance):
    """Plugs such a store in."""

    def __init__(self, kind: Callable[[Server], Any]) -> None:
        self._kind = kind
        self._server = Server()

    def make(self) -> Any:
        self._server = Server()
        return self._kind(self._server)

    def reopen(self, store: Any) -> Any:
        del store
        return self._kind(self._server)


class IsAsync(ByHand):
    async def end(self, digest: str, ending: str) -> bool:  # type: ignore[override]  # which is what is wrong with it
        return super().end(digest, ending)


class EndsWhatIsNotThere(ByHand):
    """Deletes, and does not look whether there was anything."""

    def end(self, digest: str, ending: str) -> bool:
        return digest not in self.tickets or super().end(digest, ending)


class MakesWhatItEnds(ByHand):
    """Keeps the ending of whatever it is told, as a field of its own."""

    def end(self, digest: str, ending: str) -> bool:
        ended = super().end(digest, ending)
        self.tickets.setdefault(digest, Ticket(key="", expires=0.0, suspended="", ending=ending))
        return ended


class CountsWholeSeconds(ByHand):
    def put(self, digest: str, ticket: Ticket) -> None:
        super().put(digest, replace(ticket, expires=float(int(ticket.expires))))


class HidesWhatHasExpired(ByHand):
    """Gives each ticket a time to live."""

    def read(self, digest: str) -> Ticket | None:
        ticket = super().read(digest)
        return None if ticket is None or ticket.expires < time.time() else ticket


class KeepsOneOfEachSession(ByHand):
    """Takes a session's second ticket for a correction of the first."""

    def put(self, digest: str, ticket: Ticket) -> None:
        for old, each in [*self.tickets.items()]:
            if each.key == ticket.key:
                del self.tickets[old]
        super().put(digest, ticket)


class IsAscii(ByHand):
    def put(self, digest: str, ticket: Ticket) -> None:
        super().put(digest, replace(ticket, suspended=ticket.suspended.encode("ascii", "replace").decode()))


class IgnoresCase(ByHand):
    def may_be_renewed(self, ticket: Ticket, key: str) -> bool:
        return ticket.is_waiting and ticket.key.casefold() == key.casefold()


class MatchesPatterns(ByHand):
    """Looks for keys as for files."""

    def may_be_renewed(self, ticket: Ticket, key: str) -> bool:
        return ticket.is_waiting and fnmatch.fnmatchcase(ticket.key, key)


class RefusesOddKeys(ByHand):
    def put(self, digest: str, ticket: Ticket) -> None:
        if not ticket.key.isalnum():
            raise ValueError(ticket.key)
        super().put(digest, ticket)


class EndsAgain(ByHand):
    """The last one who ends a ticket is right."""

    def end(self, digest: str, ending: str) -> bool:
        ticket = self.read(digest)
        if ticket is None:
            return False
        self.tickets[digest] = self.ended(ticket, ending)
        return True


class CorrectsTheEnding(ByHand):
    """Tells one that they have ended it, and believes the last."""

    def end(self, digest: str, ending: str) -> bool:
        ended = super().end(digest, ending)
        if digest in self.tickets:
            self.tickets[digest] = replace(self.tickets[digest], ending=ending)
        return ended


class KeepsTheText(ByHand):
    def ended(self, ticket: Ticket, ending: str) -> Ticket:
        return replace(ticket, ending=ending)


class ForgetsWhatHasEnded(ByHand):
    """Compares and deletes, and nothing more."""

    def end(self, digest: str, ending: str) -> bool:
        ended = super().end(digest, ending)
        if ended:
            del self.tickets[digest]
        return ended


class EndsTheWholeSession(ByHand):
    def end(self, digest: str, ending: str) -> bool:
        ended = super().end(digest, ending)
        if ended:
            key = self.tickets[digest].key
            others = {other: self.ended(each, ending) for other, each in self.tickets.items() if each.key == key}
            self.tickets.update(others)
        return ended


class WaitsTooLong(ByHand):
    def expired(self, now: float) -> Iterable[str]:
        return [digest for digest, each in self.tickets.items() if each.is_waiting and each.expires < now]


class ListsWhatHasEnded(ByHand):
    def expired(self, now: float) -> Iterable[str]:
        return [digest for digest, each in self.tickets.items() if each.expires <= now]


class LooksOnWhileItEnds(ByHand):
    """Gives what has expired from an index, which changes meanwhile."""

    def expired(self, now: float) -> Iterable[str]:
        waiting = [digest for digest, each in self.tickets.items() if each.is_waiting and each.expires <= now]
        for number, _ in enumerate(waiting):
            left = [digest for digest in waiting if self.tickets[digest].is_waiting]
            if number < len(left):
                yield left[number]


class ForgetsWhatWaits(ByHand):
    def may_be_forgotten(self, ticket: Ticket, before: float) -> bool:
        return ticket.expires < before


class ForgetsTooSoon(ByHand):
    def may_be_forgotten(self, ticket: Ticket, before: float) -> bool:
        return not ticket.is_waiting and ticket.expires <= before


class ForgetsNothing(ByHand):
    def may_be_forgotten(self, ticket: Ticket, before: float) -> bool:
        del ticket, before
        return False


class DoesNotCount(ByHand):
    def forget(self, before: float) -> int:
        return min(1, super().forget(before))


class KeepsTheOldDigest(ByHand):
    def move(self, old: str, new: str, ticket: Ticket) -> None:
        self.tickets.update({old: ticket, new: ticket})


class KeepsTheOldTime(ByHand):
    def move(self, old: str, new: str, ticket: Ticket) -> None:
        super().move(old, new, replace(ticket, expires=self.tickets[old].expires))


class LosesTheTextOfTheRenewed(ByHand):
    def move(self, old: str, new: str, ticket: Ticket) -> None:
        super().move(old, new, replace(ticket, suspended=""))


class RenewsTheOldest(ByHand):
    def chosen(self, waiting: dict[str, Ticket]) -> str:
        return min(waiting, key=lambda each: waiting[each].expires)


class RenewsTheLastPut(ByHand):
    def chosen(self, waiting: dict[str, Ticket]) -> str:
        return [*waiting][-1]


class RenewsWhatHasEnded(ByHand):
    def may_be_renewed(self, ticket: Ticket, key: str) -> bool:
        return ticket.key == key


class RenewsAnybodys(ByHand):
    def may_be_renewed(self, ticket: Ticket, key: str) -> bool:
        del key
        return ticket.is_waiting


class RenewsAll(ByHand):
    """Changes every row that fits."""

    def move(self, old: str, new: str, ticket: Ticket) -> None:
        super().move(old, new, ticket)
        for other, each in [*self.tickets.items()]:
            if other != new and self.may_be_renewed(each, ticket.key):
                del self.tickets[other]


class LooksThenEnds(ByHand):
    """Compares, and deletes later."""

    def end(self, digest: str, ending: str) -> bool:
        ticket = self.read(digest)
        if ticket is None or not ticket.is_waiting:
            return False
        time.sleep(SOON)
        self.tickets[digest] = self.ended(ticket, ending)
        return True


class LocksItsOwnObject(ByHand):
    """Compares and deletes in one step, so far as this process sees."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.lock = threading.RLock()

    def ended(self, ticket: Ticket, ending: str) -> Ticket:
        time.sleep(SOON)
        return super().ended(ticket, ending)


class LooksThenRenews(ByHand):
    """Takes what waits, and moves it later."""

    def renew(self, key: str, digest: str, *, expires: float) -> bool:
        waiting = {old: each for old, each in self.tickets.items() if self.may_be_renewed(each, key)}
        if not waiting:
            return False
        time.sleep(SOON)
        old = self.chosen(waiting)
        self.move(old, digest, replace(waiting[old], expires=expires))
        return True


class LivesInMemory(ByHand):
    """Writes nothing down that it could remember."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.tickets = {}


class EndsInMemory(ByHand):
    """Writes down what is put, and remembers what has ended."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._server = server
        self.tickets = server.tickets.copy()

    def put(self, digest: str, ticket: Ticket) -> None:
        super().put(digest, ticket)
        self._server.tickets[digest] = ticket

    def move(self, old: str, new: str, ticket: Ticket) -> None:
        super().move(old, new, ticket)
        del self._server.tickets[old]
        self._server.tickets[new] = ticket


class RenewsInMemory(ByHand):
    """Writes down what is put, and remembers what was renewed."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._renewed: dict[str, str] = {}

    def read(self, digest: str) -> Ticket | None:
        return None if digest in self._renewed.values() else super().read(self._renewed.get(digest, digest))

    def move(self, old: str, new: str, ticket: Ticket) -> None:
        self.tickets[old] = ticket
        self._renewed[new] = old
