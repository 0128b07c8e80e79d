"""The package keyring as a credential store, as another project might write one: naively first, then done right.

Both use what authsm exports. The naive one is tried with a real Secret Service; so is the other in the long runs, where
each of some two thousand operations takes 10 to 20 ms, and otherwise with a keyring in a file.
"""

import contextlib
import itertools
import json
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest import mock

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.core
import keyring.errors
import pytest

from authsm import SignedInData, SignInMethod, UserPoolTokens
from authsm.stores.contract import (
    Capabilities,
    Cleared,
    Entry,
    EntryState,
    Left,
    Refused,
    Residue,
    Saved,
    SessionExistsError,
    StoreCorruptError,
    StoreUnavailableError,
    Superseded,
    Unknown,
    Verified,
)
from authsm.testing import StoreConformance
from tests.stores.secret_service import secret_service

_SERVICE: Final = "another-project"
_TOKENS: Final = ("access_token", "id_token", "refresh_token")


def _to_json(data: SignedInData) -> dict[str, Any]:
    tokens = data.tokens or UserPoolTokens()
    texts = {name: getattr(tokens, name).reveal() for name in _TOKENS if getattr(tokens, name)}
    return {
        "username": data.username,
        "method": data.sign_in_method,
        "at": data.signed_in_at.isoformat(),
        "tokens": texts,
    }


def _from_json(said: dict[str, Any]) -> SignedInData:
    return SignedInData(
        username=said["username"],
        sign_in_method=SignInMethod(said["method"]),
        signed_in_at=datetime.fromisoformat(said["at"]),
        tokens=UserPoolTokens.from_text(**said["tokens"]),
    )


class Naive:
    """What comes to mind first: a password is the session, and no password is none."""

    capabilities = Capabilities(durable_clear=True)

    def __init__(self, service: str) -> None:
        self.service = service

    def _get(self, key: str) -> dict[str, Any] | None:
        try:
            text = keyring.get_password(self.service, f"session {key}")
        except keyring.errors.KeyringError:
            return None
        said: dict[str, Any] | None = json.loads(text) if text else None
        return said

    def _set(self, key: str, said: dict[str, Any]) -> None:
        keyring.set_password(self.service, f"session {key}", json.dumps(said))

    def load(self, key: str) -> Entry:
        said = self._get(key)
        if said is None:
            return Entry(EntryState.ABSENT)
        state = EntryState.LEAVING if said.get("journal") else EntryState.LIVE
        return Entry(state, said["epoch"], said["generation"], _from_json(said))

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        before = self._get(key)
        if before and not replace:
            raise SessionExistsError
        epoch = before["epoch"] + 1 if before else 1
        self._set(key, {"epoch": epoch, "generation": 1, **_to_json(data)})
        return Entry(EntryState.LIVE, epoch, 1, data)

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        entry = self.load(key)
        if (entry.epoch, entry.generation) != (epoch, generation):
            return Refused(replace(entry, data=None))
        self._set(key, {"epoch": epoch, "generation": generation + 1, **_to_json(data)})
        return Saved(Entry(EntryState.LIVE, epoch, generation + 1, data))

    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        said = self._get(key)
        if not said or said["epoch"] != epoch:
            return Superseded()
        self._set(key, {**said, "journal": journal})
        return Left()

    write_journal = leave

    def read_journal(self, key: str) -> str | None:
        return (self._get(key) or {}).get("journal")

    def erase_journal(self, key: str, *, epoch: int) -> None:
        said = self._get(key)
        if said and said["epoch"] == epoch:
            self._set(key, {**said, "journal": None})

    def journals(self) -> Iterable[str]:
        return ()  # a keyring does not say what it holds

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        said = self._get(key)
        if said and said["epoch"] != epoch:
            return Superseded()
        with contextlib.suppress(keyring.errors.KeyringError):
            keyring.delete_password(self.service, f"session {key}")
        return Cleared()

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        said = self._get(key)
        if said is None:
            return Cleared()
        return Residue(("the password",), readable=True) if said["epoch"] == epoch else Superseded()


