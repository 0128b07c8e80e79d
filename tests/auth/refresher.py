"""Refreshes the tokens of sessions at Cognito, and saves what it got when it is told to: in a thread, or in a process.

    python -m tests.auth.refresher KIND FOLDER ENDPOINT CLIENT_ID [--without-fence]

The program reads a key and refreshes, says so, reads another line and saves, and says what became of it.
"""

import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.request import Request, urlopen

from authsm import Auth, CognitoRunner, CredentialStore, SignedInData, UserPoolTokens
from authsm.auth.session import Credentials
from authsm.stores._record import Record
from authsm.stores.contract import EntryState, Saved
from tests.auth.world import GUARD
from tests.programs import Program
from tests.stores.kinds import ON_DISK


@dataclass(frozen=True)
class Outcome:
    """What became of a refresh.

    Attributes:
        saved: Whether the store kept it.
        refresh_token: The new refresh token.
    """

    saved: bool
    refresh_token: str


class Refresher(Protocol):
    """Somebody who refreshes one session after the other."""

    def refresh(self, key: str) -> None:
        """Get new tokens at Cognito, from what is stored now."""
        ...

    def begin_to_save(self) -> None:
        """Begin to store them, in its own time."""
        ...

    def outcome(self) -> Outcome:
        """Wait until that is done."""
        ...


class InThread:
    """One that shares the store with whoever signs out."""

    def __init__(self, store: CredentialStore, endpoint_url: str, client_id: str) -> None:
        self._store = store
        self._endpoint_url = endpoint_url
        self._client_id = client_id
        self._runner = CognitoRunner(client_id=client_id, region="eu-central-1", endpoint_url=endpoint_url)
        self._pool = ThreadPoolExecutor(1)
        self._saving: Future[bool] = Future()

    def refresh(self, key: str) -> None:
        self._auth = Auth(self._store, self._runner, key=key)
        self._held, self._tokens = _refreshed(self._auth, self._endpoint_url, self._client_id)

    def begin_to_save(self) -> None:
        self._saving = self._pool.submit(self._auth.save_refreshed, self._held, self._tokens)

    def outcome(self) -> Outcome:
        assert self._tokens.refresh_token is not None
        return Outcome(self._saving.result(GUARD), self._tokens.refresh_token.reveal())

    def close(self) -> None:
        self._pool.shutdown()


class InProcess:
    """One that has nothing in common with whoever signs out, but for the place where the store keeps its sessions."""

    def __init__(self, kind: str, folder: Path, endpoint_url: str, client_id: str, *flags: str) -> None:
        self._program = Program("tests.auth.refresher", kind, str(folder), endpoint_url, client_id, *flags)

    def refresh(self, key: str) -> None:
        self._program.tell(key)
        assert self._program.hear() == "refreshed"

    def begin_to_save(self) -> None:
        self._program.tell("save")

    def outcome(self) -> Outcome:
        return Outcome(**self._program.hear())

    def close(self) -> None:
        with self._program:
            pass


def _refreshed(auth: Auth, endpoint_url: str, client_id: str) -> tuple[Credentials, UserPoolTokens]:
    held = auth.credentials()
    assert held is not None
    assert held.data.tokens is not None
    assert held.data.tokens.refresh_token is not None
    # Not with boto3, whose log would show the tokens: that of the program itself is not what is looked at.
    request = Request(  # noqa: S310 - FakeCognito's
        endpoint_url,
        json.dumps({"ClientId": client_id, "RefreshToken": held.data.tokens.refresh_token.reveal()}).encode(),
        {
            "X-Amz-Target": "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken",
            "Content-Type": "application/x-amz-json-1.1",
        },
    )
    with urlopen(request, timeout=GUARD) as response:  # noqa: S310 - FakeCognito's
        answer = json.load(response)["AuthenticationResult"]
    tokens = UserPoolTokens.from_text(
        access_token=answer["AccessToken"], id_token=answer["IdToken"], refresh_token=answer["RefreshToken"]
    )
    return held, tokens


def save_whatever_comes(record: Record, data: SignedInData, *_: int) -> tuple[Record, Saved]:
    """Take the place of `Record.save`, in a store that locks and knows of no fence."""
    saved = replace(record, state=EntryState.LIVE, data=data)
    return saved, Saved(saved.entry)


def main(kind: str, folder: str, endpoint_url: str, client_id: str, *flags: str) -> None:
    if flags:
        record: Any = Record
        record.save = save_whatever_comes
    refresher = InThread(ON_DISK[kind](Path(folder)), endpoint_url, client_id)
    for line in sys.stdin:
        refresher.refresh(json.loads(line))
        print(json.dumps("refreshed"), flush=True)  # noqa: T201 - this is a program
        sys.stdin.readline()
        refresher.begin_to_save()
        print(json.dumps(vars(refresher.outcome())), flush=True)  # noqa: T201 - this is a program


if __name__ == "__main__":
    main(*sys.argv[1:])
