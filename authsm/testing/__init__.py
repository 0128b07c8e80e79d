"""The test kit, for other people's suites too.

`FakeCognito` is a small Amazon Cognito over real HTTP, with faults on demand. `StoreConformance`, `RunnerConformance`
and `SignOutConformance` are what every credential store, every runner and every sign-out has to pass; see
`authsm.testing.conformance`.
"""

from authsm.testing.conformance import RunnerConformance, SignOutConformance, StoreConformance
from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens, FakeUser, Fault

__all__ = [
    "FakeClient",
    "FakeCognito",
    "FakeTokens",
    "FakeUser",
    "Fault",
    "RunnerConformance",
    "SignOutConformance",
    "StoreConformance",
]
