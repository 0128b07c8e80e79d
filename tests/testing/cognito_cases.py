"""One table of what Cognito answers to sign-in, refresh and sign-out, and where its stand-ins are known to be wrong.

A case is a list of calls made through boto3, each with the outcome that the service documents. Every stand-in is held
to the whole table. Where one is known to differ, the case says so and names what was observed: the difference must
still be there, or the entry is out of date and the test fails.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import boto3
from botocore import UNSIGNED
from botocore.config import Config

OK: Final = "ok"
TOKENS: Final = "tokens"
TOKENS_AND_REFRESH_TOKEN: Final = "tokens and a refresh token"

StandInName = Literal["fake", "ministack", "moto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A user pool with two app clients alike and one user, on some stand-in."""

    endpoint_url: str
    user_pool_id: str
    client_id: str
    other_client_id: str
    client_secret: str
    secret_hash: str
    username: str = "ada"
    password: str = "Correct-Horse-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppClient:
    """How the case's app clients are set up."""

    secret: bool = False
    revocation: bool = True
    rotation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call. A ``$name`` in the arguments stands for something of the world, or for a token saved by a step before.

    An outcome is "ok", "tokens", "tokens and a refresh token", a claim's name, or an error's code; where its text
    matters, "Code: text".
    """

    call: str
    arguments: Mapping[str, Any]
    outcome: str
    save_as: str = ""
    signed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A named list of steps, and the steps (counted from 0) at which a stand-in is known to answer something else.

    No real pool was asked. Most outcomes stand in the documentation; ``inferred`` says what of a case does not.
    """

    name: str
    steps: tuple[Step, ...]
    inferred: str = ""
    client: AppClient = field(default_factory=AppClient)
    known_wrong: Mapping[StandInName, Mapping[int, str]] = field(default_factory=dict)

    def expected(self, stand_in: StandInName) -> list[str]:
        """What the stand-in is to answer, its known errors included."""
        wrong = self.known_wrong.get(stand_in, {})
        return [wrong.get(number, step.outcome) for number, step in enumerate(self.steps)]


def cognito_idp(endpoint_url: str, *, signed: bool = True, read_timeout: float = 10) -> Any:
    """An ordinary boto3 client, except that it takes nothing from the machine's configuration and never retries."""
    return _session().client(
        "cognito-idp",
        endpoint_url=endpoint_url,
        config=Config(
            signature_version=None if signed else UNSIGNED,
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=read_timeout,
        ),
    )


@functools.cache
def _session() -> boto3.session.Session:
    # Shared, because the first client of a session costs some 100 ms and each further one a few. The region is the one
    # in which moto looks for the pool when a call is not signed.
    return boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


