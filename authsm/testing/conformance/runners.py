"""What every runner has to do: a suite for your own handlers.

::

    class TestMyRunner(RunnerConformance):
        def make(self, cognito, client):
            return MyRunner(cognito.endpoint_url, client.id)    # a runner, or a dict of handlers

A handler is a plain function, or an async one, which is awaited on asyncio; so may ``make`` be. What the runner has no
handler for is not asked about, and left out by name. Of a handler for `ShowHostedUISignOut` only that is asked for
which no browser is needed: bring one that comes back by itself.

For another service than Cognito, give a `Service` of your own: override ``service`` and ``runner_for``.

That a runner cannot be used from several threads cannot be seen for certain, so nobody can declare it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar, Final

from authsm.flows.sign_out.effects import GlobalSignOut, RefreshTokens, RevokeToken, ShowHostedUISignOut, SignOutEffect
from authsm.flows.sign_out.policy import Authority
from authsm.runners.handlers import RunnerLike, as_runner
from authsm.testing.conformance.bench import AT_THE_SERVICE, EFFECTS, Bench, Outcome
from authsm.testing.conformance.services import CognitoService, Service, Trouble
from authsm.testing.conformance.shown import listening
from authsm.testing.conformance.stage import Stage
from authsm.testing.conformance.suite import ConformanceSuite, expect, leave_out, refute, source_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from authsm.testing.fake_cognito import FakeClient, FakeCognito

OUTLIVES_ITS_TIME: Final = "outlives_its_time"

_MAKING_SECONDS: Final = 20.0
_AT_ONCE: Final = 4
"""How many calls are made at a time."""

_IMPORTS: Final = """\
from authsm import GlobalSignOut, RefreshTokens, RevokeToken, ShowHostedUISignOut
from authsm.testing.conformance import Trouble
"""


class RunnerConformance(ConformanceSuite):
    """The tests of a runner, each a method whose name begins with ``test``, and none needs another.

    Attributes:
        seconds: How long a call has where the service never answers. Give your runner time-outs below it.
        patience: How much later it may end, in seconds, on a busy machine.
    """

    known_limitations: ClassVar[Mapping[str, str]] = {
        OUTLIVES_ITS_TIME: "a handler waits for a service that never answers for longer than its call has; "
        "it is left behind then",
    }
    seconds: float = 2.0
    patience: float = 3.0

    def make(self, cognito: FakeCognito, client: FakeClient) -> Any:
        """Make the runner, for a `FakeCognito`. May be an async function.

        Args:
            cognito: The service; it runs.
            client: The app client.

        Returns:
            A runner, or a handler for each type of effect.
        """
        raise NotImplementedError("Say how your runner is made.")

    def dispose(self, runner: Any) -> Any:
        """Let go of what a runner keeps open, at the end of a test. Nothing by default; may be an async function.

        Args:
            runner: What `make` gave.
        """

    def service(self) -> Service:
        """Give the service that the runner turns to, for one test: a `FakeCognito`, unless you say otherwise."""
        return CognitoService()

    def runner_for(self, service: Any) -> Any:
        """Make the runner for a service; what `make` gives, unless the service is your own.

        Args:
            service: What `service` gave; it runs.

        Returns:
            A runner, or a handler for each type of effect; or an awaitable of it.
        """
        return self.make(service.cognito, service.client)

    @contextlib.contextmanager
    def bench(self) -> Generator[Bench]:
        """Set a runner and its service up, to try things out, and take them down again."""
        with Stage() as stage, self.service() as service:
            runner: RunnerLike = stage.settle(self.runner_for(service), seconds=_MAKING_SECONDS)
            bench = Bench(stage, service, as_runner(runner), self.seconds, self.patience)
            try:
                yield bench
            except AssertionError as error:
                raise AssertionError(f"{error}\n\nTo repeat it:\n\n{self._script(bench)}\n") from error
            finally:
                stage.settle(self.dispose(runner), seconds=_MAKING_SECONDS)

    def _script(self, bench: Bench) -> str:
        done = "\n".join(f"    {line}" for line in bench.lines or ["pass"])
        return f"{_IMPORTS}{source_of(self)}\nwith suite.bench() as bench:\n{done}"

    def test_it_is_a_runner(self) -> None:
        """Handlers for effects of a sign-out, and what authorises its global sign-out."""
        with self.bench() as bench:
            handlers = bench.runner.handlers
            strange = [effect for effect in handlers if effect not in EFFECTS]
            names = ", ".join(effect.__name__ for effect in EFFECTS)
            expect(handlers, f"it has a handler for at least one of {names}")
            expect(not strange, f"its handlers are for {names}; found {strange}")
            expect(all(callable(each) for each in handlers.values()), "every handler can be called")
            expect(bench.runner.authority in Authority, "its authority is an Authority")

    def test_it_refreshes_tokens(self) -> None:
        """With one request, and stores them: they work, and the session goes on."""
        self._carries_out(RefreshTokens)

    def test_it_signs_out_globally(self) -> None:
        """With one request: every session of the user is over."""
        self._carries_out(GlobalSignOut)

    def test_it_revokes_a_token(self) -> None:
        """With one request: the session is over, and the user's others are not."""
        self._carries_out(RevokeToken)

    def test_it_shows_the_hosted_ui_sign_out(self) -> None:
        """It ends, and says what became of it; whether the browser is signed out is not asked."""
        with self.bench() as bench:
            _require_handler(bench, ShowHostedUISignOut)
            outcome = bench.ask(ShowHostedUISignOut, bench.sign_in(), hangs=True)
            bench.require(outcome.ended, "outcome.ended", "it ends within its time", outcome)

    def _carries_out(self, effect: type[SignOutEffect]) -> None:
        with self.bench() as bench:
            _require_handler(bench, effect)
            device = bench.sign_in()
            outcome = bench.ask(effect, device)
            bench.require(outcome.done, "outcome.done", f"{effect.__name__} is done", outcome)
            bench.require(
                bench.is_done(effect, device, outcome),
                f"bench.is_done({effect.__name__}, session_1, outcome)",
                f"{effect.__name__} is done in truth, as the service sees it",
            )
            if effect is not GlobalSignOut:
                alive = bench.service.is_alive(device.elsewhere.tokens)
                bench.require(
                    alive, "bench.service.is_alive(session_1.elsewhere.tokens)", "other sessions of the user live on"
                )

    def test_one_call_asks_the_service_once(self) -> None:
        """Where nothing fails. To try again after a failure is fine."""
        with self.bench() as bench:
            for effect in bench.effects(AT_THE_SERVICE):
                device = bench.sign_in()
                before = bench.service.calls(effect)
                bench.ask(effect, device)
                times = bench.service.calls(effect) - before
                bench.require(
                    times == 1,
                    f"bench.service.calls({effect.__name__}) == {before + 1}",
                    f"{effect.__name__} asks the service once; it asked {times} times",
                )

    def test_a_refusal_is_not_reported_as_done(self) -> None:
        """The service said no."""
        self._is_not_done(Trouble.REFUSED)

    def test_a_lost_answer_is_not_reported_as_done(self) -> None:
        """It may have been done; nobody knows."""
        self._is_not_done(Trouble.ANSWER_LOST)

    def test_a_closed_connection_is_not_reported_as_done(self) -> None:
        """Nothing was done."""
        self._is_not_done(Trouble.CONNECTION_CLOSED)

    def test_a_captive_portal_is_not_taken_for_the_service(self) -> None:
        """HTTP 200 with a page of HTML is no answer of the service."""
        self._is_not_done(Trouble.FOREIGN_PAGE)

    def test_a_service_that_is_away_is_not_reported_as_done(self) -> None:
        """No connection is to be had."""
        self._is_not_done(Trouble.AWAY)

    def _is_not_done(self, trouble: Trouble) -> None:
        with self.bench() as bench:
            devices = {effect: bench.sign_in() for effect in bench.effects(AT_THE_SERVICE)}
            for effect, device in devices.items():
                bench.spoil(effect, trouble)
                outcome = bench.ask(effect, device)
                what = f"{effect.__name__} fails where {trouble.value}"
                bench.require(outcome.ended and not outcome.done, "outcome.ended and not outcome.done", what, outcome)

    def test_what_is_asked_again_is_done_or_fails_honestly(self) -> None:
        """After a first attempt whose answer was lost: done means done in truth, whether it had been done or not."""
        for trouble in (Trouble.ANSWER_LOST, Trouble.CONNECTION_CLOSED):
            with self.bench() as bench:
                for effect in bench.effects(AT_THE_SERVICE):
                    device = bench.sign_in()
                    bench.spoil(effect, trouble)
                    bench.ask(effect, device)
                    bench.heal()
                    outcome = bench.ask(effect, device, attempt=2)
                    bench.require(outcome.ended, "outcome.ended", f"{effect.__name__} ends", outcome)
                    bench.require(
                        not outcome.done or bench.is_done(effect, device, outcome),
                        f"not outcome.done or bench.is_done({effect.__name__}, {bench.name_of(device)}, outcome)",
                        f"{effect.__name__} is done in truth where it says so, once {trouble.value}",
                        outcome,
                    )

    def test_it_gives_up_in_time_where_the_service_never_answers(self) -> None:
        """Within the seconds of its call. An async handler is cancelled when they are over, and has to end then."""
        self._gives_up(stops=False)

    def test_it_gives_up_when_it_is_told_to_stop(self) -> None:
        """Soon, or at least when its time is over: nobody waits any more."""
        self._gives_up(stops=True)

    def _gives_up(self, *, stops: bool) -> None:
        with self.bench() as bench:
            outcomes = self._ask_in_vain(bench, stops=stops)
            for effect, outcome in outcomes.items():
                if outcome.ended:
                    bench.require(not outcome.done, "not outcome.done", f"{effect.__name__} fails", outcome)
                elif not self._declares(OUTLIVES_ITS_TIME):
                    what = f"{effect.__name__} ends within its {self.seconds:g} s where the service never answers"
                    bench.require(outcome.ended, "outcome.ended", what, outcome)
            if self._declares(OUTLIVES_ITS_TIME) and outcomes and all(each.ended for each in outcomes.values()):
                refute(OUTLIVES_ITS_TIME, "every handler ended within the seconds of its call")

    def _ask_in_vain(self, bench: Bench, *, stops: bool) -> dict[type[SignOutEffect], Outcome]:
        devices = {effect: bench.sign_in() for effect in bench.effects(AT_THE_SERVICE)}
        for effect in devices:
            bench.spoil(effect, Trouble.SILENCE)
        return bench.ask_all(devices, stops=stops)

    def test_it_uses_the_tokens_that_the_call_gives(self) -> None:
        """Those of this session, now: not those of an earlier call, or of an earlier session of the same user."""
        with self.bench() as bench:
            for effect in bench.effects(AT_THE_SERVICE):
                first = bench.sign_in()
                bench.ask(effect, first)
                second = bench.sign_in(first)
                outcome = bench.ask(effect, second)
                bench.require(
                    outcome.done and bench.is_done(effect, second, outcome),
                    f"bench.is_done({effect.__name__}, {bench.name_of(second)}, outcome)",
                    f"{effect.__name__} is done for the second session, with its own tokens",
                    outcome,
                )

    def test_it_may_be_used_from_several_threads_at_once(self) -> None:
        """Each call does its own work."""
        with self.bench() as bench:
            for effect in bench.effects(AT_THE_SERVICE):
                devices = [bench.sign_in() for _ in range(_AT_ONCE)]
                waits = [bench.begin(effect, device) for device in devices]
                outcomes = [wait() for wait in waits]
                done = [
                    outcome.done and bench.is_done(effect, device, outcome)
                    for device, outcome in zip(devices, outcomes, strict=True)
                ]
                said = ", ".join(str(outcome) for outcome in outcomes)
                expect(all(done), f"of {_AT_ONCE} {effect.__name__} at once, each is done; found {done}: {said}")

    def test_it_returns_nothing_or_a_note_or_raises(self) -> None:
        """Anything else counts as a failure, even where it was done."""
        for trouble in (None, Trouble.REFUSED):
            with self.bench() as bench:
                for effect in bench.effects():
                    device = bench.sign_in()
                    if trouble and effect in AT_THE_SERVICE:
                        bench.spoil(effect, trouble)
                    outcome = bench.ask(effect, device, hangs=effect not in AT_THE_SERVICE)
                    what = f"{effect.__name__} returns None, a note or its reply, or raises"
                    bench.require(outcome.answers_rightly, "outcome.answers_rightly", what, outcome)

    def test_only_a_person_calls_it_off(self) -> None:
        """`UserCancelledException` is for the hosted UI; of other effects it is a failure, and hides the true one."""
        with self.bench() as bench:
            outcomes = [*self._ask_in_vain(bench, stops=True).items()]
            bench.heal()
            for effect in bench.effects(AT_THE_SERVICE):
                device = bench.sign_in()
                bench.spoil(effect, Trouble.REFUSED)
                outcomes.append((effect, bench.ask(effect, device)))
            for effect, outcome in outcomes:
                expect(not outcome.cancelled, f"{effect.__name__} is called off by nobody; found {outcome}")

    def test_no_token_is_shown(self) -> None:
        """Not in what is logged at DEBUG by any library, printed, returned or raised; done or not."""
        for trouble in (None, Trouble.TOKEN_ECHOED, Trouble.ANSWER_LOST, Trouble.FOREIGN_PAGE):
            with self.bench() as bench:
                for effect in bench.effects(AT_THE_SERVICE):
                    device = bench.sign_in()
                    if trouble:
                        bench.spoil(effect, trouble)
                    with listening() as shown:
                        outcome = bench.ask(effect, device)
                    shown.add_result(outcome.ran.value, outcome.ran.error)
                    tokens = [device.here.tokens, *outcome.saved]
                    leaks = shown.leaks(secret for each in tokens for secret in each.secrets())
                    where = f"where {trouble.value}" if trouble else "where all goes well"
                    expect(not leaks, f"{effect.__name__} shows no token {where}; found one in {'; '.join(leaks)}")


def _require_handler(bench: Bench, effect: type[SignOutEffect]) -> None:
    if effect not in bench.runner.handlers:
        leave_out(f"{effect.__name__} was not asked for: the runner has no handler for it")
