"""Many suspended sign-outs whose browsers come back in any order, some twice: none is lost, and none is doubled."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsm import CompleteSignOut, MemoryCredentialStore, Notice, PartialSignOut, RevokeToken, Transition
from authsm.stores.file_tickets import FileTicketStore
from authsm.stores.sqlite_tickets import SQLiteTicketStore
from authsm.testing import FakeClock
from tests.soak import SOAK
from tests.web.site import OWN_PAGE, come_back, sent, sign_in_quietly, web_sign_out

THREADS = 4


@pytest.mark.parametrize(
    ("kind", "many"),
    [("file", 60), ("sqlite", 60), pytest.param("sqlite", 200 * SOAK, marks=pytest.mark.soak)],
)
def test_none_is_lost_and_none_is_doubled(kind: str, many: int, tmp_path: Path, count: Callable[[str], None]) -> None:
    tickets = FileTicketStore(tmp_path) if kind == "file" else SQLiteTicketStore(tmp_path / "sessions.db")
    chance = random.Random(many)  # noqa: S311 - no secret
    clock = FakeClock(1_800_000_000.0)
    ended: list[str] = []

    def observe(notice: Notice) -> None:
        if isinstance(notice, Transition) and notice.source.state == "SigningOutHostedUI":
            ended.append(notice.source.context.plan.key)

    runner = {RevokeToken: lambda *_: None}
    web = web_sign_out(MemoryCredentialStore(), runner, tickets, observers=[observe], clock=clock)
    cookies: dict[str, str] = {}
    for number in range(many):
        sign_in_quietly(web, f"session {number}")
        cookies[f"session {number}"] = sent(web.begin(f"session {number}", OWN_PAGE).answer)
    assert ended == []
    suspended = [len(ticket.suspended) for digest in tickets.expired(2e9) if (ticket := tickets.read(digest))]
    assert len(suspended) == many
    count(f"web: a suspended sign-out takes {max(suspended)} bytes ({kind}, {many} of them)")

    lost = set(chance.sample(sorted(cookies), many // 6))
    back = [key for key in cookies if key not in lost]
    visits = back + chance.choices(back, k=many // 2)
    chance.shuffle(visits)
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda key: (key, come_back(web, cookies[key]).result), visits))
    finished = Counter(key for key, result in results if isinstance(result, CompleteSignOut))
    assert finished == Counter(back)
    assert Counter(ended) == Counter(back)

    clock.advance(900)
    swept = web.sweep()
    assert Counter(type(each) for each in swept) == Counter({PartialSignOut: len(lost)})
    assert Counter(ended) == Counter([*cookies])
    clock.advance(901)
    assert web.sweep() == []
    assert list(tickets.expired(2e9)) == []