def _sign_in(outcome: str = TOKENS_AND_REFRESH_TOKEN, *, save_as: str = "", **parameters: str) -> Step:
    parameters = {"USERNAME": "$username", "PASSWORD": "$password"} | parameters
    return Step(
        call="initiate_auth",
        arguments={"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "$client_id", "AuthParameters": parameters},
        outcome=outcome,
        save_as=save_as,
    )


def _refresh(outcome: str = TOKENS, which: str = "$refresh", *, save_as: str = "", **parameters: str) -> Step:
    return Step(
        call="initiate_auth",
        arguments={
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "ClientId": "$client_id",
            "AuthParameters": {"REFRESH_TOKEN": which} | parameters,
        },
        outcome=outcome,
        save_as=save_as,
    )


def _get_tokens(outcome: str = TOKENS, which: str = "$refresh", *, save_as: str = "", **arguments: str) -> Step:
    return Step(
        call="get_tokens_from_refresh_token",
        arguments={"RefreshToken": which, "ClientId": "$client_id"} | arguments,
        outcome=outcome,
        save_as=save_as,
    )


def _get_user(outcome: str = OK, which: str = "$access") -> Step:
    return Step(call="get_user", arguments={"AccessToken": which}, outcome=outcome)


def _revoke(outcome: str = OK, which: str = "$refresh", **arguments: str) -> Step:
    arguments = {"Token": which, "ClientId": "$client_id"} | arguments
    return Step(call="revoke_token", arguments=arguments, outcome=outcome)


def _global_sign_out(outcome: str = OK, which: str = "$access") -> Step:
    return Step(call="global_sign_out", arguments={"AccessToken": which}, outcome=outcome)


def _admin_sign_out(outcome: str = OK, *, signed: bool = True, **arguments: str) -> Step:
    arguments = {"UserPoolId": "$user_pool_id", "Username": "$username"} | arguments
    return Step(call="admin_user_global_sign_out", arguments=arguments, outcome=outcome, signed=signed)


def _claim(outcome: str, name: str, token: str) -> Step:
    return Step(call="claim", arguments={"Name": name, "Token": token}, outcome=outcome)


_ACCESS_REVOKED: Final = "NotAuthorizedException: Access Token has been revoked"
_REFRESH_REVOKED: Final = "NotAuthorizedException: Refresh Token has been revoked"
_WRONG_PASSWORD: Final = "NotAuthorizedException: Incorrect username or password."
# moto's server answers so to an operation that it does not have.
_NOT_IMPLEMENTED: Final = "500"
_NO_TOKEN: Final = "impossible"
_UNKNOWN_TOKEN: Final = "not-a-token-of-this-pool"
_UNKNOWN_CLIENT: Final = "nosuchclient"

CASES: Final[tuple[Case, ...]] = (
    Case(name="the right password signs in", steps=(_sign_in(), _get_user())),
    Case(name="a wrong password does not", steps=(_sign_in(_WRONG_PASSWORD, PASSWORD="Wrong-Horse-1"),)),
    Case(
        name="an unknown user is not told from a wrong password",
        steps=(_sign_in(_WRONG_PASSWORD, USERNAME="eve"),),
        known_wrong={"moto": {0: "UserNotFoundException: User does not exist."}},
    ),
    Case(
        name="an unknown client cannot sign anyone in",
        steps=(
            Step(
                call="initiate_auth",
                arguments={
                    "AuthFlow": "USER_PASSWORD_AUTH",
                    "ClientId": _UNKNOWN_CLIENT,
                    "AuthParameters": {"USERNAME": "$username", "PASSWORD": "$password"},
                },
                outcome="ResourceNotFoundException",
            ),
        ),
    ),
    Case(
        name="a client with a secret asks for the secret hash",
        client=AppClient(secret=True),
        steps=(
            _sign_in("NotAuthorizedException"),
            _sign_in("NotAuthorizedException", SECRET_HASH="bm90IGl0"),
            _sign_in(SECRET_HASH="$secret_hash"),
            _refresh("NotAuthorizedException"),
            _refresh(SECRET_HASH="$secret_hash"),
        ),
        known_wrong={"moto": {0: TOKENS_AND_REFRESH_TOKEN, 1: TOKENS_AND_REFRESH_TOKEN}},
    ),
    Case(
        name="a client with a secret asks for it when refreshing",
        client=AppClient(secret=True),
        steps=(
            _sign_in(SECRET_HASH="$secret_hash"),
            _get_tokens("NotAuthorizedException"),
            _get_tokens("NotAuthorizedException", ClientSecret="x" * 52),
            _get_tokens(ClientSecret="$client_secret"),
        ),
        known_wrong={
            "ministack": {1: TOKENS, 2: TOKENS},
            "moto": {1: _NOT_IMPLEMENTED, 2: _NOT_IMPLEMENTED, 3: _NOT_IMPLEMENTED},
        },
    ),
    Case(
        name="REFRESH_TOKEN_AUTH keeps the refresh token",
        steps=(_sign_in(), _refresh(save_as="new_"), _get_user(which="$new_access"), _get_user(), _refresh()),
    ),
    Case(
        name="GetTokensFromRefreshToken keeps the refresh token without rotation",
        steps=(_sign_in(), _get_tokens(save_as="new_"), _get_user(which="$new_access"), _get_tokens()),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED, 2: _NO_TOKEN, 3: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="an unknown refresh token is refused",
        steps=(
            _refresh("NotAuthorizedException", _UNKNOWN_TOKEN),
            _get_tokens("NotAuthorizedException", _UNKNOWN_TOKEN),
        ),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="a refresh token belongs to one client",
        steps=(_sign_in(), _get_tokens("NotAuthorizedException", ClientId="$other_client_id"), _get_tokens()),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED, 2: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="revocation enabled puts origin_jti into access and ID tokens",
        steps=(
            _sign_in(),
            _claim("origin_jti", "origin_jti", "$access"),
            _claim("origin_jti", "origin_jti", "$id"),
            _refresh(save_as="new_"),
            _claim("origin_jti", "origin_jti", "$new_access"),
        ),
    ),
    Case(
        name="revocation disabled leaves origin_jti out",
        client=AppClient(revocation=False),
        steps=(_sign_in(), _claim("no such claim", "origin_jti", "$access")),
        known_wrong={"ministack": {1: "origin_jti"}, "moto": {1: "origin_jti"}},
    ),
    Case(
        name="a revoked refresh token gives no new tokens",
        steps=(_sign_in(), _revoke(), _refresh(_REFRESH_REVOKED), _get_tokens(_REFRESH_REVOKED)),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED, 2: TOKENS, 3: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="revoking kills every access token that came from the refresh token",
        steps=(
            _sign_in(),
            _refresh(save_as="new_"),
            _revoke(),
            _get_user(_ACCESS_REVOKED),
            _get_user(_ACCESS_REVOKED, "$new_access"),
        ),
        known_wrong={"moto": {2: _NOT_IMPLEMENTED, 3: OK, 4: OK}},
    ),
    Case(
        name="revoking first makes a global sign-out with the same access token impossible",
        inferred="the text is known from users' reports",
        steps=(_sign_in(), _revoke(), _global_sign_out(_ACCESS_REVOKED)),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED, 2: OK}},
    ),
    Case(
        name="revoking leaves the user's other sessions alone",
        steps=(
            _sign_in(),
            _sign_in(save_as="second_"),
            _revoke(),
            _get_user(which="$second_access"),
            _refresh(which="$second_refresh"),
        ),
        known_wrong={"moto": {2: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="revoking twice succeeds twice",
        steps=(_sign_in(), _revoke(), _revoke()),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED, 2: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="revoking an unknown token succeeds",
        inferred="documented of /oauth2/revoke only",
        steps=(_revoke(which=_UNKNOWN_TOKEN),),
        known_wrong={"moto": {0: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="an access token cannot be revoked",
        steps=(_sign_in(), _revoke("UnsupportedTokenTypeException", "$access"), _get_user()),
        known_wrong={"ministack": {1: OK}, "moto": {1: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="revocation must be enabled on the client",
        client=AppClient(revocation=False),
        steps=(_sign_in(), _revoke("UnsupportedOperationException"), _refresh()),
        known_wrong={"ministack": {1: OK, 2: _REFRESH_REVOKED}, "moto": {1: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="only the issuing client can revoke",
        inferred="that it is refused is documented; of the declared codes this one fits best",
        steps=(_sign_in(), _revoke("UnauthorizedException", ClientId="$other_client_id"), _refresh()),
        known_wrong={"ministack": {1: OK, 2: _REFRESH_REVOKED}, "moto": {1: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="an unknown client cannot revoke",
        inferred="the code is not declared for RevokeToken, but for every other operation that names a client",
        steps=(_sign_in(), _revoke("ResourceNotFoundException", ClientId=_UNKNOWN_CLIENT), _refresh()),
        known_wrong={"ministack": {1: OK, 2: _REFRESH_REVOKED}, "moto": {1: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="a client with a secret needs it to revoke",
        inferred="the code is not declared for RevokeToken, but what Amplify's published cases expect",
        client=AppClient(secret=True),
        steps=(
            _sign_in(SECRET_HASH="$secret_hash"),
            _revoke("NotAuthorizedException"),
            _revoke("NotAuthorizedException", ClientSecret="x" * 52),
            _get_user(),
            _revoke(ClientSecret="$client_secret"),
            _get_user(_ACCESS_REVOKED),
        ),
        known_wrong={
            "ministack": {1: OK, 2: OK, 3: _ACCESS_REVOKED},
            "moto": {1: _NOT_IMPLEMENTED, 2: _NOT_IMPLEMENTED, 4: _NOT_IMPLEMENTED, 5: OK},
        },
    ),
    Case(
        name="linked sessions may be revoked where there are none",
        steps=(_sign_in(), _revoke(RevokeAssociatedSessions="LINKED"), _get_user(_ACCESS_REVOKED)),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED, 2: OK}},
    ),
    Case(
        name="a global sign-out ends every session of the user",
        steps=(
            _sign_in(),
            _sign_in(save_as="second_"),
            _global_sign_out(),
            _get_user(_ACCESS_REVOKED),
            _get_user(_ACCESS_REVOKED, "$second_access"),
            _refresh(_REFRESH_REVOKED),
            _refresh(_REFRESH_REVOKED, "$second_refresh"),
        ),
        known_wrong={"moto": {3: "NotAuthorizedException: Invalid token", 4: "NotAuthorizedException: Invalid token"}},
    ),
    Case(
        name="a global sign-out repeated with the dead token is refused",
        steps=(_sign_in(), _global_sign_out(), _global_sign_out(_ACCESS_REVOKED)),
        known_wrong={"moto": {2: "NotAuthorizedException: <token>"}},
    ),
    Case(
        name="revoking after a global sign-out succeeds",
        steps=(_sign_in(), _global_sign_out(), _revoke()),
        known_wrong={"moto": {2: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="a new sign-in after a global sign-out works",
        steps=(_sign_in(), _global_sign_out(), _sign_in(save_as="new_"), _get_user(which="$new_access")),
    ),
    Case(
        name="only an access token authorises a global sign-out",
        steps=(
            _sign_in(),
            _global_sign_out("NotAuthorizedException: Invalid Access Token", _UNKNOWN_TOKEN),
            _global_sign_out("NotAuthorizedException", "$id"),
            _get_user(),
        ),
        known_wrong={"moto": {1: "NotAuthorizedException: not-a-token-of-this-pool"}},
    ),
    Case(
        name="an administrator's global sign-out ends every session of the user, again and again",
        steps=(
            _sign_in(),
            _sign_in(save_as="second_"),
            _admin_sign_out(),
            _get_user(_ACCESS_REVOKED),
            _refresh(_REFRESH_REVOKED, "$second_refresh"),
            _admin_sign_out(),
        ),
        known_wrong={"moto": {3: "NotAuthorizedException: Invalid token"}},
    ),
    Case(
        name="an administrator's global sign-out works after revoking",
        steps=(_sign_in(), _revoke(), _admin_sign_out()),
        known_wrong={"moto": {1: _NOT_IMPLEMENTED}},
    ),
    Case(
        name="an administrator must name a user and a pool that exist",
        steps=(
            _admin_sign_out("UserNotFoundException", Username="eve"),
            _admin_sign_out("ResourceNotFoundException", UserPoolId="us-east-1_nosuchpool"),
        ),
    ),
    Case(
        name="an administrator's call must be signed",
        steps=(_sign_in(), _admin_sign_out("MissingAuthenticationTokenException", signed=False), _get_user()),
        known_wrong={"moto": {1: OK, 2: "NotAuthorizedException: Invalid token"}},
    ),
    Case(
        name="rotation hands out a new refresh token and kills the old one",
        client=AppClient(rotation=True),
        steps=(
            _sign_in(),
            _get_tokens(TOKENS_AND_REFRESH_TOKEN, save_as="new_"),
            _get_tokens("RefreshTokenReuseException"),
            _get_user(),
            _get_tokens(TOKENS_AND_REFRESH_TOKEN, "$new_refresh"),
        ),
        known_wrong={
            "ministack": {1: TOKENS, 2: TOKENS, 4: _NO_TOKEN},
            "moto": {1: _NOT_IMPLEMENTED, 2: _NOT_IMPLEMENTED, 4: _NO_TOKEN},
        },
    ),
    Case(
        name="rotation rules REFRESH_TOKEN_AUTH out",
        inferred="that it is refused is documented; the code is that of any flow that is off",
        client=AppClient(rotation=True),
        steps=(_sign_in(), _refresh("InvalidParameterException")),
        known_wrong={"ministack": {1: TOKENS}, "moto": {1: TOKENS}},
    ),
    Case(
        name="revoking a rotated refresh token kills what came before it",
        inferred="rotated tokens share an origin_jti, by which revocation goes",
        client=AppClient(rotation=True),
        steps=(
            _sign_in(),
            _get_tokens(TOKENS_AND_REFRESH_TOKEN, save_as="new_"),
            _revoke(which="$new_refresh"),
            _get_user(_ACCESS_REVOKED),
            _get_user(_ACCESS_REVOKED, "$new_access"),
            _get_tokens(_REFRESH_REVOKED, "$new_refresh"),
        ),
        known_wrong={
            "ministack": {1: TOKENS, 2: _NO_TOKEN, 3: OK, 4: OK, 5: _NO_TOKEN},
            "moto": {1: _NOT_IMPLEMENTED, 2: _NO_TOKEN, 3: OK, 4: _NO_TOKEN, 5: _NO_TOKEN},
        },
    ),
)
"""Every case, each with a name of its own."""
