"""A real Secret Service of its own: a message bus and a gnome-keyring, which end with the test."""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import keyring
import keyring.backend
import keyring.core
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from keyring.backends.SecretService import Keyring as SecretServiceKeyring

from tests.left_out import left_out

if sys.platform == "linux":  # elsewhere they are not installed, and nobody comes to where they are used
    import secretstorage
    import secretstorage.exceptions

_PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
_PASSWORD = b"a password"
_COLLECTION = "/org/freedesktop/secrets/aliases/default"


_ATTEMPTS = 5
_PATIENCE = 6.0
_PAUSE = 0.05
"""How long it may take to come up, and how often to look, in seconds."""


def _comes_true(condition: Callable[[], bool]) -> bool:
    ends = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(_PAUSE)
    return True


def _is_away() -> bool:
    with contextlib.closing(secretstorage.dbus_init()) as bus:
        return not secretstorage.check_service_availability(bus)


class SecretService:
    """A Secret Service on a message bus of its own, which can be locked, ended, and started again."""

    def __init__(self) -> None:
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, unlocked, and wait until it answers. Now and then it does not come up, and is started again."""
        for _ in range(_ATTEMPTS):
            self._spawn()
            if _comes_true(_is_unlocked):
                return
            self.end()
        raise AssertionError("The Secret Service does not come up.")

    def start_if_gone(self) -> None:
        """Run it again where it has ended by itself, which it does now and then on a busy machine."""
        assert self._daemon is not None
        if self._daemon.poll() is not None:
            self.start()

    def _spawn(self) -> None:
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],  # noqa: S607 - the same
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdin is not None
        with self._daemon.stdin as password:
            password.write(_PASSWORD)

    def end(self) -> None:
        """End it, and wait until it is gone."""
        assert self._daemon is not None
        self._daemon.terminate()
        self._daemon.wait(10)
        assert _comes_true(_is_away), "The bus still knows the Secret Service that has ended."

    def lock(self) -> None:
        """Lock it, as a desktop does when its user goes away."""
        with contextlib.closing(secretstorage.dbus_init()) as bus:
            secretstorage.get_default_collection(bus).lock()

    def unlock(self) -> None:
        """Unlock it, by starting it anew: everything else asks the user for the password."""
        self.end()
        self.start()

    def keys_of(self, service: str) -> list[str]:
        """Give the names of everything that it keeps for a service."""
        with contextlib.closing(secretstorage.dbus_init()) as bus:
            found = secretstorage.get_default_collection(bus).search_items({"service": service})
            return [item.get_label() for item in found]


@contextlib.contextmanager
def secret_service(home: Path) -> Generator[SecretService]:
    """Run one, unlocked, and have the package keyring use it, and nothing else, until it ends."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        left_out("a Secret Service", f"{', '.join(missing)} is not installed")
    bus = subprocess.Popen(  # noqa: S603 - its configuration is the text below
        ["dbus-daemon", f"--config-file={_write_bus(home)}", "--nofork", "--print-address"],  # noqa: S607 - found on the path, as users have it
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    service = SecretService()
    with pytest.MonkeyPatch.context() as patch, bus.stdout:
        try:
            patch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
            patch.setenv("HOME", str(home))
            # Otherwise SecretStorage tries to make a new default collection whenever gnome-keyring, in use by several
            # programs, says for a moment that there is none; that is dismissed, and from then on there is none indeed.
            patch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", "/org/freedesktop/secrets/collection/login")
            for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
                patch.setenv(name, str(home / name.lower()))
                (home / name.lower()).mkdir(mode=0o700)
            try:
                service.start()
                # What the package keyring chooses depends on who has asked it before, and on the backends of tests.
                patch.setattr(keyring.backend.KeyringBackend, "_classes", {SecretServiceKeyring, NoKeyring})
                patch.setattr(keyring.core, "_keyring_backend", None)
                keyring.set_keyring(SecretServiceKeyring())  # type: ignore[no-untyped-call]  # it has no types here
                yield service
            finally:
                service.end()
        finally:
            bus.terminate()
            bus.wait(10)


def _write_bus(home: Path) -> Path:
    """Configure a bus that starts nothing by itself: a Secret Service that was ended stays away."""
    path = home / "bus.conf"
    path.write_text(
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context='default'>"
        "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/><allow user='*'/>"
        "</policy></busconfig>"
    )
    return path


def _is_unlocked() -> bool:
    with (
        contextlib.closing(secretstorage.dbus_init()) as bus,
        contextlib.suppress(secretstorage.exceptions.SecretStorageException),
    ):
        return not secretstorage.Collection(bus, _COLLECTION).is_locked()
    return False  # the daemon is still at it
