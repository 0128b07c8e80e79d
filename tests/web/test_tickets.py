"""What every ticket store promises: a ticket ends once, whoever ends it, and is found until it is forgotten."""

import random
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
from tests.auth.world import session
from tests.leaks import written_in

KINDS: Final[dict[str, Callable[[Path], TicketStore]]] = {
    "memory": lambda _: MemoryTicketStore(),
    "file": FileTicketStore,
    "sqlite": lambda folder: SQLiteTicketStore(folder / "sessions.db"),
}


@pytest.fixture(params=KINDS)
def tickets(request: pytest.FixtureRequest, tmp_path: Path) -> TicketStore:
    return KINDS[request.param](tmp_path / "credentials")


def ticket(key: str = "ada", expires: float = 100.0) -> Ticket:
    return Ticket(key=key, expires=expires, suspended=f"where {key} stands")


def test_where_nothing_was_put_nothing_is_found(tickets: TicketStore) -> None:
    assert tickets.read("a") is None
    assert not tickets.end("a", "signed_out")
    assert not tickets.renew("ada", "b", expires=1.0)
    assert list(tickets.expired(1e9)) == []
    assert tickets.forget(1e9) == 0


def test_a_ticket_is_found_as_it_was_put(tickets: TicketStore) -> None:
    tickets.put("a", ticket())
    tickets.put("b", ticket("bob"))
    assert tickets.read("a") == ticket()
    assert tickets.read("b") == ticket("bob")
    assert tickets.read("c") is None


def test_a_ticket_ends_once_and_its_text_is_gone(tickets: TicketStore) -> None:
    tickets.put("a", ticket())
    assert [tickets.end("a", ending) for ending in ("refused", "signed_out", "refused")] == [True, False, False]
    assert tickets.read("a") == Ticket(key="ada", expires=100.0, suspended="", ending="refused")


def test_of_many_threads_one_ends_a_ticket(tickets: TicketStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            digest = f"ticket {number}"
            tickets.put(digest, ticket())
            answers = list(pool.map(lambda each, digest=digest: tickets.end(digest, str(each)), range(8)))
            assert sorted(answers) == [False] * 7 + [True]
            found = tickets.read(digest)
            assert found is not None
            assert found.ending == str(answers.index(True))


def test_what_waits_too_long_has_expired_and_what_has_ended_has_not(tickets: TicketStore) -> None:
    for name, expires in (("early", 10.0), ("just now", 20.0), ("later", 20.5), ("ended", 5.0)):
        tickets.put(name, ticket(expires=expires))
    tickets.end("ended", "signed_out")
    assert sorted(tickets.expired(20.0)) == ["early", "just now"]


def test_only_what_has_ended_is_forgotten_and_only_after_its_time(tickets: TicketStore) -> None:
    for name, expires in (("waits", 10.0), ("old", 10.0), ("new", 20.0)):
        tickets.put(name, ticket(expires=expires))
    tickets.end("old", "expired")
    tickets.end("new", "expired")
    assert tickets.forget(20.0) == 1
    assert [tickets.read(name) is None for name in ("waits", "old", "new")] == [False, True, False]


def test_a_renewed_ticket_is_found_under_its_new_digest_alone(tickets: TicketStore) -> None:
    tickets.put("first", ticket(expires=10.0))
    tickets.put("newest", ticket(expires=30.0))
    tickets.put("ended", ticket(expires=40.0))
    tickets.put("of bob", ticket("bob", expires=50.0))
    tickets.end("ended", "refused")
    assert tickets.renew("ada", "renewed", expires=60.0)
    assert tickets.read("newest") is None
    assert tickets.read("renewed") == ticket(expires=60.0)
    assert tickets.read("first") == ticket(expires=10.0)
    assert not tickets.end("newest", "signed_out")
    assert tickets.end("renewed", "signed_out")


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_tickets_outlive_what_put_them_and_are_readable_by_their_owner_only(kind: str, tmp_path: Path) -> None:
    KINDS[kind](tmp_path / "credentials").put("a", ticket())
    assert KINDS[kind](tmp_path / "credentials").read("a") == ticket()
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


@pytest.mark.parametrize("kind", ["file", "sqlite"])
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
