"""The examples as tests have them: two processes of each, on one SQLite file, beside a stand-in of Cognito."""

import contextlib
import json
import sqlite3
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

from authsm.testing import FakeClient, FakeCognito
from tests.examples.pool import Pool
from tests.programs import Program


@dataclass
class Application:
    """Two processes of an example: sign-outs begin in one, and end in the other.

    Attributes:
        cognito: Where its users are.
        client: What it is there.
        pool: What both processes were told.
        one: The origin of the one, where users sign in and begin to sign out.
        other: The origin of the other, which is where they come back to.
    """

    cognito: FakeCognito
    client: FakeClient
    pool: Pool
    one: str
    other: str

    @property
    def callback(self) -> str:
        return self.pool.sign_out_url

    def tickets(self) -> set[tuple[object, ...]]:
        """All tickets, as they stand in the database."""
        with contextlib.closing(sqlite3.connect(self.pool.database)) as database:
            made = database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'tickets'").fetchone()
            return set(database.execute("SELECT * FROM tickets")) if made else set()

    def kept(self) -> tuple[list[str], list[list[str]]]:
        """All that a request might change: every row of the database, and how sign-outs ended."""
        with contextlib.closing(sqlite3.connect(self.pool.database)) as database:
            return list(database.iterdump()), self.ends()

    def ends(self) -> list[list[str]]:
        """How sign-outs ended, as the processes wrote it down: the run, and its last state."""
        audit = Path(self.pool.audit)
        return [json.loads(line) for line in audit.read_text("utf-8").splitlines()] if audit.exists() else []


@contextlib.contextmanager
def serving(framework: str, cognito: FakeCognito, folder: Path) -> Generator[Application]:
    """Serve an example by two real servers, each in a process of its own.

    Args:
        framework: Which of `tests.examples.servers.SERVERS`.
        cognito: Where its users are.
        folder: Where its files go.
    """
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(Program("tests.examples.serve", framework)) for _ in range(2)]
        one, other = (f"http://127.0.0.1:{program.hear()}" for program in programs)
        client = cognito.add_client(
            sign_out_urls=(f"{other}/signed-out",), callback_urls=(f"{one}/callback", f"{other}/callback")
        )
        pool = Pool(
            endpoint_url=cognito.endpoint_url,
            domain=cognito.domain,
            client_id=client.id,
            origin=one,
            sign_out_url=f"{other}/signed-out",
            database=str(folder / "sessions.db"),
            audit=str(folder / "audit"),
            secret_key="0123456789" * 5,
        )
        for program, origin in zip(programs, (one, other), strict=True):
            program.tell({**asdict(pool), "origin": origin})
        yield Application(cognito, client, pool, one, other)
