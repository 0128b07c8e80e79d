"""What credentials in files promise: who can read them, where keys lead, and what happens when writing fails."""

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsm import FileCredentialStore, Secret
from authsm.stores import _files
from authsm.stores.contract import (
    Cleared,
    CredentialStore,
    EntryState,
    Refused,
    Saved,
    SessionExistsError,
    StoreUnavailableError,
    Unknown,
)
from tests.auth.world import GUARD, SOON, pool_tokens, session
from tests.leaks import leaks_in, with_locals, written_in

DATA: Final = session()
SECRETS: Final = tuple(DATA.secrets())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


@pytest.fixture
def store(folder: Path) -> FileCredentialStore:
    return FileCredentialStore(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> set[str]:
    """What there is in the folder, but for locks, which hold nothing."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


CALLS: Final[dict[str, Callable[[CredentialStore], object]]] = {
    "begin": lambda store: store.begin("ada", DATA),
    "save": lambda store: store.save("ada", DATA, epoch=1, generation=1),
    "leave": lambda store: store.leave("ada", epoch=1, journal="{}"),
    "write_journal": lambda store: store.write_journal("ada", epoch=1, journal="{}"),
    "read_journal": lambda store: store.read_journal("ada"),
    "erase_journal": lambda store: store.erase_journal("ada", epoch=1),
    "clear": lambda store: store.clear("ada", epoch=1),
}
WRITES: Final = {name: call for name, call in CALLS.items() if name != "read_journal"}


def shown_by(call: Callable[[CredentialStore], object], store: CredentialStore, kind: type[Exception]) -> str:
    """What the traceback of a call shows, with the variables of every frame but the test's own."""
    with pytest.raises(kind) as raised:
        call(store)
    assert raised.value.__traceback__ is not None
    return with_locals(raised.value.with_traceback(raised.value.__traceback__.tb_next))


class TestModes:
    @pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_the_file_is_the_owners_and_so_is_the_folder_whatever_the_umask(
        self, store: FileCredentialStore, folder: Path, umask: int
    ) -> None:
        before = os.umask(umask)
        try:
            store.begin("ada", DATA)
            store.save("ada", DATA, epoch=1, generation=1)
        finally:
            os.umask(before)
        assert mode(folder) == 0o700
        assert {mode(path) for path in folder.iterdir()} == {0o600}

    @pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
    def test_a_file_that_others_could_read_is_the_owners_after_the_next_write(
        self, store: FileCredentialStore, folder: Path
    ) -> None:
        store.begin("ada", DATA)
        (folder / "ada.credentials").chmod(0o644)
        store.save("ada", DATA, epoch=1, generation=1)
        assert mode(folder / "ada.credentials") == 0o600


class TestFolder:
    def test_it_is_made_with_its_parents_when_it_is_first_needed(self, tmp_path: Path) -> None:
        folder = tmp_path / "a" / "b"
        store = FileCredentialStore(folder)
        assert store.load("ada").state is EntryState.ABSENT
        assert store.journals() == ()
        assert not folder.exists()
        store.begin("ada", DATA)
        assert store.load("ada").data == DATA

    def test_a_relative_one_stays_where_it_was_when_the_program_changes_its_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = FileCredentialStore("credentials")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        store.begin("ada", DATA)
        assert names(tmp_path / "credentials") == {"ada.credentials"}
        assert list(elsewhere.iterdir()) == []

    def test_stores_of_one_folder_are_equal_and_those_of_others_are_not(self, folder: Path) -> None:
        store, same, text = FileCredentialStore(folder), FileCredentialStore(folder, lock_seconds=1), str(folder)
        assert store == same == FileCredentialStore(text)
        assert hash(store) == hash(same)
        assert store != FileCredentialStore(folder / "other")
        assert store != folder
        assert text in repr(store)

    def test_stores_with_other_keys_are_not_equal_and_do_not_show_them(self, folder: Path) -> None:
        keys = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]
        one, other = (FileCredentialStore(folder, encryption_key=Secret(key)) for key in keys)
        plain = FileCredentialStore(folder)
        assert len({one, other, plain}) == 3
        assert one == FileCredentialStore(folder, encryption_key=Secret(keys[0]))
        assert hash(one) == hash(FileCredentialStore(folder, encryption_key=Secret(keys[0])))
        assert one != FileCredentialStore(folder / "other", encryption_key=Secret(keys[0]))
        kept = repr([vars(one), vars(one._seal)])
        assert not [key for key in keys if key in kept or repr(base64.b64decode(key)) in kept]

    def test_files_of_others_beside_it_are_left_alone(self, store: FileCredentialStore, folder: Path) -> None:
        store.begin("ada", DATA)
        store.leave("ada", epoch=1, journal="{}")
        strangers = {"README", "Ada.credentials", ".credentials", "%61.credentials", "%zz.credentials"}
        for name in strangers:
            (folder / name).write_text("somebody else's")
        assert store.journals() == ("ada",)
        store.clear("ada", epoch=1)
        assert {name for name in names(folder) if "somebody" in (folder / name).read_text()} == strangers


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=15)
STRANGE = (
    "",
    ".",
    "..",
    "/",
    "../ada",
    "/etc/passwd",
    "a/b",
    "ada\0",
    "~",
    "%",
    "%2e",
    "CON",
    "con",
    "com1",
    "ada.credentials",
    "A" * 40,
)


