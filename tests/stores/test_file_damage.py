"""Damaged, foreign and newer files of credentials: told as such, left as they are, never shown and never cleared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsm import FileCredentialStore
from authsm.stores.contract import CredentialStore, EntryState, StoreCorruptError, Unknown
from tests.leaks import leaks_in
from tests.stores.test_file import CALLS, DATA, SECRETS, shown_by


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


@pytest.fixture
def store(folder: Path) -> FileCredentialStore:
    return FileCredentialStore(folder)


def _damaged(folder: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    """Change what a file of credentials says."""
    FileCredentialStore(folder).begin("ada", DATA)
    path = folder / "ada.credentials"
    said = msgspec.json.decode(path.read_bytes())
    said = damage(said) or said
    path.write_bytes(said if isinstance(said, bytes) else msgspec.json.encode(said))


def _set(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def damage(said: dict[str, Any]) -> None:
        for name in path[:-1]:
            said = said[name]
        said[path[-1]] = to

    return damage


_TEXT: Final = SECRETS[0].reveal()

DAMAGED: Final[dict[str, tuple[Callable[[dict[str, Any]], object], str]]] = {
    "empty": (lambda _: b"\n", "was not written by authsm, or is damaged. Move it away"),
    "cut off": (lambda said: msgspec.json.encode(said)[:-20], "was not written by authsm, or is damaged. Move it away"),
    "zeros": (lambda _: bytes(500), "was not written by authsm, or is damaged. Move it away"),
    "nested too deeply": (lambda _: b'{"a":' * 100_000, "was not written by authsm, or is damaged. Move it away"),
    "a list": (lambda said: msgspec.json.encode([said]), "was not written by authsm, or is damaged. Move it away"),
    "of another program": (lambda _: b'{"token": "x"}', "was not written by authsm, or is damaged. Move it away"),
    "format that is none": (_set("authsm", to=_TEXT), "was not written by authsm. Move it away"),
    "newer format": (_set("authsm", to=2), "has the format 2; this version of authsm reads 1. Use the version that"),
    "token of a wrong type": (_set("data", "tokens", "refresh_token", to=7), "is damaged. Move it away"),
    "number of a wrong type": (_set("epoch", to=_TEXT), "is damaged at `$.epoch`. Move it away"),
    "state that is none": (_set("state", to=_TEXT), "is damaged at `$.state`. Move it away"),
    "time that is none": (_set("data", "signed_in_at", to=_TEXT), "is damaged at `$.data.signed_in_at`. Move it away"),
    "live without data": (_set("data", to=None), "its state and its data contradict each other. Move it away"),
    "cleared with data": (_set("state", to="tombstone"), "its state and its data contradict each other. Move it away"),
    "absent": (_set("state", to="absent"), "its state and its data contradict each other. Move it away"),
    "corrupt": (_set("state", to="corrupt"), "its state and its data contradict each other. Move it away"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGED.values(), ids=DAMAGED)
class TestDamage:
    @pytest.fixture(autouse=True)
    def damaged(self, folder: Path, damage: Callable[[dict[str, Any]], object], said: str) -> bytes:
        del said
        _damaged(folder, damage)
        return (folder / "ada.credentials").read_bytes()

    def test_it_is_told_as_corrupt_with_the_place_and_what_to_do_and_shows_no_token(
        self, store: FileCredentialStore, folder: Path, said: str
    ) -> None:
        entry = store.load("ada")
        assert (entry.state, entry.data) == (EntryState.CORRUPT, None)
        assert entry.reason.startswith(f"The file {folder / 'ada.credentials'} ")
        assert said in entry.reason
        assert leaks_in([entry.reason, repr(entry)], SECRETS) == []

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_everything_else_raises_and_leaves_it_as_it_is(
        self, store: FileCredentialStore, folder: Path, damaged: bytes, call: Callable[[CredentialStore], object]
    ) -> None:
        with pytest.raises(StoreCorruptError) as raised:
            call(store)
        assert str(raised.value) == store.load("ada").reason
        assert leaks_in([shown_by(call, store, StoreCorruptError)], SECRETS) == []
        assert (folder / "ada.credentials").read_bytes() == damaged

    def test_it_is_never_reported_as_cleared_and_may_be_a_sign_out_in_progress(
        self, store: FileCredentialStore
    ) -> None:
        store.leave("grace", epoch=store.begin("grace", DATA).epoch, journal="{}")
        assert store.verify_cleared("ada", epoch=1) == Unknown(store.load("ada").reason)
        assert store.journals() == ("ada", "grace")

    def test_a_sign_in_that_replaces_it_works(self, store: FileCredentialStore) -> None:
        store.begin("ada", DATA, replace=True)
        assert (store.load("ada").state, store.load("ada").data) == (EntryState.LIVE, DATA)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_part_of_a_file_is_corrupt_and_not_an_exception(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    _damaged(folder, lambda _: None)
    path = folder / "ada.credentials"
    text = path.read_bytes()
    path.write_bytes(text[: data.draw(st.integers(0, len(text) - 1))])
    entry = FileCredentialStore(folder).load("ada")
    assert entry.state is EntryState.CORRUPT
    assert leaks_in([entry.reason], SECRETS) == []
