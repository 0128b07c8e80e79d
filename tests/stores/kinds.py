"""The stores that keep credentials on a disk, by their names in tests."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Final

from authsm import CredentialStore, FileCredentialStore, KeyringCredentialStore, Secret, SQLiteCredentialStore

ENCRYPTION_KEY: Final = Secret(base64.b64encode(bytes(32)).decode())

IN_FILES: Final[dict[str, Callable[[Path], CredentialStore]]] = {
    "file": FileCredentialStore,
    "encrypted file": lambda folder: FileCredentialStore(folder, encryption_key=ENCRYPTION_KEY),
    "sqlite": lambda folder: SQLiteCredentialStore(folder / "sessions.db"),
}
"""How each is made in a folder."""

ON_DISK: Final[dict[str, Callable[[Path], CredentialStore]]] = {
    **IN_FILES,
    "keyring": lambda folder: KeyringCredentialStore(str(folder), folder),
}
"""The same, and the one that needs a Secret Service; see `tests.stores.secret_service`."""
