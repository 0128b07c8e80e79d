"""A store as somebody might write it by hand, over a small disk; and everything that may be wrong with it."""

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from authsm import SignedInData
from authsm.credentials import UserPoolTokens
from authsm.stores._record import Record, from_text, to_text
from authsm.stores._store import RecordStore
from authsm.stores.contract import (
    Capabilities,
    Cleared,
    Entry,
    EntryState,
    Left,
    Refused,
    Saved,
    StoreUnavailableError,
    Superseded,
    Unknown,
    Verified,
)
from authsm.testing import StoreConformance

Answer = TypeVar("Answer")


@dataclass
class Disk:
    """Files by their names. It can be taken away, and says when it is about to write."""

    files: dict[str, bytes] = field(default_factory=dict)
    is_away: bool = False
    about_to_write: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, name: str) -> bytes | None:
        self._look()
        return self.files.get(name)

    def write(self, name: str, text: bytes) -> None:
        self._look()
        self.about_to_write()
        self.files[name] = text

    def remove(self, name: str) -> None:
        self._look()
        self.about_to_write()
        self.files.pop(name, None)

    def _look(self) -> None:
        if self.is_away:
            raise OSError(5, "Input/output error")


@contextlib.contextmanager
def told() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(f"The disk cannot be used: {error}.") from None


class ByHand(RecordStore):
    """The store done right: one file a session."""

    said: ClassVar = Capabilities(durable_clear=True)

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    @property
    def capabilities(self) -> Capabilities:
        return self.said

    def _read(self, key: str) -> Record:
        with told():
            text = self.disk.read(key)
        record = from_text(text) if text else Record()
        assert isinstance(record, Record)
        return record

    def _write(self, key: str, record: Record) -> None:
        with told():
            self.disk.write(key, to_text(record))

    def _change(self, key: str, change: Any, *, begins: bool = False, replaces: bool = False) -> Any:
        del begins, replaces
        with self.disk.lock:
            record = self._read(key)
            changed, answer = change(record)
            if changed is not record:
                self._write(key, changed)
            return answer

    def _in_progress(self) -> Iterable[str]:
        with told():
            self.disk.read("")
        return [key for key in self._keys() if self._read(key).in_progress]

    def _keys(self) -> Iterable[str]:
        return [*self.disk.files]

    def _forget(self, before: int) -> int:
        raise NotImplementedError(before)


class Suite(StoreConformance):
    """Plugs such a store in, with everything that can be asked."""

    def __init__(self, kind: Callable[[Disk], Any]) -> None:
        self._kind = kind
        self._disk = Disk()

    def make(self) -> Any:
        self._disk = Disk()
        return self._kind(self._disk)

    def reopen(self, store: Any) -> Any:
        del store
        return self._kind(self._disk)

    @contextlib.contextmanager
    def break_it(self, store: Any) -> Generator[None]:
        del store
        self._disk.is_away = True
        yield
        self._disk.is_away = False

    @contextlib.contextmanager
    def on_write(self, store: Any, about_to_write: Callable[[], None]) -> Generator[None]:
        del store
        self._disk.about_to_write = about_to_write
        yield
        self._disk.about_to_write = lambda: None

    def written(self, store: Any) -> bytes:
        del store
        return b"".join(self._disk.files.values())


class WriteBehind(ByHand):
    """Writes what it is given with the next thing it is given: fewer writes."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._behind: dict[str, Record] = {}

    def _read(self, key: str) -> Record:
        return self._behind.get(key) or super()._read(key)

    def _write(self, key: str, record: Record) -> None:
        for each, behind in self._behind.items():
            super()._write(each, behind)
        self._behind = {key: record}


class WritesJournalsBehind(ByHand):
    """Keeps what is only a journal entry in memory until something else is written."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._journals: dict[str, str] = {}

    def write_journal(self, key: str, *, epoch: int, journal: str) -> Left | Superseded:
        answer = super()._change(key, lambda record: (record, record.write_journal(epoch, journal)[1]))
        assert isinstance(answer, Left | Superseded)
        if isinstance(answer, Left):
            self._journals[key] = journal
        return answer

    def read_journal(self, key: str) -> str | None:
        return self._journals.get(key) or super().read_journal(key)

    def erase_journal(self, key: str, *, epoch: int) -> None:
        self._journals.pop(key, None)
        super().erase_journal(key, epoch=epoch)


