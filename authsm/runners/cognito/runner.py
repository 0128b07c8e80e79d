"""Carries out the remote effects of a sign-out at Amazon Cognito, with boto3."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict

from authsm.core.vocabulary import Effect, EffectFailedError, Failure, FailureKind
from authsm.credentials import Secret, UserPoolTokens
from authsm.errors import ConfigurationException
from authsm.flows.sign_out.effects import GlobalSignOut, RefreshTokens, RevokeToken, ShowHostedUISignOut, TokenRevoked
from authsm.flows.sign_out.policy import Authority
from authsm.runners.cognito.answers import ALREADY_DONE, NOT_COGNITO, Answer, Setback, read_answer, setback_of
from authsm.runners.cognito.client import ClientSettings, LateClient, check_count, check_region
from authsm.runners.cognito.sso_sessions import (
    SSOSession,
    knows_linked_sessions,
    look,
    refuses_linked,
    seconds_for_a_look,
)
from authsm.runners.cognito.wire_logs import scrubbed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

    from authsm.runners.handlers import Call, Handler

_Operation: TypeAlias = Literal["RevokeToken", "GlobalSignOut", "AdminUserGlobalSignOut", "GetTokensFromRefreshToken"]
_Ask: TypeAlias = "Callable[[CognitoIdentityProviderClient], Mapping[str, Any]]"

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 2.0
"""Seconds between attempts: a random part of the first wait, then of twice as much each time, up to the longest."""

_SUGGESTION: Final = "Correct the configuration of the CognitoRunner; nothing has been changed."


class _Proof(TypedDict, total=False):
    ClientSecret: str


class CognitoRunner:
    """Refreshes tokens, revokes them and signs out globally, with the boto3 client ``cognito-idp``.

    Without ``admin``, no AWS credentials are needed or looked for: RevokeToken, GlobalSignOut and
    GetTokensFromRefreshToken are not signed. With it, boto3 finds credentials in its usual places.

    Every call is tried again after throttling, a server error or a lost connection, within the time that the call has.
    boto3 itself tries once, so that an answer of "already revoked" after a lost one is known for what it is.

    One runner serves any number of sessions and threads, and processes that are forked. Making one is cheap and touches
    neither network, environment nor files; boto3 is imported and its client made with the first call in each process.

    Args:
        client_id: The app client that issued the tokens.
        region: The AWS region of the user pool; taken from ``user_pool_id`` where it is not given. The environment and
            the AWS configuration files are not asked: a region that is meant for another service would only send the
            tokens to a place that does not know them.
        client_secret: The app client's secret, if it has one.
        user_pool_id: The user pool's id, such as ``"eu-central-1_AbCdEfGhI"``.
        admin: Whether the global sign-out is an AdminUserGlobalSignOut, signed with IAM credentials, instead of a
            GlobalSignOut, which the user's own access token authorises.
        endpoint_url: Where to find the service instead, for a stand-in or a VPC endpoint.
        connect_timeout: Seconds that an attempt may take to connect.
        read_timeout: Seconds that an attempt may wait for more of the answer.
        max_attempts: How often a call is tried at the most.
        max_connections: How many connections are kept open; as many threads can call at a time without one being made.
        hosted_ui: A handler for `ShowHostedUISignOut`. If it has an attribute ``sign_out_url``, that is the
            ``hosted_ui_url`` of this runner.
        client: A boto3 client of one's own, instead of ``region``, ``endpoint_url``, the time-outs and
            ``max_connections``. Make it with ``Config(retries={"total_max_attempts": 1})``, and anew in each process
            that is forked.

    Raises:
        ConfigurationException: An argument is missing or malformed. The message says which, and shows no secret.

    Sources: Amazon Cognito User Pools API Reference, pages RevokeToken, GlobalSignOut, AdminUserGlobalSignOut and
    GetTokensFromRefreshToken, whose patterns the arguments have to match.
    """

    def __init__(
        self,
        *,
        client_id: str,
        region: str | None = None,
        client_secret: Secret | str | None = None,
        user_pool_id: str | None = None,
        admin: bool = False,
        endpoint_url: str | None = None,
        connect_timeout: float = 3.0,
        read_timeout: float = 5.0,
        max_attempts: int = 3,
        max_connections: int = 64,
        hosted_ui: Handler | None = None,
        client: CognitoIdentityProviderClient | None = None,
    ) -> None:
        if isinstance(client_secret, str):
            client_secret = Secret(client_secret)
        _check_names(client_id, client_secret, user_pool_id)
        if admin and not user_pool_id:
            raise ConfigurationException(
                "admin=True needs the user pool's id.", "Pass user_pool_id: AdminUserGlobalSignOut asks for it."
            )
        if client is not None and (region or endpoint_url):
            raise ConfigurationException(
                "A client of your own has its region and endpoint already.",
                "Pass either client, or region/endpoint_url.",
            )
        check_count("max_attempts", max_attempts)
        if hosted_ui is not None and not callable(hosted_ui):
            raise ConfigurationException(
                "hosted_ui cannot be called.", "Pass a handler for ShowHostedUISignOut: a callable of (effect, call)."
            )
        region = region or (user_pool_id or "").rpartition("_")[0]
        if client is None:
            check_region(region)
        settings = ClientSettings(
            region=region,
            endpoint_url=endpoint_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_connections=max_connections,
            signed=admin,
        )
        self._client_id = client_id
        self._client_secret = client_secret
        self._user_pool_id = user_pool_id or ""
        self._admin = admin
        self._region = region
        self._max_attempts = max_attempts
        self._longest_attempt = connect_timeout + read_timeout
        self._hosted_ui = hosted_ui
        self._client = LateClient(settings, client)
        handlers: dict[type[Effect], Handler] = {
            RefreshTokens: self._refresh_tokens,
            RevokeToken: self._revoke_token,
            GlobalSignOut: self._admin_user_global_sign_out if admin else self._global_sign_out,
        }
        if hosted_ui is not None:
            handlers[ShowHostedUISignOut] = hosted_ui
        self._handlers = MappingProxyType(handlers)

    def __repr__(self) -> str:
        return f"CognitoRunner(client_id={self._client_id!r}, region={self._region!r}, admin={self._admin!r})"

    @property
    def handlers(self) -> Mapping[type[Effect], Handler]:
        """The handler for each type of effect that this runner carries out."""
        return self._handlers

    @property
    def authority(self) -> Authority:
        """What authorises the global sign-out: the user's access token, or IAM credentials."""
        return Authority.IAM if self._admin else Authority.ACCESS_TOKEN

    @property
    def hosted_ui_url(self) -> str | None:
        """The URL that signs the browser out, where the handler for the hosted UI gives one."""
        url: object = getattr(self._hosted_ui, "sign_out_url", None)
        return url if isinstance(url, str) else None

    @property
    def client(self) -> CognitoIdentityProviderClient:
        """The boto3 client, for whatever this runner does not do. It signs its requests only with ``admin``.

        What it logs at the level DEBUG when it is called directly is not scrubbed.

        Raises:
            ConfigurationException: The client cannot be made. Asking again tries again.
        """
        client = self._client.made()
        if isinstance(client, Failure):
            raise ConfigurationException(client.message, _SUGGESTION, failure=client)
        return client

    def check(self) -> None:
        """Make the client now, and with ``admin`` look whether there are IAM credentials. No effect is carried out.

        The credentials of a client of your own are not looked at.

        Raises:
            ConfigurationException: The client cannot be made, or there are no credentials.
        """
        client = self._client.made()
        failure = client if isinstance(client, Failure) else self._client.missing_credentials()
        if failure is not None:
            raise ConfigurationException(failure.message, _SUGGESTION, failure=failure)

    def _refresh_tokens(self, _: RefreshTokens, call: Call) -> str | None:
        """Obtain new tokens, with the one operation that works for app clients with and without rotation.

        REFRESH_TOKEN_AUTH is refused where refresh tokens rotate (Developer Guide, "Refresh tokens").
        """
        before = call.tokens()
        refresh_token = before.refresh_token
        if not refresh_token:
            raise _not_attempted("NO_REFRESH_TOKEN", "RefreshTokens not attempted: the session has no refresh token.")
        answer = self._carry_out(
            "GetTokensFromRefreshToken",
            call,
            [refresh_token],
            lambda client: client.get_tokens_from_refresh_token(
                RefreshToken=refresh_token.reveal(), ClientId=self._client_id, **self._proof()
            ),
        )
        after = answer.tokens
        if not after.access_token:
            raise EffectFailedError(
                Failure(FailureKind.UNEXPECTED, "NoAccessToken", "The service's answer to the refresh holds no token.")
            )
        call.save_refreshed(
            UserPoolTokens(
                access_token=after.access_token,
                id_token=after.id_token or before.id_token,
                refresh_token=after.refresh_token or refresh_token,
            )
        )
        return answer.note

    def _revoke_token(self, effect: RevokeToken, call: Call) -> TokenRevoked | str | None:
        tokens = call.tokens()
        refresh_token = tokens.refresh_token
        if not refresh_token:
            raise _not_attempted("NO_REFRESH_TOKEN", "RevokeToken not attempted: the session has no refresh token.")

        def revoke(**more: Any) -> Answer | Failure:
            return self._asked(
                "RevokeToken",
                call,
                [refresh_token],
                lambda client: client.revoke_token(
                    Token=refresh_token.reveal(), ClientId=self._client_id, **self._proof(), **more
                ),
            )

        if not effect.end_sso_session:
            return _or_raised(revoke()).note
        sso = self._sso_session(effect, tokens.access_token, call)
        linked = revoke(RevokeAssociatedSessions="LINKED") if sso.skipped is None else None
        if isinstance(linked, Failure) and refuses_linked(linked):
            # The token matters more: it must not stay alive for what could not be had besides.
            sso, linked = SSOSession.REFUSED, None
        answer = _or_raised(linked or revoke())
        return TokenRevoked(answer.note or "", sso.skipped, sso.note)

    def _sso_session(self, effect: RevokeToken, access_token: Secret | None, call: Call) -> SSOSession:
        """Find out what a revocation can do about the single sign-on session: Cognito's answer to it does not tell.

        Asked before the revocation, which kills the access token; once, and only with time to spare for the revocation.
        """
        client = self._client.made()  # first, because it takes time
        if isinstance(client, Failure):
            return SSOSession.UNKNOWN  # the revocation fails for the same reason
        if not knows_linked_sessions(client):
            return SSOSession.CLIENT_TOO_OLD
        if effect.after_global_sign_out:
            return SSOSession.AFTER_GLOBAL_SIGN_OUT
        seconds = seconds_for_a_look(call.seconds_left(), self._longest_attempt)
        if not access_token or call.attempt > 1 or call.stop.is_set() or not seconds:
            return SSOSession.UNKNOWN
        return look(client, access_token, seconds)

    def _global_sign_out(self, _: GlobalSignOut, call: Call) -> str | None:
        access_token = call.tokens().access_token
        if not access_token:
            raise _not_attempted("NO_ACCESS_TOKEN", "GlobalSignOut not attempted: the session has no access token.")
        return self._carry_out(
            "GlobalSignOut",
            call,
            [access_token],
            lambda client: client.global_sign_out(AccessToken=access_token.reveal()),
        ).note

    def _admin_user_global_sign_out(self, _: GlobalSignOut, call: Call) -> str | None:
        if not call.username:
            raise _not_attempted(
                "NO_USERNAME", "AdminUserGlobalSignOut not attempted: the session does not say whose it is."
            )
        return self._carry_out(
            "AdminUserGlobalSignOut",
            call,
            [],
            lambda client: client.admin_user_global_sign_out(UserPoolId=self._user_pool_id, Username=call.username),
        ).note

    def _proof(self) -> _Proof:
        return {"ClientSecret": self._client_secret.reveal()} if self._client_secret else {}

    def _carry_out(self, operation: _Operation, call: Call, tokens: list[Secret], ask: _Ask) -> Answer:
        return _or_raised(self._asked(operation, call, tokens, ask))

    def _asked(self, operation: _Operation, call: Call, tokens: list[Secret], ask: _Ask) -> Answer | Failure:
        """Ask the service, again where that may help."""
        client = self._client.made()
        if isinstance(client, Failure):
            return client
        secrets = [*tokens, self._client_secret] if self._client_secret else tokens
        # Operations whose answers bring tokens, and those that may have to fetch IAM credentials first.
        answers_hold_secrets = operation in {"GetTokensFromRefreshToken", "AdminUserGlobalSignOut"}
        unknown_before = call.attempt > 1
        latest: Setback | None = None

        def attempt() -> Answer | Setback:
            nonlocal latest, unknown_before
            if call.stop.is_set() or not call.seconds_left():
                return latest or _too_late(call)
            try:
                with scrubbed(secrets, answers_hold_secrets=answers_hold_secrets):
                    answer = read_answer(ask(client))
            except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a value and leaves its frames behind
                latest = setback_of(error, secrets)
            else:
                if answer.from_cognito:
                    return answer
                latest = NOT_COGNITO
            if latest.means_done(operation, unknown_before=unknown_before):
                return Answer(note=ALREADY_DONE)
            unknown_before = unknown_before or latest.unknown
            return latest

        outcome = _try_again(attempt, call, self._max_attempts)
        return outcome.failure if isinstance(outcome, Setback) else outcome


