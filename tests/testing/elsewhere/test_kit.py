"""The test kit in somebody else's suite, which is written for unittest; pytest runs it, too."""

import unittest

from hypothesis import given, settings

from authsm import (
    SIGN_OUT,
    Auth,
    CognitoRunner,
    CompleteSignOut,
    CredentialStore,
    Event,
    GlobalSignOut,
    MemoryCredentialStore,
    PartialSignOut,
    SignedInData,
    SignInMethod,
    SignOutContext,
    UserPoolTokens,
)
from authsm.testing import (
    FakeCognito,
    Refuse,
    ScriptedRunner,
    StoreConformance,
    as_state_machine,
    sample_session,
    strategies,
)


class TestMyStore(StoreConformance, unittest.TestCase):
    def make(self) -> CredentialStore:
        return MemoryCredentialStore()  # yours


class MySignOut:
    """Somebody's own implementation of a sign-out; here, simply ours."""

    def __init__(self, context: SignOutContext) -> None:
        self._snapshot = SIGN_OUT.start(context)

    @property
    def state(self) -> str:
        return self._snapshot.state

    def send(self, event: Event) -> None:
        self._snapshot = SIGN_OUT.step(self._snapshot, event).snapshot


MySignOutMachine = as_state_machine(SIGN_OUT, MySignOut, contexts=strategies.sign_out_contexts())
MySignOutMachine.TestCase.settings = settings(max_examples=10, database=None)
TestMySignOut = MySignOutMachine.TestCase


class TestMyUserInterface(unittest.TestCase):
    def test_it_says_that_other_devices_may_still_be_signed_in(self) -> None:
        runner = ScriptedRunner({GlobalSignOut: Refuse("TooManyRequestsException")})
        auth = Auth(MemoryCredentialStore(), runner)
        auth.sign_in(sample_session())
        assert sign_out_and_say(auth) == "Signed out here. Other devices may still be signed in."
        assert runner.names == ["GlobalSignOut", "RevokeToken"]
        runner.assert_played()

    @settings(max_examples=10, database=None)
    @given(strategies.signed_in_data([SignInMethod.HOSTED_UI, SignInMethod.GUEST]))
    def test_it_never_says_that_something_went_wrong(self, data: SignedInData) -> None:
        auth = Auth(MemoryCredentialStore(), ScriptedRunner(hosted_ui_url="https://example.com/logout"))
        auth.sign_in(data)
        assert sign_out_and_say(auth) != "Something went wrong."

    def test_the_token_is_dead_at_the_service(self) -> None:
        with FakeCognito() as cognito:
            cognito.add_user("ada")
            client = cognito.add_client()
            tokens = cognito.sign_in(client, "ada")
            runner = CognitoRunner(client_id=client.id, region=cognito.region, endpoint_url=cognito.endpoint_url)
            auth = Auth(MemoryCredentialStore(), runner)
            held = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
            auth.sign_in(SignedInData(username="ada", tokens=held))
            assert sign_out_and_say(auth) == "Signed out."
            assert not cognito.holds(tokens.refresh_token)


def sign_out_and_say(auth: Auth) -> str:
    """Somebody's user interface."""
    match auth.sign_out(global_sign_out=True):
        case CompleteSignOut():
            return "Signed out."
        case PartialSignOut(global_sign_out_error=error) if error is not None:
            return "Signed out here. Other devices may still be signed in."
        case _:
            return "Something went wrong."
