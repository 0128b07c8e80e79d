"""``authsm status`` and ``authsm resume``."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from authsm import (
    CredentialStore,
    FileCredentialStore,
    KeyringCredentialStore,
    SignedInData,
    SignInMethod,
    SQLiteCredentialStore,
    UserPoolTokens,
)
from authsm.cli.app import app
from authsm.stores.contract import EntryState
from authsm.testing import FakeClient, FakeCognito, FakeTokens, Fault
from tests.cli.processes import interrupted
from tests.stores.kinds import ENCRYPTION_KEY
from tests.stores.secret_service import secret_service

PROGRAM = "authsm-tests"
Run = Callable[..., Result]
Named = tuple[str, CredentialStore]
KINDS: dict[str, Callable[[Path], Named]] = {
    "file": lambda folder: (f"file:{folder}", FileCredentialStore(folder)),
    "sqlite": lambda folder: (f"sqlite:{folder}/sessions.db", SQLiteCredentialStore(folder / "sessions.db")),
    "keyring": lambda _: (f"keyring:{PROGRAM}", KeyringCredentialStore(PROGRAM, click.get_app_dir(PROGRAM))),
}
REFUSES = Fault.error("InternalErrorException", status=500)
needs_sigint = pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")


@pytest.fixture(scope="module")
def in_a_desktop_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with secret_service(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(params=KINDS)
def named(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Named:
    """A store, and how the command names it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if request.param == "keyring":
        request.getfixturevalue("in_a_desktop_session")
    name, store = KINDS[request.param](tmp_path)
    store.begin("nobody", SignedInData())  # so that it is there
    store.clear("nobody", epoch=store.load("nobody").epoch)
    return name, store


@pytest.fixture
def in_files(tmp_path: Path) -> Named:
    return KINDS["file"](tmp_path / "store")


@pytest.fixture
def client(cognito: FakeCognito) -> FakeClient:
    return cognito.add_client()


@pytest.fixture
def options(cognito: FakeCognito, client: FakeClient) -> list[str]:
    return ["--client-id", client.id, "--region", cognito.region, "--endpoint-url", cognito.endpoint_url]


@pytest.fixture
def run(options: list[str]) -> Run:
    def run(command: str, *arguments: str) -> Result:
        return CliRunner().invoke(app, [command, *([] if command == "status" else options), *arguments])

    return run


def _cut_short(store: CredentialStore, key: str, tokens: FakeTokens) -> None:
    """Leave what a sign-out leaves that a crash interrupted."""
    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    data = SignedInData(username="ada", sign_in_method=SignInMethod.USER_POOL, tokens=own)
    store.leave(key, epoch=store.begin(key, data).epoch, journal="of a version that nobody knows")


def _states(store: CredentialStore, *keys: str) -> list[EntryState]:
    return [store.load(key).state for key in keys]


def test_status_tells_who_is_signed_in_and_what_was_interrupted(run: Run, named: Named, cognito: FakeCognito) -> None:
    name, store = named
    tokens = cognito.sign_in(cognito.add_client(), "ada")
    _cut_short(store, "grace", tokens)
    own = UserPoolTokens.from_text(refresh_token=tokens.refresh_token)
    store.begin("ada", SignedInData(tokens=own))
    said = json.loads(run("status", "--store", name, "--key", "ada", "--key", "edith", "--json").stdout)
    assert said == {
        "sessions": {"ada": "signed_in", "edith": "signed_out", "grace": "signing_out"},
        "interrupted": ["grace"],
        "errors": {},
    }
    shown = run("status", "--store", name)
    assert shown.exit_code == 0
    assert "interrupted" in shown.stdout
    assert tokens.refresh_token not in shown.output


def test_resume_ends_every_sign_out_that_was_interrupted(run: Run, named: Named, cognito: FakeCognito) -> None:
    name, store = named
    tokens = {key: cognito.sign_in(cognito.add_client(), "ada") for key in ("ada", "grace")}
    for key, own in tokens.items():
        _cut_short(store, key, own)
    ended = run("resume", "--store", name, "--json")
    results = {key: result["result"] for key, result in json.loads(ended.stdout).items()}
    assert (ended.exit_code, set(results)) == (3, {"ada", "grace"})  # another app client's tokens: refused, and told
    assert set(results.values()) == {"PartialSignOut"}
    assert set(_states(store, *tokens)) == {EntryState.TOMBSTONE}
    again = run("resume", "--store", name)
    assert (again.exit_code, "No sign-out was interrupted." in again.stderr) == (0, True)


