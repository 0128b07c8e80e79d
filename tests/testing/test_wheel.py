"""The test kit works from the built wheel, for people who have nothing else of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import unittest
import zipfile
from pathlib import Path

import pytest

from tests.programs import PATIENCE, ROOT
from tests.testing import elsewhere
from tests.testing.elsewhere import plain, test_kit

_FILES = Path(elsewhere.__file__).parent


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the wheel, in a folder."""
    built, unpacked = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("unpacked")
    subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", built],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    (file,) = built.iterdir()
    with zipfile.ZipFile(file) as archive:
        archive.extractall(unpacked)
    return unpacked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with somebody's files."""
    for name in ("test_kit.py", "plain.py"):
        shutil.copy(_FILES / name, tmp_path)
    return tmp_path


def _run(wheel: Path, folder: Path, *arguments: str) -> str:
    """Run Python in a folder, with the wheel and what it needs, and with nothing of this repository."""
    done = subprocess.run(  # noqa: S603 - this very Python
        # Without -S, a .pth file of an editable installation would lead here.
        [sys.executable, "-S", "-P", "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(wheel), sysconfig.get_path("purelib")])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_nothing_of_this_repository_can_be_imported_there(wheel: Path, folder: Path) -> None:
    said = _run(
        wheel,
        folder,
        "-c",
        "import importlib.util, sys, authsm\n"
        "print(authsm.__file__, importlib.util.find_spec('tests'))\n"
        f"assert {str(ROOT)!r} not in sys.path, sys.path",
    )
    assert said == f"{wheel / 'authsm' / '__init__.py'} None\n"


_UNITTEST = "import sys, unittest; sys.path.insert(0, '.'); unittest.main('test_kit', verbosity=2)"
"""As ``python -m unittest`` does it, which -P keeps from looking into the folder."""


def test_a_suite_for_unittest_runs(wheel: Path, folder: Path) -> None:
    said = _run(wheel, folder, "-c", _UNITTEST)
    assert f"Ran {_number_of_tests()} tests in " in said
    assert re.search(r"\nOK \(skipped=\d+\)\n$", said)


def test_the_same_suite_runs_under_pytest(wheel: Path, folder: Path) -> None:
    said = _run(wheel, folder, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", "test_kit.py")
    ended = re.search(r"\n(\d+) passed, (\d+) skipped in ", said)
    assert ended is not None, said
    assert int(ended[1]) + int(ended[2]) == _number_of_tests()


def _number_of_tests() -> int:
    return unittest.defaultTestLoader.loadTestsFromModule(test_kit).countTestCases()


_REFUSED = "import runpy, sys; sys.modules.update(dict.fromkeys(['hypothesis', 'pytest', '_pytest']))"
"""What is None there cannot be imported (Python's reference, "The module cache")."""


def test_a_plain_program_runs_without_hypothesis_and_pytest(wheel: Path, folder: Path) -> None:
    said = _run(wheel, folder, "-c", f"{_REFUSED}; runpy.run_path('plain.py', run_name='__main__')")
    assert said.splitlines() == [
        *(check.__name__ for check in plain.CHECKS),
        str(wheel / "authsm" / "testing" / "__init__.py"),
    ]
