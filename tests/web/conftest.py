import pytest

from authsm.testing import FakeCognito
from tests.web.site import Site


@pytest.fixture
def site(cognito: FakeCognito) -> Site:
    made = Site(cognito)
    made.sign_in()
    return made