def _or_raised(outcome: Answer | Failure) -> Answer:
    """Give an answer, and raise a failure: only here, outside of any ``except`` block.

    An exception that was raised within one would bring botocore's frames along, whose variables hold tokens.
    """
    if isinstance(outcome, Failure):
        raise EffectFailedError(outcome)
    return outcome


def _try_again(attempt: Callable[[], Answer | Setback], call: Call, most: int) -> Answer | Setback:
    """Attempt it, and wait and attempt it again while that may help, until it is given up or out of time.

    The attempts give values, not exceptions, so that nothing which tenacity keeps or shows holds a token.
    """
    import tenacity  # noqa: PLC0415 - needed with the first call only

    def is_over(state: tenacity.RetryCallState) -> bool:
        too_long = state.upcoming_sleep >= call.seconds_left()
        return state.attempt_number >= most or call.stop.is_set() or too_long

    def wait(seconds: float) -> None:
        call.stop.wait(seconds)

    def latest(state: tenacity.RetryCallState) -> Answer | Setback:
        assert state.outcome is not None  # noqa: S101 - it is asked only after an attempt
        outcome: Answer | Setback = state.outcome.result()
        return outcome

    return tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda outcome: isinstance(outcome, Setback) and outcome.again),
        wait=tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        stop=is_over,
        sleep=wait,
        retry_error_callback=latest,
    )(attempt)


