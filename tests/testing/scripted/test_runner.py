"""A scripted runner does what its script says, tells what it was asked for, and shows no token."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from authsm import (
    AsyncAuth,
    Auth,
    Authority,
    Call,
    ClearCredentials,
    CompleteSignOut,
    ConfigurationException,
    FailedSignOut,
    Failure,
    FailureKind,
    GlobalSignOut,
    LateAnswer,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RefreshTokens,
    RevokeToken,
    RevokeTokenException,
    ShowHostedUISignOut,
    SignedInData,
    SignInMethod,
)
from authsm.runners.handlers import EffectRunner
from authsm.testing import (
    Cancel,
    Fail,
    Gate,
    Hang,
    Raise,
    Refuse,
    ScriptedRunner,
    Succeed,
    sample_session,
    sample_tokens,
)
from tests.auth.world import GUARD, SOON, eventually
from tests.core.bakery import BakeLayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from authsm import Notice, SignOutResult
    from authsm.testing.scripted.answers import Immediate

    Way = Callable[..., Any]

URL: Final = "https://example.com/logout"
FROM_HOSTED_UI: Final = sample_session(SignInMethod.HOSTED_UI)
A_CALL: Final = Call(
    id="run/1",
    attempt=1,
    ends=0.0,
    stop=threading.Event(),
    username="ada",
    tokens=sample_tokens,
    save_refreshed=lambda _: None,
)
QUICKLY: Final = Limits(seconds=dict.fromkeys((ShowHostedUISignOut, RefreshTokens, GlobalSignOut, RevokeToken), SOON))


def blocking(script: Any, data: SignedInData, *, global_sign_out: bool = False, limits: Limits | None = None) -> Any:
    runner = ScriptedRunner(script, hosted_ui_url=URL, patience=GUARD)
    notices: list[Notice] = []
    auth = Auth(MemoryCredentialStore(), runner, limits=limits, observers=[notices.append])
    auth.sign_in(data)
    return auth.sign_out_future(global_sign_out=global_sign_out).result(GUARD), runner, notices


def on_loop(
    backend: str,
    script: Any,
    data: SignedInData,
    *,
    global_sign_out: bool = False,
    limits: Limits | None = None,
    asynchronous: bool = True,
) -> Any:
    runner = ScriptedRunner(script, hosted_ui_url=URL, patience=GUARD, asynchronous=asynchronous)
    notices: list[Notice] = []

    async def main() -> SignOutResult:
        auth = AsyncAuth(MemoryCredentialStore(), runner, limits=limits, observers=[notices.append])
        with anyio.fail_after(GUARD):
            await auth.sign_in(data)
            result = await auth.sign_out(global_sign_out=global_sign_out)
            while isinstance(script.get(RevokeToken), Hang) and not _late(notices):  # noqa: ASYNC110 - a thread may tell
                await anyio.sleep(SOON)
        return result

    return anyio.run(main, backend=backend), runner, notices


def _late(notices: list[Notice]) -> list[LateAnswer]:
    return [each for each in notices if isinstance(each, LateAnswer)]


every_way: Final = pytest.mark.parametrize(
    "way",
    [
        pytest.param(blocking, id="blocking"),
        pytest.param(partial(on_loop, "asyncio"), id="asyncio"),
        pytest.param(partial(on_loop, "trio"), id="trio"),
        pytest.param(partial(on_loop, "trio", asynchronous=False), id="plain handlers on trio"),
    ],
)


@every_way
def test_what_the_script_does_not_name_succeeds(way: Way) -> None:
    result, runner, _ = way({}, FROM_HOSTED_UI, global_sign_out=True)
    assert isinstance(result, CompleteSignOut)
    assert runner.names == ["ShowHostedUISignOut", "GlobalSignOut", "RevokeToken"]
    runner.assert_played()


FAILURES: Final = {
    "refuse": (
        Refuse("TooManyRequestsException", "Slow down."),
        FailureKind.REFUSED,
        "TooManyRequestsException",
        "Slow down.",
    ),
    "refuse, in no words": (Refuse("LimitExceeded"), FailureKind.REFUSED, "LimitExceeded", "Refused, as scripted."),
    "fail": (Fail(FailureKind.TIMED_OUT), FailureKind.TIMED_OUT, "TIMED_OUT", "It fails, as scripted."),
    "fail, all said": (Fail(FailureKind.UNREACHABLE, "DNS", "No."), FailureKind.UNREACHABLE, "DNS", "No."),
    "raise": (Raise(ConnectionResetError("gone")), FailureKind.UNREACHABLE, "ConnectionResetError", "gone"),
    "raise a class": (Raise(KeyError), FailureKind.UNEXPECTED, "KeyError", "KeyError"),
    "raise ours": (Raise(RevokeTokenException("no")), FailureKind.REFUSED, "RevokeTokenException", None),
    "raise anything": (Raise(SystemExit(3)), FailureKind.UNEXPECTED, "SystemExit", "3"),
    "cancel": (Cancel(), FailureKind.CANCELLED, "UserCancelledException", None),
    "hang": (Hang(), FailureKind.TIMED_OUT, "TimeLimit", None),
}


@every_way
@pytest.mark.parametrize("name", FAILURES)
def test_a_step_fails_as_scripted(way: Way, name: str) -> None:
    answer, kind, code, message = FAILURES[name]
    limits = QUICKLY if isinstance(answer, Hang) else None
    result, _, _ = way({GlobalSignOut: answer}, sample_session(), global_sign_out=True, limits=limits)
    assert isinstance(result, PartialSignOut)
    assert result.global_sign_out_error is not None
    failure = result.global_sign_out_error.exception.failure
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (kind, code)
    assert message is None or failure.message == message


@every_way
def test_a_person_calls_it_off_at_the_hosted_ui(way: Way) -> None:
    result, runner, _ = way({ShowHostedUISignOut: Cancel()}, FROM_HOSTED_UI)
    assert isinstance(result, FailedSignOut)
    assert runner.names == ["ShowHostedUISignOut"]


@every_way
def test_a_note_comes_into_the_result(way: Way) -> None:
    result, _, _ = way({RevokeToken: Succeed("It was dead already.")}, sample_session())
    assert result.steps.revoke_token.note == "It was dead already."


@every_way
def test_tokens_are_refreshed_and_are_what_the_next_step_sees(way: Way) -> None:
    new = sample_tokens(edition="2")
    result, runner, _ = way(
        {RefreshTokens: Succeed(refreshed=new)},
        sample_session(tokens=sample_tokens(expired=True)),
        global_sign_out=True,
    )
    assert isinstance(result, CompleteSignOut)
    assert [(call.effect.name, call.tokens) for call in runner.calls] == [
        ("RefreshTokens", sample_tokens(expired=True)),
        ("GlobalSignOut", new),
        ("RevokeToken", new),
    ]


@every_way
@pytest.mark.parametrize("then", [Succeed("after all"), Refuse("TooLate")])
def test_an_answer_comes_when_nobody_waits_any_more(way: Way, then: Immediate) -> None:
    result, _, notices = way({RevokeToken: Hang(then)}, sample_session(), limits=QUICKLY)
    assert isinstance(result, PartialSignOut)
    eventually(lambda: _late(notices), "the answer that nobody waits for came")
    (late,) = _late(notices)
    assert late.event.name == ("TokenRevoked" if isinstance(then, Succeed) else "RevokeTokenFailed")


def test_each_call_has_its_answer_and_the_calls_tell_the_attempt() -> None:
    runner = ScriptedRunner({RevokeToken: [Refuse("TooManyRequestsException"), Succeed()]})
    auth = Auth(MemoryCredentialStore(), runner)
    auth.sign_in(sample_session())
    partial_result = auth.sign_out()
    assert isinstance(partial_result, PartialSignOut)
    with pytest.raises(AssertionError, match=r"Of the 2 answers for RevokeToken, 1 were given\."):
        runner.assert_played()
    assert isinstance(auth.retry(partial_result), CompleteSignOut)
    runner.assert_played()
    assert [call.attempt for call in runner.calls] == [1, 1]
    assert runner.calls[0].call.username == "ada"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_too_many_is_a_failure_that_says_so_and_does_not_go_unseen(asynchronous: bool) -> None:
    script = {RevokeToken: [Refuse("TooManyRequestsException")], GlobalSignOut: []}
    way: Any = partial(on_loop, "asyncio") if asynchronous else blocking
    result, runner, _ = way(script, sample_session(), global_sign_out=True)
    assert isinstance(result, PartialSignOut)
    assert result.global_sign_out_error is not None
    failure = result.global_sign_out_error.exception.failure
    assert failure is not None
    assert failure.code == "UnexpectedCallError"
    assert failure.message == "Call 1 of GlobalSignOut has no answer: the script has 0."
    with pytest.raises(AssertionError, match=r"^Call 1 of GlobalSignOut has no answer: the script has 0\.$"):
        runner.assert_played()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_answer_may_be_a_function(asynchronous: bool) -> None:
    seen: list[str] = []

    def revoke(effect: RevokeToken, call: Call) -> str:
        token = call.tokens().refresh_token
        assert token is not None
        seen.append(f"{effect.name} {effect.attempt}: {token}")
        return "done by hand"

    way: Any = partial(on_loop, "asyncio") if asynchronous else blocking
    result, _, _ = way({RevokeToken: [revoke]}, sample_session())
    assert result.steps.revoke_token.note == "done by hand"
    assert seen == ["RevokeToken 1: Secret(...)"]


class TestGate:
    def test_a_handler_waits_until_the_test_lets_it_go_on(self) -> None:
        with Gate() as gate:
            runner = ScriptedRunner({GlobalSignOut: gate, RevokeToken: gate}, patience=GUARD)
            auth = Auth(MemoryCredentialStore(), runner)
            auth.sign_in(sample_session())
            result = auth.sign_out_future(global_sign_out=True)
            assert gate.reached(GUARD).name == "GlobalSignOut"
            assert repr(gate) == "Gate(waiting=['GlobalSignOut'], is_open=False)"
            assert not result.done()
            gate.answer(Refuse("TooManyRequestsException"))
            assert gate.reached(GUARD).name == "RevokeToken"
            gate.answer(Succeed("revoked by hand"))
            assert isinstance(result.result(GUARD), PartialSignOut)
        assert runner.names == ["GlobalSignOut", "RevokeToken"]
        runner.assert_played()

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    @pytest.mark.parametrize("asynchronous", [False, True])
    def test_the_same_without_blocking_the_event_loop(self, backend: str, asynchronous: bool) -> None:
        async def main() -> None:
            gate = Gate()
            runner = ScriptedRunner({RevokeToken: gate}, asynchronous=asynchronous, patience=GUARD)
            auth = AsyncAuth(MemoryCredentialStore(), runner)
            await auth.sign_in(sample_session())
            with anyio.fail_after(GUARD):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(auth.sign_out)
                    assert (await gate.reached_async(GUARD)).name == "RevokeToken"
                    assert auth.last_result is None
                    gate.open(Refuse("TooManyRequestsException"))
            assert isinstance(auth.last_result, PartialSignOut)

        anyio.run(main, backend=backend)

    def test_an_open_gate_lets_everybody_through(self) -> None:
        gate = Gate()
        gate.open()
        result, runner, _ = blocking(dict.fromkeys((ShowHostedUISignOut, RevokeToken), gate), FROM_HOSTED_UI)
        assert isinstance(result, CompleteSignOut)
        runner.assert_played()

    @pytest.mark.parametrize("backend", ["asyncio", "trio", None])
    def test_whoever_is_given_up_has_left_the_gate(self, backend: str | None) -> None:
        gate = Gate()
        way: Any = partial(on_loop, backend) if backend else blocking
        result, runner, notices = way({GlobalSignOut: gate}, sample_session(), global_sign_out=True, limits=QUICKLY)
        assert isinstance(result, PartialSignOut)
        assert repr(gate) == "Gate(waiting=[], is_open=False)"
        with pytest.raises(TimeoutError, match=r"^No handler came to the gate within 0 s\.$"):
            gate.reached(0)
        with pytest.raises(RuntimeError, match="No handler waits at the gate: wait for one with `reached` first"):
            gate.answer(Succeed())
        if backend is None:  # a thread cannot be cancelled, so it has to go by itself
            eventually(lambda: _late(notices), "the handler that was given up went on")
            assert _late(notices)[0].event.failure.code == "GivenUp"  # type: ignore[attr-defined]  # a failed reply
        runner.assert_played()

    def test_nobody_waits_for_ever(self) -> None:
        runner = ScriptedRunner({RevokeToken: Gate(), GlobalSignOut: Hang()}, patience=0.0)
        auth = Auth(MemoryCredentialStore(), runner)
        auth.sign_in(sample_session())
        assert isinstance(auth.sign_out_future(global_sign_out=True).result(GUARD), PartialSignOut)
        said = (
            r"GlobalSignOut was neither answered nor given up within 0 s\. "
            r"RevokeToken was neither answered nor given up within 0 s\."
        )
        with pytest.raises(AssertionError, match=said):
            runner.assert_played()

    def test_several_may_wait_at_once(self) -> None:
        with Gate() as gate:
            runner = ScriptedRunner({RevokeToken: gate}, patience=GUARD)
            results = []
            for name in ("ada", "grace"):
                auth = Auth(MemoryCredentialStore(), runner, key=name)
                auth.sign_in(sample_session())
                results.append(auth.sign_out_future())
            keys: set[str] = set()
            while keys != {"ada", "grace"}:
                effect = gate.reached(GUARD)
                assert isinstance(effect, RevokeToken)
                assert effect.key not in keys
                keys.add(effect.key)
                gate.answer(Succeed())
            assert all(isinstance(result.result(GUARD), CompleteSignOut) for result in results)


def test_it_shows_no_token() -> None:
    _, runner, _ = blocking({}, FROM_HOSTED_UI, global_sign_out=True)
    shown = f"{runner!r} {runner.calls!r} {[str(call) for call in runner.calls]}"
    assert repr(runner.calls[-1]) == (
        f"ScriptedCall(effect={RevokeToken(1, 'default', 1)!r}, tokens=UserPoolTokens("
        "access_token=Secret(...), id_token=Secret(...), refresh_token=Secret(...)))"
    )
    assert FROM_HOSTED_UI.tokens is not None
    assert not [secret for secret in FROM_HOSTED_UI.tokens.secrets() if secret.reveal() in shown]


def test_an_error_that_is_raised_again_does_not_tell_of_the_last_time() -> None:
    error, lengths = ValueError("no"), []
    for _ in range(2):
        with pytest.raises(ValueError, match="no") as caught:
            Raise(error).give(A_CALL)
        lengths.append(len(caught.traceback))
    assert lengths[0] == lengths[1]


def test_it_is_a_runner_with_the_authority_and_url_that_it_was_given() -> None:
    runner = ScriptedRunner({}, authority=Authority.IAM, hosted_ui_url=URL)
    assert isinstance(runner, EffectRunner)
    assert (runner.authority, runner.hosted_ui_url) == (Authority.IAM, URL)
    auth = Auth(MemoryCredentialStore(), runner)
    auth.sign_in(sample_session())
    auth.sign_out(global_sign_out=True)
    assert runner.names == ["RevokeToken", "GlobalSignOut"]


def test_the_hosted_ui_is_shown_where_the_script_or_a_url_says_so() -> None:
    remote = {RefreshTokens, GlobalSignOut, RevokeToken}
    assert {*ScriptedRunner().handlers} == remote
    assert {*ScriptedRunner(hosted_ui_url=URL).handlers} == {*remote, ShowHostedUISignOut}
    assert {*ScriptedRunner({ShowHostedUISignOut: Cancel()}).handlers} == {*remote, ShowHostedUISignOut}
    assert {*ScriptedRunner({BakeLayer: Succeed()}).handlers} == {*remote, BakeLayer}


def test_async_handlers_are_for_async_auth() -> None:
    with pytest.raises(ConfigurationException, match="is async, and this call blocks"):
        Auth(MemoryCredentialStore(), ScriptedRunner(asynchronous=True))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({"RevokeToken": Succeed()}, r"A script names types of effects, such as RevokeToken, not 'RevokeToken'\."),
        ({RevokeToken(): Succeed()}, r"A script names types of effects, such as RevokeToken, not RevokeToken\("),
        ({ClearCredentials: Succeed()}, r"No runner carries out ClearCredentials: `Auth` asks its store\."),
        ({RevokeToken: Succeed}, r"The script of RevokeToken has .*Succeed'>, which is no answer: write Succeed\(\)"),
        ({RevokeToken: [Succeed(), "no"]}, r"The script of RevokeToken has 'no', which is no answer"),
        ({RevokeToken: ValueError("no")}, r"The script of RevokeToken has ValueError\('no'\), which is no answer"),
    ],
)
def test_what_is_no_script_is_refused(script: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        ScriptedRunner(script)


def test_calls_from_many_threads_are_all_remembered() -> None:
    runner = ScriptedRunner({RevokeToken: [Succeed()] * 40})
    start = threading.Barrier(8)

    def sign_out_often(number: int) -> None:
        start.wait(GUARD)
        for turn in range(5):
            auth = Auth(MemoryCredentialStore(), runner, key=f"{number}/{turn}")
            auth.sign_in(sample_session())
            auth.sign_out()

    threads = [threading.Thread(target=sign_out_often, args=[number], daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert len(runner.calls) == 40
    runner.assert_played()
