"""What every test may use: a stand-in of Cognito with a user, and the session of that user."""

from collections.abc import Iterator

import pytest

from authsm.testing import FakeCognito


@pytest.fixture
def cognito() -> Iterator[FakeCognito]:
    """A running stand-in of Cognito with the user ada."""
    with FakeCognito() as cognito:
        cognito.add_user("ada")
        yield cognito