def _too_late(call: Call) -> Setback:
    if call.stop.is_set():
        return Setback(Failure(FailureKind.INTERRUPTED, "Stopped", "The call was given up before it was attempted."))
    return Setback(Failure(FailureKind.TIMED_OUT, "NoTimeLeft", "No time was left to attempt it."))


def _not_attempted(code: str, message: str) -> EffectFailedError:
    return EffectFailedError(Failure(FailureKind.NOT_ATTEMPTED, code, message))


def _check_names(client_id: object, client_secret: object, user_pool_id: object) -> None:
    # The patterns are the service's own (API Reference: ClientIdType, ClientSecretType, UserPoolIdType).
    # No message shows a value: whoever mixes two arguments up passes a secret in the wrong place.
    if not isinstance(client_id, str) or not re.fullmatch(r"[A-Za-z0-9_+]{1,128}", client_id):
        raise ConfigurationException(
            "The client_id is missing or malformed.",
            "Pass the 1 to 128 letters and digits that the app client's page of the user pool shows.",
        )
    if client_secret is not None and not (
        isinstance(client_secret, Secret) and re.fullmatch(r"[A-Za-z0-9_+]{24,64}", client_secret.reveal())
    ):
        raise ConfigurationException(
            "The client_secret is malformed: one that Cognito gives out has 24 to 64 letters and digits.",
            "Copy it from the app client's page, or pass None if the app client has no secret.",
        )
    if user_pool_id is not None and not (
        isinstance(user_pool_id, str) and re.fullmatch(r"(?=.{1,55}$)[A-Za-z0-9_-]+_[0-9a-zA-Z]+", user_pool_id)
    ):
        raise ConfigurationException(
            "The user_pool_id is malformed.",
            "Pass it as the user pool's page shows it, such as 'eu-central-1_AbCdEfGhI'.",
        )
