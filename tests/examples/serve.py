"""A process that serves an example: says its port, is told its pool, and serves until its standard input ends."""

import json
import socket
import sys
import threading

from tests.examples.pool import Pool
from tests.examples.servers import SERVERS


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def main(framework: str) -> None:
    listening = listen()
    print(json.dumps(listening.getsockname()[1]), flush=True)  # noqa: T201 - this is a program
    pool = Pool(**json.loads(sys.stdin.readline()))
    threading.Thread(target=SERVERS[framework], args=(pool, listening), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
