"""What a test did to a store, as Python source that does it again."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from authsm.credentials import SignedInData
from authsm.stores.contract import Entry
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.suite import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from authsm.testing.conformance.suite import ConformanceSuite

_WHOLE: Final = "{}"


class Script:
    """The operations of a test, in the order in which they were begun.

    Args:
        suite: Whose test it is.
        imports: The source that goes before.
    """

    def __init__(self, suite: ConformanceSuite, imports: str) -> None:
        self._suite = suite
        self._imports = imports
        self._main = threading.get_ident()
        self._lines: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._last: _Line | None = None
        self._template = _WHOLE
        self._excuse = ""
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Add a line of source."""
        self._add(self._template.format(line) if self._template.startswith("#") else line)

    def begin_anew(self, *lines: str) -> None:
        """Forget what was done, for what follows does not depend on it, and begin with these lines."""
        self._lines[:] = lines
        self._entries.clear()
        self._last, self._excuse = None, ""

    @contextlib.contextmanager
    def within(self, template: str) -> Generator[None]:
        """Write down each call of this block as a part of another, which stands in its place as ``{}``."""
        self._template = template
        try:
            yield
        finally:
            self._template = _WHOLE

    def excuse(self, variable: str) -> None:
        """Have the assertion at the end hold, too, where this variable is true."""
        self._excuse = f"{variable} or "

    def did(self, store: str, operation: str, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Carry an operation out, and write it down.

        Args:
            store: The name of the variable that holds the store.
            operation: Which.
            act: Carries it out.
            arguments: Its arguments.
            named: The same.

        Returns:
            What it returned.
        """
        shown = [self._source(each) for each in arguments]
        shown += [f"{name}={self._source(each, name)}" for name, each in named.items()]
        call = self._template.format(f"{store}.{operation}({', '.join(shown)})")
        if threading.get_ident() != self._main:
            self._add(f"{call}  # at the same time")
            return act(*arguments, **named)
        at = self._add(call)
        answer = act(*arguments, **named)
        self._last = _Line(at, call, answer)
        is_whole = self._template == _WHOLE
        if is_whole and isinstance(answer, Entry) and answer not in self._entries.values():
            name = self._last.names = f"entry_{len(self._entries) + 1}"
            self._entries[name] = answer
            self._lines[at] = f"{name} = {call}"
        return answer

    def expects(self, found: object, *expected: object) -> None:
        """Write down that something was to be equal to one of these, and is not."""
        line = self._retracted(found)
        shown = [self._source(each) for each in expected]
        assertion = f"found == {shown[0]}" if len(shown) == 1 else f"found in ({', '.join(shown)})"
        self._fails(line, assertion, f"expected {' or '.join(map(repr, expected))}, found {found!r}")

    def expects_a(self, found: object, kind: type) -> None:
        """Write down that something was to be of a type, and is not."""
        line = self._retracted(found)
        self._fails(line, f"isinstance(found, {kind.__name__})", f"expected a {kind.__name__}, found {found!r}")

    def _retracted(self, found: object) -> _Line | None:
        """Give the last line, if this is what it gave; the answer has no other name any more."""
        last = self._last
        is_last = last is not None and last.at == len(self._lines) - 1 and not last.call.startswith("#")
        if last is None or last.answer is not found or not is_last:
            return None
        self._entries.pop(last.names, None)
        return last

    def _fails(self, line: _Line | None, assertion: str, comment: str) -> None:
        """End with an assertion about what the last line gave; else with a comment."""
        if line is None:
            self.say(f"# {comment}")
        else:
            self._lines[line.at] = f"found = {line.call}"
            self.say(f"assert {self._excuse}{assertion}, found")

    def text(self) -> str:
        """Give the source."""
        return "\n".join([f"{self._imports}{source_of(self._suite)}", *self._lines])

    def _add(self, line: str) -> int:
        with self._lock:
            self._lines.append(line)
            return len(self._lines) - 1

    def _source(self, value: object, name: str = "") -> str:
        if isinstance(value, SignedInData):
            number = value.username.rpartition("-")[2]
            return f"session_data({number!r})" if value == session_data(number) else repr(value)
        if name in {"epoch", "generation"}:
            return self._named(name, value)
        if isinstance(value, Enum):
            return f"{type(value).__name__}.{value.name}"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._source_of_dataclass(value)
        return repr(value)

    def _source_of_dataclass(self, value: Any) -> str:
        for name, entry in self._entries.items():
            if value == entry:
                return name
        fields = ((each.name, getattr(value, each.name)) for each in dataclasses.fields(value))
        return f"{type(value).__name__}({', '.join(f'{name}={self._source(each, name)}' for name, each in fields)})"

    def _named(self, field: str, value: object) -> str:
        """Give an epoch or a generation by whose it is: epochs come from a clock."""
        for less in ("", " - 1"):
            for name, entry in reversed(self._entries.items()):
                number: int = getattr(entry, field)
                if value == (number - 1 if less else number):
                    return f"{name}.{field}{less}"
        return repr(value)


@dataclasses.dataclass
class _Line:
    """A call that was written down.

    Attributes:
        at: Where.
        call: Its source.
        answer: What it returned.
        names: The variable that the answer was given to, if any.
    """

    at: int
    call: str
    answer: object
    names: str = ""


class Recorded:
    """A store whose operations are written down. Anything else is the store's own.

    Args:
        store: The store.
        script: Where they are written down.
        name: The name of the variable that holds the store there.
        operations: The names of its operations.
    """

    def __init__(self, store: Any, script: Script, name: str, operations: Collection[str]) -> None:
        self.true = store
        self._script = script
        self._name = name
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.true, name)
        if name not in self._operations:
            return value
        return functools.partial(self._script.did, self._name, name, value)
