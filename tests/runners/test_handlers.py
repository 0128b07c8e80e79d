"""Runners are put together from handlers, and a handler that has to be awaited is told from a plain one."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from authsm import (
    Auth,
    Authority,
    Call,
    CognitoRunner,
    ConfigurationException,
    Effect,
    GlobalSignOut,
    MemoryCredentialStore,
    RevokeToken,
    Runner,
    ShowHostedUISignOut,
    SignInMethod,
    UserPoolTokens,
)
from authsm.runners.handlers import EffectRunner, Handler, as_runner, compose, is_async, refuse_async
from tests.auth.world import pool_tokens, session


def plain(effect: Effect, call: Call) -> None:
    del effect, call


async def awaited(effect: Effect, call: Call) -> None:
    del effect, call


class Plain:
    def __call__(self, effect: Effect, call: Call) -> None:
        del effect, call

    def method(self, effect: Effect, call: Call) -> None:
        del effect, call


class Awaited:
    async def __call__(self, effect: Effect, call: Call) -> None:
        del effect, call

    async def method(self, effect: Effect, call: Call) -> None:
        del effect, call

    @staticmethod
    async def static(effect: Effect, call: Call) -> None:
        del effect, call


@functools.wraps(awaited)
async def wrapped(*args: Any) -> None:
    await awaited(*args)


def _with_option(effect: Effect, call: Call, *, option: str) -> None:
    del effect, call, option


async def _awaited_with_option(effect: Effect, call: Call, *, option: str) -> None:
    del effect, call, option


HANDLERS: dict[str, tuple[Handler, bool]] = {
    "function": (plain, False),
    "async function": (awaited, True),
    "lambda": (lambda _, __: None, False),
    "partial": (functools.partial(_with_option, option="x"), False),
    "partial of an async function": (functools.partial(_awaited_with_option, option="x"), True),
    "partial of a partial": (functools.partial(functools.partial(_awaited_with_option, option="x")), True),
    "object": (Plain(), False),
    "object with an async call": (Awaited(), True),
    "bound method": (Plain().method, False),
    "async bound method": (Awaited().method, True),
    "bound call": (Awaited().__call__, True),
    "async static method": (Awaited.static, True),
    "async function in a wrapper": (wrapped, True),
}


@pytest.mark.parametrize(("handler", "awaits"), HANDLERS.values(), ids=HANDLERS)
def test_what_has_to_be_awaited_is_known_before_it_is_called(handler: Handler, awaits: bool) -> None:
    assert is_async(handler) is awaits


@pytest.mark.parametrize("name", [name for name, (_, awaits) in HANDLERS.items() if not awaits])
def test_a_blocking_call_takes_plain_handlers(name: str) -> None:
    refuse_async(Runner(handlers={RevokeToken: HANDLERS[name][0]}))


def test_a_blocking_call_refuses_async_handlers_and_names_each_of_them() -> None:
    runner = Runner(handlers={ShowHostedUISignOut: awaited, RevokeToken: plain, GlobalSignOut: Awaited()})
    with pytest.raises(ConfigurationException) as refused:
        refuse_async(runner)
    assert refused.value.message == "The handler for GlobalSignOut, ShowHostedUISignOut is async, and this call blocks."
    assert "AsyncAuth" in refused.value.recovery_suggestion


class TestAsRunner:
    def test_handlers_alone_are_a_runner_that_uses_the_users_own_token(self) -> None:
        runner = as_runner({RevokeToken: plain})
        assert runner.handlers == {RevokeToken: plain}
        assert (runner.authority, runner.hosted_ui_url) == (Authority.ACCESS_TOKEN, None)

    def test_a_runner_is_taken_as_it_is(self) -> None:
        runner = Runner(handlers={RevokeToken: plain}, authority=Authority.IAM)
        assert as_runner(runner) is runner

    def test_any_object_of_the_right_form_is_a_runner(self) -> None:
        class Own:
            handlers: dict[type[Effect], Handler] = {RevokeToken: plain}  # noqa: RUF012 - nobody changes it
            authority = Authority.IAM
            hosted_ui_url = None

        own = Own()
        assert as_runner(own) is own

    @pytest.mark.parametrize(
        ("what", "named"),
        [(None, "NoneType"), (plain, "function"), ([plain], "list"), ("runner", "str"), (Plain(), "Plain")],
    )
    def test_anything_else_is_refused_by_name_with_what_to_pass(self, what: Any, named: str) -> None:
        with pytest.raises(ConfigurationException) as refused:
            as_runner(what)
        assert refused.value.message == f"{named} is no runner."
        assert "a dict of handlers" in refused.value.recovery_suggestion


def _cognito(*, admin: bool) -> EffectRunner:
    pool = "eu-central-1_abcdefghi" if admin else None
    return CognitoRunner(client_id="4example", region="eu-central-1", user_pool_id=pool, admin=admin)


class TestCompose:
    def test_of_nothing_carries_nothing_out(self) -> None:
        assert compose() == Runner()

    def test_every_part_brings_its_handlers_and_the_last_one_wins(self) -> None:
        other = Plain()
        composed = compose({RevokeToken: plain, ShowHostedUISignOut: plain}, Runner(handlers={RevokeToken: other}))
        assert composed.handlers == {RevokeToken: other, ShowHostedUISignOut: plain}

    def test_the_parts_stay_as_they_were(self) -> None:
        part: dict[type[Effect], Handler] = {RevokeToken: plain}
        compose(part, {GlobalSignOut: plain})
        assert part == {RevokeToken: plain}

    @pytest.mark.parametrize("admin", [True, False])
    def test_the_authority_is_that_of_whoever_signs_out_globally(self, admin: bool) -> None:
        authority = Authority.IAM if admin else Authority.ACCESS_TOKEN
        cognito = _cognito(admin=admin)
        # A part that does not sign out globally has no say in it, wherever it stands.
        bystander = Runner(handlers={ShowHostedUISignOut: plain}, authority=Authority.IAM)
        assert compose(cognito, bystander).authority is authority
        assert compose(bystander, cognito).authority is authority

    def test_a_handler_that_replaces_the_global_sign_out_brings_its_own_authority(self) -> None:
        assert compose(_cognito(admin=True), {GlobalSignOut: plain}).authority is Authority.ACCESS_TOKEN

    def test_the_last_url_given_is_kept_and_none_does_not_erase_it(self) -> None:
        first, second = Runner(hosted_ui_url="https://first/"), Runner(hosted_ui_url="https://second/")
        assert compose(first, second, {RevokeToken: plain}).hosted_ui_url == "https://second/"

    def test_what_is_no_runner_is_refused(self) -> None:
        nothing: Any = None
        with pytest.raises(ConfigurationException, match="NoneType is no runner"):
            compose({RevokeToken: plain}, nothing)

    def test_a_composed_runner_signs_out(self) -> None:
        called: list[str] = []

        def note(effect: Effect, call: Call) -> str:
            called.append(effect.name)
            return call.id

        auth = Auth(MemoryCredentialStore(), compose({RevokeToken: plain}, {RevokeToken: note}))
        auth.sign_in(session())
        auth.sign_out()
        assert called == ["RevokeToken"]


def _call(ends: float, tokens: Callable[[], UserPoolTokens] = pool_tokens) -> Call:
    return Call(
        id="run/1",
        attempt=1,
        ends=ends,
        stop=threading.Event(),
        username="ada",
        tokens=tokens,
        save_refreshed=lambda _: None,
    )


class TestCall:
    def test_the_seconds_left_count_down_to_its_end(self) -> None:
        earliest = time.monotonic()
        left = _call(earliest + 1000.0).seconds_left()
        latest = time.monotonic()
        # Whatever the machine does meanwhile, the call was made between these two moments.
        assert 1000.0 - (latest - earliest) - 1e-6 <= left <= 1000.0

    @pytest.mark.parametrize("late", [0.0, 1.0, 1e9])
    def test_no_seconds_are_left_when_its_time_is_over_and_never_fewer(self, late: float) -> None:
        assert _call(time.monotonic() - late).seconds_left() == 0.0

    def test_a_handler_gets_the_call_of_its_own_effect(self) -> None:
        calls: dict[str, Call] = {}

        def handler(effect: Effect, call: Call) -> None:
            assert 0.0 < call.seconds_left() <= effect.seconds
            assert not call.stop.is_set()
            calls[effect.name] = call

        auth = Auth(MemoryCredentialStore(), {RevokeToken: handler, GlobalSignOut: handler})
        auth.sign_in(session())
        auth.sign_out(global_sign_out=True)

        assert calls.keys() == {"GlobalSignOut", "RevokeToken"}
        assert len({call.id for call in calls.values()}) == 2
        assert {(call.attempt, call.username) for call in calls.values()} == {(1, "ada")}

    def test_tokens_are_the_freshest_at_the_moment_they_are_asked_for(self) -> None:
        seen: list[UserPoolTokens] = []
        refreshed = pool_tokens("2")

        def handler(effect: Effect, call: Call) -> None:
            del effect
            seen.append(call.tokens())
            call.save_refreshed(refreshed)
            seen.append(call.tokens())

        auth = Auth(MemoryCredentialStore(), {RevokeToken: plain, ShowHostedUISignOut: handler})
        auth.sign_in(session(SignInMethod.HOSTED_UI))
        auth.sign_out()
        assert seen == [pool_tokens("1"), refreshed]
