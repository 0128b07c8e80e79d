"""The stand-ins for Cognito: our fake for each test, ministack and moto once for all."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from authsm.testing.fake_cognito import FakeClient, FakeCognito
from tests.left_out import left_out
from tests.testing.cognito_cases import AppClient, World, cognito_idp

collect_ignore = ["elsewhere"]
"""These run beside the built wheel; see `tests.testing.test_wheel`."""

_REPOSITORY: Final = Path(__file__).parents[2]
_MINISTACK_PYTHON: Final = "AUTHSM_MINISTACK_PYTHON"
_START_SECONDS: Final = 30.0


@pytest.fixture
def cognito() -> Iterator[FakeCognito]:
    with FakeCognito() as fake:
        fake.add_user("ada", password="Correct-Horse-1")
        yield fake


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a ministack. It pins botocore, so it runs from an environment of its own."""
    python = Path(os.environ.get(_MINISTACK_PYTHON, _REPOSITORY / ".venv-ministack" / "bin" / "python"))
    if not python.is_file():
        left_out(
            "ministack",
            f"{python} is missing; make that environment (pip install ministack cryptography), "
            f"or name its Python in {_MINISTACK_PYTHON}",
        )
    directory = tmp_path_factory.mktemp("ministack")
    url = f"http://127.0.0.1:{_free_port()}"
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": url.rpartition(":")[2],
        "SERVICES": "cognito-idp",
        # These two listen on fixed ports.
        "IOT_MTLS_ENABLED": "false",
        "SFTP_ENABLED": "false",
    }
    log = directory / "log.txt"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - the Python that the developer named.
            [python, "-m", "ministack"], cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait_for(f"{url}/_ministack/health", process, log)
            yield url
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - it takes a second, and most tests here do without.

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """The world of a case on a stand-in; parametrised with both."""
    stand_in, app_client = request.param
    if stand_in == "fake":
        return _fake_world(request.getfixturevalue("cognito"), app_client)
    return _aws_world(request.getfixturevalue(stand_in), app_client)


def _fake_world(fake: FakeCognito, app_client: AppClient) -> World:
    client, other = (
        fake.add_client(secret=app_client.secret, revocation=app_client.revocation, rotation=app_client.rotation)
        for _ in range(2)
    )
    return World(
        endpoint_url=fake.endpoint_url,
        user_pool_id=fake.user_pool_id,
        client_id=client.id,
        other_client_id=other.id,
        client_secret=client.secret or "",
        secret_hash=client.secret_hash("ada") if client.secret else "",
    )


def _aws_world(url: str, app_client: AppClient) -> World:
    client = cognito_idp(url)
    try:
        pool_id = client.create_user_pool(PoolName="cases")["UserPool"]["Id"]
        made, other = (_aws_client(client, pool_id, app_client) for _ in range(2))
        client.admin_create_user(UserPoolId=pool_id, Username="ada", MessageAction="SUPPRESS")
        client.admin_set_user_password(UserPoolId=pool_id, Username="ada", Password="Correct-Horse-1", Permanent=True)
    finally:
        client.close()
    secret = made.get("ClientSecret")
    return World(
        endpoint_url=url,
        user_pool_id=pool_id,
        client_id=made["ClientId"],
        other_client_id=other["ClientId"],
        client_secret=secret or "",
        secret_hash=FakeClient(id=made["ClientId"], secret=secret).secret_hash("ada") if secret else "",
    )


def _aws_client(client: Any, pool_id: str, app_client: AppClient) -> dict[str, Any]:
    rotation: dict[str, Any] = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
    # The guide, "Refresh tokens": a client that rotates may not allow REFRESH_TOKEN_AUTH.
    flows = ["ALLOW_USER_PASSWORD_AUTH"] + ([] if app_client.rotation else ["ALLOW_REFRESH_TOKEN_AUTH"])
    made: dict[str, Any] = client.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="cases",
        GenerateSecret=app_client.secret,
        EnableTokenRevocation=app_client.revocation,
        PreventUserExistenceErrors="ENABLED",
        ExplicitAuthFlows=flows,
        **({"RefreshTokenRotation": rotation} if app_client.rotation else {}),
    )["UserPoolClient"]
    return made


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urlopen(url, timeout=1):  # noqa: S310 - http to 127.0.0.1.
                return
        except (URLError, OSError):
            time.sleep(0.05)
    pytest.fail(f"ministack did not start:\n{log.read_text(errors='replace')[-2000:]}")
