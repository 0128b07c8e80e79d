"""The keyring store, on a real Secret Service."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.backends.null
import keyring.errors
import pytest

from authsm import Auth, CompleteSignOut, ConfigurationException, KeyringCredentialStore, RevokeToken
from authsm.stores.contract import Cleared, EntryState, StoreUnavailableError
from tests.auth.world import session
from tests.leaks import written_in
from tests.stores.secret_service import secret_service

SERVICE = "authsm-tests"


@pytest.fixture(scope="module", autouse=True)
def _a_secret_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with secret_service(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture
def store(tmp_path: Path) -> KeyringCredentialStore:
    return KeyringCredentialStore(SERVICE, tmp_path / "credentials")


def test_no_token_is_in_any_file(store: KeyringCredentialStore, tmp_path: Path) -> None:
    data = session()
    store.begin("ada", data)
    written = written_in(tmp_path)
    assert written
    assert not [secret for secret in data.secrets() if secret.reveal().encode() in written]
    assert b"ada" not in written.replace(b"ada.credentials", b"")


def test_a_clear_destroys_the_key(store: KeyringCredentialStore, tmp_path: Path) -> None:
    """What is left of the file in a backup cannot be read any more."""
    begun = store.begin("ada", session())
    backup = {path: path.read_bytes() for path in (tmp_path / "credentials").iterdir() if path.is_file()}
    assert keyring.get_password(SERVICE, f"ada #{begun.epoch}") is not None
    assert store.clear("ada", epoch=begun.epoch) == Cleared()
    assert keyring.get_password(SERVICE, f"ada #{begun.epoch}") is None
    for path, text in backup.items():
        path.write_bytes(text)
    found = store.load("ada")
    assert (found.state, found.data) == (EntryState.CORRUPT, None)
    assert "its key is not in the keyring" in found.reason


def test_each_sign_in_has_a_key_of_its_own_and_the_old_one_goes(store: KeyringCredentialStore) -> None:
    first = store.begin("ada", session())
    second = store.begin("ada", session(), replace=True)
    assert keyring.get_password(SERVICE, f"ada #{first.epoch}") is None
    assert keyring.get_password(SERVICE, f"ada #{second.epoch}") is not None


class _Chained(keyring.backend.KeyringBackend):
    """What the package keyring does where it finds two backends: the first that has an answer gives it."""

    priority = 1
    kept: dict[tuple[str, str], str]

    def __init__(self, *backends: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package keyring has no types here
        self.backends = backends

    def get_password(self, service: str, username: str) -> str | None:
        answers = (each.get_password(service, username) for each in self.backends)
        return next((answer for answer in answers if answer is not None), None)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.backends[0].set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self.backends[0].delete_password(service, username)


class _Kept(keyring.backend.KeyringBackend):
    """Another backend, which may refuse to delete."""

    priority = 1

    def __init__(self, *, deletes: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package keyring has no types here
        self.kept: dict[tuple[str, str], str] = {}
        self._deletes = deletes

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if not self._deletes:
            raise keyring.errors.PasswordDeleteError("not now")
        self.kept.pop((service, username), None)


@pytest.mark.parametrize("deletes", [True, False])
def test_a_copy_in_a_chained_backend_is_found_and_destroyed(
    deletes: bool, store: KeyringCredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = _Kept(deletes=deletes)
    chained = _Chained(keyring.get_keyring(), second)
    begun = store.begin("ada", session())
    name = f"ada #{begun.epoch}"
    second.set_password(SERVICE, name, keyring.get_password(SERVICE, name) or "")
    monkeypatch.setattr(keyring, "get_keyring", lambda: chained)
    answer = store.clear("ada", epoch=begun.epoch)
    assert isinstance(answer, Cleared)
    assert bool(answer.residue) is not deletes
    assert store.verify_cleared("ada", epoch=begun.epoch) == Cleared(answer.residue)
    if not deletes:
        assert "_Kept" in answer.residue[0]


def test_a_key_that_could_not_be_destroyed_goes_with_the_next_sign_in(
    store: KeyringCredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = store.begin("ada", session())
    with monkeypatch.context() as stubborn:
        stubborn.setattr(type(keyring.get_keyring()), "delete_password", _broken(RuntimeError("not now")))
        store.leave("ada", epoch=begun.epoch, journal="{}")
        cleared = store.clear("ada", epoch=begun.epoch)
        assert isinstance(cleared, Cleared)
        assert "the key in" in cleared.residue[0]
    new = store.begin("ada", session())
    assert keyring.get_password(SERVICE, f"ada #{begun.epoch}") is None
    assert store.load("ada") == new


@pytest.mark.usefixtures("epochs_by_the_clock")
def test_the_key_of_a_damaged_file_goes_with_the_sign_in_that_replaces_it(
    store: KeyringCredentialStore, tmp_path: Path
) -> None:
    begun = store.begin("ada", session())
    file = tmp_path / "credentials" / "ada.credentials"
    true = file.read_bytes()
    file.write_bytes(true[:-1])
    store.begin("ada", session(), replace=True)
    assert keyring.get_password(SERVICE, f"ada #{begun.epoch}") is None
    file.write_bytes(true)
    assert store.load("ada").state is EntryState.CORRUPT


@pytest.mark.parametrize("what", [None, b"\0" * 20, b"9" * 5000])
def test_the_key_goes_with_a_clear_whatever_has_become_of_its_list(
    what: bytes | None, store: KeyringCredentialStore, tmp_path: Path
) -> None:
    begun = store.begin("ada", session())
    keys = tmp_path / "credentials" / "ada.keys"
    assert keys.read_text() == str(begun.epoch)
    keys.unlink() if what is None else keys.write_bytes(what)
    assert store.clear("ada", epoch=begun.epoch) == Cleared()
    assert keyring.get_password(SERVICE, f"ada #{begun.epoch}") is None


def test_a_keyring_that_keeps_nothing_is_no_keyring(store: KeyringCredentialStore) -> None:
    """It would say of every key that it is gone."""
    begun = store.begin("ada", session())
    true = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.null.Keyring())  # type: ignore[no-untyped-call]  # it has no types here
    try:
        answer = store.clear("ada", epoch=begun.epoch)
        assert isinstance(answer, Cleared)
        assert "PYTHON_KEYRING_BACKEND" in answer.residue[0]
    finally:
        keyring.set_keyring(true)
    assert store.clear("ada", epoch=begun.epoch) == Cleared()
    assert keyring.get_password(SERVICE, f"ada #{begun.epoch}") is None


class _AwayFromChain:
    """What the package keyring's chain does while one of its backends is away: it does not even say which it has."""

    @property
    def backends(self) -> Any:
        raise RuntimeError("one of them is away")

    def get_password(self, *_: str) -> None:
        raise RuntimeError("one of them is away")

    delete_password = get_password


