"""The test kit in somebody else's suite, which is written for unittest; pytest runs it, too."""

import json
import unittest
import urllib.error
import urllib.request

from hypothesis import given, settings

from authsm import (
    SIGN_OUT,
    Auth,
    Call,
    CognitoRunner,
    CompleteSignOut,
    CredentialStore,
    Event,
    GlobalSignOut,
    Limits,
    MemoryCredentialStore,
    PartialSignOut,
    RevokeToken,
    SignedInData,
    SignInMethod,
    SignOutContext,
    UserPoolTokens,
)
from authsm.flows.sign_out.plan import Plan, Why
from authsm.runners.handlers import RunnerLike
from authsm.testing import (
    EVERY_FAULT,
    FakeClient,
    FakeCognito,
    FakeTokens,
    Refuse,
    RunnerConformance,
    ScriptedRunner,
    SignOutConformance,
    StoreConformance,
    as_state_machine,
    explore,
    sample_session,
    strategies,
)


class TestMyStore(StoreConformance, unittest.TestCase):
    def make(self) -> CredentialStore:
        return MemoryCredentialStore()  # yours


class MyRevocation:
    """Somebody's own handler, over urllib."""

    def __init__(self, url: str, client_id: str) -> None:
        self._url, self._client_id = url, client_id

    def __call__(self, _: RevokeToken, call: Call) -> None:
        token = call.tokens().refresh_token
        members = {"Token": token.reveal() if token else "", "ClientId": self._client_id}
        headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.RevokeToken"}
        request = urllib.request.Request(self._url, json.dumps(members).encode(), headers)  # noqa: S310 - as it is told
        try:
            with urllib.request.urlopen(request, timeout=call.seconds_left()) as answer:  # noqa: S310 - the same
                if "x-amzn-RequestId" not in answer.headers:
                    raise ConnectionError("It did not come from Cognito.")
        except urllib.error.HTTPError as error:
            error.close()
            raise ConnectionError(f"HTTP {error.code}") from None


class TestMyRunner(RunnerConformance, unittest.TestCase):
    seconds, patience = 0.5, 1.5

    def make(self, cognito: FakeCognito, client: FakeClient) -> RunnerLike:
        return {RevokeToken: MyRevocation(cognito.endpoint_url, client.id)}


class TestMySignOut(SignOutConformance, unittest.TestCase):
    def sign_in(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> Auth:
        runner = {RevokeToken: MyRevocation(cognito.endpoint_url, client.id)}
        auth = Auth(MemoryCredentialStore(), runner, limits=Limits(deadline=1))
        held = UserPoolTokens.from_text(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
        auth.sign_in(SignedInData(username="ada", sign_in_method=SignInMethod.USER_POOL, tokens=held))
        return auth

    def sign_out(self, user: Auth) -> bool:
        return isinstance(user.sign_out(), CompleteSignOut)

    def tokens_of(self, user: Auth) -> list[str]:
        credentials = user.credentials()
        return [] if credentials is None else [secret.reveal() for secret in credentials.data.secrets()]


class TestMyMachine(unittest.TestCase):
    def test_whatever_goes_wrong_everything_holds(self) -> None:
        plan = Plan(key="ada", epoch=1, hosted_ui=Why.POLICY, refresh_tokens=Why.POLICY, global_sign_out=Why.POLICY)
        found = explore(SIGN_OUT, [SignOutContext(plan)], EVERY_FAULT)
        found.assert_invariants()
        found.assert_terminates()


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
TestMyOwnSignOut = MySignOutMachine.TestCase


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
