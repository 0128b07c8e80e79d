"""A whole `Auth.sign_out` beside the bare boto3 calls, and many at once on one event loop."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from authsm import (
    AsyncAuth,
    Auth,
    CognitoRunner,
    CompleteSignOut,
    FileCredentialStore,
    MemoryCredentialStore,
    RevokeToken,
    SignedInData,
    UserPoolTokens,
)
from authsm.testing import FakeClient, FakeCognito, FakeTokens, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authsm import Call
    from authsm.stores.contract import CredentialStore


@contextmanager
def over_bare_boto3(seconds: float) -> Iterator[dict[str, Callable[[], object]]]:
    """Give the contenders: GlobalSignOut and RevokeToken as bare calls, and within a sign-out.

    Args:
        seconds: How long the service takes for each call.
    """
    with FakeCognito() as cognito, tempfile.TemporaryDirectory() as folder:
        cognito.add_user("ada")
        client = cognito.add_client()
        runner = CognitoRunner(client_id=client.id, region=cognito.region, endpoint_url=cognito.endpoint_url)
        if seconds:
            for operation in ("RevokeToken", "GlobalSignOut"):
                cognito.fail(operation, Fault.delay(seconds), times=None)

        def bare() -> None:
            tokens = cognito.sign_in(client, "ada")
            runner.client.global_sign_out(AccessToken=tokens.access_token)
            runner.client.revoke_token(Token=tokens.refresh_token, ClientId=client.id)

        yield {
            "bare boto3": bare,
            "Auth, memory": lambda: _sign_out(cognito, client, runner, MemoryCredentialStore()),
            "Auth, file (fsync)": lambda: _sign_out(cognito, client, runner, FileCredentialStore(folder)),
        }


def _sign_out(cognito: FakeCognito, client: FakeClient, runner: CognitoRunner, store: CredentialStore) -> None:
    auth = Auth(store, runner)
    auth.sign_in(_data(cognito.sign_in(client, "ada")))
    result = auth.sign_out(global_sign_out=True)
    assert isinstance(result, CompleteSignOut), result


def _data(tokens: FakeTokens) -> SignedInData:
    return SignedInData(
        username="ada",
        tokens=UserPoolTokens.from_text(
            access_token=tokens.access_token, id_token=tokens.id_token, refresh_token=tokens.refresh_token
        ),
    )


def at_once(number: int, seconds: float) -> float:
    """Sign many sessions out on one event loop, with an async handler that takes a while.

    Args:
        number: How many.
        seconds: How long each revocation takes.

    Returns:
        How long all of them took together, in seconds.
    """

    async def revoke(_: RevokeToken, __: Call) -> None:
        await anyio.sleep(seconds)

    async def main() -> float:
        store = MemoryCredentialStore()
        data = SignedInData(tokens=UserPoolTokens.from_text(refresh_token="refresh"))
        for key in range(number):
            store.begin(str(key), data)
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for key in range(number):
                group.start_soon(AsyncAuth(store, {RevokeToken: revoke}, key=str(key)).sign_out)
        took = time.perf_counter() - began
        assert list(store.journals()) == []
        return took

    return anyio.run(main)


def importing(module: str) -> None:
    """Import a module in a fresh process."""
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)  # noqa: S603 - our own interpreter
