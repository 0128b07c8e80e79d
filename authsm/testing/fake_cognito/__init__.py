"""A small Amazon Cognito on 127.0.0.1, for tests of code that signs users out.

An unchanged boto3 ``cognito-idp`` client talks to it through ``endpoint_url``, a browser through the hosted UI's pages,
and a test asks it afterwards which tokens and cookie sessions are really dead::

    >>> import boto3
    >>> from botocore import UNSIGNED
    >>> from botocore.config import Config
    >>> with FakeCognito() as cognito:
    ...     client = cognito.add_client()
    ...     user = cognito.add_user("ada", password="correct horse")
    ...     tokens = cognito.sign_in(client, "ada")
    ...     cognito.fail("RevokeToken", Fault.error("InvalidParameterException"))  # what its first call meets
    ...     where = {"region_name": cognito.region, "endpoint_url": cognito.endpoint_url}
    ...     sdk = boto3.client("cognito-idp", **where, config=Config(signature_version=UNSIGNED))  # in your own code
    ...     for _ in range(2):
    ...         try:
    ...             _ = sdk.revoke_token(ClientId=client.id, Token=tokens.refresh_token)
    ...         except sdk.exceptions.InvalidParameterException:
    ...             print("Refused; it is alive:", cognito.holds(tokens.refresh_token))
    ...     sdk.close()
    ...     cognito.calls, cognito.holds(tokens.refresh_token)
    Refused; it is alive: True
    (('RevokeToken', 'RevokeToken'), False)

The modules, from the bottom up: ``values`` (what tests hold in their hands), ``browsers`` (cookie sessions), ``pool``
(the rules, no HTTP), ``faults`` (what can be made to go wrong), ``answers`` (what goes over the wire), ``operations``
(the JSON API), ``hosted_ui`` (pages and OAuth 2.0 endpoints), ``server`` (sockets and threads), ``cognito`` (all).
"""

from .cognito import FakeCognito
from .faults import Fault
from .values import FakeClient, FakeTokens, FakeUser, ServiceError

__all__ = ["FakeClient", "FakeCognito", "FakeTokens", "FakeUser", "Fault", "ServiceError"]
