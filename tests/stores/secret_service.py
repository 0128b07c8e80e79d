"""A real Secret Service of its own: a message bus and a gnome-keyring, which end with the test."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.core
import keyring.errors
import pytest

from tests.auth.world import eventually

_PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")


@contextlib.contextmanager
def secret_service(home: Path) -> Iterator[None]:
    """Run one, unlocked, and have the package keyring use it."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        said = f"no Secret Service: {', '.join(missing)} is not installed"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],  # noqa: S607 - found on the path, as users have it
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    with pytest.MonkeyPatch.context() as patch, bus.stdout:
        try:
            patch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
            patch.setenv("HOME", str(home))
            # Otherwise SecretStorage tries to make a new default collection whenever gnome-keyring, in use by several
            # programs, says for a moment that there is none; that is dismissed, and from then on there is none indeed.
            patch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", "/org/freedesktop/secrets/collection/login")
            # Otherwise SecretStorage tries to make a new default collection whenever gnome-keyring, in use by several
            # programs, says for a moment that there is none; that is dismissed, and from then on there is none indeed.
            patch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", "/org/freedesktop/secrets/collection/login")
            for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
                patch.setenv(name, str(home / name.lower()))
                (home / name.lower()).mkdir(mode=0o700)
            daemon = subprocess.Popen(
                ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],  # noqa: S607 - the same
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):  # it runs on, which is what it is for
                daemon.communicate(b"a password", timeout=0.5)
            try:
                keyring.core.init_backend()
                eventually(_is_unlocked, "the Secret Service is unlocked")
                yield
            finally:
                daemon.terminate()
                daemon.wait(10)
        finally:
            bus.terminate()
            bus.wait(10)


def _is_unlocked() -> bool:
    try:
        keyring.set_password("authsm-tests", "is it unlocked?", "yes")
    except keyring.errors.KeyringError:
        return False  # the daemon is still at it
    keyring.delete_password("authsm-tests", "is it unlocked?")
    return True
