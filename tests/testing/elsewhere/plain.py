"""The test kit in a plain program, where neither Hypothesis nor pytest can be had. It prints what was checked."""

import importlib

from authsm import (
    SIGN_OUT,
    Auth,
    CredentialStore,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    SignOutContext,
    Snapshot,
    drive,
    testing,
)
from authsm.flows.sign_out.plan import Plan, Why
from authsm.testing import (
    EVERY_FAULT,
    FakeClock,
    FakeCognito,
    Refuse,
    ScriptedRunner,
    StoreConformance,
    as_state_machine,
    explore,
    sample_session,
)


class MyStore(StoreConformance):
    def make(self) -> CredentialStore:
        return MemoryCredentialStore()  # yours


def check_a_store() -> None:
    assert len(MyStore().check()) > 10


def check_a_machine() -> None:
    nothing_remote = Plan(key="ada", epoch=1, hosted_ui=Why.POLICY, refresh_tokens=Why.POLICY, revoke_token=Why.POLICY)
    found = explore(SIGN_OUT, [SignOutContext(nothing_remote)], EVERY_FAULT)
    found.assert_invariants()
    found.assert_terminates()


def check_a_user_interface() -> None:
    runner = ScriptedRunner({RevokeToken: Refuse("UnsupportedTokenTypeException")})
    auth = Auth(MemoryCredentialStore(), runner)
    auth.sign_in(sample_session())
    assert isinstance(auth.sign_out(), PartialSignOut)
    runner.assert_played()


def check_time_limits() -> None:
    clock = FakeClock()
    run = drive(SIGN_OUT, Snapshot("RevokingToken", SignOutContext(Plan(key="ada", epoch=1))), clock=clock)
    clock.advance(next(run).seconds)
    assert run.send(None).effect.name != "RevokeToken"


def check_a_service() -> None:
    with FakeCognito() as cognito:
        cognito.add_user("ada")
        assert cognito.holds(cognito.sign_in(cognito.add_client(), "ada").refresh_token)


def make_a_state_machine() -> None:
    as_state_machine(SIGN_OUT, print, contexts=())  # type: ignore[arg-type]


def draw() -> None:
    importlib.import_module("authsm.testing.strategies")


def check_what_needs_hypothesis() -> None:
    for use in (make_a_state_machine, draw):
        try:
            use()
        except ImportError as missing:
            if "pip install 'authsm[testing]'" not in str(missing):
                raise
        else:
            raise AssertionError("It went on without Hypothesis.")


CHECKS = (
    check_a_store,
    check_a_machine,
    check_a_user_interface,
    check_time_limits,
    check_a_service,
    check_what_needs_hypothesis,
)

if __name__ == "__main__":
    for check in CHECKS:
        check()
        print(check.__name__)  # noqa: T201 - a program
    print(testing.__file__)  # noqa: T201 - as above