class FlushesItsCache(ByHand):
    """Keeps what it has stored once in a cache, and writes later changes of it when the process ends."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._cache: dict[str, Record] = {}

    def __del__(self) -> None:
        for key, record in self._cache.items():
            super()._write(key, record)

    def _read(self, key: str) -> Record:
        return self._cache.get(key) or super()._read(key)

    def _write(self, key: str, record: Record) -> None:
        if key not in self._cache:
            super()._write(key, record)
        self._cache[key] = record


class _TwoFiles(ByHand):
    """Keeps the tokens in a file of their own, beside that of the state."""

    def _read(self, key: str) -> Record:
        record = super()._read(key)
        with told():
            text = self.disk.read(f"{key}.tokens")
        if text is None:
            return record
        data = from_text(text)
        assert isinstance(data, Record)
        return replace(record, data=data.data)

    def _write(self, key: str, record: Record) -> None:
        if record.data is None:
            return self._clear_files(key, record)
        with told():
            self.disk.write(f"{key}.tokens", to_text(record))
            self.disk.write(key, to_text(replace(record, data=_STANDS_FOR_DATA)))
        return None

    def _clear_files(self, key: str, record: Record) -> None:
        raise NotImplementedError

    def _keys(self) -> Iterable[str]:
        return [key for key in self.disk.files if not key.endswith(".tokens")]


class DestroysFirst(_TwoFiles):
    """A clear that destroys the tokens before it says that they are gone."""

    def _clear_files(self, key: str, record: Record) -> None:
        with told():
            self.disk.remove(f"{key}.tokens")
            self.disk.write(key, to_text(record))


class ForgetsToFinish(_TwoFiles):
    """A clear that commits the tombstone first, as it should, and takes a tombstone for the end."""

    def _read(self, key: str) -> Record:
        record = super()._read(key)
        return replace(record, data=None) if record.state is EntryState.TOMBSTONE else record

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        if self.load(key).state is EntryState.TOMBSTONE:
            return Cleared()
        return super().clear(key, epoch=epoch)

    def _clear_files(self, key: str, record: Record) -> None:
        with told():
            self.disk.write(key, to_text(record))
            self.disk.remove(f"{key}.tokens")


class SwallowsErrors(ByHand):
    """A clear that reports what it meant to do."""

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        try:
            return super().clear(key, epoch=epoch)
        except StoreUnavailableError:
            return Cleared()


class LogsErrors(ByHand):
    """A save that does not bother the user with a full disk."""

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        try:
            return super().save(key, data, epoch=epoch, generation=generation)
        except StoreUnavailableError:
            return Saved(Entry(EntryState.LIVE, epoch, generation + 1, data))


class Resurrects(ByHand):
    """A save that compares the epoch, and not the state."""

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        def change(record: Record) -> tuple[Record, Saved | Refused]:
            if record.epoch != epoch:
                return record, Refused(replace(record.entry, data=None))
            saved = Record(EntryState.LIVE, epoch, generation + 1, data, record.journal)
            return saved, Saved(saved.entry)

        answer = self._change(key, change)
        assert isinstance(answer, Saved | Refused)
        return answer


class ClearsWhatIsThere(ByHand):
    """A clear of whatever is stored, whoever signed in since."""

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        del epoch
        return super().clear(key, epoch=self.load(key).epoch)


class DeletesTheFile(ByHand):
    """A clear that leaves nothing behind, and so no tombstone."""

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        if self._read(key).epoch not in {0, epoch}:
            return Superseded()
        with told():
            self.disk.remove(key)
        return Cleared()


class TakesOutagesForAbsence(ByHand):
    """A file that cannot be read is a file that is not there."""

    def _read(self, key: str) -> Record:
        try:
            return super()._read(key)
        except StoreUnavailableError:
            return Record()

    def journals(self) -> tuple[str, ...]:
        try:
            return super().journals()
        except StoreUnavailableError:
            return ()


class VerifiesByMemory(ByHand):
    """Remembers what it has cleared, and looks no further."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._cleared: set[tuple[str, int]] = set()

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        self._cleared.add((key, epoch))
        return super().clear(key, epoch=epoch)

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        found = super().verify_cleared(key, epoch=epoch)
        return Cleared() if isinstance(found, Unknown) and (key, epoch) in self._cleared else found


