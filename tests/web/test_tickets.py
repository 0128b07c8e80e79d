"""What ticket stores promise beside what `TicketStoreConformance` asks of each: of files, locks and damage."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from authsm import SignInMethod, SQLiteCredentialStore
from authsm.stores.contract import StoreCorruptError, StoreUnavailableError
from authsm.stores.file_tickets import FileTicketStore
from authsm.stores.sqlite_tickets import SQLiteTicketStore
from authsm.stores.tickets import MemoryTicketStore, Ticket, TicketStore
from tests.auth.world import SOON, session
from tests.leaks import written_in

KINDS: Final[dict[str, Callable[[Path], TicketStore]]] = {
    "file": FileTicketStore,
    "sqlite": lambda folder: SQLiteTicketStore(folder / "sessions.db"),
}


def ticket(key: str = "ada", expires: float = 100.0) -> Ticket:
    return Ticket(key=key, expires=expires, suspended=f"where {key} stands")


class _LongLooked(Ticket):
    """A ticket that takes its time to tell whether it waits: others may ask meanwhile, where nothing stops them."""

    @property
    def is_waiting(self) -> bool:
        time.sleep(SOON)
        return not self.ending


def test_nobody_comes_between_the_look_at_a_ticket_in_memory_and_its_end() -> None:
    """In a few rounds of a race, a store that is as fast as this one would seldom be caught."""
    tickets = MemoryTicketStore()
    tickets.put("a", _LongLooked(key="ada", expires=100.0, suspended="where ada stands"))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda each: tickets.end("a", f"{each}"), range(4))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_tickets_are_readable_by_their_owner_only(kind: str, tmp_path: Path) -> None:
    KINDS[kind](tmp_path / "credentials").put("a", ticket())
    files = [path for path in (tmp_path / "credentials").iterdir() if path.suffix != ".lock"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("first", ["tickets", "credentials"])
def test_tickets_and_credentials_live_in_one_sqlite_file(first: str, tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    acts: list[Callable[[], object]] = [
        lambda: SQLiteTicketStore(path).put("a", ticket()),
        lambda: SQLiteCredentialStore(path).begin("ada", session(SignInMethod.HOSTED_UI)),
    ]
    for act in acts if first == "tickets" else reversed(acts):
        act()
    with SQLiteTicketStore(path) as tickets, SQLiteCredentialStore(path) as store:
        assert tickets.read("a") == ticket()
        assert store.load("ada").data is not None
        assert repr(tickets) == f"SQLiteTicketStore({str(path)!r})"
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".db"] == ["sessions.db"]


def test_a_damaged_file_of_tickets_is_not_an_empty_one(tmp_path: Path) -> None:
    tickets = FileTicketStore(tmp_path)
    tickets.put("a", ticket())
    (file,) = tmp_path.glob("*.json")
    file.write_text("{")
    with pytest.raises(StoreCorruptError, match=str(file)):
        tickets.read("a")
    with pytest.raises(StoreCorruptError):
        tickets.put("b", ticket())
    assert file.read_text() == "{"
    assert repr(tickets) == f"FileTicketStore({str(tmp_path)!r})"


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_cannot_be_written_is_unavailable(kind: str, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("no folder")
    tickets = KINDS[kind](tmp_path / "credentials")
    with pytest.raises(StoreUnavailableError):
        tickets.put("a", ticket())


def test_a_lock_that_others_keep_is_unavailable(tmp_path: Path) -> None:
    tickets = FileTicketStore(tmp_path, lock_seconds=0.05)
    with tickets._locked(), pytest.raises(StoreUnavailableError, match=r"more than 0\.05 s"):
        tickets.put("a", ticket())
    tickets.put("a", ticket())


def test_an_ended_sign_out_leaves_no_text_in_the_file(tmp_path: Path) -> None:
    tickets = SQLiteTicketStore(tmp_path / "sessions.db")
    texts = {f"{random.random()}": f"stands at {number}" * 5 for number in range(5)}  # noqa: S311 - no secret
    for digest, text in texts.items():
        tickets.put(digest, Ticket(key="ada", expires=1.0, suspended=text))
        tickets.end(digest, "signed_out")
    tickets.close()  # which empties the write-ahead log
    assert not any(text.encode() in written_in(tmp_path) for text in texts.values())