def test_a_chain_with_a_backend_that_is_away_is_residue_and_the_session_is_cleared(
    store: KeyringCredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = store.begin("ada", session())
    with monkeypatch.context() as away:
        away.setattr(keyring, "get_keyring", _AwayFromChain)
        answer = store.clear("ada", epoch=begun.epoch)
        assert isinstance(answer, Cleared)
        assert "perhaps the key in" in answer.residue[0]
        assert store.verify_cleared("ada", epoch=begun.epoch) == answer
    assert store.clear("ada", epoch=begun.epoch) == Cleared()


def _broken(error: Exception) -> Any:
    def act(*_: object) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (keyring.errors.NoKeyringError("no backend"), "Install and start one"),
        (keyring.errors.KeyringLocked("locked"), "Unlock it"),
        (RuntimeError(""), "See that it runs"),
    ],
)
def test_a_keyring_that_cannot_be_used_is_unavailable_and_works_again_afterwards(
    error: Exception, advice: str, store: KeyringCredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = store.begin("ada", session())
    with monkeypatch.context() as broken:
        broken.setattr(keyring, "get_password", _broken(error))
        broken.setattr(keyring, "set_password", _broken(error))
        acts: list[Callable[[], object]] = [lambda: store.load("ada"), lambda: store.begin("grace", session())]
        for act in acts:
            with pytest.raises(StoreUnavailableError, match=advice):
                act()
        assert store.load("nobody").state is EntryState.ABSENT
    assert store.load("ada") == begun


def test_a_sign_out_with_a_locked_keyring_says_that_it_could_not_read(
    store: KeyringCredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = Auth(store, {RevokeToken: lambda *_: None})
    auth.sign_in(session())
    with monkeypatch.context() as broken:
        broken.setattr(keyring, "get_password", _broken(keyring.errors.KeyringLocked("locked")))
        assert "Unlock it" in str(getattr(auth.sign_out(), "exception", None))
    assert isinstance(auth.sign_out(), CompleteSignOut)


def test_a_keyring_that_locks_during_the_sign_out_does_not_keep_the_session(
    store: KeyringCredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tombstone needs no key. What is left is a key for which there is nothing to open, and it is told."""
    auth = Auth(store, {RevokeToken: lambda *_: locks()})
    auth.sign_in(session())
    chosen = keyring.get_keyring()

    def locks() -> None:
        for backend in (keyring, *(getattr(chosen, "backends", None) or [chosen])):
            for name in ("get_password", "set_password", "delete_password"):
                monkeypatch.setattr(backend, name, _broken(keyring.errors.KeyringLocked("locked")))

    result = auth.sign_out()
    assert isinstance(result, CompleteSignOut)
    assert "perhaps the key in" in getattr(result.steps.clear_credentials, "note", "")
    assert auth.state == "signed_out"


def test_it_needs_a_name_and_its_packages(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationException, match="no name"):
        KeyringCredentialStore("", tmp_path)
    program = (
        "import sys; sys.modules['keyring'] = None\n"
        "from authsm import KeyringCredentialStore, ConfigurationException\n"
        "try: KeyringCredentialStore('app', '.')\n"
        "except ConfigurationException as error: print(error)"
    )
    ran = subprocess.run(  # noqa: S603 - this suite's own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert "Install authsm[keyring]." in ran.stdout


def test_equal_stores_keep_the_same_credentials(tmp_path: Path) -> None:
    store = KeyringCredentialStore(SERVICE, tmp_path)
    assert store == KeyringCredentialStore(SERVICE, tmp_path)
    assert hash(store) == hash(KeyringCredentialStore(SERVICE, tmp_path))
    assert store != KeyringCredentialStore("another", tmp_path)
    assert store != "a text"
    assert SERVICE in repr(store)
    assert store.capabilities.encrypted
