"""The JSON API: what each operation of ``AWSCognitoIdentityProviderService`` asks of the pool, and in which order."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from .answers import Answer, Request, json_answer, service_error
from .pool import UserPool
from .values import ADMIN_SCOPE, FakeClient, FakeTokens, ServiceError

__all__ = ["OPERATIONS", "TARGET_PREFIX", "operate", "sent_token"]

TARGET_PREFIX: Final = "AWSCognitoIdentityProviderService."

_Members = Mapping[str, Any]


def operate(pool: UserPool, operation: str, request: Request) -> Answer:
    """Carry one operation out and answer, in the service's own form also when it refuses."""
    carry_out = OPERATIONS.get(operation)
    if carry_out is None:
        return service_error(ServiceError("UnknownOperationException", "The fake does not know this operation."))
    try:
        if operation == "AdminUserGlobalSignOut":
            _require_signature(request)
        return json_answer(carry_out(pool, _members(request)))
    except ServiceError as error:
        return service_error(error)


def sent_token(request: Request) -> str:
    """Return the token that a request carries, for the fault that echoes it; empty if there is none."""
    form = request.form
    if form is not None:
        return form.get("token") or form.get("refresh_token") or ""
    try:
        members = _members(request)
    except ServiceError:
        return ""
    for place in (members, _parameters(members)):
        for name in ("Token", "AccessToken", "RefreshToken", "REFRESH_TOKEN"):
            if isinstance(token := place.get(name), str):
                return token
    return ""


def _members(request: Request) -> _Members:
    try:
        members: object = json.loads(request.body or b"{}")
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise ServiceError("SerializationException", "The body is no JSON object.")
    return cast("_Members", members)


def _parameters(members: _Members) -> _Members:
    parameters = members.get("AuthParameters")
    return cast("_Members", parameters) if isinstance(parameters, dict) else {}


def _text(members: _Members, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise ServiceError("InvalidParameterException", f"Missing required parameter {name}")
    return value


def _require_signature(request: Request) -> None:
    # The signature is not checked, since the fake knows no IAM user; that one was made is what tests can get wrong.
    if not request.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")


def _require_secret(client: FakeClient, members: _Members) -> None:
    sent = members.get("ClientSecret")
    if client.secret is None and sent is None:
        return
    if client.secret is None or not isinstance(sent, str) or not _same(client.secret, sent):
        raise ServiceError("NotAuthorizedException", f"Unable to verify the secret of client {client.id}")


def _require_secret_hash(client: FakeClient, parameters: _Members, names: tuple[str, ...]) -> None:
    sent = parameters.get("SECRET_HASH")
    if client.secret is None:
        if sent is not None:
            raise ServiceError("NotAuthorizedException", f"Unable to verify secret hash for client {client.id}")
        return
    if not isinstance(sent, str):
        raise ServiceError(
            "NotAuthorizedException", f"Client {client.id} is configured with secret but SECRET_HASH was not received"
        )
    if not any(_same(client.secret_hash(name), sent) for name in names):
        raise ServiceError("NotAuthorizedException", f"Unable to verify secret hash for client {client.id}")


def _same(expected: str, sent: str) -> bool:
    return secrets.compare_digest(expected.encode(), sent.encode())


def _authentication_result(tokens: FakeTokens, sent_refresh_token: str = "") -> _Members:
    result = {
        "AccessToken": tokens.access_token,
        "IdToken": tokens.id_token,
        "ExpiresIn": tokens.expires_in,
        "TokenType": "Bearer",
    }
    if tokens.refresh_token == sent_refresh_token:
        return result
    return {**result, "RefreshToken": tokens.refresh_token}


def _initiate_auth(pool: UserPool, members: _Members) -> _Members:
    flow = _text(members, "AuthFlow")
    client = pool.client(_text(members, "ClientId"))
    parameters = _parameters(members)
    if flow == "USER_PASSWORD_AUTH":
        username = _text(parameters, "USERNAME")
        password = _text(parameters, "PASSWORD")
        _require_secret_hash(client, parameters, (username,))
        user = pool.check_password(username, password)
        # A sign-in through the API gives this one scope, whatever the client allows in the hosted UI.
        result = _authentication_result(pool.sign_in(client, user, scopes=(ADMIN_SCOPE,)))
    elif flow in {"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"}:
        if client.rotation:
            # The guide, "Refresh tokens", says that rotation rules this flow out and must be taken off the client. The
            # code and text are those of a flow that is off; no page names the ones for rotation.
            raise ServiceError("InvalidParameterException", "Auth flow not enabled for this client")
        refresh_token = _text(parameters, "REFRESH_TOKEN")
        owner = pool.owner_of_refresh_token(refresh_token)
        _require_secret_hash(client, parameters, (owner.username, owner.sub) if owner else ())
        result = _authentication_result(pool.refresh(client, refresh_token), refresh_token)
    else:
        raise ServiceError("InvalidParameterException", "Initiate Auth method not supported.")
    return {"ChallengeParameters": {}, "AuthenticationResult": result}


def _get_tokens_from_refresh_token(pool: UserPool, members: _Members) -> _Members:
    refresh_token = _text(members, "RefreshToken")
    client = pool.client(_text(members, "ClientId"))
    _require_secret(client, members)
    return {"AuthenticationResult": _authentication_result(pool.refresh(client, refresh_token), refresh_token)}


def _get_user(pool: UserPool, members: _Members) -> _Members:
    user = pool.authorize(_text(members, "AccessToken"))
    return {"Username": user.username, "UserAttributes": [{"Name": "sub", "Value": user.sub}]}


def _list_user_sessions(pool: UserPool, members: _Members) -> _Members:
    return {"Sessions": pool.sessions(_text(members, "AccessToken"))}


def _revoke_token(pool: UserPool, members: _Members) -> None:
    token = _text(members, "Token")
    client = pool.client(_text(members, "ClientId"))
    associated = members.get("RevokeAssociatedSessions", "NONE")
    if associated not in {"NONE", "LINKED"}:
        raise ServiceError("InvalidParameterException", "RevokeAssociatedSessions is NONE or LINKED.")
    _require_secret(client, members)
    pool.revoke(client, token, linked=associated == "LINKED")


def _global_sign_out(pool: UserPool, members: _Members) -> None:
    pool.sign_out_everywhere(pool.authorize(_text(members, "AccessToken")))


def _admin_user_global_sign_out(pool: UserPool, members: _Members) -> None:
    user_pool_id = _text(members, "UserPoolId")
    if user_pool_id != pool.user_pool_id:
        raise ServiceError("ResourceNotFoundException", f"User pool {user_pool_id} does not exist.")
    pool.sign_out_everywhere(pool.user(_text(members, "Username")))


OPERATIONS: Final[Mapping[str, Callable[[UserPool, _Members], _Members | None]]] = {
    "AdminUserGlobalSignOut": _admin_user_global_sign_out,
    "GetTokensFromRefreshToken": _get_tokens_from_refresh_token,
    "GetUser": _get_user,
    "GlobalSignOut": _global_sign_out,
    "InitiateAuth": _initiate_auth,
    "ListUserSessions": _list_user_sessions,
    "RevokeToken": _revoke_token,
}
"""Every operation that the fake knows, by its name in the service's model."""
