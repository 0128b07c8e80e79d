"""Serve an example to click through, with a stand-in of Cognito: ``python -m tests.examples starlette``."""

import contextlib
import sys
import tempfile
from pathlib import Path

from authsm.testing import FakeCognito
from tests.examples.pool import Pool, new_text
from tests.examples.serve import listen
from tests.examples.servers import SERVERS


def main(framework: str = "starlette") -> None:
    if framework not in SERVERS:
        sys.exit(f"Name one of {', '.join(SERVERS)}.")
    with FakeCognito() as cognito, tempfile.TemporaryDirectory() as folder, listen() as listening:
        cognito.add_user("ada", password="correct horse")
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = cognito.add_client(sign_out_urls=(f"{origin}/signed-out",), callback_urls=(f"{origin}/callback",))
        pool = Pool(
            endpoint_url=cognito.endpoint_url,
            domain=cognito.domain,
            client_id=client.id,
            origin=origin,
            sign_out_url=f"{origin}/signed-out",
            database=str(Path(folder) / "sessions.db"),
            audit=str(Path(folder) / "audit"),
            secret_key=new_text(),
        )
        print(f"Open {origin} (just this address), as ada, with the password: correct horse", flush=True)  # noqa: T201 - the user has to see it
        with contextlib.suppress(KeyboardInterrupt):
            SERVERS[framework](pool, listening)


if __name__ == "__main__":
    main(*sys.argv[1:])
