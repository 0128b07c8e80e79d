"""What the SQLite store promises beyond the suite that all stores pass."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authsm import Auth, CompleteSignOut, FailedSignOut, RevokeToken, SQLiteCredentialStore
from authsm.stores.contract import (
    Cleared,
    EntryState,
    StoreCorruptError,
    StoreUnavailableError,
    Unknown,
)
from tests.auth.world import pool_tokens, session
from tests.leaks import leaks_in, with_locals, written_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "sessions.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteCredentialStore]:
    with SQLiteCredentialStore(path) as made:
        yield made


def _token_bytes() -> list[bytes]:
    return [secret.reveal().encode() for secret in session().secrets()]


def test_a_clear_leaves_no_token_in_any_file(store: SQLiteCredentialStore, path: Path) -> None:
    """Not in free pages, and not in the write-ahead log, where 21 copies stay behind a plain DELETE."""
    begun = store.begin("ada", session())
    for generation in range(1, 20):
        store.save("ada", session(), epoch=begun.epoch, generation=generation)
    assert all(token in written_in(path.parent) for token in _token_bytes())
    store.leave("ada", epoch=begun.epoch, journal="{}")
    assert store.clear("ada", epoch=begun.epoch) == Cleared()
    left = written_in(path.parent)
    assert not [token for token in _token_bytes() if token in left]
    assert store.verify_cleared("ada", epoch=begun.epoch) == Cleared()


def test_copies_that_a_reader_keeps_alive_are_told_as_residue_and_destroyed_by_the_next_clear(
    store: SQLiteCredentialStore, path: Path
) -> None:
    store = SQLiteCredentialStore(path, lock_seconds=0.05)
    begun = store.begin("ada", session())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sessions").fetchall()
        answer = store.clear("ada", epoch=begun.epoch)
        assert isinstance(answer, Cleared)
        assert "-wal" in answer.residue[0]
        assert store.load("ada").state is EntryState.TOMBSTONE
    assert store.clear("ada", epoch=begun.epoch) == Cleared()
    assert not [token for token in _token_bytes() if token in written_in(path.parent)]
    store.close()


def test_only_the_owner_can_read_it(store: SQLiteCredentialStore, path: Path) -> None:
    before = os.umask(0)
    try:
        store.begin("ada", session())
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) == {"sessions.db", "sessions.db-wal", "sessions.db-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_nothing_is_made_before_somebody_signs_in(store: SQLiteCredentialStore, path: Path) -> None:
    assert store.load("ada").state is EntryState.ABSENT
    store.clear("ada", epoch=0)
    assert not path.parent.exists()


def _a_text(path: Path) -> None:
    path.write_text("no database at all, but long enough to be taken for the header of one " * 20)


def _of_another_program(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")


def _of_a_newer_version(path: Path) -> None:
    SQLiteCredentialStore(path).begin("ada", session())
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def _cut_off(path: Path) -> None:
    with SQLiteCredentialStore(path) as store:
        for number in range(50):
            store.begin(f"user-{number}", session())
    with path.open("r+b") as file:
        file.truncate(8192)


@pytest.mark.parametrize(
    ("damage", "advice"),
    [
        (_a_text, "Move it away"),
        (_of_another_program, "Give authsm a file of its own"),
        (_of_a_newer_version, "Use the version that wrote it"),
        (_cut_off, "Move it away"),
    ],
)
def test_a_damaged_or_foreign_database_is_corrupt_and_left_as_it_is(
    damage: Callable[[Path], None], advice: str, path: Path
) -> None:
    path.parent.mkdir()
    damage(path)
    before = path.read_bytes()
    store = SQLiteCredentialStore(path)
    found = store.load("ada")
    assert found.state is EntryState.CORRUPT
    assert advice in found.reason
    assert isinstance(store.verify_cleared("ada", epoch=1), Unknown)
    for act in (store.clear, store.erase_journal):
        with pytest.raises(StoreCorruptError, match=advice):
            act("ada", epoch=1)
    with pytest.raises(StoreCorruptError, match=advice):
        store.begin("ada", session(), replace=True)  # it may hold other people's sessions
    assert isinstance(Auth(store, {RevokeToken: lambda *_: None}, key="ada").sign_out(), FailedSignOut)
    assert path.read_bytes() == before


@pytest.mark.usefixtures("epochs_by_the_clock")
@pytest.mark.parametrize("row", [b"{}", b"\xff", 7])
def test_one_damaged_session_does_not_harm_the_others(row: object, store: SQLiteCredentialStore, path: Path) -> None:
    old = store.begin("ada", session())
    other = store.begin("grace", session())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE sessions SET record = ? WHERE key = 'ada'", (row,))
    assert store.load("ada").state is EntryState.CORRUPT
    assert store.load("grace") == other
    again = store.begin("ada", session(tokens=pool_tokens("2")), replace=True)
    assert again.epoch > old.epoch
    assert store.load("ada") == again


def test_a_database_that_is_gone_is_unavailable_until_somebody_signs_in(
    store: SQLiteCredentialStore, path: Path
) -> None:
    """A disk that was taken away is not a session that was cleared."""
    store.begin("ada", session())
    aside = path.parent.rename(path.parent.parent / "aside")
    with pytest.raises(StoreUnavailableError, match="is gone"):
        store.load("ada")
    assert isinstance(store.verify_cleared("ada", epoch=1), Unknown)
    auth = Auth(store, {RevokeToken: lambda *_: None}, key="ada")
    assert isinstance(auth.sign_out(), FailedSignOut)
    aside.rename(path.parent)
    assert isinstance(auth.sign_out(), CompleteSignOut)
    path.unlink()
    auth.sign_in(session())
    assert store.load("ada").state is EntryState.LIVE


def test_a_database_that_was_replaced_is_seen(store: SQLiteCredentialStore, path: Path) -> None:
    store.begin("ada", session())
    for each in path.parent.iterdir():
        each.rename(each.with_name(f"old-{each.name}"))
    with SQLiteCredentialStore(path) as other:
        other.begin("grace", session())
    assert store.load("ada").state is EntryState.ABSENT
    assert store.load("grace").state is EntryState.LIVE


def test_a_database_that_another_process_holds_is_unavailable_and_works_again(path: Path) -> None:
    store = SQLiteCredentialStore(path, lock_seconds=0.05)
    begun = store.begin("ada", session())
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked") as caught:
            store.save("ada", session(), epoch=begun.epoch, generation=1)
        assert leaks_in([with_locals(caught.value)], session().secrets()) == []
        assert store.load("ada") == begun
    assert store.clear("ada", epoch=begun.epoch) == Cleared()
    store.close()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = SQLiteCredentialStore(tmp_path / "file" / "sessions.db")
    with pytest.raises(StoreUnavailableError, match="Check that its folder exists"):
        store.begin("ada", session())


def test_a_key_that_is_no_text_is_unavailable_and_not_shown(store: SQLiteCredentialStore) -> None:
    store.begin("ada", session())
    with pytest.raises(StoreUnavailableError, match="a key that is no text"):
        store.load("\ud800")


def test_equal_stores_keep_the_same_credentials(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SQLiteCredentialStore(path)
    assert store == SQLiteCredentialStore(str(path))
    assert hash(store) == hash(SQLiteCredentialStore(path))
    assert store != SQLiteCredentialStore(path.with_name("other.db"))
    assert str(path) in repr(store)
    monkeypatch.chdir(path.parent.parent)
    relative = SQLiteCredentialStore("folder/sessions.db")
    monkeypatch.chdir("/")
    assert relative == store
