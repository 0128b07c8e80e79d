"""How the data of a record is kept from those who can read the file: with one key, or with one for each session."""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib.util
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from authsm.errors import ConfigurationException
from authsm.stores._record import Hidden

if TYPE_CHECKING:
    from authsm.credentials import Secret

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal(ABC):
    """Encrypts and decrypts the data of sessions, and destroys what is needed for it."""

    @abstractmethod
    def seal(self, key: str, epoch: int, data: bytes, *, over: int | None) -> bytes | str:
        """Encrypt the data of a session; or tell what is wrong with it, as the end of a sentence.

        Args:
            key: Whose data.
            epoch: Which sign-in it belongs to.
            data: The data.
            over: The epoch of the sealed data in whose place it is to be put, which stays readable until then; None
                where there is none.

        Raises:
            StoreUnavailableError: What encrypts cannot be reached.
        """

    @abstractmethod
    def unseal(self, key: str, epoch: int, sealed: bytes) -> Hidden | str:
        """Decrypt the data of a session; or tell what is wrong with it, as the end of a sentence.

        Raises:
            StoreUnavailableError: What decrypts cannot be reached.
        """

    def destroy(self, key: str, epoch: int, *, is_over: bool) -> tuple[str, ...]:
        """Destroy what could decrypt the data of other sessions than this, and of this one if it is over.

        Returns:
            What could not be destroyed, in words.
        """
        del key, epoch, is_over
        return ()

    def residue(self, key: str, epoch: int) -> tuple[str, ...]:
        """Look afresh for what could decrypt the data of this session, which is over, and of those before it."""
        del key, epoch
        return ()


class OneKey(Seal):
    """Encrypts everything with one key, which the application keeps elsewhere.

    Args:
        key: 32 bytes, in base64.

    Raises:
        ConfigurationException: They are not; or the package cryptography is not installed.
    """

    def __init__(self, key: Secret) -> None:
        require_cryptography()
        raw = _bytes_of(key)
        if raw is None:
            raise ConfigurationException(
                "The encryption key is not 32 bytes in base64.",
                "Make one with base64.b64encode(os.urandom(32)).decode(), and keep it away from the files.",
            )
        self._cipher = Cipher(raw)
        self._digest = hashlib.sha256(raw).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneKey) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def seal(self, key: str, epoch: int, data: bytes, *, over: int | None) -> bytes | str:
        """Encrypt."""
        del over
        return self._cipher.seal(data, key, epoch)

    def unseal(self, key: str, epoch: int, sealed: bytes) -> Hidden | str:
        """Decrypt."""
        data = self._cipher.unseal(sealed, key, epoch)
        return "was sealed with another key, or is damaged. Use the key that sealed it." if data is None else data


class Cipher:
    """AES-256-GCM (NIST SP 800-38D) with a fresh nonce each time, which stands before the sealed data.

    What was sealed for one session cannot be put in the place of another's.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - only some stores need it

        self._aes = AESGCM(key)

    def seal(self, data: bytes, key: str, epoch: int) -> bytes:
        """Encrypt the data of a session."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aes.encrypt(nonce, data, _whose(key, epoch))

    def unseal(self, sealed: bytes, key: str, epoch: int) -> Hidden | None:
        """Decrypt; None where it was sealed with another key, for another session, or was changed since."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - the same

        try:
            return Hidden(self._aes.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _whose(key, epoch)))
        except (InvalidTag, ValueError):
            return None


def require_cryptography() -> None:
    """Say that the package cryptography is missing, before any key is looked at.

    Raises:
        ConfigurationException: It is not installed.
    """
    if importlib.util.find_spec("cryptography") is None:
        raise ConfigurationException(
            "Encrypting credentials needs the package cryptography.", "Install authsm[encryption]."
        )


def _whose(key: str, epoch: int) -> bytes:
    return f"{epoch}/{key}".encode("utf-8", "surrogatepass")


def _bytes_of(key: Secret) -> Hidden | None:
    """Read a key, in a frame that is gone before anything is raised."""
    try:
        raw = Hidden(base64.b64decode(key.reveal(), validate=True))
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == KEY_BYTES else None
