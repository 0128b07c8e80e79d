"""The test kit, for other people's suites too.

`FakeCognito` is a small Amazon Cognito over real HTTP, with faults on demand; `StoreConformance` is what every
credential store has to pass.
"""

from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens, FakeUser, Fault
from authsm.testing.store_conformance import StoreConformance

__all__ = ["FakeClient", "FakeCognito", "FakeTokens", "FakeUser", "Fault", "StoreConformance"]
