"""The command itself: what it needs to start, and what it says where that is missing."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys

unwanted = sys.argv[1]

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == unwanted:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from authsm.cli import main
sys.argv[1:] = ["--version"]
main()
"""


def command(without: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the program is the text above
        [sys.executable, "-c", WITHOUT, without], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("package", ["click", "rich"])
def test_without_a_package_of_the_extra_it_says_what_to_install(package: str) -> None:
    ended = command(package)
    said = f"The command authsm needs {package}: pip install 'authsm[cli]'\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_without_a_package_that_authsm_itself_needs_the_error_is_not_hidden() -> None:
    ended = command("msgspec")
    assert ended.returncode == 1
    assert "No module named 'msgspec'" in ended.stderr
    assert "authsm[cli]" not in ended.stderr


def test_with_everything_it_runs() -> None:
    ended = command("a package that nobody needs")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("authsm, version ")


def test_it_is_installed_as_a_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import importlib.metadata as m; print(*m.entry_points(name='authsm'))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "value='authsm.cli:main'" in ended.stdout
