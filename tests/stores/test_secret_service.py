"""The Secret Service of the tests: what they use whatever ran before, and leave as it was."""

from pathlib import Path

import keyring
import keyring.backends.fail
import keyring.backends.SecretService
import keyring.core
import pytest

from tests.stores.secret_service import secret_service


def test_the_package_keyring_uses_it_and_then_again_what_it_used_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keyring.backends.fail.Keyring()  # type: ignore[no-untyped-call]  # it has no types here
    monkeypatch.setattr(keyring.core, "_keyring_backend", before)
    with secret_service(tmp_path):
        assert type(keyring.get_keyring()) is keyring.backends.SecretService.Keyring
        keyring.set_password("service", "ada", "a password")
        assert keyring.get_password("service", "ada") == "a password"
    assert keyring.get_keyring() is before
