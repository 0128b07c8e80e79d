"""Runs something in a child process, lists the system calls by which it changes anything, and kills it at one of them.

By way of ptrace(2), which stops the child at the entry and at the exit of each system call, in any of its threads.
strace can list the calls, but it counts them for each thread apart and kills at their entry alone.
"""

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

SUPPORTED: Final = sys.platform == "linux" and platform.machine() == "x86_64"
"""The numbers of system calls below are of this machine alone."""

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
        calls: Its calls, in order; the last one is where it was killed.
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
_AT_SYSCALL: Final = signal.SIGTRAP | 0x80
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
        RuntimeError: It failed, or was killed by somebody else.
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
        self._known = {child}

    def run(self) -> Traced:
        os.waitpid(self._child, _WALL)
        _ptrace(_SETOPTIONS, self._child, 0, _SYSGOOD | _CLONE | _EXITKILL)
        _ptrace(_SYSCALL, self._child, 0, 0)
        for thread, status in self._stops():
            stopped_by = os.WSTOPSIG(status)
            passed_on = 0
            if stopped_by == _AT_SYSCALL:
                if self._has_to_die(thread):
                    os.kill(self._child, signal.SIGKILL)
                    continue
            elif thread not in self._known:
                self._known.add(thread)  # a new one begins with a stop
            elif stopped_by != signal.SIGTRAP:
                passed_on = stopped_by
            _ptrace(_SYSCALL, thread, 0, passed_on)
        return Traced(tuple(self._calls), self._killed)

    def _stops(self) -> Iterator[tuple[int, int]]:
        """Give each stop of each thread, until the child has ended."""
        while True:
            thread, status = os.waitpid(-1, _WALL)
            if os.WIFSTOPPED(status):
                yield thread, status
            elif thread == self._child:
                break
        self._killed = os.WIFSIGNALED(status) and self._kill is not None
        if not self._killed and status != 0:
            raise RuntimeError(f"The child failed: {os.waitstatus_to_exitcode(status)}.")

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


_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, thread: int, address: int, data: int) -> None:
    if _libc.ptrace(request, thread, address, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x}: {os.strerror(error)}")
