"""Any sign-out: what Hypothesis draws, how it is run, and what an invariant sees of it."""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsm import (
    Authority,
    ClearCredentials,
    CompleteSignOut,
    CredentialStore,
    FileCredentialStore,
    LateAnswer,
    Limits,
    PartialSignOut,
    RefreshTokens,
    Secret,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutPolicy,
    SignOutResult,
    Transition,
    UserPoolTokens,
)
from authsm.core.vocabulary import Effect
from authsm.stores.contract import Cleared, Entry, EntryState, StoreUnavailableError, Unknown
from authsm.testing.strategies import authorities, policies
from tests.auth.styles import STYLES, Style, Told
from tests.auth.world import (
    FUTURE,
    PAST,
    REMOTE,
    SOON,
    Act,
    Cast,
    Token,
    answering,
    eventually,
    faulty,
    of_kind,
    pool_tokens,
    raising,
    raising_after,
    session,
    shouted,
)
from tests.soak import SOAK

KEY: Final = "ada"
OTHER_KEY: Final = "grace"
NEW_TOKENS: Final = pool_tokens("2")
SAVED_TOKENS: Final = pool_tokens("3")


class Start(StrEnum):
    """What there is under the key when the sign-out begins."""

    LIVE = "live"
    LEAVING = "leaving"
    TOMBSTONE = "tombstone"
    ABSENT = "absent"


Faults = Mapping[str, Callable[..., Any]]

