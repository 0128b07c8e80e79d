"""The server, turn by turn: nothing runs beside the test, so every order of things is the one that is written here."""

import contextlib
import errno
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm.runners.hosted_ui import Answer, exchange, listener
from authsm.runners.hosted_ui.exchange import read_head, write_answer
from authsm.runners.hosted_ui.listener import Listener, has_ipv6_loopback, hold
from authsm.runners.hosted_ui.urls import SignOutURL

needs_ipv6 = pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no ::1")
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
HELLO = Answer(HTTPStatus.OK, (("X", "y"),), b"hello")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OpenFiles:
    """Has connections accepted as in a process that may open only so many files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, most: int) -> None:
        self.refused = 0
        accepted: list[socket.socket] = []
        accept = socket.socket.accept

        def accept_few(listening: socket.socket) -> tuple[socket.socket, object]:
            if len([stream for stream in accepted if stream.fileno() != -1]) >= most:
                self.refused += 1
                raise OSError(errno.EMFILE, "Too many open files")
            stream, address = accept(listening)
            accepted.append(stream)
            return stream, address

        monkeypatch.setattr(socket.socket, "accept", accept_few)


class Served:
    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[str] = []
        self.sockets = hold(SignOutURL.parse(f"http://127.0.0.1:{self.port}/"))
        self.listener = Listener(self.sockets, self._answer)
        self.clients = contextlib.ExitStack()
        self._is_closed = False

    def _answer(self, method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        del method, headers
        self.asked.append(target)
        return HELLO

    def connect(self, *, accept: bool = True) -> socket.socket:
        client = self.clients.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=10))
        if accept:
            self.listener.turn(10)
        return client

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.listener.close()

    def turn_until_asked(self, times: int = 1) -> None:
        while len(self.asked) < times:
            self.listener.turn(10)


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    with contextlib.closing(served), served.clients:
        yield served


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_request_is_answered_when_it_is_complete(served: Served) -> None:
    client = served.connect()
    for byte in GET:
        assert served.asked == []
        client.send(bytes([byte]))
        served.listener.turn(10)
    assert served.asked == ["/x"]
    served.listener.turn(10)
    assert read_all(client) == write_answer("GET", HELLO)


def test_the_last_answer_arrives_although_the_server_closes_at_once(served: Served) -> None:
    client = served.connect()
    client.send(GET)
    served.turn_until_asked()
    client.shutdown(socket.SHUT_WR)
    served.close()
    assert read_all(client) == write_answer("GET", HELLO)


def test_an_answer_survives_input_that_nobody_reads(served: Served) -> None:
    """To close a socket with input unread resets the connection, and what was sent may be lost with it."""
    client = served.connect()
    client.send(GET)
    served.turn_until_asked()
    client.send(b"x" * 10_000)
    client.shutdown(socket.SHUT_WR)
    served.close()
    assert read_all(client) == write_answer("GET", HELLO)


def test_a_second_request_that_has_arrived_is_answered_before_the_end(served: Served) -> None:
    first, second = served.connect(), served.connect()
    first.send(GET)
    served.turn_until_asked()
    second.send(GET)
    first.shutdown(socket.SHUT_WR)
    second.shutdown(socket.SHUT_WR)
    served.close()
    assert read_all(first) == read_all(second) == write_answer("GET", HELLO)


def test_a_client_that_never_hangs_up_is_hung_up_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LINGER_SECONDS", 0.05)
    client = served.connect()
    client.send(GET)
    served.turn_until_asked()
    served.close()
    assert read_all(client) == write_answer("GET", HELLO)


def test_a_silent_connection_is_given_up_after_its_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "READ_SECONDS", 0.0)
    client = served.connect()
    assert read_all(client) == b""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The listener's clock, which stands still."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(listener, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_request_has_five_seconds_to_arrive(clock: SimpleNamespace, served: Served) -> None:
    served.connect()
    clock.now += 4.9
    served.listener.turn(0.0)
    assert len(served.listener._connections) == 1
    clock.now += 0.1
    served.listener.turn(0.0)
    assert not served.listener._connections


def test_an_answer_has_a_second_to_arrive(clock: SimpleNamespace, served: Served) -> None:
    client = served.connect()
    client.send(GET)
    served.turn_until_asked()
    clock.now += 0.9
    served.listener.turn(0.1)
    assert len(served.listener._connections) == 1
    clock.now += 0.1
    served.listener.turn(0.0)
    assert not served.listener._connections
    assert read_all(client) == write_answer("GET", HELLO)


def test_the_selector_is_closed_in_the_end(served: Served) -> None:
    served.close()
    with pytest.raises(RuntimeError, match="closed"):
        served.listener._selector.get_key(0)


def test_a_connection_has_one_answer(served: Served) -> None:
    client = served.connect()
    client.send(GET + GET)
    served.turn_until_asked()
    client.send(GET)
    client.shutdown(socket.SHUT_WR)
    served.close()
    assert read_all(client) == write_answer("GET", HELLO)
    assert served.asked == ["/x"]


@pytest.mark.parametrize("rest", [b"", GET])
def test_an_exchange_answers_once(rest: bytes) -> None:
    asked: list[str] = []

    def respond(method: str, target: str, headers: list[tuple[str, str]]) -> Answer:
        del method, headers
        asked.append(target)
        return HELLO

    once = exchange.Exchange(respond)
    assert once.receive(GET + rest) == write_answer("GET", HELLO)
    assert once.receive(GET) is None
    assert asked == ["/x"]


def test_the_oldest_connection_makes_room_for_a_new_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MOST_CONNECTIONS", 2)
    oldest, second = served.connect(), served.connect()
    newest = served.connect()
    assert read_all(oldest) == b""
    for client in (second, newest):
        client.send(GET)
    served.turn_until_asked(2)


def test_where_too_many_files_are_open_the_oldest_connection_makes_room_after_a_pause(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, paused = OpenFiles(monkeypatch, most=2), list[float]()
    monkeypatch.setattr(listener, "time", SimpleNamespace(monotonic=time.monotonic, sleep=paused.append))
    oldest, second, newest = served.connect(), served.connect(), served.connect()
    assert read_all(oldest) == b""
    for client in (second, newest):
        client.send(GET)
    served.turn_until_asked(2)
    assert files.refused == 1
    assert paused == [listener.PAUSE_SECONDS]


def test_where_no_file_can_be_opened_at_all_nobody_is_accepted_and_nothing_breaks(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, paused = OpenFiles(monkeypatch, most=0), list[float]()
    monkeypatch.setattr(listener, "time", SimpleNamespace(monotonic=time.monotonic, sleep=paused.append))
    served.connect()
    served.listener.turn(10)
    assert files.refused == len(paused) == 2


def test_a_replaced_connection_that_speaks_in_the_same_turn_does_no_harm(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MOST_CONNECTIONS", 1)
    oldest = served.connect()
    newest = served.connect(accept=False)
    oldest.send(GET)
    served.listener.turn(10)
    newest.send(GET)
    served.turn_until_asked()


@pytest.mark.parametrize("ending", [b"", b"GET /x HT"])
def test_a_client_that_hangs_up_early_is_forgotten(served: Served, ending: bytes) -> None:
    client = served.connect()
    client.send(ending)
    client.close()
    while served.listener._connections:
        served.listener.turn(10)
    assert served.asked == []


def test_a_client_that_resets_is_forgotten(served: Served) -> None:
    client = served.connect()
    client.send(GET)
    served.turn_until_asked()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()
    while served.listener._connections:
        served.listener.turn(10)


def test_a_turn_that_was_called_for_nothing_does_no_harm(served: Served) -> None:
    """A selector may report a socket on which, by the time it is used, nothing waits any more."""
    client = served.connect()
    served.listener._accept(served.sockets[0])
    served.listener._go_on(served.listener._connections[0])
    client.send(GET)
    served.turn_until_asked()


def test_an_answer_that_does_not_fit_is_sent_piece_by_piece(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Answer(HTTPStatus.OK, (), b"x" * 20_000_000)
    monkeypatch.setattr(served.listener, "_respond", lambda *_: long)
    client = served.connect()
    client.send(GET)
    served.listener.turn(10)
    reader = threading.Thread(target=lambda: received.append(read_all(client)))
    received: list[bytes] = []
    reader.start()
    while served.listener._connections[0].to_send:
        served.listener.turn(10)
    reader.join()
    assert received == [write_answer("GET", long)]


def test_a_head_without_end_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LARGEST_HEAD", 100)
    client = served.connect()
    client.send(b"GET /x HTTP/1.1\r\nCookie: " + b"x" * 100)
    while not served.listener._connections[0].is_answered:
        served.listener.turn(10)
    served.listener.turn(10)
    assert read_all(client).startswith(b"HTTP/1.1 431 ")
    assert served.asked == []


def test_what_is_no_request_is_refused(served: Served) -> None:
    client = served.connect()
    client.send(b"\x16\x03\x01 TLS?\r\n\r\n")
    while not served.listener._connections[0].is_answered:
        served.listener.turn(10)
    served.listener.turn(10)
    assert read_all(client).startswith(b"HTTP/1.1 400 ")
    assert served.asked == []


def test_head_is_answered_without_a_body() -> None:
    assert write_answer("HEAD", HELLO) == b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    assert write_answer("GET", HELLO) == write_answer("HEAD", HELLO) + b"hello"


def test_a_head_is_read_into_its_parts() -> None:
    head = b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nCookie:a=b\r\nX:\r\nX:\t\xe4 "
    fields = [("Host", " 127.0.0.1:1"), ("Cookie", "a=b"), ("X", ""), ("X", "\t\xe4 ")]
    assert read_head(head) == ("GET", "/a?b", fields)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET",
        b"GET /x",
        b"GET  /x HTTP/1.1",
        b"GET /x HTTP/2",
        b"GET /x y HTTP/1.1",
        b"GET /x HTTP/1.1\r\nHost",
        b"GET /x HTTP/1.1\r\nHost : a",
        b"GET /x HTTP/1.1\r\nHost: a\r\n folded",
        b"GET /x HTTP/1.1\r\nHost: a\nCookie: b",
        b"GET /x HTTP/1.1\r\nHost: a\x00",
        b"\r\nGET /x HTTP/1.1",
    ],
)
def test_anything_else_is_no_head(head: bytes) -> None:
    assert read_head(head) is None


@given(st.binary())
def test_reading_a_head_never_raises(head: bytes) -> None:
    read_head(head)
    read_head(b"GET / HTTP/1.1\r\n" + head)


def listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=10):
            return True
    except ConnectionRefusedError:
        return False


def test_only_loopback_is_held() -> None:
    url = SignOutURL.parse(f"http://127.0.0.1:{free_port()}/")
    with contextlib.ExitStack() as held:
        names = [held.enter_context(each).getsockname() for each in hold(url)]
    assert names == [("127.0.0.1", url.port)]


@needs_ipv6
def test_for_localhost_both_addresses_are_held() -> None:
    url = SignOutURL.parse(f"http://localhost:{free_port()}/")
    with contextlib.ExitStack() as held:
        for each in hold(url):
            held.enter_context(each)
        assert listens("127.0.0.1", url.port)
        assert listens("::1", url.port)


def test_for_localhost_one_address_is_enough_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "has_ipv6_loopback", lambda: False)
    url = SignOutURL.parse(f"http://localhost:{free_port()}/")
    with contextlib.ExitStack() as held:
        assert len([held.enter_context(each) for each in hold(url)]) == 1


def refuse_ipv6(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    make = socket.socket

    def refuse(family: int = socket.AF_INET, *rest: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6")
        return make(family, *rest)

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_machine_without_ipv6_has_no_such_loopback(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_ipv6(monkeypatch, number)
    assert not has_ipv6_loopback()


def test_a_python_without_ipv6_has_no_such_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_ipv6", False)
    assert not has_ipv6_loopback()


def test_where_it_cannot_be_told_whether_there_is_ipv6_localhost_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else may listen on it."""
    url = SignOutURL.parse(f"http://localhost:{free_port()}/")
    with monkeypatch.context() as patched:
        refuse_ipv6(patched, errno.EMFILE)
        with pytest.raises(OSError, match="no IPv6"):
            hold(url)
    assert not listens("127.0.0.1", url.port)


@needs_ipv6
def test_a_port_that_somebody_else_has_on_ipv6_is_not_held() -> None:
    url = SignOutURL.parse(f"http://localhost:{free_port()}/")
    with socket.create_server(("::1", url.port), family=socket.AF_INET6):
        with pytest.raises(OSError, match="in use"):
            hold(url)
        assert not listens("127.0.0.1", url.port)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - the squatter's, not ours
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, 127.0.0.1 may be held beside 0.0.0.0, and comes first")
def test_a_port_that_somebody_else_has_is_not_held(address: str) -> None:
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((address, 0))
        squatter.listen()
        with pytest.raises(OSError, match="in use"):
            hold(SignOutURL.parse(f"http://127.0.0.1:{squatter.getsockname()[1]}/"))


def test_nobody_else_can_take_a_port_that_is_held() -> None:
    url = SignOutURL.parse(f"http://127.0.0.1:{free_port()}/")
    with contextlib.ExitStack() as held:
        for each in hold(url):
            held.enter_context(each)
        thief = held.enter_context(socket.socket())
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            thief.bind(("127.0.0.1", url.port))
