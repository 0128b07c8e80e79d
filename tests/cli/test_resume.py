"""``authsm status`` and ``authsm resume``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from authsm import (
    CredentialStore,
    FileCredentialStore,
    SignedInData,
    SignInMethod,
    SQLiteCredentialStore,
    UserPoolTokens,
)
from authsm.cli.app import app
from authsm.stores.contract import EntryState
from authsm.testing import FakeCognito, FakeTokens

Run = Callable[..., Result]
KINDS: dict[str, Callable[[Path], tuple[str, CredentialStore]]] = {
    "file": lambda folder: (f"file:{folder}", FileCredentialStore(folder)),
    "sqlite": lambda folder: (f"sqlite:{folder}/sessions.db", SQLiteCredentialStore(folder / "sessions.db")),
}


@pytest.fixture(params=KINDS)
def named(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, CredentialStore]:
    """A store, and how the command names it."""
    name, store = KINDS[request.param](tmp_path)
    store.begin("nobody", SignedInData())  # so that it is there
    store.clear("nobody", epoch=store.load("nobody").epoch)
    return name, store


@pytest.fixture
def run(cognito: FakeCognito) -> Run:
    client = cognito.add_client()
    cognito_options = ["--client-id", client.id, "--region", cognito.region, "--endpoint-url", cognito.endpoint_url]

    def run(command: str, *arguments: str) -> Result:
        options = cognito_options if command == "resume" else []
        return CliRunner().invoke(app, [command, *options, *arguments])

    return run


def _interrupted(store: CredentialStore, key: str, tokens: FakeTokens) -> None:
    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    data = SignedInData(username="ada", sign_in_method=SignInMethod.USER_POOL, tokens=own)
    store.leave(key, epoch=store.begin(key, data).epoch, journal="of a version that nobody knows")


def test_status_tells_who_is_signed_in_and_what_was_interrupted(
    run: Run, named: tuple[str, CredentialStore], cognito: FakeCognito
) -> None:
    name, store = named
    tokens = cognito.sign_in(cognito.add_client(), "ada")
    _interrupted(store, "grace", tokens)
    own = UserPoolTokens.from_text(refresh_token=tokens.refresh_token)
    store.begin("ada", SignedInData(tokens=own))
    said = json.loads(run("status", "--store", name, "--key", "ada", "--key", "edith", "--json").stdout)
    assert said == {
        "sessions": {"ada": "signed_in", "edith": "signed_out", "grace": "signing_out"},
        "interrupted": ["grace"],
    }
    shown = run("status", "--store", name)
    assert shown.exit_code == 0
    assert "interrupted" in shown.stdout
    assert tokens.refresh_token not in shown.output


def test_resume_ends_every_sign_out_that_was_interrupted(
    run: Run, named: tuple[str, CredentialStore], cognito: FakeCognito
) -> None:
    name, store = named
    tokens = {key: cognito.sign_in(cognito.add_client(), "ada") for key in ("ada", "grace")}
    for key, own in tokens.items():
        _interrupted(store, key, own)
    ended = run("resume", "--store", name, "--json")
    results = {key: result["result"] for key, result in json.loads(ended.stdout).items()}
    assert (ended.exit_code, set(results)) == (3, {"ada", "grace"})  # another app client's tokens: refused, and told
    assert set(results.values()) == {"PartialSignOut"}
    assert {store.load(key).state for key in tokens} == {EntryState.TOMBSTONE}
    again = run("resume", "--store", name)
    assert (again.exit_code, "No sign-out was interrupted." in again.stderr) == (0, True)


def test_resume_of_one_key_leaves_the_others(
    run: Run, named: tuple[str, CredentialStore], cognito: FakeCognito
) -> None:
    name, store = named
    for key in ("ada", "grace"):
        _interrupted(store, key, cognito.sign_in(cognito.add_client(), "ada"))
    shown = run("resume", "--store", name, "--key", "ada", "--key", "nobody")
    assert shown.exit_code == 3
    assert "No sign-out of 'nobody' was interrupted." in shown.stderr
    assert (store.load("ada").state, store.load("grace").state) == (EntryState.TOMBSTONE, EntryState.LEAVING)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("redis:x", "There is no store 'redis:x'"),
        ("file:", "There is no store 'file:'"),
        ("memory:x", "There is no store 'memory:x'"),
        ("file:/no/such", "is no folder"),
        ("sqlite:/no/such", "is no file"),
    ],
)
def test_a_store_that_is_none_is_a_mistake_in_the_use(name: str, said: str, run: Run) -> None:
    result = run("status", "--store", name)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_a_store_that_cannot_be_read_is_an_error_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sessions.db").write_bytes(b"no database at all" * 100)
    result = run("status", "--store", f"sqlite:{tmp_path / 'sessions.db'}")
    assert (result.exit_code, "Move it away" in " ".join(result.stderr.split())) == (1, True)


def test_memory_holds_nobody(run: Run) -> None:
    assert json.loads(run("status", "--store", "memory:", "--json").stdout) == {
        "sessions": {"default": "signed_out"},
        "interrupted": [],
    }
