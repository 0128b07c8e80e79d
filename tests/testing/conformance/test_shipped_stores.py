"""Every store that ships, of credentials or of tickets, passes the suite that is there for everybody's."""

from collections.abc import Iterator

import pytest

from tests.stores.secret_service import secret_service
from tests.testing.conformance import shipped


class TestMemory(shipped.Memory):
    pass


class TestFile(shipped.File):
    pass


class TestEncryptedFile(shipped.EncryptedFile):
    pass


class TestSQLite(shipped.SQLite):
    pass


@pytest.fixture(scope="module")
def _a_secret_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with secret_service(tmp_path_factory.mktemp("home")):
        yield


@pytest.mark.usefixtures("_a_secret_service")
class TestKeyring(shipped.Keyring):
    pass


class TestMemoryTickets(shipped.MemoryTickets):
    pass


class TestFileTickets(shipped.FileTickets):
    pass


class TestSQLiteTickets(shipped.SQLiteTickets):
    pass