class VerifiesNothing(ByHand):
    """There is always nothing left."""

    def verify_cleared(self, key: str, *, epoch: int) -> Verified:
        del key, epoch
        return Cleared()


class LooksThenWrites(ByHand):
    """Compares, and sets later."""

    def _change(self, key: str, change: Any, *, begins: bool = False, replaces: bool = False) -> Any:
        del begins, replaces
        record = self._read(key)
        changed, answer = change(record)
        if changed is not record:
            self._write(key, changed)
        return answer


class LooksThenWritesAndSaysSo(LooksThenWrites):
    said = Capabilities(durable_clear=True, atomic_cas=False)


class DeniesWhatItDoes(ByHand):
    """Is atomic, and declares that it is not."""

    said = Capabilities(durable_clear=True, atomic_cas=False)


class KeepsBackups(ByHand):
    """Keeps the version before, for the case that something goes wrong."""

    def _write(self, key: str, record: Record) -> None:
        with told():
            before = self.disk.read(key)
            if before:
                self.disk.write(f"{key}.bak", before)
        super()._write(key, record)

    def _keys(self) -> Iterable[str]:
        return [key for key in self.disk.files if not key.endswith(".bak")]


class ClearsNothing(ByHand):
    """Puts a tombstone where nothing ever was."""

    def clear(self, key: str, *, epoch: int) -> Cleared | Superseded:
        if self.load(key).state is EntryState.ABSENT:
            self._write(key, Record(EntryState.TOMBSTONE, epoch))
        return super().clear(key, epoch=epoch)


class SavesWhateverCame(ByHand):
    """Compares the epoch and the state, and not which edition was refreshed."""

    def save(self, key: str, data: SignedInData, *, epoch: int, generation: int) -> Saved | Refused:
        return super().save(key, data, epoch=epoch, generation=max(generation, self.load(key).generation))


class AlwaysReplaces(ByHand):
    """The one who signs in last is right."""

    def begin(self, key: str, data: SignedInData, *, replace: bool = False) -> Entry:
        del replace
        return super().begin(key, data, replace=True)


class HasNoHash(ByHand):
    """Compares by what it keeps."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HasNoHash) and self.disk is other.disk

    __hash__ = None  # type: ignore[assignment]  # which is what is wrong with it


class IgnoresCase(ByHand):
    """Names its files as Windows does."""

    def _read(self, key: str) -> Record:
        return super()._read(key.lower())

    def _write(self, key: str, record: Record) -> None:
        super()._write(key.lower(), record)


class Rounds(ByHand):
    """Loses what its format has no place for."""

    def _write(self, key: str, record: Record) -> None:
        if isinstance(record.data, SignedInData) and record.data.tokens:
            data = replace(record.data, tokens=UserPoolTokens(refresh_token=record.data.tokens.refresh_token))
            record = replace(record, data=data)
        super()._write(key, record)


class SaysEncrypted(ByHand):
    said = Capabilities(durable_clear=True, encrypted=True)


class IsAsync(ByHand):
    async def load(self, key: str) -> Entry:  # type: ignore[override]  # which is what is wrong with it
        return super().load(key)


_STANDS_FOR_DATA = SignedInData()
