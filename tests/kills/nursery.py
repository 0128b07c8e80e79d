"""A program that has authsm at hand, and for each line that it reads begins a child process that may be killed.

    python -m tests.kills.nursery KIND ENDPOINT CLIENT_ID

Each child is a new process as far as stores are concerned: it opens its own, and signs in, out, resumes or looks.
Only their Python was not started anew, which would take longer than all that they do.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keyring

from authsm import Auth, CognitoRunner, SignedInData, SignInMethod, UserPoolTokens
from authsm.flows.sign_out.chart import SIGN_OUT
from tests.kills.tracer import Traced, When, fork, trace
from tests.stores.kinds import ON_DISK

KEY: Final = "default"

_OPEN: Final = list[Auth]()
"""Keeps stores from being closed, as in a server that goes on: SQLite tidies up its files where one is."""


def main(kind: str, endpoint_url: str, client_id: str) -> None:
    runner = CognitoRunner(client_id=client_id, region="eu-central-1", endpoint_url=endpoint_url)
    runner.check()
    # Chosen here, once: that takes longer than all that a child does.
    keyring.get_keyring()
    for line in sys.stdin:
        order = json.loads(line)
        folder = Path(order["folder"])
        heard, said = os.pipe()

        def work(order: dict[str, Any] = order, folder: Path = folder, said: int = said) -> None:
            auth = Auth(ON_DISK[kind](folder), runner, key=KEY)
            _OPEN.append(auth)
            os.write(said, json.dumps(_ACTS[order["act"]](auth, _data(order["tokens"]))).encode())

        traced = _run(work, folder, order["trace"])
        os.close(said)
        with os.fdopen(heard, encoding="utf-8") as answer:
            text = answer.read()
        report = {
            "calls": [str(call) for call in traced.calls],
            "killed": traced.killed,
            "said": json.loads(text) if text else None,
        }
        print(json.dumps(report), flush=True)  # noqa: T201 - this is a program


def _run(work: Callable[[], None], folder: Path, how: tuple[int, When] | bool) -> Traced:
    """Run something in a child process: to be killed, or to be traced, or neither."""
    if how is not False:
        return trace(work, folder, None if how is True else (how[0], how[1]))
    _, status = os.waitpid(fork(work), 0)
    if status != 0:
        raise RuntimeError(f"The child failed: {os.waitstatus_to_exitcode(status)}.")
    return Traced((), killed=False)


def _data(tokens: dict[str, str]) -> SignedInData:
    return SignedInData(
        username="ada", sign_in_method=SignInMethod.USER_POOL, tokens=UserPoolTokens.from_text(**tokens)
    )


def _sign_in(auth: Auth, data: SignedInData) -> dict[str, Any]:
    auth.sign_in(data, replace=True)
    return {}


def _sign_out(auth: Auth, _: SignedInData) -> dict[str, Any]:
    return {"result": type(auth.sign_out(global_sign_out=True)).__name__}


def _resume(auth: Auth, _: SignedInData) -> dict[str, Any]:
    result = auth.resume()
    return {"result": None if result is None else type(result).__name__}


def _look(auth: Auth, data: SignedInData) -> dict[str, Any]:
    store = auth._session.store
    entry = store.load(KEY)
    own, theirs = data.tokens, entry.data and entry.data.tokens
    return {
        "state": entry.state.value,
        "reason": entry.reason,
        "whole": bool(own and theirs and own.refresh_token == theirs.refresh_token),
        "in_progress": list(store.journals()),
        "unknown": _unknown(store.read_journal(KEY)) if store.journals() else "RefreshTokens",
    }


def _unknown(journal: str | None) -> str:
    """Name the effect whose outcome is not known, as the journal says."""
    pending = SIGN_OUT.pending(SIGN_OUT.from_json(json.loads(journal or "")["snapshot"]))
    return pending.name if pending else ""


_ACTS: Final[dict[str, Callable[[Auth, SignedInData], dict[str, Any]]]] = {
    "sign in": _sign_in,
    "sign out": _sign_out,
    "resume": _resume,
    "look": _look,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
