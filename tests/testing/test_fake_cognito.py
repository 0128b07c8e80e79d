"""What the fake does beyond the table of cases: time, the hosted UI, OAuth endpoints, faults, threads and sockets."""

import ast
import base64
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

import authsm.testing.fake_cognito
from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens, Fault, ServiceError
from tests.testing.cognito_cases import cognito_idp

CALLBACK: Final = "http://127.0.0.1:8400/callback"
SIGNED_OUT: Final = "http://127.0.0.1:8400/signed-out"
PASSWORD: Final = "Correct-Horse-1"


@pytest.fixture
def client(cognito: FakeCognito) -> FakeClient:
    return cognito.add_client(sign_out_urls=(SIGNED_OUT,), callback_urls=(CALLBACK,))


@pytest.fixture
def tokens(cognito: FakeCognito, client: FakeClient) -> FakeTokens:
    return cognito.sign_in(client, "ada")


@pytest.fixture
def idp(cognito: FakeCognito) -> Iterator[Any]:
    boto = cognito_idp(cognito.endpoint_url, signed=False)
    yield boto
    boto.close()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    @property
    def set_cookie(self) -> str:
        return self.headers.get("Set-Cookie", "")


def send(
    cognito: FakeCognito, method: str, target: str, body: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One request on a connection of its own. Redirects are not followed."""
    connection = http.client.HTTPConnection(urlsplit(cognito.endpoint_url).netloc, timeout=10)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read().decode())
    finally:
        connection.close()


def post_form(cognito: FakeCognito, target: str, headers: Mapping[str, str] | None = None, /, **form: str) -> Reply:
    content_type = {"Content-Type": "application/x-www-form-urlencoded"}
    return send(cognito, "POST", target, urlencode(form), content_type | dict(headers or {}))


def operate(cognito: FakeCognito, operation: str, body: str) -> Reply:
    return send(cognito, "POST", "/", body, {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}"})


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def basic(client_id: str, secret: str | None) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def login_target(client: FakeClient, **changes: str) -> str:
    asked = {"client_id": client.id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s-1"}
    return f"/login?{urlencode(asked | changes)}"


def logout_target(client: FakeClient, logout_uri: str = SIGNED_OUT, **more: str) -> str:
    return f"/logout?{urlencode({'client_id': client.id, 'logout_uri': logout_uri} | more)}"


def code_in(reply: Reply) -> str:
    return parse_qs(urlsplit(reply.location or "").query)["code"][0]


def through_hosted_ui(cognito: FakeCognito, client: FakeClient, cookie: str, **changes: str) -> dict[str, Any]:
    """The tokens of a browser that is signed in already, by way of a code."""
    reply = send(cognito, "GET", login_target(client, **changes), headers={"Cookie": f"cognito={cookie}"})
    exchanged = exchange(cognito, client, code_in(reply))
    result: dict[str, Any] = json.loads(exchanged.body)
    return result


def exchange(cognito: FakeCognito, client: FakeClient, code: str, redirect_uri: str = CALLBACK) -> Reply:
    return post_form(
        cognito,
        "/oauth2/token",
        grant_type="authorization_code",
        client_id=client.id,
        code=code,
        redirect_uri=redirect_uri,
    )


class TestTime:
    def test_session_of_an_hour_ago_has_a_dead_access_token_and_a_live_refresh_token(
        self, cognito: FakeCognito, client: FakeClient, idp: Any
    ) -> None:
        old = cognito.sign_in(client, "ada", seconds_ago=3700)
        expired = "NotAuthorizedException: Access Token has expired"
        assert expired == refusal(lambda: idp.get_user(AccessToken=old.access_token))
        assert expired == refusal(lambda: idp.global_sign_out(AccessToken=old.access_token))
        assert not cognito.accepts(old.access_token)
        assert cognito.holds(old.refresh_token)
        idp.get_tokens_from_refresh_token(RefreshToken=old.refresh_token, ClientId=client.id)

    def test_access_token_lives_as_long_as_the_client_says(self, cognito: FakeCognito) -> None:
        short = cognito.sign_in(cognito.add_client(access_token_seconds=300), "ada")
        claims = jwt.decode(short.access_token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 300
        cognito.pass_time(299)
        assert cognito.accepts(short.access_token)
        cognito.pass_time(2)
        assert not cognito.accepts(short.access_token)

    def test_refresh_token_expires_after_thirty_days(self, cognito: FakeCognito, client: FakeClient, idp: Any) -> None:
        old = cognito.sign_in(client, "ada", seconds_ago=30 * 24 * 3600 + 1)
        assert not cognito.holds(old.refresh_token)
        assert (
            refusal(lambda: idp.get_tokens_from_refresh_token(RefreshToken=old.refresh_token, ClientId=client.id))
            == "NotAuthorizedException: Refresh Token has expired"
        )

    def test_replaced_refresh_token_works_until_its_grace_ends(self, cognito: FakeCognito, idp: Any) -> None:
        rotating = cognito.add_client(rotation=True, rotation_grace_seconds=60)
        first = cognito.sign_in(rotating, "ada").refresh_token

        def rotate(refresh_token: str) -> str:
            answer = idp.get_tokens_from_refresh_token(RefreshToken=refresh_token, ClientId=rotating.id)
            return str(answer["AuthenticationResult"]["RefreshToken"])

        second = rotate(first)
        cognito.pass_time(30)
        rotate(first)
        assert cognito.holds(first)
        cognito.pass_time(31)
        assert not cognito.holds(first)
        assert refusal(lambda: rotate(first)).startswith("RefreshTokenReuseException")
        assert cognito.holds(second)

    def test_replacement_expires_when_the_first_refresh_token_would_have(self, cognito: FakeCognito, idp: Any) -> None:
        rotating = cognito.add_client(rotation=True)
        first = cognito.sign_in(rotating, "ada", seconds_ago=29 * 24 * 3600).refresh_token
        answer = idp.get_tokens_from_refresh_token(RefreshToken=first, ClientId=rotating.id)
        second = answer["AuthenticationResult"]["RefreshToken"]
        assert cognito.holds(second)
        cognito.pass_time(24 * 3600 + 1)
        assert not cognito.holds(second)

    @pytest.mark.parametrize("seconds", [-1, 61])
    def test_grace_that_cognito_does_not_know_is_an_error(self, cognito: FakeCognito, seconds: int) -> None:
        with pytest.raises(ValueError, match="rotation_grace_seconds"):
            cognito.add_client(rotation=True, rotation_grace_seconds=seconds)

    def test_access_token_without_a_lifetime_is_an_error(self, cognito: FakeCognito) -> None:
        with pytest.raises(ValueError, match="access_token_seconds"):
            cognito.add_client(access_token_seconds=0)


class TestOperations:
    def test_every_answer_carries_a_request_id_of_its_own(
        self, cognito: FakeCognito, tokens: FakeTokens, idp: Any
    ) -> None:
        first = idp.get_user(AccessToken=tokens.access_token)
        with pytest.raises(ClientError) as caught:
            idp.get_user(AccessToken="nonsense")
        ids = {answer["ResponseMetadata"]["RequestId"] for answer in (first, caught.value.response)}
        assert len(ids) == 2
        assert "" not in ids
        assert "x-amzn-RequestId" in send(cognito, "GET", "/login").headers

    def test_boto3_knows_the_exceptions_by_their_classes(self, idp: Any, client: FakeClient) -> None:
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.global_sign_out(AccessToken="nonsense")
        with pytest.raises(idp.exceptions.ResourceNotFoundException):
            idp.revoke_token(Token="nonsense", ClientId="nosuchclient")
        with pytest.raises(idp.exceptions.InvalidParameterException):
            idp.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId=client.id)

    def test_scope_is_needed_to_manage_the_user(self, cognito: FakeCognito, client: FakeClient, idp: Any) -> None:
        openid_only = cognito.sign_in(client, "ada", scopes=("openid",))
        missing = "NotAuthorizedException: Access Token does not have required scopes"
        assert missing == refusal(lambda: idp.global_sign_out(AccessToken=openid_only.access_token))
        assert missing == refusal(lambda: idp.get_user(AccessToken=openid_only.access_token))
        assert cognito.accepts(openid_only.access_token)

    def test_access_token_of_another_pool_is_refused(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        with FakeCognito() as other:
            assert not other.accepts(tokens.access_token)
            assert not other.holds(tokens.refresh_token)
            assert cognito.accepts(tokens.access_token)

    def test_id_token_is_no_access_token(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        assert not cognito.accepts(tokens.id_token)

    @pytest.mark.parametrize(
        ("operation", "body", "code"),
        [
            ("RevokeToken", '{"ClientId": "x"}', "InvalidParameterException"),
            ("RevokeToken", '{"Token": 7, "ClientId": "x"}', "InvalidParameterException"),
            ("GlobalSignOut", "{}", "InvalidParameterException"),
            ("InitiateAuth", '{"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "x"}', "ResourceNotFoundException"),
            ("GetUser", "no json", "SerializationException"),
            ("GetUser", "[]", "SerializationException"),
            ("ListUsers", "{}", "UnknownOperationException"),
        ],
    )
    def test_malformed_call_is_refused_in_the_wire_form(
        self, cognito: FakeCognito, operation: str, body: str, code: str
    ) -> None:
        reply = operate(cognito, operation, body)
        assert (400, code, code) == (reply.status, reply.headers["x-amzn-ErrorType"], json.loads(reply.body)["__type"])

    def test_unknown_kind_of_associated_sessions_is_refused(self, cognito: FakeCognito, client: FakeClient) -> None:
        body = json.dumps({"Token": "x", "ClientId": client.id, "RevokeAssociatedSessions": "ALL"})
        assert json.loads(operate(cognito, "RevokeToken", body).body)["__type"] == "InvalidParameterException"

    def test_public_client_may_not_pretend_to_have_a_secret(
        self, client: FakeClient, tokens: FakeTokens, idp: Any
    ) -> None:
        assert refusal(
            lambda: idp.revoke_token(Token=tokens.refresh_token, ClientId=client.id, ClientSecret="x" * 52)
        ).startswith("NotAuthorizedException")
        assert refusal(
            lambda: idp.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=client.id,
                AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD, "SECRET_HASH": "x"},
            )
        ).startswith("NotAuthorizedException")

    @pytest.mark.parametrize(
        ("tracking", "associated", "left"), [(True, "LINKED", 0), (True, "NONE", 1), (False, "LINKED", 1)]
    )
    def test_revoking_linked_sessions_ends_the_cookie_session_where_sessions_are_tracked(
        self, *, tracking: bool, associated: str, left: int
    ) -> None:
        with FakeCognito(session_tracking=tracking) as fake:
            fake.add_user("ada")
            client = fake.add_client(callback_urls=(CALLBACK,))
            elsewhere = fake.open_browser_session("ada")
            signed_in = through_hosted_ui(fake, client, fake.open_browser_session("ada"))
            boto = cognito_idp(fake.endpoint_url)
            boto.revoke_token(Token=signed_in["refresh_token"], ClientId=client.id, RevokeAssociatedSessions=associated)
            boto.close()
            assert fake.browser_sessions("ada") == 1 + left
            assert send(fake, "GET", login_target(client), headers={"Cookie": f"cognito={elsewhere}"}).status == 302

    def test_sessions_are_listed_where_they_are_tracked_with_the_one_they_came_through(self) -> None:
        with FakeCognito(session_tracking=True) as fake:
            fake.add_user("ada")
            client = fake.add_client()
            cookie = fake.open_browser_session("ada")
            through, again = (fake.sign_in(client, "ada", browser_session=cookie) for _ in range(2))
            fake.sign_in(client, "ada")
            boto: Any = cognito_idp(fake.endpoint_url)
            sessions = boto.list_user_sessions(AccessToken=through.access_token)["Sessions"]
            boto.revoke_token(Token=again.refresh_token, ClientId=client.id)
            left = boto.list_user_sessions(AccessToken=through.access_token)["Sessions"]
            boto.close()
        assert [session["SessionType"] for session in sessions] == ["TOKEN", "TOKEN", "TOKEN", "SSO"]
        assert [session["IsCurrentSession"] for session in sessions] == [True, False, False, False]
        browsers = sessions[3]["SessionId"]
        assert [session.get("OriginSessionId") for session in sessions] == [browsers, browsers, None, None]
        assert {len(session["SessionId"]) for session in sessions} == {28}
        assert all(isinstance(session["CreateDate"], datetime) for session in sessions)
        assert left == [sessions[0], sessions[2], sessions[3]]

    def test_sessions_that_have_ended_by_their_age_are_not_listed(self) -> None:
        with FakeCognito(session_tracking=True) as fake:
            fake.add_user("ada")
            client = fake.add_client()
            fake.sign_in(client, "ada", browser_session=fake.open_browser_session("ada"))
            fake.pass_time(31 * 24 * 3600)
            token = fake.sign_in(client, "ada").access_token
            boto: Any = cognito_idp(fake.endpoint_url)
            (session,) = boto.list_user_sessions(AccessToken=token)["Sessions"]
            boto.close()
        assert session["IsCurrentSession"]

    def test_sessions_that_are_not_tracked_are_not_listed(
        self, cognito: FakeCognito, tokens: FakeTokens, idp: Any
    ) -> None:
        del cognito
        with pytest.raises(idp.exceptions.OperationNotEnabledException):
            idp.list_user_sessions(AccessToken=tokens.access_token)

    def test_global_sign_outs_leave_cookie_sessions_and_other_users_alone(
        self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens, idp: Any
    ) -> None:
        cognito.add_user("eve")
        cognito.open_browser_session("ada")
        eves = cognito.sign_in(client, "eve")
        cognito.sign_in(client, "ada")
        assert cognito.live_refresh_tokens("ada") == 2
        idp.global_sign_out(AccessToken=tokens.access_token)
        assert (cognito.live_refresh_tokens("ada"), cognito.live_refresh_tokens("eve")) == (0, 1)
        assert cognito.accepts(eves.access_token)
        assert cognito.browser_sessions("ada") == 1


class TestRevocationEndpoint:
    @pytest.mark.parametrize("secret", [False, True])
    def test_kills_the_whole_family(self, cognito: FakeCognito, *, secret: bool) -> None:
        client = cognito.add_client(secret=secret)
        tokens = cognito.sign_in(client, "ada")
        named, proof = ({}, basic(client.id, client.secret)) if secret else ({"client_id": client.id}, {})
        for _ in range(2):
            reply = post_form(cognito, "/oauth2/revoke", proof, token=tokens.refresh_token, **named)
            assert (reply.status, reply.body) == (200, "")
        assert not cognito.holds(tokens.refresh_token)
        assert not cognito.accepts(tokens.access_token)

    def test_answers_an_unknown_token_with_success(self, cognito: FakeCognito, client: FakeClient) -> None:
        assert post_form(cognito, "/oauth2/revoke", client_id=client.id, token="nonsense").status == 200

    def test_refuses_what_is_no_refresh_token(
        self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens
    ) -> None:
        reply = post_form(cognito, "/oauth2/revoke", client_id=client.id, token=tokens.access_token)
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "unsupported_token_type")
        assert cognito.accepts(tokens.access_token)

    @pytest.mark.parametrize("form", [{}, {"token": ""}])
    def test_needs_a_token(self, cognito: FakeCognito, client: FakeClient, form: dict[str, str]) -> None:
        reply = post_form(cognito, "/oauth2/revoke", client_id=client.id, **form)
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_request")

    def test_needs_a_form(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> None:
        body = json.dumps({"client_id": client.id, "token": tokens.refresh_token})
        reply = send(cognito, "POST", "/oauth2/revoke", body, {"Content-Type": "application/json"})
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_request")

    def test_needs_revocation_enabled(self, cognito: FakeCognito) -> None:
        client = cognito.add_client(revocation=False)
        tokens = cognito.sign_in(client, "ada")
        reply = post_form(cognito, "/oauth2/revoke", client_id=client.id, token=tokens.refresh_token)
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_request")
        assert cognito.holds(tokens.refresh_token)

    def test_refuses_the_token_of_another_client(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        other = cognito.add_client()
        reply = post_form(cognito, "/oauth2/revoke", client_id=other.id, token=tokens.refresh_token)
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_request")
        assert cognito.holds(tokens.refresh_token)

    def test_refuses_whoever_cannot_prove_to_be_the_client(
        self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens
    ) -> None:
        confidential = cognito.add_client(secret=True)
        for proof, form in (
            (basic(confidential.id, "wrong"), {}),
            (basic(client.id, ""), {}),
            (basic("nosuchclient", "x"), {}),
            ({"Authorization": "Basic %%%"}, {}),
            ({}, {"client_id": confidential.id}),
            ({}, {"client_id": "nosuchclient"}),
            ({}, {}),
        ):
            reply = post_form(cognito, "/oauth2/revoke", proof, token=tokens.refresh_token, **form)
            assert (reply.status, json.loads(reply.body)["error"]) == (401, "invalid_client")
        assert cognito.holds(tokens.refresh_token)


class TestLogin:
    def test_asks_signs_in_and_returns_to_the_app_with_a_code(self, cognito: FakeCognito, client: FakeClient) -> None:
        target = login_target(client)
        form = send(cognito, "GET", target)
        assert form.status == 200
        action = re.search(r'<form method="post" action="([^"]+)"', form.body)
        assert action
        assert action[1].replace("&amp;", "&") == target
        reply = post_form(cognito, target, username="ada", password=PASSWORD)
        assert reply.status == 302
        assert (reply.location or "").startswith(f"{CALLBACK}?code=")
        assert parse_qs(urlsplit(reply.location or "").query)["state"] == ["s-1"]
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(reply.set_cookie.split("; "))
        assert cognito.browser_sessions("ada") == 1

    def test_lets_a_signed_in_browser_through_without_asking(self, cognito: FakeCognito, client: FakeClient) -> None:
        reply = post_form(cognito, login_target(client), username="ada", password=PASSWORD)
        cookie = reply.set_cookie.partition(";")[0]
        again = send(cognito, "GET", login_target(client), headers={"Cookie": f"theme=dark; {cookie}"})
        assert again.status == 302
        assert code_in(again) != code_in(reply)
        cognito.pass_time(3600)
        assert send(cognito, "GET", login_target(client), headers={"Cookie": cookie}).status == 200
        assert cognito.browser_sessions("ada") == 0

    def test_asks_again_after_a_wrong_password(self, cognito: FakeCognito, client: FakeClient) -> None:
        reply = post_form(cognito, login_target(client), username="ada", password="wrong")
        assert (reply.status, reply.location, reply.set_cookie) == (401, None, "")
        assert "<form" in reply.body
        assert cognito.browser_sessions("ada") == 0

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        "changes",
        [
            {"redirect_uri": f"{CALLBACK}/more"},
            {"redirect_uri": "https://evil.example"},
            {"client_id": "nosuchclient"},
            {"response_type": "token"},
        ],
    )
    def test_never_redirects_to_what_is_not_registered(
        self, cognito: FakeCognito, client: FakeClient, method: str, changes: dict[str, str]
    ) -> None:
        cookie = {"Cookie": f"cognito={cognito.open_browser_session('ada')}"}
        target = login_target(client, **changes)
        reply = (
            send(cognito, "GET", target, headers=cookie)
            if method == "GET"
            else post_form(cognito, target, cookie, username="ada", password=PASSWORD)
        )
        assert (reply.status, reply.location) == (400, None)
        assert "evil" not in reply.body

    def test_shows_nothing_of_the_request_as_markup(self, cognito: FakeCognito, client: FakeClient) -> None:
        reply = send(cognito, "GET", f'{login_target(client)}&x="><script>')
        assert "<script" not in reply.body

    def test_finds_its_cookie_among_odd_ones(self, cognito: FakeCognito, client: FakeClient) -> None:
        cookies = f"a/b=c; ;=; cognito2=x; cognito={cognito.open_browser_session('ada')}; d"
        assert send(cognito, "GET", login_target(client), headers={"Cookie": cookies}).status == 302
        assert send(cognito, "GET", login_target(client), headers={"Cookie": "a/b=c; ;="}).status == 200


class TestTokenEndpoint:
    def test_exchanges_a_code_once(self, cognito: FakeCognito, client: FakeClient, idp: Any) -> None:
        cookie = {"Cookie": f"cognito={cognito.open_browser_session('ada')}"}
        code = code_in(send(cognito, "GET", login_target(client), headers=cookie))
        signed_in = json.loads(exchange(cognito, client, code).body)
        assert idp.get_user(AccessToken=signed_in["access_token"])["Username"] == "ada"
        assert cognito.holds(signed_in["refresh_token"])
        again = exchange(cognito, client, code)
        assert (again.status, json.loads(again.body)["error"]) == (400, "invalid_grant")

    def test_refuses_a_code_that_is_another_clients_or_for_another_address_or_old(
        self, cognito: FakeCognito, client: FakeClient
    ) -> None:
        cookie = {"Cookie": f"cognito={cognito.open_browser_session('ada')}"}
        codes = [code_in(send(cognito, "GET", login_target(client), headers=cookie)) for _ in range(3)]
        other = cognito.add_client(callback_urls=(CALLBACK,))
        replies = [exchange(cognito, other, codes[0]), exchange(cognito, client, codes[1], SIGNED_OUT)]
        cognito.pass_time(301)
        replies.append(exchange(cognito, client, codes[2]))
        assert [json.loads(reply.body)["error"] for reply in replies] == ["invalid_grant"] * 3
        assert cognito.live_refresh_tokens("ada") == 0

    def test_gives_the_scopes_that_were_asked_for_and_are_allowed(
        self, cognito: FakeCognito, client: FakeClient
    ) -> None:
        signed_in = through_hosted_ui(cognito, client, cognito.open_browser_session("ada"), scope="openid email")
        claims = jwt.decode(signed_in["access_token"], options={"verify_signature": False})
        assert claims["scope"] == "openid"

    @pytest.mark.parametrize("rotation", [False, True])
    def test_refreshes(self, cognito: FakeCognito, *, rotation: bool) -> None:
        client = cognito.add_client(rotation=rotation)
        first = cognito.sign_in(client, "ada").refresh_token
        form = {"grant_type": "refresh_token", "client_id": client.id, "refresh_token": first}
        reply = json.loads(post_form(cognito, "/oauth2/token", **form).body)
        assert cognito.accepts(reply["access_token"])
        assert ("refresh_token" in reply) is rotation
        assert cognito.holds(first) is not rotation

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({"grant_type": "refresh_token", "refresh_token": "nonsense"}, "invalid_grant"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({}, "invalid_request"),
            ({"client_id": "nosuchclient"}, "invalid_client"),
        ],
    )
    def test_refuses_in_the_form_of_oauth(
        self, cognito: FakeCognito, client: FakeClient, form: dict[str, str], error: str
    ) -> None:
        reply = post_form(cognito, "/oauth2/token", **({"client_id": client.id} | form))
        assert (400, error) == (reply.status, json.loads(reply.body)["error"])

    def test_needs_a_form(self, cognito: FakeCognito) -> None:
        assert json.loads(send(cognito, "POST", "/oauth2/token", "{}").body)["error"] == "invalid_request"


class TestLogout:
    def test_ends_the_session_on_the_server_and_in_the_browser(self, cognito: FakeCognito, client: FakeClient) -> None:
        mine, other = (cognito.open_browser_session("ada") for _ in range(2))
        cookie = {"Cookie": f"cognito={mine}"}
        reply = send(cognito, "GET", logout_target(client, state="s-1"), headers=cookie)
        assert (reply.status, reply.location) == (302, SIGNED_OUT)
        assert {"cognito=", "Max-Age=0"} <= set(reply.set_cookie.split("; "))
        assert send(cognito, "GET", login_target(client), headers=cookie).status == 200
        assert send(cognito, "GET", login_target(client), headers={"Cookie": f"cognito={other}"}).status == 302

    def test_leaves_tokens_alone(self, cognito: FakeCognito, client: FakeClient) -> None:
        cookie = cognito.open_browser_session("ada")
        signed_in = through_hosted_ui(cognito, client, cookie)
        send(cognito, "GET", logout_target(client), headers={"Cookie": f"cognito={cookie}"})
        assert cognito.holds(signed_in["refresh_token"])

    def test_redirects_a_browser_that_was_not_signed_in(self, cognito: FakeCognito, client: FakeClient) -> None:
        assert send(cognito, "GET", logout_target(client)).location == SIGNED_OUT

    @pytest.mark.parametrize(
        "logout_uri", ["", f"{SIGNED_OUT}/", f"{SIGNED_OUT}?x=1", SIGNED_OUT.upper(), "https://evil.example", CALLBACK]
    )
    def test_wrong_address_shows_an_error_and_never_redirects(
        self, cognito: FakeCognito, client: FakeClient, logout_uri: str
    ) -> None:
        cookie = {"Cookie": f"cognito={cognito.open_browser_session('ada')}"}
        reply = send(cognito, "GET", logout_target(client, logout_uri), headers=cookie)
        assert (reply.status, reply.location, reply.set_cookie) == (400, None, "")
        assert "evil" not in reply.body
        assert cognito.browser_sessions("ada") == 1

    def test_address_of_another_client_shows_an_error(self, cognito: FakeCognito, client: FakeClient) -> None:
        assert send(cognito, "GET", logout_target(cognito.add_client())).status == 400
        assert send(cognito, "GET", logout_target(client).replace(client.id, "nosuchclient")).status == 400

    def test_only_get_signs_out(self, cognito: FakeCognito, client: FakeClient) -> None:
        assert post_form(cognito, logout_target(client)).status == 405

    def test_other_pages_do_not_exist(self, cognito: FakeCognito) -> None:
        assert send(cognito, "GET", "/favicon.ico").status == 404


class TestCalls:
    def test_are_named_in_order_and_never_show_what_was_sent(
        self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens, idp: Any
    ) -> None:
        idp.revoke_token(Token=tokens.refresh_token, ClientId=client.id)
        refusal(lambda: idp.global_sign_out(AccessToken=tokens.access_token))
        send(cognito, "GET", logout_target(client))
        send(cognito, "GET", f"/{tokens.access_token}")
        operate(cognito, tokens.access_token, "{}")
        assert cognito.calls == ("RevokeToken", "GlobalSignOut", "GET /logout", "unknown", "unknown")
        cognito.forget_calls()
        assert not cognito.calls


class TestFaults:
    @pytest.fixture
    def revoke(self, client: FakeClient, tokens: FakeTokens, idp: Any) -> Callable[[], Any]:
        return lambda: idp.revoke_token(Token=tokens.refresh_token, ClientId=client.id)

    def test_error_is_told_and_nothing_done(
        self, cognito: FakeCognito, tokens: FakeTokens, revoke: Callable[[], Any]
    ) -> None:
        cognito.fail("RevokeToken", Fault.error("InternalErrorException", "Out of order", 500), Fault.throttle())
        assert refusal(revoke) == "InternalErrorException: Out of order"
        assert refusal(revoke) == "TooManyRequestsException: Rate exceeded"
        assert cognito.holds(tokens.refresh_token)
        revoke()
        assert not cognito.holds(tokens.refresh_token)

    def test_delay_comes_before_the_work(
        self, cognito: FakeCognito, tokens: FakeTokens, revoke: Callable[[], Any]
    ) -> None:
        cognito.fail("RevokeToken", Fault.delay(0.01))
        revoke()
        assert not cognito.holds(tokens.refresh_token)

    @pytest.mark.parametrize(("fault", "held"), [(Fault.cut_before_work(), True), (Fault.cut_after_work(), False)])
    def test_cut_loses_the_answer(
        self, cognito: FakeCognito, tokens: FakeTokens, revoke: Callable[[], Any], fault: Fault, *, held: bool
    ) -> None:
        cognito.fail("RevokeToken", fault)
        with pytest.raises(ConnectionClosedError):
            revoke()
        assert cognito.holds(tokens.refresh_token) is held

    def test_captive_portal_looks_like_success_without_a_request_id(
        self, cognito: FakeCognito, tokens: FakeTokens, revoke: Callable[[], Any]
    ) -> None:
        cognito.fail("RevokeToken", Fault.html())
        metadata = revoke()["ResponseMetadata"]
        assert metadata["HTTPStatusCode"] == 200
        assert "RequestId" not in metadata
        assert cognito.holds(tokens.refresh_token)
        cognito.fail("RevokeToken", Fault.html(503))
        assert refusal(revoke).startswith("503")

    def test_echo_repeats_the_token_that_was_sent(
        self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens, idp: Any
    ) -> None:
        for operation, call, token in (
            ("GlobalSignOut", lambda: idp.global_sign_out(AccessToken=tokens.access_token), tokens.access_token),
            (
                "GetTokensFromRefreshToken",
                lambda: idp.get_tokens_from_refresh_token(RefreshToken=tokens.refresh_token, ClientId=client.id),
                tokens.refresh_token,
            ),
            (
                "InitiateAuth",
                lambda: idp.initiate_auth(
                    AuthFlow="REFRESH_TOKEN_AUTH",
                    ClientId=client.id,
                    AuthParameters={"REFRESH_TOKEN": tokens.refresh_token},
                ),
                tokens.refresh_token,
            ),
        ):
            cognito.fail(operation, Fault.echo_token())
            assert token in refusal(call)
        cognito.fail("POST /oauth2/revoke", Fault.echo_token())
        assert tokens.refresh_token in post_form(cognito, "/oauth2/revoke", token=tokens.refresh_token).body
        cognito.fail("GetUser", Fault.echo_token(), times=2)
        assert [operate(cognito, "GetUser", body).status for body in ("{}", "no json")] == [400, 400]

    def test_hang_never_answers(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        cognito.fail("RevokeToken", Fault.hang())
        impatient = cognito_idp(cognito.endpoint_url, read_timeout=0.05)
        with pytest.raises(ReadTimeoutError):
            impatient.revoke_token(Token=tokens.refresh_token, ClientId="x")
        impatient.close()
        assert cognito.holds(tokens.refresh_token)

    @pytest.mark.parametrize("fault", [Fault.hang(), Fault.delay(3600)])
    def test_stop_ends_calls_that_wait(self, cognito: FakeCognito, tokens: FakeTokens, fault: Fault) -> None:
        cognito.fail("GlobalSignOut", fault)
        boto = cognito_idp(cognito.endpoint_url)
        caught: list[BaseException] = []

        def call() -> None:
            try:
                boto.global_sign_out(AccessToken=tokens.access_token)
            except ConnectionClosedError as error:
                caught.append(error)

        caller = threading.Thread(target=call)
        caller.start()
        wait_until(lambda: bool(cognito.calls))
        cognito.stop()
        caller.join()
        boto.close()
        assert len(caught) == 1
        assert cognito.holds(tokens.refresh_token)

    def test_are_used_up_first_in_first_out(self, cognito: FakeCognito, revoke: Callable[[], Any]) -> None:
        cognito.fail("RevokeToken", Fault.error("First"), times=2)
        cognito.fail("RevokeToken", Fault.error("Second"))
        assert [refusal(revoke).partition(":")[0] for _ in range(3)] == ["First", "First", "Second"]
        revoke()

    def test_last_until_healed(self, cognito: FakeCognito, revoke: Callable[[], Any], tokens: FakeTokens) -> None:
        cognito.fail("RevokeToken", Fault.throttle(), times=None)
        for _ in range(5):
            refusal(revoke)
        cognito.heal()
        revoke()
        assert not cognito.holds(tokens.refresh_token)

    def test_spoil_only_their_own_operation(self, cognito: FakeCognito, tokens: FakeTokens, idp: Any) -> None:
        cognito.fail("RevokeToken", Fault.throttle())
        idp.global_sign_out(AccessToken=tokens.access_token)

    def test_of_pages_and_oauth_endpoints_have_their_form(self, cognito: FakeCognito, client: FakeClient) -> None:
        cognito.fail("GET /logout", Fault.error("Broken", status=500))
        page = send(cognito, "GET", logout_target(client))
        assert (page.status, page.location) == (500, None)
        assert "<h1>Broken" in page.body
        cognito.fail("POST /oauth2/revoke", Fault.error("temporarily_unavailable", status=503))
        reply = post_form(cognito, "/oauth2/revoke", client_id=client.id, token="x")
        assert (reply.status, json.loads(reply.body)["error"]) == (503, "temporarily_unavailable")

    def test_that_could_never_happen_are_errors(self, cognito: FakeCognito) -> None:
        with pytest.raises(ValueError, match="SignOut"):
            cognito.fail("SignOut", Fault.throttle())
        with pytest.raises(ValueError, match="at least one fault"):
            cognito.fail("RevokeToken")
        with pytest.raises(ValueError, match="at least 1"):
            cognito.fail("RevokeToken", Fault.throttle(), times=0)


class TestServer:
    def test_stop_frees_the_port_and_ends_every_thread(self) -> None:
        fake = FakeCognito()
        fake.start()
        fake.start()
        port = urlsplit(fake.endpoint_url).port
        assert fake.domain == f"http://localhost:{port}"
        with socket.create_connection(("127.0.0.1", port)) as silent, socket.create_connection(("127.0.0.1", port)):
            send(fake, "GET", "/login")
            fake.stop()
            fake.stop()
            assert silent.recv(1) == b""
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("FakeCognito")]
        with socket.create_server(("127.0.0.1", port or 0)):
            pass
        with pytest.raises(RuntimeError, match="not running"):
            _ = fake.endpoint_url

    def test_restart_keeps_the_pool(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        cognito.stop()
        cognito.start()
        boto = cognito_idp(cognito.endpoint_url)
        assert boto.get_user(AccessToken=tokens.access_token)["Username"] == "ada"
        boto.close()

    def test_silent_connections_hold_up_nobody(self, cognito: FakeCognito) -> None:
        port = urlsplit(cognito.endpoint_url).port
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
        assert send(cognito, "GET", "/login").status == 400
        for connection in silent:
            connection.close()

    def test_serves_64_connections_at_once_and_keeps_them_alive(self, cognito: FakeCognito, client: FakeClient) -> None:
        everyone_has_an_answer = threading.Barrier(64, timeout=30)
        address = urlsplit(cognito.endpoint_url).netloc
        statuses: list[int] = []

        def work() -> None:
            connection = http.client.HTTPConnection(address, timeout=30)
            for _ in range(3):
                token = cognito.sign_in(client, "ada").refresh_token
                body = urlencode({"client_id": client.id, "token": token})
                connection.request(
                    "POST", "/oauth2/revoke", body, {"Content-Type": "application/x-www-form-urlencoded"}
                )
                sock = connection.sock
                response = connection.getresponse()
                response.read()
                everyone_has_an_answer.wait()
                assert connection.sock is sock
                statuses.append(response.status)
            connection.close()

        workers = [threading.Thread(target=work) for _ in range(64)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert statuses == [200] * 192
        assert cognito.live_refresh_tokens("ada") == 0
        assert cognito.calls == ("POST /oauth2/revoke",) * 192

    def test_client_that_hangs_up_or_talks_nonsense_leaves_no_trace(
        self, cognito: FakeCognito, capfd: pytest.CaptureFixture[str]
    ) -> None:
        port = urlsplit(cognito.endpoint_url).port
        for sent in (
            b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nshort",
            b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
            b"\x16\x03\x01nonsense\r\n\r\n",
            b"DELETE / HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        assert send(cognito, "GET", "/login").status == 400
        assert cognito.calls == ("GET /login",)
        cognito.stop()
        assert capfd.readouterr() == ("", "")

    def test_client_that_does_not_wait_for_its_answer_leaves_no_trace(
        self, cognito: FakeCognito, capfd: pytest.CaptureFixture[str]
    ) -> None:
        cognito.fail("GetUser", Fault.delay(0.05))
        with socket.create_connection(("127.0.0.1", urlsplit(cognito.endpoint_url).port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            target = b"X-Amz-Target: AWSCognitoIdentityProviderService.GetUser"
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + target + b"\r\nContent-Length: 2\r\n\r\n{}")
            wait_until(lambda: bool(cognito.calls))
        wait_until(lambda: "FakeCognito connection" not in {thread.name for thread in threading.enumerate()})
        assert capfd.readouterr() == ("", "")

    def test_bug_of_the_fake_is_loud(
        self, cognito: FakeCognito, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def broken(_: str) -> None:
            raise LookupError("a bug")

        monkeypatch.setattr(cognito._server, "note_call", broken)
        with pytest.raises(ConnectionError):
            send(cognito, "GET", "/login")
        cognito.stop()
        assert "LookupError: a bug" in capfd.readouterr().err


class TestSecrecy:
    def test_no_repr_shows_a_secret(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        client = cognito.add_client(secret=True)
        user = cognito.add_user("eve", password="Battery-Staple-2")
        cookie = cognito.open_browser_session("eve")
        shown = repr([cognito, client, user, tokens, Fault.echo_token(), ServiceError("Code", "text")]) + str(tokens)
        for secret in (client.secret, "Battery-Staple-2", cookie, tokens.refresh_token, tokens.access_token):
            assert secret
            assert secret not in shown

    def test_no_error_of_the_fake_shows_a_token(self, cognito: FakeCognito, tokens: FakeTokens) -> None:
        for call in (
            lambda: cognito.sign_in(cognito.add_client(), "nobody"),
            lambda: cognito.add_user("ada", password="Battery-Staple-2"),
        ):
            with pytest.raises((ServiceError, ValueError)) as caught:
                call()
            assert "Battery-Staple-2" not in str(caught.value)
        body = json.dumps({"AccessToken": tokens.id_token})
        assert tokens.id_token not in operate(cognito, "GetUser", body).body

    def test_client_without_a_secret_has_no_secret_hash(self, client: FakeClient) -> None:
        with pytest.raises(ValueError, match="without a secret"):
            client.secret_hash("ada")


class TestImports:
    def test_are_the_standard_library_and_pyjwt(self) -> None:
        package = Path(authsm.testing.fake_cognito.__file__ or "").parent
        imported: set[str] = set()
        for module in package.glob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {name.name.partition(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom):
                    # A relative import may reach siblings, and nothing above the package.
                    assert node.level <= 1
                    if node.level == 0:
                        imported.add((node.module or "").partition(".")[0])
        assert imported - sys.stdlib_module_names == {"jwt"}

    def test_load_no_test_framework_and_no_aws_sdk(self) -> None:
        heavy = ("pytest", "hypothesis", "boto3", "botocore", "requests")
        program = f"import sys, authsm.testing.fake_cognito; print([m for m in {heavy} if m in sys.modules])"
        done = subprocess.run(  # noqa: S603 - this very Python and the program above.
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"
