"""A process of a web application: begins sign-outs, and hears callbacks, as it is told on its standard input."""

import json
import sys
import time
from pathlib import Path

from authsm import CognitoRunner, Notice, SQLiteCredentialStore, Transition
from authsm.web import SQLiteTicketStore, WebSignOut
from tests.web.site import CALLBACK, OWN_PAGE, come_back, header, sent


def main(path: str, endpoint_url: str, domain: str, client_id: str, seconds_ahead: str) -> None:
    told: list[list[str]] = []

    def observe(notice: Notice) -> None:
        if isinstance(notice, Transition):
            told.append([notice.source.state, notice.event.name, notice.target.state])

    web = WebSignOut(
        SQLiteCredentialStore(Path(path)),
        CognitoRunner(client_id=client_id, region="eu-central-1", endpoint_url=endpoint_url),
        SQLiteTicketStore(Path(path)),
        domain=domain,
        client_id=client_id,
        sign_out_url=CALLBACK,
        observers=[observe],
        clock=lambda: time.time() + float(seconds_ahead),
    )
    print(json.dumps("ready"), flush=True)  # noqa: T201 - this is a program
    for line in sys.stdin:
        do, *arguments = json.loads(line)
        told.clear()
        if do == "begin":
            begun = web.begin(arguments[0], OWN_PAGE)
            said: dict[str, object] = {"location": header(begun.answer, "Location"), "cookie": sent(begun.answer)}
        elif do == "callback":
            cookie, query = arguments
            returned = come_back(web, cookie, query)
            ended = type(returned.result).__name__ if returned.result else None
            said = {"status": returned.answer.status, "body": returned.answer.body.decode(), "ended": ended}
        else:
            said = {"ended": [type(each).__name__ for each in web.sweep()]}
        print(json.dumps(said | {"told": told}), flush=True)  # noqa: T201 - this is a program


if __name__ == "__main__":
    main(*sys.argv[1:])
