"""Runs something in a child process, lists the system calls by which it changes anything, and kills it at one of them.

By way of ptrace(2), which stops the child at the entry and at the exit of each system call, in any of its threads.
strace can list the calls, but it counts them for each thread apart and kills at their entry alone.
"""

import ctypes
import functools
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

SUPPORTED: Final = sys.platform == "linux" and platform.machine() == "x86_64"
"""The numbers of system calls and signals below are of this machine alone."""

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class SystemCall:
    """A call by which a process changes what others see.

    Attributes:
        name: As in the system's manual.
        what: The file, named from its folder, or whom a message goes to.
    """

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


@dataclass(frozen=True, slots=True)
class Traced:
    """What a child process did.

    Attributes:
        calls: Its calls, in the order in which they began, whichever thread made them. Where it was killed, that was at
            the last one, while no other thread was within one.
        killed: Whether it was.
    """

    calls: tuple[SystemCall, ...]
    killed: bool


_BY_FILE: Final = {1: "write", 18: "pwrite64", 20: "writev", 74: "fsync", 75: "fdatasync", 77: "ftruncate"}
_BY_PATH: Final = {82: "rename", 83: "mkdir", 84: "rmdir", 86: "link", 87: "unlink"}
_BY_PATH_AT: Final = {257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat"}
_BY_SOCKET: Final = {1: "write", 44: "sendto", 46: "sendmsg"}

_MAKES_OR_EMPTIES: Final = os.O_CREAT | os.O_TRUNC
_PATH_BYTES: Final = 4096

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_SYSGOOD, _CLONE, _EXITKILL = 0x1, 0x8, 0x100000
_ENTRY, _EXIT = 1, 2
_SIGTRAP, _AT_SYSCALL = 0x5, 0x85
_WALL: Final = 0x40000000


class _Info(ctypes.Structure):
    """What ``struct ptrace_syscall_info`` says of an entry."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


def trace(work: Callable[[], None], folder: Path, kill: tuple[int, When] | None = None) -> Traced:
    """Run something in a child process; only from a thread that has no other children.

    Args:
        work: What to run.
        folder: Where files count.
        kill: At which of its calls, counted from 0, and when it is killed; None to let it run to its end.

    Returns:
        What it did.

    Raises:
        RuntimeError: It failed, was killed by somebody else, or was to be killed while two of its threads were within
            calls at once, so that nobody knows whether the other had happened.
        OSError: This system lets nobody trace.
    """

    def traced() -> None:
        _ptrace(_TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()

    return _Tracer(fork(traced), folder, kill).run()


def fork(work: Callable[[], None]) -> int:
    """Run something in a child process.

    Args:
        work: What to run. The child ends when it returns, and nothing else of this program goes on in it.

    Returns:
        The child's id.
    """
    child = os.fork()
    if child != 0:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may come back into the parent's program
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


class _Tracer:
    def __init__(self, child: int, folder: Path, kill: tuple[int, When] | None) -> None:
        self._child = child
        self._folder = f"{folder}{os.sep}"
        self._kill = kill
        self._calls: list[SystemCall] = []
        self._inside: dict[int, int] = {}
        self._known = set[int]()
        self._ended, self._status = False, 0

    def run(self) -> Traced:
        try:
            for thread, status in self._stops():
                self._go_on(thread, os.WSTOPSIG(status))
        finally:
            self._end()
        killed = os.WIFSIGNALED(self._status) and self._kill is not None
        if not killed and self._status != 0:
            raise RuntimeError(f"The child failed: {os.waitstatus_to_exitcode(self._status)}.")
        return Traced(tuple(self._calls), killed)

    def _stops(self) -> Iterator[tuple[int, int]]:
        """Give each stop of each thread, until the child has ended."""
        while not self._ended:
            thread, status = os.waitpid(-1, _WALL)
            if os.WIFSTOPPED(status):
                yield thread, status
            elif thread == self._child:
                self._ended, self._status = True, status

    def _end(self) -> None:
        """Leave no child behind where a trace was given up."""
        if not self._ended:
            os.kill(self._child, signal.SIGKILL)
            for _ in self._stops():
                pass

    def _go_on(self, thread: int, stopped_by: int) -> None:
        passed_on = 0
        if stopped_by == _AT_SYSCALL:
            if self._has_to_die(thread):
                if self._inside.keys() - {thread}:
                    raise RuntimeError(f"Another thread was within a call when one came to {self._calls[-1]}.")
                os.kill(self._child, signal.SIGKILL)
                return
        elif thread not in self._known:
            self._known.add(thread)  # each begins with a stop
            if thread == self._child:
                _ptrace(_SETOPTIONS, thread, 0, _SYSGOOD | _CLONE | _EXITKILL)
        elif stopped_by != _SIGTRAP:
            passed_on = stopped_by
        _ptrace(_SYSCALL, thread, 0, passed_on)

    def _has_to_die(self, thread: int) -> bool:
        info = _Info()
        _ptrace(_GET_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
        if info.op == _ENTRY:
            call = self._call(thread, info.number, tuple(info.arguments))
            if call is None:
                return False
            self._inside[thread] = len(self._calls)
            self._calls.append(call)
            return self._kill == (self._inside[thread], "before")
        number = self._inside.pop(thread, None)
        return info.op == _EXIT and number is not None and self._kill == (number, "after")

    def _call(self, thread: int, number: int, arguments: tuple[int, ...]) -> SystemCall | None:
        if number in _BY_PATH:
            return self._at(_BY_PATH[number], self._text(arguments[0]))
        if number in _BY_PATH_AT:
            name = _BY_PATH_AT[number]
            changes = name != "openat" or arguments[2] & _MAKES_OR_EMPTIES
            return self._at(name, self._text(arguments[1])) if changes else None
        if number not in _BY_FILE and number not in _BY_SOCKET:
            return None
        try:
            target = Path(f"/proc/{thread}/fd/{arguments[0]}").readlink()
        except OSError:
            return None  # it is closed
        if number in _BY_SOCKET and target.name.startswith("socket:"):
            return SystemCall(_BY_SOCKET[number], _whom(target.name))
        return self._at(_BY_FILE[number], str(target)) if number in _BY_FILE else None

    def _at(self, name: str, path: str) -> SystemCall | None:
        if f"{path}{os.sep}" == self._folder:
            return SystemCall(name, "the folder")
        return SystemCall(name, path.removeprefix(self._folder)) if path.startswith(self._folder) else None

    def _text(self, address: int) -> str:
        with Path(f"/proc/{self._child}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(_PATH_BYTES).partition(b"\0")[0].decode(errors="surrogateescape")


def _whom(socket: str) -> str:
    inode = socket.removeprefix("socket:[").removesuffix("]")
    of_this_machine = {line.split()[6] for line in Path("/proc/net/unix").read_text("ascii").splitlines()[1:]}
    return "to the keyring" if inode in of_this_machine else "to Cognito"


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long
    return libc


def _ptrace(request: int, thread: int, address: int, data: int) -> None:
    if _libc().ptrace(request, thread, address, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x}: {os.strerror(error)}")


def main() -> None:
    """Trace something trivial, and fail where that cannot be done."""
    if not SUPPORTED:
        sys.exit("System calls are traced on Linux on x86_64 alone.")
    with tempfile.TemporaryDirectory() as made:
        try:
            traced = trace((Path(made) / "probe").mkdir, Path(made), (0, "before"))
        except (OSError, RuntimeError) as error:
            sys.exit(str(error))
        if [*map(str, traced.calls), *Path(made).iterdir()] != ["mkdir probe"]:
            sys.exit("A trace shows something else than what was done.")


if __name__ == "__main__":
    main()
