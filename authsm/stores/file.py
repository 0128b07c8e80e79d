"""Credentials in files: one session a file, readable by its owner only, replaced as a whole.

Without an encryption key the file is **not encrypted**: whoever can read it as its owner, or reads the disk or a backup
of it, has the tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsm.stores._folder import FolderStore
from authsm.stores._sealing import OneKey
from authsm.stores._store import LOCK_SECONDS
from authsm.stores.contract import Capabilities

if TYPE_CHECKING:
    import os

    from authsm.credentials import Secret


class FileCredentialStore(FolderStore):
    """Credentials in a folder, one file a key, mode 0600 in a folder of mode 0700.

    Each write goes to a new file, which replaces the old one once it is safely on the disk; a reader sees the one or
    the other. A lock file keeps processes from writing over each other, and what a killed writer left is removed by the
    next. Keys become file names, with everything but small letters, digits, ``-`` and ``_`` spelt as ``%xx``.

    Args:
        folder: Where the files go; made at the first sign-in, with its parents.
        encryption_key: 32 bytes in base64, to encrypt with AES-256-GCM; needs ``authsm[encryption]``. Files from before
            are read, and encrypted when they are next written.
        lock_seconds: How long to wait for another process that writes, in seconds.

    Raises:
        ConfigurationException: The encryption key is none, or the package cryptography is not installed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        encryption_key: Secret | None = None,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        seal = OneKey(encryption_key) if encryption_key is not None else None
        super().__init__(folder, seal, lock_seconds=lock_seconds)

    def __repr__(self) -> str:
        return f"FileCredentialStore({str(self._folder)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileCredentialStore):
            return NotImplemented
        # With another key they do not read the same: a sign-out with the right one must not join one with the wrong.
        return (self._folder, self._seal) == (other._folder, other._seal)

    def __hash__(self) -> int:
        return hash((self._folder, self._seal))

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities(
            durable_clear=True, cross_process=True, encrypted=self._seal is not None, sweeps_residue=True
        )
