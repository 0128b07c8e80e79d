"""Each strategy draws what it promises, and reaches its interesting cases."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from authsm import (
    SIGN_OUT,
    AWSCredentials,
    ConfigurationException,
    Event,
    Failure,
    FailureKind,
    MemoryCredentialStore,
    RevokeToken,
    Secret,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
    SignOutContext,
    SignOutPolicy,
    Snapshot,
    UserPoolTokens,
)
from authsm.credentials import GLOBAL_SIGN_OUT_SCOPE, Claims, read_claims
from authsm.flows.sign_out import effects
from authsm.flows.sign_out.plan import Plan, Session, Why
from authsm.flows.sign_out.policy import Authority, HostedUIOrder, RemoteOrder
from authsm.testing import Fate, Faults, FaultSchedule, Moment, strategies
from authsm.testing.scripted.samples import FAR_AHEAD, LONG_AGO
from authsm.testing.scripted.schedules import STORE_OPERATIONS
from authsm.testing.strategies import (
    access_tokens,
    authorities,
    aws_credentials,
    events,
    failures,
    fault_schedules,
    id_tokens,
    malformed_tokens,
    plans,
    policies,
    refresh_tokens,
    replies,
    runs,
    sessions,
    sign_out_contexts,
    signed_in_data,
    snapshots,
    store_keys,
    user_pool_tokens,
)
from tests.core import bakery
from tests.core.bakery import BAKERY, Remembered
from tests.flows.sign_out.inputs import POLICIES
from tests.testing.proof.kettle import EXACT, PROOF, Kitchen

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm.core.vocabulary import Effect

    Reached = tuple[str, st.SearchStrategy[Any], Callable[[Any], object]]

_WHY_NO_GLOBAL: Final = (
    None,
    Why.NOT_REQUESTED,
    Why.LOCAL_ONLY,
    Why.NO_ACCESS_TOKEN,
    Why.NO_USERNAME,
    Why.NOT_SIGNED_IN,
)

_TOKENS: Final = ("access_token", "id_token", "refresh_token")
_SIGN_OUTS: Final = snapshots(SIGN_OUT, sign_out_contexts())
_ORDERS: Final = snapshots(BAKERY, st.builds(Remembered))
_HOSTED_UI_REPLIES: Final = (effects.HostedUISignedOut, effects.HostedUISignOutFailed, effects.UserCancelled)
_PRESETS: Final = (SignOutPolicy.amplify_android(), SignOutPolicy.amplify_swift())

FOUND_SOON: Final = settings(max_examples=1500, derandomize=True, database=None, deadline=None, phases=[Phase.generate])


def _claims(token: Secret) -> Claims:
    claims = read_claims(token)
    assert claims is not None
    return claims


def _is_scoped(token: Secret) -> bool:
    return GLOBAL_SIGN_OUT_SCOPE in _claims(token).scopes


def _each(name: str, strategy: st.SearchStrategy[Any], of: Callable[[Any], object], values: Any) -> list[Reached]:
    """Every value of something is reached."""
    return [(f"{name}: {value}", strategy, partial(_is, of, value)) for value in values]


def _is(of: Callable[[Any], object], value: object, drawn: object) -> bool:
    return of(drawn) == value


def _dies(operation: str, moment: Moment, schedule: FaultSchedule) -> bool:
    return schedule.crash_at(operation, 1) is moment


def _befalls(fate: Fate, schedule: FaultSchedule) -> bool:
    return any(fault.fate is fate for fault in schedule.answers)


def _is_malformed(name: str, tokens: UserPoolTokens) -> bool:
    token = getattr(tokens, name)
    return token is not None and " " in token.reveal()


REACHED: Final[list[Reached]] = [
    *_each("access token expires", access_tokens(), lambda token: _claims(token).expires_at, [LONG_AGO, FAR_AHEAD]),
    *_each("access token revocable", access_tokens(), lambda token: _claims(token).origin_jti is None, [True, False]),
    *_each(
        "access token scoped",
        access_tokens(),
        lambda token: GLOBAL_SIGN_OUT_SCOPE in _claims(token).scopes,
        [True, False],
    ),
    ("access token without any scope", access_tokens(), lambda token: not _claims(token).scopes),
    *_each("ID token expires", id_tokens(), lambda token: _claims(token).expires_at, [LONG_AGO, FAR_AHEAD]),
    ("refresh token like Cognito's", refresh_tokens(), lambda token: token.reveal().count(".") == 4),
    ("a short refresh token", refresh_tokens(), lambda token: len(token.reveal()) < 30),
    ("a long refresh token", refresh_tokens(), lambda token: len(token.reveal()) > 3000),
    ("malformed, as in a header", malformed_tokens(), lambda token: token.reveal().startswith("Bearer eyJ")),
    ("malformed, as from a file", malformed_tokens(), lambda token: token.reveal().endswith("\n")),
    ("malformed, cut off", malformed_tokens(), lambda token: re.fullmatch(r"eyJ.{97}…", token.reveal())),
    ("malformed, no token at all", malformed_tokens(), lambda token: token.reveal() == " "),
    *(_each(name, user_pool_tokens(), attrgetter(name), [None])[0] for name in _TOKENS),
    *((f"malformed {name}", user_pool_tokens(malformed=True), partial(_is_malformed, name)) for name in _TOKENS),
    ("all tokens", user_pool_tokens(), lambda tokens: len(list(tokens.secrets())) == 3),
    *_each("AWS credentials expire", aws_credentials(), lambda each: each.expiration, [LONG_AGO, FAR_AHEAD]),
    *_each("signed in", signed_in_data(), lambda data: data.sign_in_method, SignInMethod),
    *_each("has a name", signed_in_data([SignInMethod.USER_POOL]), lambda data: bool(data.username), [True, False]),
    *_each(
        "the refresh token ends",
        signed_in_data(),
        lambda data: data.refresh_token_expires_at,
        [None, LONG_AGO, FAR_AHEAD],
    ),
    ("federated, without tokens", signed_in_data([SignInMethod.FEDERATED]), lambda data: data.tokens is None),
    ("a guest with AWS credentials", signed_in_data([SignInMethod.GUEST]), lambda data: data.aws_credentials),
    ("signed in, with half a second", signed_in_data(), lambda data: data.signed_in_at.microsecond),
    ("no key", store_keys(), lambda key: key == ""),
    ("a key that is a path", store_keys(), lambda key: key.startswith("../")),
    ("a key that is a device", store_keys(), lambda key: key.lower() == "nul"),
    ("a long key", store_keys(), lambda key: len(key) > 250),
    ("a key with half a surrogate", store_keys(), lambda key: any("\ud800" <= each <= "\udfff" for each in key)),
    ("a key that is written otherwise", store_keys(), lambda key: unicodedata.normalize("NFC", key) != key),
    *_each("failure", failures(), lambda failure: failure.kind, FailureKind),
    ("a failure as Cognito has it", failures(), lambda failure: failure.code == "NotAuthorizedException"),
    ("a failure in no words", failures(), lambda failure: failure.code == failure.message == ""),
    ("half a surrogate in a message", failures(), lambda each: any("\ud800" <= a <= "\udfff" for a in each.message)),
    ("a note", events(effects.TokenRevoked), lambda event: event.note),
    ("no note", events(effects.TokenRevoked), lambda event: not event.note),
    *_each("a flavour", events(bakery.Ordered), lambda event: event.flavour, bakery.Flavour),
    *_each(
        "a reply",
        replies(ShowHostedUISignOut),
        type,
        _HOSTED_UI_REPLIES,
    ),
    *_each("a reply", replies(RevokeToken), type, [effects.TokenRevoked, effects.RevokeTokenFailed]),
    *_each("policy", policies(), lambda policy: policy, _PRESETS),
    *_each("policy", policies(), lambda policy: policy.hosted_ui, HostedUIOrder),
    *_each("policy", policies(), lambda policy: policy.order, RemoteOrder),
    *(
        each
        for name in ("refresh_expired_access_token", "cancel_stops", "local_only")
        for each in _each(name, policies(), attrgetter(name), [True, False])
    ),
    (
        "a preset with another choice",
        policies(),
        lambda policy: policy.choices == SignOutPolicy.amplify_swift().choices and policy.hosted_ui == "last",
    ),
    *_each("authority", authorities(), lambda authority: authority, Authority),
    *_each("session", sessions(), lambda session: session.method, SignInMethod),
    *(
        each
        for name in (
            "signed_in",
            "has_username",
            "has_access_token",
            "access_token_expired",
            "access_token_has_origin_jti",
            "has_refresh_token",
            "refresh_token_expired",
        )
        for each in _each(name, sessions(), attrgetter(name), [True, False])
    ),
    ("everything is due", plans(), lambda plan: plan.hosted_ui is plan.refresh_tokens is plan.global_sign_out is None),
    ("a plan that stops", plans(), lambda plan: plan.stop is Why.STORE_UNREADABLE),
    ("the plan of a retry", plans(), lambda plan: plan.clear_credentials is Why.ALREADY_DONE),
    ("a plan that revokes first", plans(), lambda plan: plan.revoke_first and plan.global_sign_out is None),
    *_each("a plan without a global sign-out", plans(), lambda plan: plan.global_sign_out, _WHY_NO_GLOBAL),
    ("a context", sign_out_contexts(), lambda context: context.plan.revoke_token is None),
    *_each("sign-out stands in", _SIGN_OUTS, lambda each: each.state, SIGN_OUT.table.states),
    ("a lost outcome", _SIGN_OUTS, lambda each: each.attempt > 1),
    *_each("bakery stands in", _ORDERS, lambda each: each.state, BAKERY.table.states),
    ("nothing goes wrong", fault_schedules(), lambda schedule: schedule == FaultSchedule()),
    *((f"the answer is {fate}", fault_schedules(), partial(_befalls, fate)) for fate in Fate),
    *(
        (f"{operation} dies {moment}", fault_schedules(), partial(_dies, operation, moment))
        for operation in STORE_OPERATIONS
        for moment in Moment
    ),
    ("the second answer", fault_schedules(), lambda schedule: schedule.fate_of("RevokeToken", 2) is Fate.LATE),
    ("several faults", fault_schedules(BAKERY), lambda schedule: len(schedule.answers) + len(schedule.crashes) > 3),
]


@pytest.mark.parametrize(("strategy", "reached"), [each[1:] for each in REACHED], ids=[each[0] for each in REACHED])
def test_an_interesting_case_is_reached(strategy: st.SearchStrategy[Any], reached: Callable[[Any], object]) -> None:
    assert reached(find(strategy, lambda drawn: bool(reached(drawn)), settings=FOUND_SOON))


KINDS: Final[dict[str, tuple[st.SearchStrategy[Any], type[Any]]]] = {
    "access_tokens": (access_tokens(), Secret),
    "authorities": (authorities(), Authority),
    "aws_credentials": (aws_credentials(), AWSCredentials),
    "events": (events(effects.TokenRevoked), effects.TokenRevoked),
    "failures": (failures(), Failure),
    "fault_schedules": (fault_schedules(), FaultSchedule),
    "id_tokens": (id_tokens(), Secret),
    "malformed_tokens": (malformed_tokens(), Secret),
    "plans": (plans(), Plan),
    "policies": (policies(), SignOutPolicy),
    "refresh_tokens": (refresh_tokens(), Secret),
    "replies": (replies(RevokeToken), Event),
    "sessions": (sessions(), Session),
    "sign_out_contexts": (sign_out_contexts(), SignOutContext),
    "signed_in_data": (signed_in_data(malformed=True), SignedInData),
    "snapshots": (snapshots(SIGN_OUT, sign_out_contexts()), Snapshot),
    "store_keys": (store_keys(), str),
    "user_pool_tokens": (user_pool_tokens(malformed=True), UserPoolTokens),
}


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_it_draws_what_it_says_and_shows_no_token(name: str, data: st.DataObject) -> None:
    strategy, kind = KINDS[name]
    drawn = data.draw(strategy)
    assert isinstance(drawn, kind)
    secrets = [drawn] if isinstance(drawn, Secret) else drawn.secrets() if hasattr(drawn, "secrets") else []
    assert [secret for secret in secrets if len(secret.reveal()) > 12 and secret.reveal() in repr(drawn)] == []


def test_every_strategy_is_tested() -> None:
    assert {*KINDS, "every_event", "runs"} == {*strategies.__all__}
    assert all(getattr(strategies, name).__doc__.count(">>> ") > 0 for name in strategies.__all__)


@given(signed_in_data())
def test_a_session_that_is_not_malformed_can_be_stored(data: SignedInData) -> None:
    data.check()


@pytest.mark.parametrize("name", ["access_token", "id_token", "refresh_token"])
@given(tokens=user_pool_tokens(), malformed=malformed_tokens())
def test_a_malformed_token_is_refused_wherever_it_stands(name: str, tokens: UserPoolTokens, malformed: Secret) -> None:
    every = {"access_token": tokens.access_token, "id_token": tokens.id_token, "refresh_token": tokens.refresh_token}
    data = SignedInData(tokens=UserPoolTokens(**{**every, name: malformed}), sign_in_method=SignInMethod.USER_POOL)
    with pytest.raises(ConfigurationException, match=name):
        data.check()


@given(access_tokens(expired=True, revocable=False, scoped=True))
def test_a_token_is_drawn_just_so(token: Secret) -> None:
    claims = _claims(token)
    assert (claims.expires_at, claims.origin_jti) == (LONG_AGO, None)
    assert GLOBAL_SIGN_OUT_SCOPE in claims.scopes


@given(key=store_keys())
def test_a_store_takes_every_key(key: str) -> None:
    store = MemoryCredentialStore()
    epoch = store.begin(key, SignedInData(sign_in_method=SignInMethod.GUEST)).epoch
    store.leave(key, epoch=epoch, journal="{}")
    assert list(store.journals()) == [key]


@given(sessions())
def test_the_facts_of_a_session_fit_each_other(session: Session) -> None:
    assert session.has_access_token or not (session.access_token_expired or session.access_token_has_origin_jti)
    assert session.signed_in or session == Session(key=session.key, epoch=session.epoch, signed_in=False)


@given(policies())
def test_a_policy_is_one_of_those_that_there_are(policy: SignOutPolicy) -> None:
    assert replace(policy, end_sso_session=False) in POLICIES


@given(data=st.data())
def test_a_snapshot_is_one_that_the_machine_can_be_given_back(data: st.DataObject) -> None:
    snapshot = data.draw(snapshots(SIGN_OUT, sign_out_contexts(), longest=8))
    assert SIGN_OUT.from_json(SIGN_OUT.to_json(snapshot)) == snapshot


@pytest.mark.parametrize("effect", [bakery.TakeMoney, bakery.BakeLayer, RevokeToken])
def test_every_reply_of_an_effect_is_drawn(effect: type[Effect]) -> None:
    assert [type(find(replies(effect), partial(_is, type, kind))) for kind in effect.replies()] == [*effect.replies()]


def test_a_field_of_an_event_may_be_given() -> None:
    (note,) = {find(events(effects.TokenRevoked, note=st.just("so")), lambda _: True).note}
    assert note == "so"
    with pytest.raises(TypeError, match=r"^TokenRevoked has no field 'notes': it has note, sso_skipped, sso_note\.$"):
        events(effects.TokenRevoked, notes=st.just("so"))
    with pytest.raises(TypeError, match=r"^Begin has no field 'note': it has none\.$"):
        events(effects.Begin, note=st.just("so"))


def test_faults_are_of_the_operations_and_times_that_are_given() -> None:
    @given(fault_schedules(BAKERY, operations=["clear"], times=1))
    @settings(max_examples=50)
    def check(schedule: FaultSchedule) -> None:
        assert {fault.effect for fault in schedule.answers} <= {"TakeMoney", "BakeLayer", "Decorate", "CleanUp"}
        assert {(crash.operation, crash.time) for crash in schedule.crashes} <= {("clear", 1)}

    check()
    assert find(fault_schedules(operations=()), lambda schedule: bool(schedule.answers)).crashes == ()


def test_runs_go_through_faults_and_crashes_to_an_end() -> None:
    def ends_after_a_crash(run: tuple[Kitchen, tuple[str, ...], Faults]) -> bool:
        _, moves, _ = run
        return "resume" in moves and moves[-1] == "tidy up"

    context, moves, faults = find(runs(PROOF), ends_after_a_crash, settings=FOUND_SOON)
    situations = PROOF.run(context, moves, faults)
    last = situations[-1].processes[0].snapshot
    assert last is not None
    assert PROOF.machine.is_final(last)


def test_a_run_is_no_longer_than_it_may_be() -> None:
    @given(runs(PROOF, longest=3))
    def is_short(run: tuple[Kitchen, tuple[str, ...], Faults]) -> None:
        assert len(run[1]) <= 3

    is_short()


def test_runs_find_what_is_wrong_and_say_it_as_a_replay_does() -> None:
    wrong = replace(PROOF, invariants=[EXACT])

    @given(runs(wrong))
    def holds(run: tuple[Kitchen, tuple[str, ...], Faults]) -> None:
        wrong.replay(*run)

    with pytest.raises(AssertionError, match="hot exactly when boiled: it is Cold, and should be Hot"):
        holds()
