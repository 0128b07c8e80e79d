"""Sign-outs against refreshes that are saved late, by threads and by other processes: no token comes back to life."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from authsm import (
    Auth,
    CognitoRunner,
    CompleteSignOut,
    CredentialStore,
    MemoryCredentialStore,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    UserPoolTokens,
)
from authsm.stores._record import Record
from authsm.stores.contract import Cleared, EntryState
from authsm.testing import FakeCognito
from tests.auth.refresher import InProcess, InThread, Outcome, Refresher, save_whatever_comes
from tests.auth.world import GUARD
from tests.stores.kinds import ON_DISK
from tests.stores.secret_service import secret_service

LANES: Final = {"keyring": 1}
"""How many sessions are signed out at the same time: three, but of a keyring, whose daemon more programs crash."""

TO_BE_SAVED: Final = ("before the sign-out", "as it begins", "meanwhile", "after it")
LONGEST_PAUSE: Final = 0.02
"""A sign-out takes about that long, in seconds."""


@dataclass
class Tally:
    """What came of a race."""

    signed_out: int = 0
    saved: int = 0
    refused: int = 0
    alive_here: list[str] = field(default_factory=list)
    alive_there: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.signed_out} sign-outs, {self.refused} late saves refused, {self.saved} in time; "
            f"alive here {len(self.alive_here)}, at Cognito {len(self.alive_there)}"
        )


class Race:
    """A user pool, a store, and somebody who refreshes what is being signed out of it."""

    def __init__(self, cognito: FakeCognito, store: CredentialStore, reopened: Callable[[], CredentialStore]) -> None:
        self._cognito = cognito
        self._store = store
        self._reopened = reopened
        self._client = cognito.add_client(rotation=True)
        self.client_id = self._client.id
        self.runner = CognitoRunner(client_id=self._client.id, region=cognito.region, endpoint_url=cognito.endpoint_url)
        self._tally = Tally()
        self._lock = threading.Lock()

    def run(self, refreshers: list[Refresher], number: int) -> Tally:
        with ThreadPoolExecutor(len(refreshers)) as pool:
            share = number // len(refreshers)
            for done in [pool.submit(self._lane, *each, share) for each in enumerate(refreshers)]:
                done.result()
        return self._tally

    def _lane(self, lane: int, refresher: Refresher, number: int) -> None:
        chance = random.Random(lane)  # noqa: S311 - no secret
        for each in range(number):
            self._round(f"user-{lane}-{each}", refresher, chance, TO_BE_SAVED[each % len(TO_BE_SAVED)])

    def _round(self, key: str, refresher: Refresher, chance: random.Random, to_be_saved: str) -> None:
        self._cognito.add_user(key)
        auth = Auth(self._store, self.runner, key=key)
        auth.sign_in(self._session(key))
        local_only = chance.random() < 0.5
        pause = chance.uniform(0, LONGEST_PAUSE)
        refresher.refresh(key)
        outcome = None
        timer = threading.Timer(0 if to_be_saved == "as it begins" else pause, refresher.begin_to_save)
        if to_be_saved == "before the sign-out":
            refresher.begin_to_save()
            outcome = refresher.outcome()
        elif to_be_saved != "after it":
            timer.start()
        result = auth.sign_out(policy=SignOutPolicy(local_only=True) if local_only else None)
        if to_be_saved == "after it":
            timer.start()
        if outcome is None:
            timer.join(GUARD)
            outcome = refresher.outcome()
        self._count(key, auth, outcome, complete=isinstance(result, CompleteSignOut), local_only=local_only)

    def _session(self, user: str) -> SignedInData:
        tokens = self._cognito.sign_in(self._client, user)
        own = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
        return SignedInData(username=user, sign_in_method=SignInMethod.USER_POOL, tokens=own)

    def _count(self, key: str, auth: Auth, outcome: Outcome, *, complete: bool, local_only: bool) -> None:
        store = self._reopened()
        entry = store.load(key)
        is_gone = entry.state is EntryState.TOMBSTONE and store.verify_cleared(key, epoch=entry.epoch) == Cleared()
        if local_only:
            # By choice, what is stored lives on at Cognito; but nobody keeps what was refused.
            lives_on = not outcome.saved and self._cognito.holds(outcome.refresh_token)
        else:
            lives_on = self._cognito.live_refresh_tokens(key) > 0
        with self._lock:
            self._tally.signed_out += complete
            self._tally.saved += outcome.saved
            self._tally.refused += not outcome.saved
            self._tally.alive_here += [] if is_gone and auth.credentials() is None else [key]
            self._tally.alive_there += [key] if lives_on else []


@pytest.fixture
def race_over(cognito: FakeCognito, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Tally]]:
    """Hold a race over a kind of store, with those who refresh in threads or in processes."""
    with contextlib.ExitStack() as stack:

        def hold(kind: str, who: str, number: int, *, fence: bool = True) -> Tally:
            folder = tmp_path / "credentials"
            if kind == "keyring":
                (tmp_path / "home").mkdir()
                stack.enter_context(secret_service(tmp_path / "home"))
            store = ON_DISK[kind](folder) if kind in ON_DISK else MemoryCredentialStore()
            race = Race(cognito, store, lambda: ON_DISK[kind](folder) if kind in ON_DISK else store)
            refreshers: list[Any] = []
            for _ in range(LANES.get(kind, 3)):
                if who == "processes":
                    flags = () if fence else ("--without-fence",)
                    refreshers.append(InProcess(kind, folder, cognito.endpoint_url, race.client_id, *flags))
                else:
                    refreshers.append(InThread(store, cognito.endpoint_url, race.client_id))
                stack.callback(refreshers[-1].close)
            if not fence and who == "threads":
                monkeypatch.setattr(Record, "save", save_whatever_comes)
            return race.run(refreshers, number)

        yield hold


_RACES: Final = [("memory", "threads"), *((kind, who) for kind in ON_DISK for who in ("threads", "processes"))]
_SLOW: Final = {"keyring", "encrypted file"}
_RUNS: Final = [
    *(pytest.param(*each, 48, id="-".join(each)) for each in _RACES if each[0] not in _SLOW),
    *(
        pytest.param(*each, 600 if each[0] == "memory" else 300, id="-".join((*each, "long")), marks=pytest.mark.soak)
        for each in _RACES
    ),
]


@pytest.mark.parametrize(("kind", "who", "number"), _RUNS)
def test_no_token_comes_back_to_life(
    kind: str, who: str, number: int, race_over: Callable[..., Tally], count: Callable[[str], None]
) -> None:
    tally = race_over(kind, who, number)
    count(f"races of refreshing {who} over {kind}: {tally}")
    assert (tally.signed_out, tally.alive_here, tally.alive_there) == (number, [], [])
    assert tally.saved >= number // 4
    assert tally.refused >= number // 4


@pytest.mark.parametrize(("kind", "who"), [each for each in _RACES if each[0] not in _SLOW])
def test_without_the_fence_they_do(kind: str, who: str, race_over: Callable[..., Tally]) -> None:
    """So that the test above can fail."""
    tally = race_over(kind, who, 12, fence=False)
    assert tally.refused == 0
    assert len(tally.alive_here) >= 3