def test_resume_of_one_key_leaves_the_others(run: Run, named: Named, cognito: FakeCognito) -> None:
    name, store = named
    for key in ("ada", "grace"):
        _cut_short(store, key, cognito.sign_in(cognito.add_client(), "ada"))
    shown = run("resume", "--store", name, "--key", "ada", "--key", "nobody")
    assert shown.exit_code == 3
    assert "No sign-out of 'nobody' was interrupted." in shown.stderr
    assert _states(store, "ada", "grace") == [EntryState.TOMBSTONE, EntryState.LEAVING]


def test_a_key_that_is_given_twice_is_resumed_once(
    run: Run, in_files: Named, cognito: FakeCognito, client: FakeClient
) -> None:
    name, store = in_files
    _cut_short(store, "ada", cognito.sign_in(client, "ada"))
    ended = run("resume", "--store", name, "--key", "ada", "--key", "ada", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["ada"]["result"]) == (0, "CompleteSignOut")


@pytest.mark.usefixtures("in_a_desktop_session")
def test_a_keyring_store_may_keep_its_files_anywhere(run: Run, tmp_path: Path) -> None:
    KeyringCredentialStore(PROGRAM, tmp_path / "kept").begin("ada", SignedInData())
    told = run("status", "--store", f"keyring:{PROGRAM}:{tmp_path / 'kept'}", "--key", "ada", "--json")
    assert json.loads(told.stdout)["sessions"] == {"ada": "signed_in"}


def test_encrypted_files_are_opened_with_the_key_of_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cognito: FakeCognito, client: FakeClient
) -> None:
    store = FileCredentialStore(tmp_path, encryption_key=ENCRYPTION_KEY)
    _cut_short(store, "ada", cognito.sign_in(client, "ada"))
    asked = ("--store", f"file:{tmp_path}", "--json")
    for key, said in (("", "Give the store the key that sealed it"), ("short", "is not 32 bytes in base64")):
        monkeypatch.setenv("AUTHSM_ENCRYPTION_KEY", key)
        told = run("status", *asked)
        assert (told.exit_code, said in " ".join(told.output.split())) == (2 if key else 1, True)
    monkeypatch.setenv("AUTHSM_ENCRYPTION_KEY", ENCRYPTION_KEY.reveal())
    assert json.loads(run("status", *asked).stdout)["sessions"] == {"ada": "signing_out", "default": "signed_out"}
    ended = run("resume", *asked)
    assert (ended.exit_code, json.loads(ended.stdout)["ada"]["result"]) == (0, "CompleteSignOut")
    assert ENCRYPTION_KEY.reveal() not in ended.output


def test_a_key_is_shown_as_it_is(run: Run, in_files: Named, cognito: FakeCognito, client: FakeClient) -> None:
    name, store = in_files
    _cut_short(store, "[/ada]", cognito.sign_in(client, "ada"))
    assert "[/ada]" in run("status", "--store", name).stdout
    shown = run("resume", "--store", name, "--key", "[/ada]", "--key", "[/grace]")
    assert (shown.exit_code, "[/ada]" in shown.stderr, "'[/grace]' was interrupted" in shown.stderr) == (0, True, True)


def _damage(store: CredentialStore, key: str, name: str) -> Path:
    store.begin(key, SignedInData())
    path = Path(name.removeprefix("file:")) / f"{key}.credentials"
    path.write_text("somebody else's file")
    return path


@pytest.mark.parametrize("as_json", [True, False])
def test_a_damaged_session_is_told_and_the_others_are_resumed(
    as_json: bool, run: Run, in_files: Named, cognito: FakeCognito, client: FakeClient
) -> None:
    name, store = in_files
    path = _damage(store, "ada", name)
    for key in ("edith", "grace"):
        _cut_short(store, key, cognito.sign_in(client, "ada"))
    keys = ("--key", "edith", "--key", "ada", "--key", "grace")
    ended = run("resume", "--store", name, *keys, *(["--json"] if as_json else []))
    assert (ended.exit_code, _states(store, "edith", "grace")) == (4, [EntryState.TOMBSTONE] * 2)
    assert path.read_text() == "somebody else's file"
    assert "was not written by authsm" in " ".join(ended.stderr.split())
    if as_json:
        said = json.loads(ended.stdout)
        assert {key: each["result"] for key, each in said.items()} == {
            "edith": "CompleteSignOut",
            "ada": None,
            "grace": "CompleteSignOut",
        }
        assert said["ada"]["errors"][0]["type"] == "CredentialStoreException"


