"""A program that signs sessions out, and resumes, over a store that others use at the same time.

    python -m tests.auth.signer KIND FOLDER ENDPOINT CLIENT_ID

It reads what to do and with which key, and says the kind of the result.
"""

import json
import sys
from pathlib import Path

from authsm import Auth, CognitoRunner
from tests.stores.kinds import ON_DISK


def main(kind: str, folder: str, endpoint_url: str, client_id: str) -> None:
    runner = CognitoRunner(client_id=client_id, region="eu-central-1", endpoint_url=endpoint_url)
    store = ON_DISK[kind](Path(folder))
    for line in sys.stdin:
        act, key = json.loads(line)
        auth = Auth(store, runner, key=key)
        result = auth.resume() if act == "resume" else auth.sign_out(global_sign_out=True)
        print(json.dumps(None if result is None else type(result).__name__), flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    main(*sys.argv[1:])
