"""What `authsm` exports: every name once, documented, and nothing heavy loaded before it is used."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

import authsm

SOURCE = Path(authsm.__file__)
NAMES = [name for name in dir(authsm) if name != "__version__"]


def _imported_for_type_checkers() -> list[tuple[str, str]]:
    for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            imports = [each for each in node.body if isinstance(each, ast.ImportFrom)]
            assert all(alias.asname == alias.name for each in imports for alias in each.names)  # re-exported, PEP 484
            return [(each.module or "", alias.name) for each in imports for alias in each.names]
    raise AssertionError(SOURCE)


def test_type_checkers_see_what_is_loaded() -> None:
    loaded = [(home, name) for home, names in authsm._HOMES.items() for name in names]
    assert Counter(_imported_for_type_checkers()) == Counter(loaded)


def test_every_name_is_exported_once() -> None:
    exported = [name for names in authsm._HOMES.values() for name in names]
    assert [name for name, times in Counter(exported).items() if times > 1] == []
    assert sorted(vars(authsm)["__all__"]) == dir(authsm) == sorted(["__version__", *exported])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_what_its_home_defines(name: str) -> None:
    home = importlib.import_module(authsm._HOME_OF[name])
    value = getattr(authsm, name)
    assert value is getattr(home, name)
    assert vars(authsm)[name] is value  # found at once the next time
    defined_in = getattr(value, "__module__", None)
    assert defined_in is None or defined_in.startswith(("authsm", "typing", "types", "collections"))


def _assigned_docstrings(path: Path) -> set[str]:
    """The names of a module that are assigned and described by the text below."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    described: set[str] = set()
    for statement, below in pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            described.update(target.id for target in targets if isinstance(target, ast.Name))
    return described


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_documented(name: str) -> None:
    value = getattr(authsm, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert (value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__) or ""
    else:
        module = importlib.import_module(authsm._HOME_OF[name])
        assert name in _assigned_docstrings(Path(inspect.getfile(module)))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    missing = "sign_in"
    with pytest.raises(AttributeError, match=r"module 'authsm' has no attribute 'sign_in'"):
        getattr(authsm, missing)


HEAVY = {"boto3", "botocore", "structlog", "hypothesis", "pytest", "click", "rich", "tenacity"}
HEAVY |= {"starlette", "flask"}  # python-statemachine itself loads a part of Django where that is installed


def _loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh process has after running some code."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)  # noqa: S603
    return {*done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import authsm",
        "import authsm; authsm.__version__; dir(authsm)",
        "from authsm import Auth, MemoryCredentialStore, SignedInData",
        "from authsm import AsyncAuth, FileCredentialStore, sign_out",
        "from authsm import SIGN_OUT, Machine, explore",
        "from authsm.web import WebSignOut, SQLiteTicketStore",
        "import authsm.testing",
        "from authsm.testing import *",
    ],
)
def test_nothing_heavy_is_loaded_until_it_is_used(code: str) -> None:
    loaded = _loaded_by(code)
    assert "authsm" in loaded
    assert loaded & HEAVY == set()


def test_importing_authsm_loads_nothing_but_authsm() -> None:
    assert _loaded_by("import authsm") - _loaded_by("") - sys.stdlib_module_names == {"authsm"}