def test_status_of_a_damaged_session_tells_the_others_too(run: Run, in_files: Named) -> None:
    name, store = in_files
    _damage(store, "ada", name)
    asked = ("status", "--store", name, "--key", "ada", "--key", "grace")
    told = run(*asked, "--json")
    said = json.loads(told.stdout)
    assert (told.exit_code, said["sessions"]) == (1, {"ada": None, "grace": "signed_out"})
    assert "was not written by authsm" in said["errors"]["ada"]["message"]
    shown = run(*asked)
    assert (shown.exit_code, "signed_out" in shown.stdout) == (1, True)
    assert "was not written by authsm" in " ".join(shown.stderr.split())


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "why"), [(_cut_off, "is damaged"), (_made_a_folder, "could not be read")], ids=["cut off", "a folder"]
)
def test_an_interrupted_sign_out_that_cannot_be_read_is_told_though_nobody_asked_for_its_key(
    spoil: Callable[[Path], None], why: str, run: Run, in_files: Named, cognito: FakeCognito
) -> None:
    name, store = in_files
    for key in ("ada", "grace"):
        _cut_short(store, key, cognito.sign_in(cognito.add_client(), "ada"))
    spoil(Path(name.removeprefix("file:")) / "ada.credentials")
    shown = run("status", "--store", name)
    rows = {row.split()[1]: " ".join(row.split()) for row in shown.stdout.splitlines() if "│" in row}
    assert (shown.exit_code, why in " ".join(shown.stderr.split())) == (1, True)
    assert "cannot be read │ perhaps interrupted" in rows["ada"]
    assert "signing_out │ interrupted" in rows["grace"]
    for ended in (("grace", "ada"), ("ada",)):
        told = run("resume", "--store", name, "--json")
        assert (told.exit_code, set(json.loads(told.stdout))) == (4, set(ended))
        assert why in " ".join(told.stderr.split())
        assert "No sign-out was interrupted" not in told.stderr
        assert _states(store, "grace") == [EntryState.TOMBSTONE]


def test_what_is_left_of_a_resumed_sign_out_is_kept_and_finished_by_a_retry(
    run: Run, named: Named, cognito: FakeCognito, client: FakeClient, tmp_path: Path
) -> None:
    name, store = named
    kept, tokens = tmp_path / "retry", cognito.sign_in(client, "ada")
    _cut_short(store, "ada", tokens)
    cognito.fail("RevokeToken", REFUSES, times=None)
    partial = run("resume", "--store", name, "--key", "ada", "--keep-for-retry", str(kept))
    assert (partial.exit_code, _states(store, "ada")) == (3, [EntryState.TOMBSTONE])
    assert "Kept for a retry" in partial.stderr
    cognito.heal()
    assert run("sign-out", "--retry", str(kept)).exit_code == 0
    assert not cognito.holds(tokens.refresh_token)


def test_a_partial_one_says_how_what_is_left_could_be_finished(
    run: Run, in_files: Named, cognito: FakeCognito, client: FakeClient
) -> None:
    name, store = in_files
    _cut_short(store, "ada", cognito.sign_in(client, "ada"))
    cognito.fail("RevokeToken", REFUSES, times=None)
    shown = run("resume", "--store", name)
    assert (shown.exit_code, "--keep-for-retry FILE" in " ".join(shown.stderr.split())) == (3, True)


@pytest.mark.parametrize("keys", [(), ("ada", "grace")])
def test_one_file_for_a_retry_keeps_one_session(
    keys: tuple[str, ...], run: Run, in_files: Named, cognito: FakeCognito, tmp_path: Path
) -> None:
    name, store = in_files
    _cut_short(store, "ada", cognito.sign_in(cognito.add_client(), "ada"))
    given = [text for key in keys for text in ("--key", key)]
    refused = run("resume", "--store", name, *given, "--keep-for-retry", str(tmp_path / "retry"))
    assert (refused.exit_code, "with one --key" in refused.stderr) == (2, True)
    assert _states(store, "ada") == [EntryState.LEAVING]


