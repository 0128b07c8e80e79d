"""A runner as somebody might write it by hand, over urllib; and everything that may be wrong with it."""

import asyncio
import json
import logging
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from authsm import (
    Authority,
    Call,
    EffectFailedError,
    Failure,
    FailureKind,
    GlobalSignOut,
    RefreshTokens,
    RevokeToken,
    UserCancelledException,
    UserPoolTokens,
)
from authsm.testing import FakeClient, FakeCognito, RunnerConformance


class ByHand:
    """The runner done right."""

    authority = Authority.ACCESS_TOKEN
    hosted_ui_url = None

    def __init__(self, url: str, client_id: str) -> None:
        self._url = url
        self._client_id = client_id

    @property
    def handlers(self) -> Mapping[type[Any], Callable[[Any, Call], Any]]:
        return {RevokeToken: self.revoke, GlobalSignOut: self.sign_out_globally, RefreshTokens: self.refresh}

    def revoke(self, _: RevokeToken, call: Call) -> Any:
        return self._ask("RevokeToken", call, Token=_text(call.tokens().refresh_token), ClientId=self._client_id)

    def sign_out_globally(self, _: GlobalSignOut, call: Call) -> Any:
        return self._ask("GlobalSignOut", call, AccessToken=_text(call.tokens().access_token))

    def refresh(self, _: RefreshTokens, call: Call) -> Any:
        token = _text(call.tokens().refresh_token)
        answer = self._post("GetTokensFromRefreshToken", call, RefreshToken=token, ClientId=self._client_id)
        call.save_refreshed(self._tokens_in(answer, token))

    def _tokens_in(self, answer: Any, refresh_token: str) -> UserPoolTokens:
        result = answer["AuthenticationResult"]
        return UserPoolTokens.from_text(
            access_token=result["AccessToken"], id_token=result["IdToken"], refresh_token=refresh_token
        )

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        self._post(operation, call, **members)

    def _post(self, operation: str, call: Call, **members: str) -> Any:
        try:
            return self._posted(operation, members, call.seconds_left())
        except urllib.error.HTTPError as error:
            error.close()
            kind, said = FailureKind.REFUSED, f"HTTP {error.code}"
        except OSError as error:
            kind, said = FailureKind.UNREACHABLE, type(error).__name__
        raise EffectFailedError(Failure(kind, said, f"{operation} failed: {said}."))

    def _posted(self, operation: str, members: Mapping[str, str], seconds: float) -> Any:
        request = urllib.request.Request(  # noqa: S310 - http to 127.0.0.1
            self._url,
            json.dumps(members).encode(),
            {
                "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
                "Content-Type": "application/x-amz-json-1.1",
            },
        )
        with urllib.request.urlopen(request, timeout=max(0.01, seconds)) as response:  # noqa: S310 - the same
            self._look_at(response)
            return json.loads(response.read() or b"{}")

    def _look_at(self, response: Any) -> None:
        if "x-amzn-RequestId" not in response.headers:
            raise ConnectionError("It did not come from Cognito.")


class Suite(RunnerConformance):
    """Plugs such a runner in."""

    seconds = 0.5
    patience = 1.5

    def __init__(self, kind: Callable[[str, str], Any]) -> None:
        self._kind = kind

    def make(self, cognito: FakeCognito, client: FakeClient) -> Any:
        return self._kind(cognito.endpoint_url, client.id)


class RunsTwice(ByHand):
    """Asks once more, to be sure."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        if operation == "RevokeToken":
            super()._ask(operation, call, **members)
        super()._ask(operation, call, **members)


class NeverGivesUp(ByHand):
    """urllib's default: no time-out at all."""

    def _posted(self, operation: str, members: Mapping[str, str], seconds: float) -> Any:
        del seconds
        return super()._posted(operation, members, 60.0)


class TriesForEver(ByHand):
    """Tries again until it works, and looks at no clock."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        for _ in range(200):
            try:
                return super()._ask(operation, call, **members)
            except EffectFailedError:
                time.sleep(0.05)
        return None


class Lies(ByHand):
    """Logs what goes wrong, and goes on."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        try:
            super()._ask(operation, call, **members)
        except EffectFailedError as error:
            logging.getLogger("by.hand").warning("%s", error)


class BelievesLostAnswers(ByHand):
    """Once it was sent, it will have been done."""

    def _posted(self, operation: str, members: Mapping[str, str], seconds: float) -> Any:
        try:
            return super()._posted(operation, members, seconds)
        except ConnectionResetError:
            return {}
        except OSError as error:
            if "closed connection" in str(error):
                return {}
            raise


class BelievesPages(ByHand):
    """HTTP 200 is HTTP 200."""

    def _look_at(self, response: Any) -> None:
        del response

    def _posted(self, operation: str, members: Mapping[str, str], seconds: float) -> Any:
        try:
            return super()._posted(operation, members, seconds)
        except ValueError:
            return {}