class DoneRight:
    """A password for each key, which outlives its session as a tombstone; and one that lists the keys in progress.

    A keyring has no compare-and-set, and this says so.
    """

    capabilities: ClassVar = Capabilities(durable_clear=True, cross_process=True, atomic_cas=False)

    def __init__(self, service: str) -> None:
        self.service = service

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DoneRight) and self.service == other.service

    def __hash__(self) -> int:
        return hash(self.service)

    def _asked(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except (keyring.errors.KeyringError, OSError) as error:
            said = type(error).__name__
        raise StoreUnavailableError(f"The keyring could not be used ({said}). See that it runs and is unlocked.")

    def _get(self, name: str) -> dict[str, Any]:
        text = self._asked(lambda: keyring.get_password(self.service, name))
        try:
            said: dict[str, Any] = json.loads(text) if text else {}
        except ValueError:
            said = {"state": EntryState.CORRUPT}
        if said.get("state") == EntryState.CORRUPT:
            raise StoreCorruptError(f"The password {name!r} of {self.service!r} was not written by this program.")
        return said

    def _set(self, name: str, said: dict[str, Any]) -> None:
        self._asked(lambda: keyring.set_password(self.service, name, json.dumps(said)))

    def _session(self, key: str) -> dict[str, Any]:
        return self._get(f"session {key}")

    def _keep(self, key: str, said: dict[str, Any]) -> None:
        self._set(f"session {key}", said)

    def _entry(self, said: dict[str, Any]) -> Entry:
        if not said:
            return Entry(EntryState.ABSENT)
        data = _from_json(said["data"]) if said["data"] else None
        return Entry(EntryState(said["state"]), said["epoch"], said["generation"], data)

    def load(self, key: str) -> Entry:
        try:
            return self._entry(self._session(key))
        except StoreCorruptError as error:
            return Entry(EntryState.CORRUPT, reason=str(error))

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        before = self._session(key)
        if before.get("data") and not replace:
            raise SessionExistsError(f"A session is stored under {key!r}.")
        said = {
            "state": EntryState.LIVE,
            "epoch": max(before.get("epoch", 0) + 1, time.time_ns()),
            "generation": 1,
            "data": _to_json(data),
            "journal": None,
        }
        self._keep(key, said)
        return self._entry(said)

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        said = self._session(key)
        entry = self._entry(said)
        if (entry.state, entry.epoch, entry.generation) != (EntryState.LIVE, epoch, generation):
            return Refused(replace(entry, data=None))
        said |= {"generation": generation + 1, "data": _to_json(data)}
        self._keep(key, said)
        return Saved(self._entry(said))

    def leave(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        said = self._session(key)
        if not said.get("data") or said["epoch"] != epoch:
            return Superseded()
        self._list(key, is_in_progress=True)  # first: what is listed is looked at, and what is not is forgotten
        self._keep(key, {**said, "state": EntryState.LEAVING, "journal": journal})
        return Left()

    def write_journal(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        return Superseded() if self.load(key).state is not EntryState.LEAVING else self.leave(
            key, epoch=epoch, journal=journal
        )  # fmt: skip

    def read_journal(self, key: str) -> str | None:
        journal: str | None = self._session(key).get("journal")
        return journal

    def erase_journal(self, key: str, *, epoch: int) -> None:
        said = self._session(key)
        if said.get("epoch") == epoch and said["journal"] is not None:
            self._keep(key, {**said, "journal": None})
            if said["state"] != EntryState.LEAVING:
                self._list(key, is_in_progress=False)

    def journals(self) -> Iterable[str]:
        return [key for key in self._get("in progress") if self._is_in_progress(key)]

    def _is_in_progress(self, key: str) -> bool:
        said = self._session(key)
        return bool(said) and (said["state"] == EntryState.LEAVING or said["journal"] is not None)

    def _list(self, key: str, *, is_in_progress: bool) -> None:
        listed = self._get("in progress")
        if (key in listed) is not is_in_progress:
            self._set("in progress", {**listed, key: True} if is_in_progress else {**listed} | _without(listed, key))

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        said = self._session(key)
        if said and said["epoch"] != epoch:
            return Superseded()
        if said.get("data"):
            self._keep(key, {**said, "state": EntryState.TOMBSTONE, "data": None})
        return Cleared()

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        try:
            said = self._session(key)
        except (StoreUnavailableError, StoreCorruptError) as error:
            return Unknown(str(error))
        if not said.get("data"):
            return Cleared()
        return Residue(("the password",), readable=True) if said["epoch"] == epoch else Superseded()


def _without(listed: dict[str, Any], key: str) -> dict[str, Any]:
    return {each: True for each in listed if each != key}


class OverKeyring(StoreConformance):
    """Plugs either in."""

    services: ClassVar = itertools.count()

    def new_service(self) -> str:
        return f"{_SERVICE} {next(self.services)}"

    def reopen(self, store: Any) -> Any:
        return type(store)(store.service)

    @contextlib.contextmanager
    def break_it(self, store: Any) -> Generator[None]:
        """No keyring is to be had, as on a server without a desktop."""
        del store
        before = keyring.get_keyring()
        keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]  # it has no types here
        yield
        keyring.set_keyring(before)

    @contextlib.contextmanager
    def on_write(self, store: Any, about_to_write: Callable[[], None]) -> Generator[None]:
        del store

        def before(act: Callable[..., None]) -> Callable[..., None]:
            def watched(*arguments: str) -> None:
                about_to_write()
                act(*arguments)

            return watched

        with (
            mock.patch.object(keyring, "set_password", before(keyring.set_password)),
            mock.patch.object(keyring, "delete_password", before(keyring.delete_password)),
        ):
            yield


class _PlainFile(keyring.backend.KeyringBackend):
    """A keyring in one file, not encrypted, as keyrings.alt has one."""

    priority = 1
    path: ClassVar[Path]

    def _kept(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return kept

    def _keep(self, kept: dict[str, str]) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(kept))
        temporary.replace(self.path)

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._keep({**self._kept(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._kept()
        if kept.pop(f"{service} {username}", None) is None:
            raise keyring.errors.PasswordDeleteError
        self._keep(kept)


@pytest.fixture
def _a_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_PlainFile, "path", tmp_path / "keyring.json", raising=False)
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    keyring.set_keyring(_PlainFile())  # type: ignore[no-untyped-call]  # it has no types here


@pytest.fixture(scope="module")
def _a_secret_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with secret_service(tmp_path_factory.mktemp("home")):
        yield


class NaiveSuite(OverKeyring):
    def make(self) -> Any:
        return Naive(self.new_service())


class _DoneRightSuite(OverKeyring):
    def make(self) -> Any:
        return DoneRight(self.new_service())


@pytest.mark.usefixtures("_a_plain_file")
class TestDoneRight(_DoneRightSuite):
    def written(self, store: Any) -> bytes:
        del store
        return _PlainFile.path.read_bytes()


@pytest.mark.soak
@pytest.mark.usefixtures("_a_secret_service")
class TestDoneRightWithASecretService(_DoneRightSuite):
    pass


NO_TOMBSTONE: Final = "expected .*(TOMBSTONE|LIVE).*, found .*ABSENT"

FAULTS: Final = {
    "test_a_cleared_session_is_a_tombstone_for_everybody": NO_TOMBSTONE,
    "test_a_crash_within_a_clear_leaves_the_session_or_its_tombstone": (
        r"journals: expected \('within-4-1',\), found \(\)"
    ),
    "test_a_crash_within_an_operation_leaves_it_done_or_not_done": r"journals: expected \('within-3-1',\), found \(\)",
    "test_a_new_sign_in_leads_out_of_a_tombstone": "each sign-in opens a higher epoch",
    "test_a_save_between_the_look_and_the_write_of_another_is_noticed": "both answered Saved",
    "test_a_save_never_lands_on_a_sign_out_that_began_before_it_wrote": "expected .*LEAVING.*, found .*LIVE",
    "test_a_session_that_is_leaving_refuses_saves_and_keeps_its_journal": "once the session is leaving, found Saved",
    "test_a_sign_out_during_an_outage_is_ended_after_it": "is a FailedSignOut; found CompleteSignOut",
    "test_a_sign_out_that_died_anywhere_can_be_ended": "a tombstone of that session is left, .*; found .*ABSENT",
    "test_a_sign_out_whose_end_was_not_seen_stays_in_the_list": "expected 'one', found None",
    "test_a_write_that_fails_is_told": "found OSError: .* No space left on device",
    "test_keys_never_touch_each_other": NO_TOMBSTONE,
    "test_nothing_is_kept_for_later": r"expected \('later-0',\), found \(\)",
    "test_what_cannot_be_cleared_is_not_reported_as_cleared": r"is true after the outage, found Cleared",
    "test_what_cannot_be_read_is_not_taken_for_absent_or_cleared": "is true after the outage, found .*ABSENT",
    "test_what_cannot_be_written_is_not_reported_as_written": "expected StoreUnavailableError, found NoKeyringError",
    "test_what_has_happened_before_a_crash_has_happened_after_it": r"expected \('crash-0',\), found \(\)",
}

RACES: Final = {
    "test_a_save_that_races_a_clear_never_lands_after_it",
    "test_a_save_that_races_a_leave_never_lands_after_it",
    "test_a_sign_in_that_races_a_clear_stands",
    "test_of_many_saves_at_once_one_wins",
}
"""Whether these are lost is a matter of luck; what they are about is brought about in the fifth of the above."""


@pytest.mark.usefixtures("_a_secret_service")
def test_the_naive_one_is_rejected_by_name() -> None:
    report = NaiveSuite().report()
    assert sorted(report.failed.keys() - RACES) == sorted(FAULTS)
    for test, why in FAULTS.items():
        assert re.search(why, report.failed[test], re.DOTALL), report.failed[test]
    assert report.left_out.keys() == {"test_no_token_is_left_after_a_clear"}
