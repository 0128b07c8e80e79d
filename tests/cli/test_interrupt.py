"""Ctrl-C at a real `authsm sign-out`: nothing is lost, and the status tells how it ended."""

import json
import os
from pathlib import Path

import pytest

from authsm import FileCredentialStore, SignedInData, UserPoolTokens
from authsm.stores.contract import EntryState
from authsm.testing import FakeCognito, Fault
from tests.cli.processes import interrupted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")


def test_what_was_cut_short_is_shown_and_kept(cognito: FakeCognito, tmp_path: Path) -> None:
    client = cognito.add_client()
    tokens = cognito.sign_in(client, "ada")
    cognito.fail("RevokeToken", Fault.hang(), times=None)
    store, kept = FileCredentialStore(tmp_path / "store"), tmp_path / "retry"
    own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    store.begin("default", SignedInData(username="ada", tokens=own))
    arguments = ["--client-id", client.id, "--region", cognito.region, "--endpoint-url", cognito.endpoint_url]
    where = ["--store", f"file:{tmp_path / 'store'}", "--json", "--keep-for-retry", str(kept)]
    ended = interrupted("sign-out", *arguments, *where, once=lambda: "RevokeToken" in cognito.calls)
    assert (ended.returncode, json.loads(ended.stdout)["result"]) == (3, "PartialSignOut")
    assert "Kept for a retry" in ended.stderr
    assert store.load("default").state is EntryState.TOMBSTONE
    assert json.loads(kept.read_text(encoding="utf-8"))["refresh_token"] == tokens.refresh_token