class TakesTheSecondAttemptForDone(ByHand):
    """An earlier attempt will have done it."""

    def revoke(self, effect: RevokeToken, call: Call) -> Any:
        if effect.attempt > 1:
            return "done before"
        return super().revoke(effect, call)


class RaisesTokens(ByHand):
    """Says in its exception what it has sent."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        try:
            super()._ask(operation, call, **members)
        except EffectFailedError:
            raise RuntimeError(f"{operation} failed for {members}") from None


class RaisesFromTokens(ByHand):
    """Says it in the exception's cause."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        try:
            super()._ask(operation, call, **members)
        except EffectFailedError as error:
            raise RuntimeError("failed") from ValueError(members, error)


class LogsTokens(ByHand):
    """Logs its requests at DEBUG."""

    def _posted(self, operation: str, members: Mapping[str, str], seconds: float) -> Any:
        logging.getLogger("by.hand.wire").debug("sending %s", members)
        return super()._posted(operation, members, seconds)


class PrintsTokens(ByHand):
    """Prints for finding errors."""

    def revoke(self, effect: RevokeToken, call: Call) -> Any:
        print(call.tokens().refresh_token.reveal()[-40:], file=sys.stderr)  # type: ignore[union-attr]  # noqa: T201 - which is what is wrong with it
        print(_text(call.tokens().refresh_token))  # noqa: T201 - the same
        return super().revoke(effect, call)


class NotesTokens(ByHand):
    """Says in its note what it has revoked."""

    def revoke(self, effect: RevokeToken, call: Call) -> Any:
        super().revoke(effect, call)
        return f"revoked {_text(call.tokens().refresh_token)}"


class ReturnsTheAnswer(ByHand):
    """Gives the service's answer to whom it may concern."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        return self._post(operation, call, **members)


class KeepsTheFirstTokens(ByHand):
    """Reads the tokens once."""

    _tokens: UserPoolTokens | None = None

    def revoke(self, _: RevokeToken, call: Call) -> Any:
        self._tokens = self._tokens or call.tokens()
        return self._ask("RevokeToken", call, Token=_text(self._tokens.refresh_token), ClientId=self._client_id)


class SharesItsTokens(ByHand):
    """Hands the token from method to method through itself."""

    def revoke(self, _: RevokeToken, call: Call) -> Any:
        self._token = _text(call.tokens().refresh_token)
        time.sleep(0.05)
        return self._ask("RevokeToken", call, Token=self._token, ClientId=self._client_id)


class CallsItOff(ByHand):
    """Takes any failure for a wish."""

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        try:
            super()._ask(operation, call, **members)
        except EffectFailedError:
            raise UserCancelledException from None


class ForgetsToSave(ByHand):
    """Obtains new tokens, and keeps them to itself."""

    def refresh(self, _: RefreshTokens, call: Call) -> Any:
        token = _text(call.tokens().refresh_token)
        self._post("GetTokensFromRefreshToken", call, RefreshToken=token, ClientId=self._client_id)


class RevokesInsteadOfGlobally(ByHand):
    """Ends this session where all were asked for."""

    def sign_out_globally(self, effect: Any, call: Call) -> Any:
        self._ask("GlobalSignOut", call, AccessToken="")
        return super().revoke(effect, call)

    def _ask(self, operation: str, call: Call, **members: str) -> Any:
        if operation != "GlobalSignOut":
            super()._ask(operation, call, **members)


class SignsOutGloballyInstead(ByHand):
    """Ends every session where this one was asked for."""

    def revoke(self, effect: Any, call: Call) -> Any:
        return self.sign_out_globally(effect, call)


class HasAStrangeHandler(ByHand):
    """Has a handler for something else."""

    @property
    def handlers(self) -> Mapping[type[Any], Callable[[Any, Call], Any]]:
        return {**super().handlers, str: self.revoke}


class HandsOnACoroutine(ByHand):
    """An async function in a plain one."""

    def revoke(self, effect: RevokeToken, call: Call) -> Any:
        return Async(self._url, self._client_id).revoke(effect, call)


class Async(ByHand):
    """The same with async handlers, done right."""

    @property
    def handlers(self) -> Mapping[type[Any], Callable[[Any, Call], Any]]:
        return {RevokeToken: self.revoke, GlobalSignOut: self.sign_out_globally, RefreshTokens: self.refresh}

    async def revoke(self, effect: RevokeToken, call: Call) -> Any:
        return await asyncio.to_thread(super().revoke, effect, call)

    async def sign_out_globally(self, effect: GlobalSignOut, call: Call) -> Any:
        return await asyncio.to_thread(super().sign_out_globally, effect, call)

    async def refresh(self, effect: RefreshTokens, call: Call) -> Any:
        return await asyncio.to_thread(super().refresh, effect, call)


class SwallowsItsCancellation(Async):
    """Goes on when its task is cancelled."""

    async def revoke(self, _: RevokeToken, call: Call) -> Any:
        while call.seconds_left() > -5:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                continue
        return None


def _text(token: Any) -> str:
    assert token is not None
    text = token.reveal()
    assert isinstance(text, str)
    return text
