"""Several processes at one session: none harms what another has made of it."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authsm import (
    Auth,
    AuthState,
    CredentialStore,
    MemoryCredentialStore,
    RevokeToken,
    SignedInData,
    SignInMethod,
    UserPoolTokens,
)
from authsm.stores.contract import EntryState
from authsm.testing import FakeClient, FakeCognito, FakeTokens, Fault
from tests.auth.world import eventually
from tests.programs import Program
from tests.stores.kinds import IN_FILES

SESSIONS = 15

pytestmark = pytest.mark.parametrize("kind", ["file", "sqlite"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


@pytest.fixture
def store(kind: str, folder: Path) -> CredentialStore:
    return IN_FILES[kind](folder)


@pytest.fixture
def client(cognito: FakeCognito) -> FakeClient:
    return cognito.add_client()


@pytest.fixture
def signer(kind: str, folder: Path, cognito: FakeCognito, client: FakeClient) -> Iterator[Callable[[], Program]]:
    with contextlib.ExitStack() as stack:
        where = (kind, str(folder), cognito.endpoint_url, client.id)
        yield lambda: stack.enter_context(Program("tests.auth.signer", *where))


def _data(tokens: FakeTokens) -> SignedInData:
    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    return SignedInData(username="ada", sign_in_method=SignInMethod.USER_POOL, tokens=own)


def _crashed(store: CredentialStore, key: str, data: SignedInData) -> None:
    """Leave a session as a sign-out does that is killed while it revokes."""
    memory, journals = MemoryCredentialStore(), list[str | None]()
    auth = Auth(memory, {RevokeToken: lambda *_: journals.append(memory.read_journal(key))}, key=key)
    auth.sign_in(data)
    auth.sign_out()
    (journal,) = journals
    assert journal is not None
    store.leave(key, epoch=store.begin(key, data).epoch, journal=journal)


def test_of_two_that_resume_at_once_both_end_well_and_nothing_known_is_asked_again(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, signer: Callable[[], Program]
) -> None:
    """Each may ask once for the outcome that the crash lost: nobody holds a lock while a network is waited for."""
    two = signer(), signer()
    results = Counter[str | None]()
    for key in map(str, range(SESSIONS)):
        tokens = cognito.sign_in(client, "ada")
        _crashed(store, key, _data(tokens))
        cognito.forget_calls()
        for each in two:
            each.tell(["resume", key])
        results.update(each.hear() for each in two)
        assert store.load(key).state is EntryState.TOMBSTONE
        assert not cognito.holds(tokens.refresh_token)
        assert set(cognito.calls) == {"RevokeToken"}
        assert len(cognito.calls) <= len(two)
    assert list(store.journals()) == []
    assert set(results) <= {"CompleteSignOut", None}
    assert results["CompleteSignOut"] >= SESSIONS


def test_of_two_that_sign_out_at_once_both_end_well(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, signer: Callable[[], Program]
) -> None:
    two = signer(), signer()
    for key in map(str, range(SESSIONS)):
        tokens = cognito.sign_in(client, "ada")
        store.begin(key, _data(tokens))
        for each in two:
            each.tell(["sign out", key])
        # The other's global sign-out may end the access token that this one would have used for its own.
        assert {each.hear() for each in two} <= {"CompleteSignOut", "PartialSignOut"}
        assert store.load(key).state is EntryState.TOMBSTONE
        assert not cognito.holds(tokens.refresh_token)
    assert list(store.journals()) == []


def test_a_sign_in_after_a_crash_is_not_harmed_by_what_resumes(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, signer: Callable[[], Program]
) -> None:
    _crashed(store, "ada", _data(cognito.sign_in(client, "ada")))
    tokens = cognito.sign_in(client, "ada")
    auth = Auth(store, {}, key="ada")
    assert auth.state is AuthState.SIGNING_OUT
    auth.sign_in(_data(tokens), replace=True)
    mine = store.load("ada")
    resumer = signer()
    resumer.tell(["resume", "ada"])
    assert resumer.hear() is None
    assert (store.load("ada"), auth.state) == (mine, AuthState.SIGNED_IN)
    assert cognito.holds(tokens.refresh_token)


def test_a_sign_in_is_not_harmed_by_a_sign_out_or_a_resume_of_the_old_session_that_still_runs(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, signer: Callable[[], Program]
) -> None:
    for act in ("sign out", "resume"):
        old = cognito.sign_in(client, "ada")
        if act == "resume":
            _crashed(store, act, _data(old))
        else:
            store.begin(act, _data(old))
        other = signer()
        cognito.forget_calls()
        cognito.fail("RevokeToken", Fault.delay(1.0))
        other.tell([act, act])
        eventually(lambda: "RevokeToken" in cognito.calls, "the old session's token is being revoked")
        tokens = cognito.sign_in(client, "ada")
        Auth(store, {}, key=act).sign_in(_data(tokens), replace=True)
        mine = store.load(act)
        assert other.hear() == "CompleteSignOut"
        assert store.load(act) == mine
        assert cognito.holds(tokens.refresh_token)
        assert not cognito.holds(old.refresh_token)
