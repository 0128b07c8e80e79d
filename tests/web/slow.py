"""A process that begins a sign-out, and stands still where it is told to: until it may go on, or has to die."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from authsm import Call, CognitoRunner, RevokeToken, SQLiteCredentialStore
from authsm.runners.handlers import Runner
from authsm.web import SQLiteTicketStore
from tests.auth.world import faulty
from tests.web.site import OWN_PAGE, TODAY, web_sign_out


def say(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - this is a program


def stand_at(where: str) -> None:
    say(where)
    if json.loads(sys.stdin.readline()) == "die":
        os.kill(os.getpid(), signal.SIGKILL)


def main(path: str, endpoint_url: str, domain: str, client_id: str) -> None:
    cognito = CognitoRunner(client_id=client_id, region="eu-central-1", endpoint_url=endpoint_url)

    def revoke(effect: RevokeToken, call: Call) -> Any:
        stand_at("revocation")
        return cognito.handlers[RevokeToken](effect, call)

    def put(true: Callable[[], object]) -> object:
        stand_at("ticket")
        return true()

    tickets: Any = SQLiteTicketStore(Path(path))
    web = web_sign_out(
        SQLiteCredentialStore(Path(path)),
        Runner(handlers={**cognito.handlers, RevokeToken: revoke}),
        faulty(tickets, put=put),
        domain=domain,
        client_id=client_id,
        clock=lambda: TODAY,
    )
    say(web.begin("ada", OWN_PAGE).is_suspended)


if __name__ == "__main__":
    main(*sys.argv[1:])
