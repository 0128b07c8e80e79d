"""Trouble where sessions are kept: it is told, nothing is called cleared that is not, nothing is lost, it passes."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from authsm import (
    Auth,
    AuthException,
    CompleteSignOut,
    Credentials,
    CredentialStoreException,
    FailedSignOut,
    InvalidStateException,
    RevokeToken,
    SignedInData,
    SignOutResult,
)
from authsm.stores.contract import Cleared, EntryState
from tests.auth.world import Cast, pool_tokens, session
from tests.leaks import leaks_in
from tests.stores.kinds import ON_DISK
from tests.stores.places import KEY, Place, close
from tests.stores.secret_service import SecretService, secret_service
from tests.stores.troubles import TROUBLES, Outcome, Trouble, full_disk

FIRST, REFRESHED, SECOND = (session(tokens=pool_tokens(edition)) for edition in ("1", "2", "3"))
SECRETS: Final = frozenset(secret for data in (FIRST, REFRESHED, SECOND) for secret in data.secrets())


class Struck:
    """A session of the real `Auth`, in a place that has trouble.

    Attributes:
        kept: What is stored, as far as anybody was told.
    """

    def __init__(self, place: Place, trouble: Trouble) -> None:
        self.place = place
        self.trouble = trouble
        self.cell = trouble.cells[place.kind]
        self.cast = Cast()
        self.auth = Auth(place.store, self.cast.runner(), key=KEY)
        self.auth.sign_in(FIRST)  # and this store has not looked at anything since
        self.kept: SignedInData = FIRST
        entry = place.look()
        self._known = Credentials(FIRST, entry.epoch, entry.generation)

    def attempts(self) -> Mapping[str, Callable[[], bool]]:
        """Everything but a sign-out. Each tells whether what it was told is true."""
        attempts: dict[str, Callable[[], bool]] = {
            "state": lambda: self.auth.state == "signed_in",
            "credentials": lambda: getattr(self.auth.credentials(), "data", None) == self.kept,
            "resume": lambda: self.auth.resume() is None,
            "save_refreshed": self._save_refreshed,
            "sign_in": self._sign_in,
        }
        if self.trouble.replaces is None:
            del attempts["sign_in"]
        return attempts

    def _save_refreshed(self) -> bool:
        saved = self.auth.save_refreshed(self._known, pool_tokens("2"))
        self.kept = REFRESHED
        return saved

    def _sign_in(self) -> bool:
        self.auth.sign_in(SECOND, replace=bool(self.trouble.replaces))
        self.kept = SECOND
        return True

    def is_told_of(self, error: AuthException) -> None:
        """Check that a message names the place, the cause and what to do, and shows no token."""
        said = f"{error.message} {error.recovery_suggestion} {error.failure}"
        assert re.search(self.trouble.says, said)
        assert str(self.place.folder) in said or "The keyring" in said
        assert leaks_in([said, repr(error)], SECRETS) == []

    def signed_out(self, result: SignOutResult | None, outcome: Outcome) -> None:
        """Check what a sign-out ended in while the trouble lasted."""
        if outcome is Outcome.CLEARED:
            assert isinstance(result, CompleteSignOut)
            return
        assert isinstance(result, FailedSignOut)
        assert result.signed_out_locally is (False if outcome is Outcome.KEPT else None)
        self.is_told_of(result.exception)

    def is_as_was_said(self, outcome: Outcome, state: EntryState) -> None:
        """Check, with the trouble over, that nothing was lost but what a sign-out has cleared."""
        found = self.place.look()
        if outcome is Outcome.KEPT or (outcome is Outcome.UNKNOWN and found.state is not EntryState.TOMBSTONE):
            assert (found.state, found.data) == (state, self.kept)
        else:
            assert found.state is EntryState.TOMBSTONE


def nothing_is_left(auth: Auth, place: Place) -> None:
    """Check that the session is cleared, with its tokens and its keys, and that nothing more is to be done."""
    assert auth.state == "signed_out"
    assert auth.resume() is None
    with place.anew() as store:
        found = store.load(KEY)
        assert found.state is EntryState.TOMBSTONE
        assert tuple(store.journals()) == ()
        assert store.verify_cleared(KEY, epoch=found.epoch) == Cleared()
    assert tokens_in(place.folder) == []
    if place.secret_service is not None:
        assert place.secret_service.keys_of(str(place.folder)) == []


def tokens_in(folder: Path) -> list[Path]:
    """Every file that has a token in it, whoever's file it is."""
    texts = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [path for path, text in texts.items() if any(secret.reveal().encode() in text for secret in SECRETS)]


@pytest.fixture(scope="module")
def keyring_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretService]:
    with secret_service(tmp_path_factory.mktemp("home")) as service:
        yield service


