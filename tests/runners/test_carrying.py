"""What a handler does becomes the reply to its effect: no other reply is possible, and none shows a token."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsm import (
    ConfigurationException,
    EffectFailedError,
    Failure,
    FailureKind,
    RevokeTokenException,
    Secret,
    UserCancelledException,
)
from authsm.core.vocabulary import Effect, EffectCancelledError, Event
from authsm.flows.sign_out.effects import RevokeToken, TokenRevoked
from authsm.flows.sign_out.plan import Why
from authsm.runners.carrying import Reply, failure_of, refuse_given_up
from tests.auth.world import UnprintableError, shouted
from tests.core import bakery
from tests.leaks import leaks_in, with_locals

TOKEN = Secret("opaque-refresh-token/of+ada")


class Carrier:
    """What a reply asks of a carrier."""

    def secrets(self) -> Iterable[Secret]:
        return iter((TOKEN,))


def reply_to(effect: Effect, handler: Callable[[], object], *passing: type[BaseException]) -> Event:
    carrier: Any = Carrier()
    with Reply(effect, carrier, *passing) as reply:
        reply.value = handler()
    return reply.event


def raising(error: BaseException) -> Callable[[], object]:
    def handler() -> object:
        raise error

    return handler


class TestDone:
    def test_a_handler_that_returns_nothing_is_done(self) -> None:
        assert reply_to(bakery.BakeLayer(), lambda: None) == bakery.LayerBaked()

    def test_a_note_goes_into_the_reply(self) -> None:
        assert reply_to(bakery.TakeMoney(), lambda: "in cash") == bakery.MoneyTaken("in cash")

    @given(st.text(max_size=8), st.text(max_size=8))
    def test_a_note_shows_no_token(self, before: str, after: str) -> None:
        event = reply_to(bakery.TakeMoney(), lambda: before + shouted([TOKEN]) + after)
        assert isinstance(event, bakery.MoneyTaken)
        assert leaks_in([event.note], [TOKEN]) == []

    def test_the_reply_itself_is_the_reply(self) -> None:
        revoked = TokenRevoked("It was dead already.", Why.SESSIONS_NOT_TRACKED)
        assert reply_to(RevokeToken(), lambda: revoked) == revoked

    def test_no_text_of_the_reply_itself_shows_a_token(self) -> None:
        event = reply_to(RevokeToken(), lambda: TokenRevoked(shouted([TOKEN]), Why.NO_SSO_SESSION, shouted([TOKEN])))
        assert isinstance(event, TokenRevoked)
        assert leaks_in([event.note, event.sso_note], [TOKEN]) == []
        assert event.sso_skipped is Why.NO_SSO_SESSION


class Odd:
    """A value whose text must not be seen: it may show anything."""

    def __repr__(self) -> str:
        return shouted([TOKEN])


WRONG: dict[str, tuple[Effect, object, str]] = {
    "a number": (bakery.TakeMoney(), 7, "int"),
    "a truth value": (bakery.BakeLayer(), False, "bool"),
    "bytes": (bakery.TakeMoney(), b"note", "bytes"),
    "an object": (bakery.TakeMoney(), Odd(), "Odd"),
    "an exception": (bakery.TakeMoney(), ValueError("x"), "ValueError"),
    "the reply to another effect": (bakery.TakeMoney(), bakery.LayerBaked(), "LayerBaked"),
    "a failure": (bakery.TakeMoney(), bakery.MoneyRefused(Failure(FailureKind.REFUSED, "No", "no")), "MoneyRefused"),
    "a note where none is taken": (bakery.BakeLayer(), "a note", "str"),
}


@pytest.mark.parametrize(("effect", "value", "kind"), WRONG.values(), ids=WRONG)
def test_a_handler_that_returns_what_is_no_note_has_failed_and_its_value_is_not_shown(
    effect: Effect, value: object, kind: str
) -> None:
    event = reply_to(effect, lambda: value)
    assert isinstance(event, effect.failed)
    assert (event.failure.kind, event.failure.code) == (FailureKind.UNEXPECTED, "WrongReturn")
    assert event.failure.message.startswith(
        f"The handler of {effect.name} returned a value of type {kind}: it returns "
    )
    assert leaks_in([event.failure.message], [TOKEN]) == []


def test_a_plain_handler_that_returns_a_coroutine_has_failed_and_the_coroutine_is_closed() -> None:
    async def late() -> None:
        raise AssertionError("nobody awaits it")

    coroutine = late()
    event = reply_to(bakery.TakeMoney(), lambda: coroutine)

    assert isinstance(event, bakery.MoneyRefused)
    assert "of type coroutine" in event.failure.message
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)


class TestRaised:
    @pytest.mark.parametrize("error", [EffectCancelledError(), UserCancelledException()])
    def test_a_person_calls_an_effect_off_that_can_be_called_off(self, error: Exception) -> None:
        assert reply_to(bakery.TakeMoney(), raising(error)) == bakery.Withdrawn()

    def test_a_call_off_fails_an_effect_that_cannot_be_called_off(self) -> None:
        event = reply_to(bakery.BakeLayer(), raising(EffectCancelledError("no, thanks")))
        failure = Failure(FailureKind.CANCELLED, "EffectCancelledError", "no, thanks")
        assert event == bakery.LayerBurnt(failure)

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()])
    def test_even_what_ends_a_program_is_a_failure_and_does_not_come_out(self, error: BaseException) -> None:
        event = reply_to(bakery.BakeLayer(), raising(error))
        assert isinstance(event, bakery.LayerBurnt)
        assert event.failure.code == type(error).__name__
        assert event.failure.kind is FailureKind.UNEXPECTED

    def test_what_is_said_to_pass_passes_and_gives_no_reply(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            reply_to(bakery.BakeLayer(), raising(KeyboardInterrupt()), KeyboardInterrupt)

    def test_the_reply_holds_no_traceback_that_leads_to_the_handlers_variables(self) -> None:
        event = reply_to(bakery.BakeLayer(), raising(ValueError("x")))
        assert isinstance(event, bakery.LayerBurnt)
        held = (event.failure.kind, event.failure.code, event.failure.message)
        assert [type(value) for value in held] == [FailureKind, str, str]


class ForgetfulError(EffectFailedError):
    def __init__(self) -> None:
        """Forget the failure, as a subclass may that nobody checks."""


def test_an_error_that_does_not_say_why_is_a_failure_all_the_same() -> None:
    """Without a reply, the run would wait for its time limit."""
    event = reply_to(bakery.BakeLayer(), raising(ForgetfulError()))
    assert isinstance(event, bakery.LayerBurnt)
    assert event.failure.kind is FailureKind.UNEXPECTED


class SilentError(Exception):
    pass


FAILURES: dict[str, tuple[BaseException, Failure]] = {
    "what the handler says": (
        EffectFailedError(Failure(FailureKind.NOT_ATTEMPTED, "NoToken", "There is none.")),
        Failure(FailureKind.NOT_ATTEMPTED, "NoToken", "There is none."),
    ),
    "wrong configuration": (
        ConfigurationException("No region.", "Give one."),
        Failure(FailureKind.CONFIGURATION, "ConfigurationException", "No region. Give one."),
    ),
    "another exception of authsm": (
        RevokeTokenException("No.", "Try again."),
        Failure(FailureKind.REFUSED, "RevokeTokenException", "No. Try again."),
    ),
    "time": (TimeoutError("too slow"), Failure(FailureKind.TIMED_OUT, "TimeoutError", "too slow")),
    "network": (
        ConnectionRefusedError(111, "refused"),
        Failure(FailureKind.UNREACHABLE, "ConnectionRefusedError", "[Errno 111] refused"),
    ),
    "anything": (KeyError("x"), Failure(FailureKind.UNEXPECTED, "KeyError", "'x'")),
    "without a text": (SilentError(), Failure(FailureKind.UNEXPECTED, "SilentError", "SilentError")),
    "of blanks": (ValueError(" \n\t "), Failure(FailureKind.UNEXPECTED, "ValueError", "ValueError")),
    "many lines": (ValueError("one\n  two\r\n\tthree"), Failure(FailureKind.UNEXPECTED, "ValueError", "one two three")),
    "that cannot be shown": (
        UnprintableError(),
        Failure(FailureKind.UNEXPECTED, "UnprintableError", "an exception that cannot be shown"),
    ),
}


@pytest.mark.parametrize(("error", "failure"), FAILURES.values(), ids=FAILURES)
def test_an_exception_becomes_a_failure_of_its_kind_in_one_line(error: BaseException, failure: Failure) -> None:
    assert failure_of(error) == failure


def test_a_long_message_is_cut() -> None:
    assert len(failure_of(ValueError("x" * 10_000)).message) == 500


def test_a_token_at_the_place_of_the_cut_is_not_shown_in_part() -> None:
    message = failure_of(ValueError("x" * 490 + " " + TOKEN.reveal()), [TOKEN]).message
    assert TOKEN.reveal()[:5] not in message


SHOWING: dict[str, Callable[[str], BaseException]] = {
    "code": lambda text: EffectFailedError(Failure(FailureKind.REFUSED, text, "no")),
    "message": lambda text: EffectFailedError(Failure(FailureKind.REFUSED, "No", text)),
    "text of an exception": ValueError,
    "text of an exception of authsm": RevokeTokenException,
    "name of a file": lambda text: FileNotFoundError(2, "no such file", text),
}


@pytest.mark.parametrize("make", SHOWING.values(), ids=SHOWING)
def test_no_failure_shows_a_token_in_any_shape(make: Callable[[str], BaseException]) -> None:
    text = shouted([TOKEN])
    # A generator, as a carrier may give: code and message are both scrubbed of all of it.
    failure = failure_of(make(text), (secret for secret in (TOKEN,)))
    assert leaks_in([failure.code, failure.message, repr(failure)], [TOKEN]) == []
    assert "[token]" in failure.code + failure.message


def test_what_nobody_waits_for_is_not_begun() -> None:
    stop = threading.Event()
    refuse_given_up(stop)
    stop.set()
    with pytest.raises(EffectFailedError) as refused:
        refuse_given_up(stop)
    failure = Failure(FailureKind.INTERRUPTED, "GivenUp", "It was given up before it was begun.")
    assert refused.value.failure == failure
    assert "It was given up" in with_locals(refused.value)
