"""The web flow through several real processes on one SQLite file."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authsm import CredentialStore, SignedInData, SignInMethod, SQLiteCredentialStore, UserPoolTokens
from authsm.runners.hosted_ui import pages
from authsm.stores.contract import EntryState
from authsm.testing import FakeClient, FakeCognito, FakeTokens
from tests.leaks import leaks_in, written_in
from tests.programs import Program
from tests.web.site import CALLBACK, COOKIE

PROCESSES = 4

Server = Callable[..., Program]


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return SQLiteCredentialStore(tmp_path / "sessions.db")


@pytest.fixture
def client(cognito: FakeCognito) -> FakeClient:
    return cognito.add_client(sign_out_urls=(CALLBACK,))


@pytest.fixture
def server(tmp_path: Path, cognito: FakeCognito, client: FakeClient) -> Iterator[Server]:
    with contextlib.ExitStack() as stack:

        def start(*, seconds_ahead: int = 0) -> Program:
            where = (str(tmp_path / "sessions.db"), cognito.endpoint_url, cognito.domain, client.id)
            program = stack.enter_context(Program("tests.web.server", *where, str(seconds_ahead)))
            assert program.hear() == "ready"
            return program

        yield start


def sign_in(store: CredentialStore, cognito: FakeCognito, client: FakeClient, key: str = "ada") -> FakeTokens:
    tokens = cognito.sign_in(client, "ada", browser_session=cognito.open_browser_session("ada"))
    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    store.begin(key, SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=own))
    return tokens


def _on_the_disk(folder: Path) -> dict[str, bytes]:
    """What the files hold; the shared memory of SQLite changes when somebody reads, too."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def test_a_sign_out_that_begins_in_one_process_ends_in_another(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, server: Server, tmp_path: Path
) -> None:
    tokens = sign_in(store, cognito, client)
    first, second = server(), server()
    first.tell(["begin", "ada"])
    begun = first.hear()
    assert [step[2] for step in begun["told"]] == ["RevokingToken", "SigningOutLocally", "SigningOutHostedUI"]
    assert not cognito.holds(tokens.refresh_token)
    assert store.load("ada").state is EntryState.TOMBSTONE

    before = _on_the_disk(tmp_path)
    for cookie in (None, f"{COOKIE}={'A' * 43}", begun["cookie"].replace(COOKIE, "session")):
        second.tell(["callback", cookie, "logout_uri=https://evil.example"])
        assert second.hear() == {"status": 400, "body": pages.NOTHING_CHANGED.decode(), "ended": None, "told": []}
    assert _on_the_disk(tmp_path) == before

    second.tell(["callback", begun["cookie"], ""])
    ended = second.hear()
    assert (ended["status"], ended["body"], ended["ended"]) == (200, pages.SIGNED_OUT.decode(), "CompleteSignOut")
    assert ended["told"] == [["SigningOutHostedUI", "HostedUISignedOut", "SignedOut"]]
    for each in (first, second):
        each.tell(["callback", begun["cookie"], "error=access_denied"])
        assert each.hear() == {"status": 200, "body": pages.SIGNED_OUT.decode(), "ended": None, "told": []}

    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    kept = written_in(tmp_path).decode("latin-1")
    assert leaks_in([kept, str(begun), str(ended)], own.secrets()) == []
    assert begun["cookie"].partition("=")[2] not in kept


def test_of_callbacks_in_many_processes_at_once_one_ends_each_sign_out(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, server: Server, count: Callable[[str], None]
) -> None:
    servers = [server() for _ in range(PROCESSES)]
    rounds = 15
    for number in range(rounds):
        sign_in(store, cognito, client, f"session {number}")
        servers[0].tell(["begin", f"session {number}"])
        cookie = servers[0].hear()["cookie"]
        for each in servers:
            each.tell(["callback", cookie, ""])
        heard = [each.hear() for each in servers]
        assert sorted(str(each["ended"]) for each in heard) == ["CompleteSignOut"] + ["None"] * (PROCESSES - 1)
        assert sum(each["told"] != [] for each in heard) == 1
        assert {each["body"] for each in heard} == {pages.SIGNED_OUT.decode()}
    count(f"web: {rounds} sign-outs, each with callbacks in {PROCESSES} processes at once, ended once")


def test_who_never_comes_back_is_swept_by_one_process_of_all(
    store: CredentialStore, cognito: FakeCognito, client: FakeClient, server: Server
) -> None:
    begins, servers = server(), [server(seconds_ahead=901) for _ in range(2)]
    tokens = sign_in(store, cognito, client)
    begins.tell(["begin", "ada"])
    begins.hear()
    assert not cognito.holds(tokens.refresh_token)
    assert store.load("ada").state is EntryState.TOMBSTONE
    for each in servers:
        each.tell(["sweep"])
    heard = [each.hear() for each in servers]
    assert sorted(each["ended"] for each in heard) == [[], ["PartialSignOut"]]
    assert [step for each in heard for step in each["told"]] == [
        ["SigningOutHostedUI", "HostedUISignOutFailed", "PartialSignedOut"]
    ]
    assert cognito.browser_sessions("ada") == 1  # just as the report says