@pytest.fixture
def place(name: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    service = request.getfixturevalue("keyring_service") if kind == "keyring" else None
    if service is not None:
        service.start_if_gone()
    with TROUBLES[name].room(tmp_path / "room") as room:
        made = Place(kind, room / "credentials", service)
        yield made
        close(made.store)


@pytest.fixture
def struck(name: str, place: Place) -> Struck:
    return Struck(place, TROUBLES[name])


in_each_cell = pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, trouble in TROUBLES.items() for kind in trouble.cells]
)


@in_each_cell
def test_nothing_is_called_cleared_while_it_lasts_and_everything_works_again_afterwards(struck: Struck) -> None:
    with struck.trouble.strikes(struck.place):
        for name, attempt in struck.attempts().items():
            try:
                assert attempt()
            except CredentialStoreException as error:
                assert name not in struck.cell.works
                struck.is_told_of(error)
            except InvalidStateException:
                assert name == "sign_in"  # a user is signed in, which is true
            else:
                assert name in struck.cell.works
        result = struck.auth.sign_out()
        struck.signed_out(result, struck.cell.before)
        if "nothing was changed" in str(getattr(result, "exception", "")):
            assert struck.cast.called == []
    struck.is_as_was_said(struck.cell.before, EntryState.LIVE)
    if struck.cell.before is Outcome.KEPT:
        assert struck.auth.state == "signed_in"
        credentials = struck.auth.credentials()
        assert credentials is not None
        assert credentials.data == struck.kept
    assert isinstance(struck.auth.sign_out(), CompleteSignOut)
    nothing_is_left(struck.auth, struck.place)


@pytest.mark.parametrize("ends", [Auth.resume, Auth.sign_out], ids=["resume", "sign_out"])
@in_each_cell
def test_a_sign_out_that_it_strikes_midway_is_ended_once_it_is_over(
    struck: Struck, ends: Callable[[Auth], SignOutResult | None]
) -> None:
    with contextlib.ExitStack() as trouble:
        struck.cast.before = {RevokeToken: lambda _: trouble.enter_context(struck.trouble.strikes(struck.place))}
        struck.signed_out(struck.auth.sign_out(), struck.cell.midway)
        struck.cast.before = {}
        state = ""
        with contextlib.suppress(CredentialStoreException):
            state = struck.auth.state
    struck.is_as_was_said(struck.cell.midway, EntryState.LEAVING)
    found = struck.place.look().state
    assert state in {"", "signed_out" if found is EntryState.TOMBSTONE else "signing_out"}
    ended = ends(struck.auth)
    assert isinstance(ended, CompleteSignOut) or (ended is None and struck.cell.midway is Outcome.CLEARED)
    nothing_is_left(struck.auth, struck.place)


little_room = pytest.mark.parametrize("room", range(0, 13 * 4096, 4096))
"""A disk with room for a part of what is to be written: each write fails in turn, until there is room for all."""


@pytest.mark.parametrize("name", ["full disk"])
@pytest.mark.parametrize("kind", ON_DISK)
@little_room
def test_a_sign_in_that_finds_no_room_leaves_nothing_behind(place: Place, room: int) -> None:
    auth = Auth(place.store, Cast().runner(), key=KEY)
    place.folder.mkdir()
    with full_disk(place, but_for=room):
        try:
            auth.sign_in(FIRST)
        except CredentialStoreException:
            assert tokens_in(place.folder) == []
            with contextlib.suppress(CredentialStoreException):
                assert auth.state == "signed_out"  # as it was
        else:
            assert place.look().data == FIRST
    auth.sign_in(SECOND, replace=True)
    assert place.look().data == SECOND
    assert isinstance(auth.sign_out(), CompleteSignOut)
    nothing_is_left(auth, place)


@pytest.mark.parametrize("name", ["full disk"])
@pytest.mark.parametrize("kind", ["sqlite"])
@little_room
def test_copies_that_no_room_is_left_to_destroy_are_told_and_destroyed_afterwards(struck: Struck, room: int) -> None:
    """The tombstone fits into the log, and the log does not fit into the database."""
    with full_disk(struck.place, but_for=room):
        result = struck.auth.sign_out()
        if isinstance(result, CompleteSignOut):
            told = "left to be destroyed" in repr(result.steps.clear_credentials)
            assert told is (tokens_in(struck.place.folder) != [])
            assert struck.auth.state == "signed_out"
        else:
            assert isinstance(result, FailedSignOut)
            struck.is_told_of(result.exception)
    if struck.auth.resume() is None:  # there was no room to write down that a sign-out has begun
        assert isinstance(struck.auth.sign_out(), CompleteSignOut)
    nothing_is_left(struck.auth, struck.place)
