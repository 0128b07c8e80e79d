"""``authsm sign-out``: where credentials come from, exit status, what it prints, retries, and mistakes in its use."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from authsm import FileCredentialStore, Secret, SignedInData, UserPoolTokens
from authsm.cli import options
from authsm.cli.app import app
from authsm.cli.browser import SmallBrowser
from authsm.stores.contract import EntryState
from authsm.testing import FakeClient, FakeCognito, FakeTokens, Fault
from tests.leaks import leaks_in

Run = Callable[..., Result]


@pytest.fixture
def client(cognito: FakeCognito) -> FakeClient:
    return cognito.add_client()


@pytest.fixture
def tokens(cognito: FakeCognito, client: FakeClient) -> FakeTokens:
    return cognito.sign_in(client, "ada")


@pytest.fixture
def run(cognito: FakeCognito, client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> Run:
    ours = ("AUTHSM_CLIENT_ID", "AUTHSM_CLIENT_SECRET", "AUTHSM_ENCRYPTION_KEY")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", *ours):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, tokens: FakeTokens | None = None, text: str | None = None) -> Result:
        given = text if tokens is None else as_json(tokens)
        fixed = ["sign-out", "--client-id", client.id, "--region", cognito.region, "--endpoint-url"]
        return CliRunner().invoke(app, [*fixed, cognito.endpoint_url, *arguments], input=given)

    return run


def as_json(tokens: FakeTokens) -> str:
    return json.dumps({"access_token": tokens.access_token, "refresh_token": tokens.refresh_token, "username": "ada"})


def test_credentials_from_standard_input_are_revoked(run: Run, cognito: FakeCognito, tokens: FakeTokens) -> None:
    result = run("--stdin", "--json", tokens=tokens)

    assert (result.exit_code, json.loads(result.stdout)["result"]) == (0, "CompleteSignOut")
    assert not cognito.holds(tokens.refresh_token)


def test_credentials_in_a_store_are_revoked_and_cleared(
    run: Run, cognito: FakeCognito, tokens: FakeTokens, tmp_path: Path
) -> None:
    store = FileCredentialStore(tmp_path)
    kept = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    store.begin("default", SignedInData(username="ada", tokens=kept))

    result = run("--store", f"file:{tmp_path}")

    assert (result.exit_code, store.load("default").state) == (0, EntryState.TOMBSTONE)
    assert not cognito.holds(tokens.refresh_token)


def test_every_session_ends_with_the_option_global(
    run: Run, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens
) -> None:
    cognito.sign_in(client, "ada")

    result = run("--stdin", "--global", tokens=tokens)

    assert (result.exit_code, cognito.live_refresh_tokens("ada")) == (0, 0)


def test_the_tokens_stay_alive_with_the_option_local_only(run: Run, cognito: FakeCognito, tokens: FakeTokens) -> None:
    result = run("--stdin", "--local-only", tokens=tokens)

    assert (result.exit_code, cognito.calls) == (0, ())
    assert cognito.holds(tokens.refresh_token)


@pytest.mark.parametrize("tracked", [True, False])
def test_the_browsers_session_at_cognito_ends_with_the_option_end_sso_session_where_it_is_tracked(
    monkeypatch: pytest.MonkeyPatch, *, tracked: bool
) -> None:
    monkeypatch.delenv("AUTHSM_CLIENT_SECRET", raising=False)
    with FakeCognito(session_tracking=tracked) as cognito:
        cognito.add_user("ada")
        client = cognito.add_client()
        tokens = cognito.sign_in(client, "ada", browser_session=cognito.open_browser_session("ada"))
        where = ["--client-id", client.id, "--region", cognito.region, "--endpoint-url", cognito.endpoint_url]
        asked = ["sign-out", *where, "--stdin", "--end-sso-session"]
        result = CliRunner().invoke(app, asked, input=as_json(tokens))
        left = cognito.browser_sessions("ada")

    assert (result.exit_code, left) == (0, 0 if tracked else 1)
    (shown,) = (line for line in result.stderr.splitlines() if "end sso session" in line)
    assert ("done: Cognito was asked" if tracked else "skipped: sessions not tracked") in shown


def test_a_partial_sign_out_is_kept_and_finished_by_a_retry(
    run: Run, cognito: FakeCognito, tokens: FakeTokens, tmp_path: Path
) -> None:
    kept = tmp_path / "retry"
    cognito.fail("RevokeToken", Fault.error("InternalErrorException", status=500), times=None)

    partial = run("--stdin", "--keep-for-retry", str(kept), tokens=tokens)

    assert (partial.exit_code, stat.S_IMODE(kept.stat().st_mode)) == (3, 0o600)
    assert tokens.refresh_token not in partial.output
    assert "authsm sign-out --retry" in partial.stderr

    cognito.heal()
    retried = run("--retry", str(kept), "--json")

    assert (retried.exit_code, json.loads(retried.stdout)["result"]) == (0, "CompleteSignOut")
    assert not cognito.holds(tokens.refresh_token)
    assert not kept.exists()


def test_a_federated_session_fails_with_status_4_and_nothing_is_called(
    run: Run, cognito: FakeCognito, tokens: FakeTokens
) -> None:
    text = json.dumps({**json.loads(as_json(tokens)), "sign_in_method": "federated"})

    result = run("--stdin", text=text)

    assert (result.exit_code, cognito.calls) == (4, ())
    assert "federated to an identity pool" in result.stderr


def test_json_tells_every_step_and_no_token(run: Run, tokens: FakeTokens) -> None:
    said = json.loads(run("--stdin", "--json", tokens=tokens).stdout)

    assert said["steps"] == {
        "hosted_ui": {"outcome": "skipped", "reason": "not_made_in_hosted_ui"},
        "refresh_tokens": {"outcome": "skipped", "reason": "not_needed"},
        "global_sign_out": {"outcome": "not_requested"},
        "revoke_token": {"outcome": "done"},
        "clear_credentials": {"outcome": "done"},
        "end_sso_session": {"outcome": "not_requested"},
    }
    assert tokens.access_token not in json.dumps(said)


def test_the_transitions_are_shown_as_they_happen(run: Run, tokens: FakeTokens) -> None:
    shown = run("--stdin", tokens=tokens).stderr

    assert "NotStarted ─Begin→ RevokingToken" in shown
    assert "SigningOutLocally ─CredentialsCleared→ SignedOut" in shown


MISTAKES = {
    "no source": ([], "one of --store, --stdin or --retry"),
    "two sources": (["--stdin", "--store", "file:."], "one of --store, --stdin or --retry"),
    "unknown store": (["--store", "cloud:9"], "There is no store 'cloud:9': write file:FOLDER"),
    "store that is no folder": (["--store", "file:/no/such/folder"], "/no/such/folder is no folder"),
    "unknown policy": (["--stdin", "--policy", "lenient"], "'lenient' is not one of 'default', 'amplify-android'"),
    "empty client id": (["--stdin", "--client-id", ""], "client_id"),
    "deadline that is none": (["--stdin", "--deadline", "nan"], "Give a number of seconds"),
    "no such region": (["--stdin", "--region", "the moon"], "region"),
    "malformed endpoint": (["--stdin", "--endpoint-url", "ftp://x"], "endpoint_url"),
    "admin alone": (["--stdin", "--admin"], "add --global"),
    "admin without a pool": (["--stdin", "--global", "--admin"], "user_pool_id"),
    "local and global": (["--stdin", "--global", "--local-only"], "exclude each other"),
    "local and the session at Cognito": (["--stdin", "--local-only", "--end-sso-session"], "exclude each other"),
    "malformed hosted UI": (["--stdin", "--hosted-ui-domain", "ftp://x"], "domain"),
    "retry of nothing": (["--retry", "/no/such/file"], "cannot be read: No such file or directory"),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_ends_with_status_2_and_what_to_do_before_any_effect(
    run: Run, cognito: FakeCognito, tokens: FakeTokens, arguments: list[str], said: str
) -> None:
    result = run(*arguments, tokens=tokens)

    assert (result.exit_code, cognito.calls) == (2, ())
    assert said in result.stderr
    assert "Traceback" not in result.output


MALFORMED = {
    "no JSON": ("{", "malformed"),
    "no object": ("[]", "Expected `object`"),
    "unknown field": ('{"acess_token": "x"}', "unknown field `acess_token`"),
    "wrong type": ('{"refresh_token": 5}', "Expected `str | null`, got `int` - at `$.refresh_token`"),
    "no token at all": ("{}", "neither an access token nor a refresh token"),
    "access token that is none": ('{"access_token": "x"}', "The access_token is not a JSON Web Token."),
    "unknown method": ('{"refresh_token": "x", "sign_in_method": "y"}', "sign_in_method"),
}


@pytest.mark.parametrize(("text", "said"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_credentials_end_with_status_2_and_where_they_are_wrong(
    run: Run, cognito: FakeCognito, text: str, said: str
) -> None:
    result = run("--stdin", text=text)

    assert (result.exit_code, cognito.calls) == (2, ())
    assert said in result.stderr


def test_a_missing_secret_of_the_wrong_form_is_refused_and_not_shown(
    run: Run, tokens: FakeTokens, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("no secret!")

    result = run("--stdin", "--client-secret-file", str(secret), tokens=tokens)

    assert (result.exit_code, "no secret!" in result.output) == (2, False)
    assert "client_secret" in result.stderr


def test_admin_without_aws_credentials_is_refused_before_any_effect(
    run: Run, cognito: FakeCognito, tokens: FakeTokens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    result = run("--stdin", "--global", "--admin", "--user-pool-id", cognito.user_pool_id, tokens=tokens)

    assert (result.exit_code, cognito.calls) == (2, ())
    assert "credentials" in result.stderr


def test_a_corrupt_store_fails_with_nothing_called_and_nothing_lost(
    run: Run, cognito: FakeCognito, tmp_path: Path
) -> None:
    path = tmp_path / "default.credentials"
    path.write_text("somebody else's file")

    result = run("--store", f"file:{tmp_path}")

    assert (result.exit_code, cognito.calls) == (4, ())
    assert path.read_text() == "somebody else's file"
    assert "was not written by authsm" in " ".join(result.stderr.split())


def test_a_file_that_exists_is_not_overwritten_with_tokens(run: Run, tokens: FakeTokens, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")

    result = run("--stdin", "--keep-for-retry", str(path), tokens=tokens)

    assert (result.exit_code, path.read_text()) == (2, "mine")


UNREADABLE = {
    "no JSON": ("{", "is no file of a retry: Input data was truncated."),
    "another file": ("{}", "is no file of a retry: Object missing required field `authsm_retry`."),
    "unknown field": ('{"authsm_retry": 1, "token": "x"}', "Object contains unknown field `token`."),
    "newer format": ('{"authsm_retry": 2}', "has the format 2, and this version reads 1. Use the newer version."),
}


@pytest.mark.parametrize(("text", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_retry_of_what_is_no_file_of_a_retry_is_refused_and_leaves_it(
    run: Run, cognito: FakeCognito, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "retry"
    path.write_text(text)

    result = run("--retry", str(path))

    assert (result.exit_code, cognito.calls, path.read_text()) == (2, (), text)
    assert said in " ".join(result.stderr.split())


def test_a_retry_that_fails_again_keeps_its_file(
    run: Run, cognito: FakeCognito, tokens: FakeTokens, tmp_path: Path
) -> None:
    kept = tmp_path / "retry"
    cognito.fail("RevokeToken", Fault.error("InternalErrorException", status=500), times=None)
    run("--stdin", "--keep-for-retry", str(kept), tokens=tokens)
    before = kept.read_text()

    result = run("--retry", str(kept))

    assert (result.exit_code, kept.read_text()) == (3, before)


def test_a_file_for_a_retry_that_cannot_be_made_is_found_before_any_effect(
    run: Run, cognito: FakeCognito, tokens: FakeTokens, tmp_path: Path
) -> None:
    result = run("--stdin", "--keep-for-retry", str(tmp_path / "nowhere" / "retry"), tokens=tokens)

    assert (result.exit_code, cognito.calls) == (2, ())
    assert "cannot be written: No such file or directory." in " ".join(result.stderr.split())


def test_no_file_for_a_retry_is_left_where_there_is_nothing_to_retry(
    run: Run, tokens: FakeTokens, tmp_path: Path
) -> None:
    kept = tmp_path / "retry"

    assert run("--stdin", "--keep-for-retry", str(kept), tokens=tokens).exit_code == 0
    assert not kept.exists()


def test_a_key_under_which_nobody_is_signed_in_is_told(run: Run, cognito: FakeCognito, tmp_path: Path) -> None:
    result = run("--store", f"file:{tmp_path}", "--key", "grace")

    assert (result.exit_code, cognito.calls) == (0, ())
    assert "Nobody was signed in under the key 'grace'." in result.stderr


def test_without_a_file_to_keep_it_in_a_partial_sign_out_says_how_to_finish_the_next_one(
    run: Run, cognito: FakeCognito, tokens: FakeTokens
) -> None:
    cognito.fail("RevokeToken", Fault.error("InternalErrorException", status=500), times=None)

    result = run("--stdin", tokens=tokens)

    assert result.exit_code == 3
    assert "--keep-for-retry FILE" in " ".join(result.stderr.split())


def test_the_secret_of_the_app_client_comes_from_a_file_or_the_environment(
    run: Run, cognito: FakeCognito, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = cognito.add_client(secret=True)
    assert client.secret is not None
    path = tmp_path / "secret"
    path.write_text(f"{client.secret}\n")
    first, second = (cognito.sign_in(client, "ada") for _ in range(2))

    from_file = run("--stdin", "--client-id", client.id, "--client-secret-file", str(path), tokens=first)
    monkeypatch.setenv("AUTHSM_CLIENT_SECRET", client.secret)
    from_environment = run("--stdin", "--client-id", client.id, tokens=second)

    assert (from_file.exit_code, from_environment.exit_code, cognito.live_refresh_tokens("ada")) == (0, 0, 0)
    assert client.secret not in from_file.output + from_environment.output


def test_an_empty_file_in_the_place_of_the_secret_is_a_mistake(run: Run, tokens: FakeTokens, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("\n")

    result = run("--stdin", "--client-secret-file", str(path), tokens=tokens)

    assert result.exit_code == 2
    assert "is empty. Put the app client's secret into it." in " ".join(result.stderr.split())


@pytest.mark.shows_tokens(because="the address lets one browser in, once, and is shown to be opened by hand")
def test_the_hosted_ui_is_signed_out_of_in_the_browser_whose_address_is_shown(
    run: Run, cognito: FakeCognito, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = ("http://127.0.0.1:8400/signed-out", "http://127.0.0.1:8401/signed-out")  # those that it tries by itself
    client = cognito.add_client(sign_out_urls=urls)
    browser = SmallBrowser()
    browser.hold_cookie(cognito.domain, "cognito", cognito.open_browser_session("ada"))
    opened: list[str] = []

    def open_browser(url: str) -> None:
        opened.append(url)
        browser.open(url)

    monkeypatch.setattr(options, "open_browser", open_browser)
    tokens = cognito.sign_in(client, "ada")
    text = json.dumps({**json.loads(as_json(tokens)), "sign_in_method": "hosted_ui"})

    result = run("--stdin", "--client-id", client.id, "--hosted-ui-domain", cognito.domain, text=text)

    assert (result.exit_code, cognito.browser_sessions("ada")) == (0, 0)
    assert f"Sign out in the browser: {opened[0]}" in result.stderr
    assert "Ctrl-C cancels" in result.stderr
    assert leaks_in([result.output], [Secret(tokens.access_token), Secret(tokens.refresh_token)]) == []
