"""Credentials on a desktop: encrypted in a file, with the key in the operating system's keyring.

Tokens are too large for keyrings (Windows keeps 1,280 characters an entry), so the keyring holds a key of 32 bytes for
each session, and a file what that key has sealed. A clear destroys both. Without the key, whatever is left of the file
on a disk, in a journal or in a backup stays unreadable.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import itertools
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from authsm.errors import ConfigurationException
from authsm.stores._files import read, remove, replace_by
from authsm.stores._folder import FolderStore, explained, file_name_of
from authsm.stores._record import Hidden
from authsm.stores._sealing import KEY_BYTES, Cipher, Seal, require_cryptography
from authsm.stores._store import LOCK_SECONDS
from authsm.stores.contract import Capabilities, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    Answer = TypeVar("Answer")


class KeyringCredentialStore(FolderStore):
    """Credentials in files that only the user's keyring can open. Needs ``authsm[keyring]``.

    The keyring is the one of the package keyring: Keychain on macOS, Credential Locker on Windows, the Secret Service
    on Linux (https://keyring.readthedocs.io).

    Args:
        service: The name under which the keyring shows the keys: your application's.
        folder: Where the files go; made at the first sign-in, with its parents.
        lock_seconds: How long to wait for another process that writes, in seconds.

    Raises:
        ConfigurationException: The packages are not installed, or the service has no name.
    """

    def __init__(self, service: str, folder: str | os.PathLike[str], *, lock_seconds: float = LOCK_SECONDS) -> None:
        if not service:
            raise ConfigurationException("The keyring service has no name.", "Give the name of your application.")
        super().__init__(folder, _KeyEach(service, Path(folder).absolute()), lock_seconds=lock_seconds)
        self._service = service

    def __repr__(self) -> str:
        return f"KeyringCredentialStore({self._service!r}, {str(self._folder)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyringCredentialStore):
            return NotImplemented
        return (self._service, self._folder) == (other._service, other._folder)

    def __hash__(self) -> int:
        return hash((self._service, self._folder))

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise; see `Capabilities`."""
        return Capabilities(durable_clear=True, cross_process=True, encrypted=True, sweeps_residue=True)


class _KeyEach(Seal):
    """A key for each sign-in, so that destroying it destroys that session and no other.

    Nobody can ask a keyring which keys it has, so a file beside each session's lists the epochs of those that it may
    have. It is written before a key is, and forgets a key once that is seen to be gone.

    Args:
        service: The name under which the keyring shows the keys.
        folder: Where the lists are.
    """

    def __init__(self, service: str, folder: Path) -> None:
        require_cryptography()
        try:
            import keyring  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigurationException(
                "A keyring store needs the packages keyring and cryptography.", "Install authsm[keyring]."
            ) from None
        self._service = service
        self._folder = folder
        self._keyring: Any = keyring

    def seal(self, key: str, epoch: int, data: bytes, *, over: int | None) -> bytes | str:
        """Encrypt, with a new key where this is a new session."""
        if epoch != over:
            self._list(key, self._listed(key) | {epoch})
            text = base64.b64encode(os.urandom(KEY_BYTES)).decode()
            self._asked(lambda: self._keyring.set_password(self._service, _name_of(key, epoch), text))
        cipher = self._cipher(key, epoch)
        if cipher is not None:
            return cipher.seal(data, key, epoch)
        if epoch == over:
            return _KEY_IS_GONE  # a new one would take the place of what may be put back
        raise StoreUnavailableError("The keyring did not keep the key that it was given. Look at its settings.")

    def unseal(self, key: str, epoch: int, sealed: bytes) -> Hidden | str:
        """Decrypt."""
        cipher = self._cipher(key, epoch)
        if cipher is None:
            return _KEY_IS_GONE
        data = cipher.unseal(sealed, key, epoch)
        return "is damaged, or was sealed with another key. Sign in again, with replace=True." if data is None else data

    def destroy(self, key: str, epoch: int, *, is_over: bool) -> tuple[str, ...]:
        """Delete the keys of sessions that are over, in every backend that has them."""
        listed = self._listed(key)
        left: dict[int, tuple[str, ...]] = {}
        for each in listed | {epoch}:  # its own, whatever has become of the list
            if each == 0 or (each == epoch and not is_over):
                continue
            for backend in self._backends():
                with contextlib.suppress(StoreUnavailableError):  # it may not be there; what counts is a look
                    self._asked(functools.partial(backend.delete_password, self._service, _name_of(key, each)))
            left[each] = self._residue_of(key, each)
        remaining = listed - {each for each, what in left.items() if not what}
        if remaining != listed:
            with contextlib.suppress(StoreUnavailableError):  # a list that is too long does no harm
                self._list(key, remaining)
        return tuple(itertools.chain.from_iterable(left.values()))

    def residue(self, key: str, epoch: int) -> tuple[str, ...]:
        """Look for the keys of this epoch and of those before it."""
        epochs = (each for each in self._listed(key) | {epoch} if 0 < each <= epoch)
        return tuple(what for each in epochs for what in self._residue_of(key, each))

    def _residue_of(self, key: str, epoch: int) -> tuple[str, ...]:
        """Look for a key in every backend: the first one may hide a copy in the second."""
        left: list[str] = []
        for backend in self._backends():
            try:
                found = self._asked(functools.partial(backend.get_password, self._service, _name_of(key, epoch)))
            except StoreUnavailableError as error:
                left.append(f"perhaps the key in {_kind_of(backend)}: {error}")
            else:
                if found is not None:
                    left.append(f"the key in {_kind_of(backend)}")
        return tuple(left)

    def _list_of(self, key: str) -> Path:
        return self._folder / f"{file_name_of(key)}.keys"

    def _listed(self, key: str) -> frozenset[int]:
        path = self._list_of(key)
        with explained(path):
            try:
                return frozenset(int(word) for word in read(path).split() if _EPOCH.fullmatch(word))
            except FileNotFoundError:
                return frozenset()

    def _list(self, key: str, epochs: frozenset[int]) -> None:
        path = self._list_of(key)
        with explained(path):
            if epochs:
                replace_by(" ".join(map(str, sorted(epochs))).encode(), path)
            else:
                remove(path)

    def _backends(self) -> Iterable[Any]:
        chosen = self._asked(self._keyring.get_keyring)
        try:
            return tuple(getattr(chosen, "backends", ())) or (chosen,)
        except Exception:  # noqa: BLE001 - a chain with a backend that is away does not say which it has
            return (chosen,)

    def _cipher(self, key: str, epoch: int) -> Cipher | None:
        asked = self._asked(lambda: self._keyring.get_password(self._service, _name_of(key, epoch)))
        try:
            raw = Hidden(base64.b64decode(asked or "", validate=True))
        except (binascii.Error, ValueError):
            return None
        return Cipher(raw) if len(raw) == KEY_BYTES else None

    def _look_again(self) -> None:
        """Look for a keyring where there was none: the package looks once, and a program may be up before it."""
        from keyring import backend, core  # noqa: PLC0415 - an extra
        from keyring.backends import fail, null  # noqa: PLC0415 - the same

        if isinstance(core.get_keyring(), null.Keyring):
            raise StoreUnavailableError("The keyring is the one that keeps nothing. See PYTHON_KEYRING_BACKEND.")
        with contextlib.suppress(Exception):  # who asks it next will be told
            if isinstance(core.get_keyring(), fail.Keyring):
                best = max(backend.KeyringBackend.get_viable_backends(), key=lambda each: each.priority)
                core.set_keyring(core.load_env() or core.load_config() or best())

    def _asked(self, act: Callable[[], Answer]) -> Answer:
        self._look_again()
        kind = said = ""
        for pause in _PAUSES:
            try:
                return act()
            except Exception as error:  # noqa: BLE001 - each backend raises its own
                kind, said = type(error).__name__, " ".join(str(error).split()).rstrip(".!")
            if _PASSES not in said:
                break
            time.sleep(pause)
        # Raised outside of the handler: the keyring's frames may hold the key.
        raise StoreUnavailableError(f"The keyring could not be used: {said or kind}. {_ADVICE.get(kind, _ELSE)}")


_EPOCH: Final = re.compile(rb"[0-9]{1,20}")
_KEY_IS_GONE: Final = "cannot be read any more: its key is not in the keyring. Sign in again, with replace=True."
_ADVICE: Final = {
    "NoKeyringError": "Install and start one, or use a FileCredentialStore.",
    "KeyringLocked": "Unlock it, then try again.",
}
_ELSE: Final = "See that it runs and is unlocked, then try again."


_PASSES: Final = "does not exist"
"""What gnome-keyring now and then says of an item, or of its whole collection, while several programs write to it.

Nothing else is tried again by itself: each time a locked keyring is used, it may ask its user.
"""

_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.0)
"""How long to wait after each attempt, in seconds."""


def _name_of(key: str, epoch: int) -> str:
    return f"{key} #{epoch}"


def _kind_of(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"
