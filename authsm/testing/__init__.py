"""The test kit, for other people's suites too.

`FakeCognito` is a small Amazon Cognito over real HTTP, with faults on demand.
"""

from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens, FakeUser, Fault

__all__ = ["FakeClient", "FakeCognito", "FakeTokens", "FakeUser", "Fault"]