CLEAR_FAULTS: Final[Mapping[str, Callable[[Exception], Faults]]] = {
    "none": lambda _: {},
    "raises": lambda error: {"clear": raising(error)},
    "raises after it cleared": lambda error: {"clear": raising_after(error)},
    "lies": lambda _: {"clear": answering(Cleared())},
    "cleared, with residue": lambda _: {"clear": lambda true: (true(), Cleared(("a copy",)))[1]},
    "cannot be verified": lambda _: {"verify_cleared": answering(Unknown("nobody can look"))},
    "verifying raises": lambda error: {"clear": raising(error), "verify_cleared": raising(error)},
}
JOURNAL_FAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "leave raises": ("leave",),
    "everything raises": ("leave", "write_journal", "erase_journal", "read_journal"),
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One sign-out: what there is, what is asked for, and how everybody behaves."""

    policy: SignOutPolicy
    method: SignInMethod
    tokens: UserPoolTokens
    username: str
    refresh_token_over: bool
    authority: Authority
    to_all: bool
    acts: Mapping[type[Effect], Act]
    asynchronous: bool
    start: Start
    clear_fault: str
    journal_fault: str
    unreadable: bool
    refreshed_meanwhile: bool

    def data(self) -> SignedInData:
        expires = PAST if self.refresh_token_over else FUTURE
        return session(self.method, self.tokens, username=self.username, refresh_token_expires_at=expires)

    def limits(self) -> Limits:
        return Limits(seconds={effect: SOON for effect, act in self.acts.items() if act.hangs})

    @property
    def calm(self) -> bool:
        """Whether the store works."""
        return not (self.unreadable or self.clear_fault != "none" or self.journal_fault != "none")


_TOKENS: Final = st.builds(
    pool_tokens,
    access=st.sampled_from(Token),
    identity=st.sampled_from(Token),
    refresh=st.sampled_from([True, True, False]),
)
_DRAWN: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "policy": policies(),
    "method": st.sampled_from(SignInMethod),
    "tokens": _TOKENS,
    "username": st.sampled_from(["ada", ""]),
    "refresh_token_over": st.booleans(),
    "authority": authorities(),
    "to_all": st.booleans(),
    "acts": st.fixed_dictionaries({effect: st.sampled_from(Act) for effect in REMOTE}),
    "asynchronous": st.booleans(),
    "start": st.sampled_from([Start.LIVE, Start.LIVE, Start.LIVE, *Start]),
    "clear_fault": st.sampled_from(["none"] * 6 + list(CLEAR_FAULTS)),
    "journal_fault": st.sampled_from(["none"] * 6 + list(JOURNAL_FAULTS)),
    "unreadable": st.sampled_from([False] * 9 + [True]),
    "refreshed_meanwhile": st.booleans(),
}


def scenarios(**narrowed: st.SearchStrategy[Any]) -> st.SearchStrategy[Scenario]:
    """Any scenario, or those with some fields narrowed."""
    return st.builds(Scenario, **{**_DRAWN, **narrowed}).map(_possible)


def _possible(scenario: Scenario) -> Scenario:
    """Give what `Auth` refuses to begin a meaning: a global sign-out that the policy forbids is not asked for."""
    if scenario.policy.local_only and scenario.to_all:
        return Scenario(**{**vars(scenario), "to_all": False})
    return scenario


class Ran:
    """A scenario that was run, and everything that can be seen of it."""

    def __init__(self, scenario: Scenario, style: Style, folder: Path) -> None:
        self.scenario = scenario
        self.style = style
        self.true_store = style.store(folder)
        self._folder = folder
        self._prepare()
        self.before = self.true_store.load(KEY)
        self.others_before = self.true_store.load(OTHER_KEY)
        self.told = Told()
        self.cast = Cast(scenario.acts, asynchronous=scenario.asynchronous and style.name.startswith("AsyncAuth"))
        if scenario.refreshed_meanwhile:
            self.cast.before[ShowHostedUISignOut] = lambda _: self._refresh_meanwhile()
        self.cast.before[RefreshTokens] = lambda call: call.save_refreshed(SAVED_TOKENS)
        self.refreshed_meanwhile = False
        self.after_result: Entry | None = None
        self.store = faulty(self.true_store, **self._faults())
        self.result: SignOutResult = style.sign_out(
            self.store,
            self.cast.runner(authority=scenario.authority, hosted_ui_url="https://example.com/logout"),
            after=self._settle_down,
            global_sign_out=scenario.to_all,
            key=KEY,
            policy=scenario.policy,
            observers=[self.told],
            limits=scenario.limits(),
        )
        self.after = self.true_store.load(KEY)

    def _prepare(self) -> None:
        data = self.scenario.data()
        self.true_store.begin(OTHER_KEY, session(tokens=pool_tokens("grace")))
        if self.scenario.start is Start.ABSENT:
            return
        epoch = self.true_store.begin(KEY, data).epoch
        if self.scenario.start is Start.LEAVING:
            self.true_store.leave(KEY, epoch=epoch, journal="of a run before")
        elif self.scenario.start is Start.TOMBSTONE:
            self.true_store.clear(KEY, epoch=epoch)

    def _faults(self) -> Faults:
        shows = StoreUnavailableError(shouted(self.before.data.secrets() if self.before.data else ()))
        return {
            **({"load": raising(StoreUnavailableError("nobody can read"))} if self.scenario.unreadable else {}),
            **CLEAR_FAULTS[self.scenario.clear_fault](shows),
            **{name: raising(shows) for name in JOURNAL_FAULTS[self.scenario.journal_fault]},
        }

    def _refresh_meanwhile(self) -> None:
        entry = self.true_store.load(KEY)
        if entry.data is not None:
            data = session(self.scenario.method, NEW_TOKENS, username=self.scenario.username)
            self.true_store.save(KEY, data, epoch=entry.epoch, generation=entry.generation)
            self.refreshed_meanwhile = self.true_store.load(KEY).generation > entry.generation

    def _settle_down(self) -> None:
        """Wait for every late answer."""
        self.after_result = self.fresh_reader().load(KEY)
        eventually(lambda: len(self.answers()) >= len(self.cast.answered), "every answer of a handler is seen")

    def fresh_reader(self) -> CredentialStore:
        return (
            FileCredentialStore(self._folder) if isinstance(self.true_store, FileCredentialStore) else self.true_store
        )

    def answers(self) -> list[object]:
        """Every answer of a handler that observers saw, taken or dropped as late."""
        taken = [
            each
            for each in of_kind(self.told.notices, Transition)
            if each.effect is not None and type(each.effect) in self.cast.answered and not self._is_time_out(each)
        ]
        return [*taken, *of_kind(self.told.notices, LateAnswer)]

    @staticmethod
    def _is_time_out(transition: Transition[Any]) -> bool:
        return getattr(getattr(transition.event, "failure", None), "code", "") == "TimeLimit"

    @property
    def signed_in(self) -> bool:
        return self.before.state in {EntryState.LIVE, EntryState.LEAVING}

    @property
    def signed_out(self) -> bool:
        return isinstance(self.result, CompleteSignOut | PartialSignOut)

    def acts_of(self, effect: type[Effect]) -> Act:
        return self.scenario.acts[effect]

    def was_called(self, effect: type[Effect]) -> bool:
        return any(type(each.effect) is effect for each in self.cast.called)

    def steps(self) -> Iterable[tuple[type[Effect], Any]]:
        """Every step of the result, by its effect."""
        by_step = {effect.step: effect for effect in (*REMOTE, ClearCredentials)}  # type: ignore[attr-defined]  # each is a SignOutEffect
        return ((by_step[name], outcome) for name, outcome in self.result.steps if name in by_step)

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret that had anything to do with it."""
        return tuple(
            secret
            for held in (self.scenario.data(), NEW_TOKENS, SAVED_TOKENS, pool_tokens("grace"))
            for secret in held.secrets()
        )


TIMES: Final = (pytest.param(1, id="short"), pytest.param(SOAK, id="long", marks=pytest.mark.soak))


def for_any_sign_out(
    **narrowed: st.SearchStrategy[Any],
) -> Callable[[Callable[[Ran], bool]], Callable[[Style, int], None]]:
    """Ask an invariant of any sign-out, in every style, and fail if its condition was never reached.

    The check gets a sign-out that was run; it asserts, and says whether its condition held there.
    """

    def decorate(check: Callable[[Ran], bool]) -> Callable[[Style, int], None]:
        @pytest.mark.parametrize("times", TIMES)
        @pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
        @functools.wraps(check)
        def test(style: Style, times: int) -> None:
            reached = ran = 0

            @settings(max_examples=style.examples * times, deadline=None, derandomize=times == 1, database=None)
            @given(scenarios(**narrowed))
            def search(scenario: Scenario) -> None:
                nonlocal reached, ran
                ran += 1
                with _folder() as folder:
                    reached += check(Ran(scenario, style, folder))

            search()
            print(f"{check.__name__}: reached in {reached} of {ran} sign-outs, {style.name}")  # noqa: T201 - pytest shows it on request
            assert reached > 0, f"the condition was never reached: {check.__doc__}"

        del test.__wrapped__  # pytest would take its argument for a fixture
        return test

    return decorate


@contextlib.contextmanager
def _folder() -> Any:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
