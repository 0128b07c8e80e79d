"""The boto3 client ``cognito-idp``: settings that are checked when given, a client that is made when needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authsm._forks import ForkSafeLock
from authsm.core.vocabulary import Failure, FailureKind
from authsm.errors import ConfigurationException
from authsm.runners.cognito.answers import failure_from
from authsm.runners.cognito.wire_logs import scrubbed

if TYPE_CHECKING:
    import boto3.session
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How the client is made.

    Attributes:
        region: The AWS region of the user pool.
        endpoint_url: Where to find the service instead.
        connect_timeout: Seconds that an attempt may take to connect.
        read_timeout: Seconds that an attempt may wait for more of the answer.
        max_connections: How many connections are kept open.
        signed: Whether requests are signed with IAM credentials. If not, none are looked for.

    Raises:
        ConfigurationException: A value is missing or malformed.
    """

    region: str
    endpoint_url: str | None
    connect_timeout: float
    read_timeout: float
    max_connections: int
    signed: bool

    def __post_init__(self) -> None:
        """Check the form of every value; whether there is such a region is asked of boto3 when the client is made."""
        _check_endpoint_url(self.endpoint_url)
        _check_seconds("connect_timeout", self.connect_timeout)
        _check_seconds("read_timeout", self.read_timeout)
        check_count("max_connections", self.max_connections)


def check_count(name: str, count: object) -> None:
    """Refuse what is no whole number above 0.

    Args:
        name: The name of the argument.
        count: Its value.

    Raises:
        ConfigurationException: It is none.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigurationException(f"{name} is {count!r}.", "Pass a whole number above 0.")


def check_region(region: object) -> None:
    """Refuse what does not have the form of a region's name.

    Args:
        region: The name; empty where it is not known.

    Raises:
        ConfigurationException: It is missing or has another form.
    """
    if not region:
        raise ConfigurationException(
            "The region of the user pool is not known.", "Pass region, or a user_pool_id, which begins with it."
        )
    if not isinstance(region, str) or not re.fullmatch(r"[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}", region):
        raise ConfigurationException(
            "The region, or what the user_pool_id has before its underscore, is no name of an AWS region.",
            "Pass a region such as 'eu-central-1'.",
        )


def _check_seconds(name: str, seconds: object) -> None:
    # The comparison is false for NaN, too.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise ConfigurationException(f"{name} is {seconds!r}.", "Pass a number of seconds above 0.")


def _check_endpoint_url(endpoint_url: object) -> None:
    if endpoint_url is None:
        return
    try:
        parts = urlsplit(endpoint_url) if isinstance(endpoint_url, str) else None
        complete = parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        complete = False
    if not complete:
        raise ConfigurationException(
            "The endpoint_url is no URL with http or https and a host.", "Pass one such as 'http://localhost:9229'."
        )


class LateClient:
    """A boto3 client that is made once, when it is first asked for. Safe to share among threads.

    After a fork, both processes make another: over the same connections, each would read answers to the other.

    Args:
        settings: How it is made.
        client: The client itself, where somebody has made it already.
    """

    def __init__(self, settings: ClientSettings, client: CognitoIdentityProviderClient | None = None) -> None:
        self._settings = settings
        self._client = client
        self._session: boto3.session.Session | None = None
        self._making = ForkSafeLock(self._forget if client is None else None)

    def _forget(self) -> None:
        self._client = self._session = None

    def made(self) -> CognitoIdentityProviderClient | Failure:
        """Give the client, or why it cannot be made. After a failure, asking again tries again."""
        return self._client or self._made_by_one()

    def _made_by_one(self) -> CognitoIdentityProviderClient | Failure:
        with self._making.lock:
            if self._client is None:
                made = self._make()
                if isinstance(made, Failure):
                    return made
                self._client = made
            return self._client

    def missing_credentials(self) -> Failure | None:
        """Tell why requests cannot be signed; None where they can, or need not be, or somebody else made the client."""
        session = self._session
        if not self._settings.signed or session is None:
            return None
        try:
            with scrubbed([], answers_hold_secrets=True):
                found = session.get_credentials() is not None
        except Exception as error:  # noqa: BLE001 - any source of credentials may be broken in its own way
            return failure_from(error, FailureKind.CONFIGURATION, [])
        if found:
            return None
        return Failure(
            FailureKind.CONFIGURATION,
            "NoCredentialsError",
            "boto3 finds no AWS credentials, and admin=True needs some that allow AdminUserGlobalSignOut.",
        )

    def _make(self) -> CognitoIdentityProviderClient | Failure:
        settings = self._settings
        try:
            from botocore import UNSIGNED  # noqa: PLC0415 - boto3 takes 200 ms to import, and may never be needed
            from botocore.config import Config  # noqa: PLC0415 - the same

            with scrubbed([], answers_hold_secrets=True):
                session = _new_session(signed=settings.signed)
                if settings.endpoint_url is None and not _has_cognito(session, settings.region):
                    return Failure(
                        FailureKind.CONFIGURATION,
                        "UnknownRegion",
                        f"boto3 knows no Amazon Cognito in the region {settings.region!r}: correct it; "
                        "for a new region, update boto3 or pass endpoint_url.",
                    )
                config = Config(
                    connect_timeout=settings.connect_timeout,
                    read_timeout=settings.read_timeout,
                    retries={"total_max_attempts": 1},
                    max_pool_connections=settings.max_connections,
                )
                if not settings.signed:
                    # Otherwise boto3 looks for credentials that no call needs, on the network, too.
                    config = config.merge(Config(signature_version=UNSIGNED))
                maker: Any = session  # its method has an overload for each service of AWS, most of them without types
                client: CognitoIdentityProviderClient = maker.client(
                    "cognito-idp", region_name=settings.region, endpoint_url=settings.endpoint_url, config=config
                )
        except Exception as error:  # noqa: BLE001 - whatever boto3 has against its configuration
            return failure_from(error, FailureKind.CONFIGURATION, [])
        self._session = session
        return client


def _new_session(*, signed: bool) -> boto3.session.Session:
    import boto3.session  # noqa: PLC0415 - takes 200 ms, and may never be needed
    import botocore.session  # noqa: PLC0415 - comes with it
    from botocore.exceptions import ConfigParseError, ProfileNotFound  # noqa: PLC0415 - the same

    try:
        return boto3.session.Session()
    except (ConfigParseError, ProfileNotFound):
        if signed:
            raise
    # Nothing in a profile is needed for requests that are not signed, so a broken one must not stop a sign-out.
    nothing = (None, None, None, None)
    variables = {"profile": nothing, "config_file": nothing, "credentials_file": nothing}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=variables))


def _has_cognito(session: boto3.session.Session, region: str) -> bool:
    from botocore.exceptions import UnknownRegionError  # noqa: PLC0415 - comes with boto3, see above

    try:
        partition = session.get_partition_for_region(region)
    except UnknownRegionError:
        return False
    return region in session.get_available_regions("cognito-idp", partition_name=partition)