@needs_sigint
@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_cuts_the_current_one_short_and_leaves_the_others(
    as_json: bool, in_files: Named, options: list[str], cognito: FakeCognito, client: FakeClient
) -> None:
    name, store = in_files
    for key in ("ada", "edith", "grace"):
        _cut_short(store, key, cognito.sign_in(client, "ada"))
    cognito.fail("RevokeToken", Fault.hang(), times=None)
    asked = ["resume", *options, "--store", name, *(["--json"] if as_json else [])]
    ended = interrupted(*asked, once=lambda: "RevokeToken" in cognito.calls)
    assert ended.returncode == 3
    assert "Left for another time: edith, grace." in ended.stderr
    assert _states(store, "ada", "edith", "grace") == [EntryState.TOMBSTONE, EntryState.LEAVING, EntryState.LEAVING]
    if as_json:
        assert {key: each["result"] for key, each in json.loads(ended.stdout).items()} == {"ada": "PartialSignOut"}
    else:
        assert "PartialSignOut" in ended.stderr


@needs_sigint
def test_ctrl_c_is_no_success_while_anything_is_left(
    in_files: Named, options: list[str], cognito: FakeCognito, client: FakeClient
) -> None:
    """What is under way may still be completed in the time of grace."""
    name, store = in_files
    for key in ("ada", "grace"):
        _cut_short(store, key, cognito.sign_in(client, "ada"))
    cognito.fail("RevokeToken", Fault.delay(0.5), times=None)
    ended = interrupted("resume", *options, "--store", name, "--json", once=lambda: "RevokeToken" in cognito.calls)
    assert (ended.returncode, json.loads(ended.stdout)["ada"]["result"]) == (130, "CompleteSignOut")
    assert "Left for another time: grace." in ended.stderr


@needs_sigint
def test_ctrl_c_at_the_last_one_leaves_nothing_and_keeps_what_a_retry_needs(
    in_files: Named, options: list[str], cognito: FakeCognito, client: FakeClient, tmp_path: Path
) -> None:
    name, store = in_files
    kept, tokens = tmp_path / "retry", cognito.sign_in(client, "ada")
    _cut_short(store, "ada", tokens)
    cognito.fail("RevokeToken", Fault.hang(), times=None)
    asked = ["resume", *options, "--store", name, "--key", "ada", "--keep-for-retry", str(kept)]
    ended = interrupted(*asked, once=lambda: "RevokeToken" in cognito.calls)
    assert (ended.returncode, "Left for another time" in ended.stderr) == (3, False)
    assert json.loads(kept.read_text(encoding="utf-8"))["refresh_token"] == tokens.refresh_token


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("redis:x", "There is no store 'redis:x'"),
        ("file:", "There is no store 'file:'"),
        ("memory:x", "There is no store 'memory:x'"),
        ("file:/no/such", "is no folder"),
        ("sqlite:/no/such", "is no file"),
        ("keyring:no-such", "is no folder: give the name of a program that keeps its sessions there"),
        (f"keyring:{PROGRAM}:/no/such", "/no/such is no folder"),
    ],
)
@pytest.mark.parametrize("command", ["status", "resume", "sign-out"])
def test_a_store_that_is_none_is_a_mistake_in_the_use(name: str, said: str, command: str, run: Run) -> None:
    result = run(command, "--store", name)
    assert (result.exit_code, said in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["status", "resume"])
def test_a_store_that_cannot_be_read_is_an_error_of_its_own(command: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "sessions.db").write_bytes(b"no database at all" * 100)
    result = run(command, "--store", f"sqlite:{tmp_path / 'sessions.db'}")
    assert (result.exit_code, "Move it away" in " ".join(result.stderr.split())) == (1, True)


def test_memory_holds_nobody(run: Run) -> None:
    assert json.loads(run("status", "--store", "memory:", "--json").stdout) == {
        "sessions": {"default": "signed_out"},
        "interrupted": [],
        "errors": {},
    }
    assert run("resume", "--store", "memory:", "--json").stdout == "{}\n"
