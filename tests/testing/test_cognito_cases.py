"""Holds our fake, ministack and moto to one table of what Cognito answers."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import jwt
import pytest
from botocore.exceptions import ClientError

from tests.testing.cognito_cases import (
    CASES,
    OK,
    TOKENS,
    TOKENS_AND_REFRESH_TOKEN,
    Case,
    StandInName,
    Step,
    World,
    cognito_idp,
)

_STAND_INS: tuple[StandInName, ...] = get_args(StandInName)


@pytest.mark.parametrize(
    ("world", "case", "stand_in"),
    [
        pytest.param((stand_in, case.client), case, stand_in, id=f"{stand_in}: {case.name}")
        for case, stand_in in itertools.product(CASES, _STAND_INS)
    ],
    indirect=["world"],
)
def test_stand_in_answers_as_the_table_says(world: World, case: Case, stand_in: StandInName) -> None:
    observed = list(_run(case, world))
    expected = case.expected(stand_in)
    # What agrees is shown as it was expected, so that a failure shows nothing but the difference.
    assert expected == [e if _agrees(o, e) else o for o, e in zip(observed, expected, strict=True)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_known_errors_name_steps_and_differ_from_the_table(case: Case) -> None:
    for wrong in case.known_wrong.values():
        assert wrong
        for number, outcome in wrong.items():
            assert not _agrees(outcome, case.steps[number].outcome)


def test_fake_is_right_about_every_case() -> None:
    assert [case.name for case in CASES if "fake" in case.known_wrong] == []


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def _run(case: Case, world: World) -> Iterator[str]:
    """Make the case's calls, one after the other, and say what came of each."""
    known = {
        "client_id": world.client_id,
        "other_client_id": world.other_client_id,
        "client_secret": world.client_secret,
        "secret_hash": world.secret_hash,
        "user_pool_id": world.user_pool_id,
        "username": world.username,
        "password": world.password,
    }
    clients = {signed: cognito_idp(world.endpoint_url, signed=signed) for signed in (True, False)}
    try:
        for step in case.steps:
            yield _outcome(step, clients[step.signed], known)
    finally:
        for client in clients.values():
            client.close()


def _agrees(observed: str, expected: str) -> bool:
    """Whether an outcome is the expected one. An expectation without a text takes any."""
    return observed == expected or (": " not in expected and observed.partition(": ")[0] == expected)


def _outcome(step: Step, client: Any, known: dict[str, str]) -> str:
    try:
        arguments = _filled(step.arguments, known)
    except KeyError as missing:
        return f"impossible: no step gave {missing.args[0]}"
    if step.call == "claim":
        claims = jwt.decode(arguments["Token"], options={"verify_signature": False})
        return str(arguments["Name"]) if arguments["Name"] in claims else "no such claim"
    try:
        answer = getattr(client, step.call)(**arguments)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {_without_tokens(error.response['Error']['Message'])}"
    result = answer.get("AuthenticationResult")
    if not result:
        return OK
    names = {"AccessToken": "access", "IdToken": "id", "RefreshToken": "refresh"}
    known.update({f"{step.save_as}{short}": result[name] for name, short in names.items() if name in result})
    return TOKENS_AND_REFRESH_TOKEN if "RefreshToken" in result else TOKENS


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(member, known) for name, member in value.items()}
    return known[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def _without_tokens(message: str) -> str:
    return re.sub(r"eyJ[\w.=-]+|[0-9a-f]{8}-[0-9a-f-]{27}", "<token>", message)
