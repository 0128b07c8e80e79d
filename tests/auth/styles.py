"""The ways to run a sign-out that every invariant is asked of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anyio

from authsm import AsyncAuth, Auth, CredentialStore, FileCredentialStore, MemoryCredentialStore, Notice, SignOutResult
from tests.auth.world import GUARD


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def __call__(self, notice: Notice) -> None:
        self.notices.append(notice)


class Style(Protocol):
    """One of `Auth` and `AsyncAuth`, over one of the stores."""

    name: str
    examples: int

    def store(self, folder: Path) -> CredentialStore:
        """A new store."""
        ...

    def sign_out(self, store: Any, runner: Any, *, after: Callable[[], object], **how: Any) -> SignOutResult:
        """Sign out, and wait; then call ``after`` while late answers can still arrive."""
        ...


@dataclass
class Blocking:
    name: str
    examples: int
    make_store: Callable[[Path], CredentialStore]

    def store(self, folder: Path) -> CredentialStore:
        return self.make_store(folder)

    def sign_out(
        self, store: Any, runner: Any, *, after: Callable[[], object], global_sign_out: bool = False, **how: Any
    ) -> SignOutResult:
        auth = Auth(store, runner, **how)
        result = auth.sign_out_future(global_sign_out=global_sign_out).result(GUARD)
        assert result is auth.last_result
        after()
        return result


@dataclass
class EventLoop:
    backend: str
    examples: int
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"AsyncAuth on {self.backend}"

    def store(self, folder: Path) -> CredentialStore:
        del folder
        return MemoryCredentialStore()

    def sign_out(
        self, store: Any, runner: Any, *, after: Callable[[], object], global_sign_out: bool = False, **how: Any
    ) -> SignOutResult:
        async def main() -> SignOutResult:
            auth = AsyncAuth(store, runner, **how)
            with anyio.fail_after(GUARD):
                result = await auth.sign_out(global_sign_out=global_sign_out)
                assert result is auth.last_result
                await anyio.to_thread.run_sync(after)
            return result

        return anyio.run(main, backend=self.backend)


MEMORY = Blocking("Auth over memory", 100, lambda _: MemoryCredentialStore())
FILE = Blocking("Auth over files", 40, FileCredentialStore)
ASYNCIO, TRIO = EventLoop("asyncio", 40), EventLoop("trio", 40)
STYLES: tuple[Style, ...] = (MEMORY, FILE, ASYNCIO, TRIO)
