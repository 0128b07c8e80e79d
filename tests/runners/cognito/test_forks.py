"""A runner in processes that are forked: servers load an application once, and fork their workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class Service(ThreadingHTTPServer):
    """Revokes whatever it is asked to, and remembers on which connection it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked_on: list[object] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # a connection stays open for the next request
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked_on.append(self.client_address)
        self.send_response(200)
        self.send_header("x-amzn-RequestId", "1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        thread = Thread(target=service.serve_forever)
        thread.start()
        yield service
        service.shutdown()
        thread.join()


PROGRAM = """
import os, sys
from authsm import Auth, CognitoRunner, MemoryCredentialStore
from tests.auth.world import session

runner = CognitoRunner(client_id="4example", region="eu-central-1", endpoint_url=sys.argv[1])

def sign_out():
    auth = Auth(MemoryCredentialStore(), runner)
    auth.sign_in(session())
    print(type(auth.sign_out()).__name__, flush=True)

sign_out()
sign_out()
child = os.fork()
if child == 0:
    sign_out()
    os._exit(0)
os.waitpid(child, 0)
sign_out()
"""


def test_a_forked_process_and_its_parent_never_ask_over_the_same_connection(service: Service) -> None:
    """Or each would read answers to the other: a sign-out that is told "done" of a token that lives."""
    where = f"http://127.0.0.1:{service.server_port}"
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, where]  # of forking with threads
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our program
    assert (ran.stdout, ran.stderr) == ("CompleteSignOut\n" * 4, "")
    first, second, of_child, of_parent = service.asked_on
    assert first == second
    assert of_child not in {first, of_parent}