@settings(max_examples=60, deadline=None)
@given(KEYS, KEYS)
@example("ada", "Ada")
@example("%", "")
@example("%25", "%")
def test_no_key_leads_out_of_the_folder_or_to_the_session_of_another(
    tmp_path_factory: pytest.TempPathFactory, key: str, other: str
) -> None:
    root = tmp_path_factory.mktemp("root")
    store = FileCredentialStore(root / "a" / "b")
    for each in {key, other}:
        store.begin(each, DATA)
        store.leave(each, epoch=1, journal=each)
    assert sorted(store.journals()) == sorted({key, other})
    assert [store.read_journal(each) for each in (key, other)] == [key, other]
    assert {path.parent for path in root.rglob("*") if path.is_file()} == {root / "a" / "b"}


@pytest.mark.parametrize("key", STRANGE)
def test_a_strange_key_is_a_plain_file_that_is_not_hidden(store: FileCredentialStore, folder: Path, key: str) -> None:
    store.begin(key, DATA)
    assert store.load(key).data == DATA
    (name,) = names(folder)
    assert name.isascii()
    assert name == name.lower()
    assert not name.startswith(".")
    assert name.partition(".")[0] not in {"con", "com1"}  # which are devices on Windows, whatever follows


class TestUnavailable:
    """A file stands where the folder, or its parent, should be: this holds for every user, root too."""

    @pytest.fixture(params=["folder", "parent"])
    def blocked(self, request: pytest.FixtureRequest, tmp_path: Path) -> FileCredentialStore:
        (tmp_path / "file").write_text("in the way")
        return FileCredentialStore(tmp_path / "file" / ("folder" if request.param == "parent" else ""))

    @pytest.mark.parametrize("call", [*CALLS.values(), lambda store: store.load("ada"), lambda store: store.journals()])
    def test_every_call_says_so_with_the_place_and_what_to_do_and_shows_no_token(
        self, blocked: FileCredentialStore, call: Callable[[CredentialStore], object]
    ) -> None:
        with pytest.raises(StoreUnavailableError, match=r"could not be read or written: .* Check that its f") as raised:
            call(blocked)
        assert leaks_in([str(raised.value)], SECRETS) == []
        assert raised.value.__cause__ is None

    def test_it_is_never_reported_as_cleared(self, blocked: FileCredentialStore) -> None:
        answer = blocked.verify_cleared("ada", epoch=1)
        assert isinstance(answer, Unknown)
        assert "could not be read or written" in answer.reason

    def test_it_works_again_when_the_cause_is_gone(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.write_text("in the way")
        store = FileCredentialStore(folder)
        with pytest.raises(StoreUnavailableError):
            store.begin("ada", DATA)
        folder.unlink()
        store.begin("ada", DATA)
        assert store.load("ada").data == DATA

    @pytest.mark.skipif(sys.platform == "win32", reason="a file cannot take a folder's place there")
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_a_folder_in_the_place_of_the_file_is_no_session(
        self, store: FileCredentialStore, folder: Path, call: Callable[[CredentialStore], object]
    ) -> None:
        (folder / "ada.credentials").mkdir(parents=True)
        with pytest.raises(StoreUnavailableError):
            call(store)
        assert names(folder) == {"ada.credentials"}

    @pytest.mark.skipif(sys.platform == "win32", reason="a file cannot take a folder's place there")
    def test_a_session_that_cannot_be_read_may_be_a_sign_out_in_progress_and_hides_no_other(
        self, store: FileCredentialStore, folder: Path
    ) -> None:
        (folder / "ada.credentials").mkdir(parents=True)
        store.leave("grace", epoch=store.begin("grace", DATA).epoch, journal="{}")
        assert store.journals() == ("ada", "grace")


class TestWrites:
    @pytest.mark.parametrize("fails", ["fsync", "replace"])
    @pytest.mark.parametrize("call", [CALLS["save"], CALLS["leave"], CALLS["clear"]], ids=["save", "leave", "clear"])
    def test_one_that_fails_leaves_the_old_file_and_no_other(
        self,
        store: FileCredentialStore,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        fails: str,
        call: Callable[[CredentialStore], object],
    ) -> None:
        store.begin("ada", DATA)
        before = (folder / "ada.credentials").read_bytes()

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os if fails == "fsync" else Path, fails, fail)
            shown = shown_by(call, store, StoreUnavailableError)
        assert "No space left on device" in shown
        assert leaks_in([shown], SECRETS) == []
        assert names(folder) == {"ada.credentials"}
        assert (folder / "ada.credentials").read_bytes() == before
        assert isinstance(store.save("ada", DATA, epoch=1, generation=1), Saved)  # and the lock is free

    def test_a_refused_one_leaves_the_file_untouched(self, store: FileCredentialStore, folder: Path) -> None:
        store.begin("ada", DATA)
        before = (folder / "ada.credentials").stat().st_ino
        with pytest.raises(SessionExistsError):
            store.begin("ada", DATA)
        assert isinstance(store.save("ada", DATA, epoch=1, generation=7), Refused)
        assert (folder / "ada.credentials").stat().st_ino == before

    def test_a_cleared_session_leaves_no_token_on_the_disk(self, store: FileCredentialStore, folder: Path) -> None:
        store.begin("ada", DATA)
        assert leaks_in([(folder / "ada.credentials").read_text()], SECRETS)
        store.leave("ada", epoch=1, journal="{}")
        assert store.clear("ada", epoch=1) == Cleared()
        texts = [path.read_text() for path in folder.iterdir()]
        assert leaks_in(texts, SECRETS) == []

    @pytest.mark.parametrize(("refusals", "is_patient"), [(3, True), (99, True), (1, False)])
    def test_a_file_that_is_open_elsewhere_is_waited_for_where_that_is_in_the_way(
        self,
        store: FileCredentialStore,
        monkeypatch: pytest.MonkeyPatch,
        refusals: int,
        is_patient: bool,
    ) -> None:
        """As on Windows, where an open file can neither be replaced nor read while it is."""
        begun = store.begin("ada", DATA)
        replace, read = Path.replace, Path.read_bytes
        refused = dict.fromkeys(["replace", "read"], 0)

        def refusing(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
            def refuse(*arguments: object) -> Any:
                refused[name] += 1
                if refused[name] <= refusals:
                    raise PermissionError(13, "The process cannot access the file")
                return act(*arguments)

            return refuse

        monkeypatch.setattr(_files, "_OPEN_FILES_ARE_IN_THE_WAY", is_patient)
        monkeypatch.setattr(_files, "_PAUSES", (0.0,) * 5)
        monkeypatch.setattr(Path, "replace", refusing("replace", replace))
        monkeypatch.setattr(Path, "read_bytes", refusing("read", read))
        if is_patient and refusals == 3:
            assert store.clear("ada", epoch=begun.epoch) == Cleared()
        else:
            with pytest.raises(StoreUnavailableError, match="cannot access the file"):
                store.clear("ada", epoch=begun.epoch)


KEEPS_THE_LOCK: Final = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


class TestOtherProcesses:
    @pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
    def test_a_lock_that_another_keeps_makes_writing_unavailable_and_reading_goes_on(
        self, folder: Path, call: Callable[[CredentialStore], object]
    ) -> None:
        FileCredentialStore(folder).begin("ada", DATA)
        lock = folder / "ada.lock"
        store = FileCredentialStore(folder, lock_seconds=SOON)
        other = subprocess.Popen(  # noqa: S603 - the program is the text above
            [sys.executable, "-c", KEEPS_THE_LOCK, str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with other:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            with pytest.raises(StoreUnavailableError) as raised:
                call(store)
            assert str(raised.value) == f"Another process has kept {lock} for more than {SOON:g} s."
            assert store.load("ada").data == DATA
            other.communicate(timeout=GUARD)
        assert isinstance(store.save("ada", DATA, epoch=1, generation=1), Saved)

    def test_only_one_of_many_saves_of_one_generation_wins(self, folder: Path) -> None:
        FileCredentialStore(folder).begin("ada", DATA)
        program = """
import sys
from authsm import FileCredentialStore, SignedInData
sys.stdin.readline()
store = FileCredentialStore(sys.argv[1], lock_seconds=20)
print(type(store.save("ada", SignedInData(username=sys.argv[2]), epoch=1, generation=1)).__name__)
"""
        savers = [
            subprocess.Popen(  # noqa: S603 - the program is the text above
                [sys.executable, "-c", program, str(folder), f"user-{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(4)
        ]
        answers = []
        for saver in savers:
            assert saver.stdin is not None
            saver.stdin.write("go\n")
            saver.stdin.flush()
        for saver in savers:
            with saver:
                answers.append(saver.communicate(timeout=GUARD * 3)[0].strip())
        entry = FileCredentialStore(folder).load("ada")
        assert sorted(answers) == ["Refused", "Refused", "Refused", "Saved"]
        assert entry.data is not None
        assert (entry.data.username, entry.generation) == (f"user-{answers.index('Saved')}", 2)


def test_what_it_promises_it_says(store: FileCredentialStore) -> None:
    said = store.capabilities
    assert (said.atomic_cas, said.durable_clear, said.cross_process, said.encrypted) == (True, True, True, False)


def test_a_refresh_that_began_before_the_sign_out_cannot_write_after_it(store: FileCredentialStore) -> None:
    store.begin("ada", DATA)
    store.leave("ada", epoch=1, journal="{}")
    store.clear("ada", epoch=1)
    late = session(tokens=pool_tokens("2"))
    assert isinstance(store.save("ada", late, epoch=1, generation=1), Refused)
    assert store.load("ada").state is EntryState.TOMBSTONE


class TestStrays:
    """What a writer that was killed left beside a file: the next version, tokens and all."""

    def _killed(self, folder: Path) -> None:
        program = (
            "import os, signal, sys\n"
            "from authsm import FileCredentialStore\n"
            "from tests.auth.world import session\n"
            "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
            "FileCredentialStore(sys.argv[1]).begin('ada', session(), replace=True)\n"
        )
        subprocess.run([sys.executable, "-c", program, str(folder)], cwd=Path(__file__).parents[2], check=False)  # noqa: S603 - this suite's own program

    def _holds_a_token(self, folder: Path) -> bool:
        written = written_in(folder)
        return any(secret.reveal().encode() in written for secret in SECRETS)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
    def test_the_next_clear_destroys_it(self, store: FileCredentialStore, folder: Path) -> None:
        begun = store.begin("ada", DATA)
        store.clear("ada", epoch=begun.epoch)
        assert not self._holds_a_token(folder)
        self._killed(folder)
        assert self._holds_a_token(folder)
        found = store.verify_cleared("ada", epoch=begun.epoch)
        assert isinstance(found, Cleared)
        assert len(found.residue) == 1
        assert store.clear("ada", epoch=begun.epoch) == Cleared()
        assert store.verify_cleared("ada", epoch=begun.epoch) == Cleared()
        assert not self._holds_a_token(folder)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
    def test_the_next_writer_replaces_it(self, store: FileCredentialStore, folder: Path) -> None:
        store.begin("ada", DATA)
        before = sorted(path.name for path in folder.iterdir())
        self._killed(folder)
        assert sorted(path.name for path in folder.iterdir()) != before
        store.begin("ada", DATA, replace=True)
        assert sorted(path.name for path in folder.iterdir()) == before
