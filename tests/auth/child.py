"""A program that signs out and is interrupted: the child process of `test_signals`.

It hangs at one step, says so, gets its signals, and prints what became of it. It must end by itself.

    python -m tests.auth.child STYLE STEP FOLDER
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio

from authsm import AsyncAuth, Auth, Call, FileCredentialStore, Limits, Runner, SignInMethod, SignOutResult
from tests.auth.world import REMOTE, Token, faulty, pool_tokens, session

_SLOW = 3600.0


def main(style: str, step: str, folder: Path) -> None:
    true_store = FileCredentialStore(folder)
    true_store.begin("default", session(SignInMethod.HOSTED_UI, pool_tokens(access=Token.EXPIRED)), replace=True)
    stuck = _Stuck(step)
    store = faulty(true_store, clear=stuck.clear)
    runner = Runner(handlers=dict.fromkeys(REMOTE, stuck.handler if style != "async" else stuck.async_handler))
    limits = Limits(grace=0.2 if "twice" not in step else 60.0)
    end: dict[str, Any] = {}
    try:
        if style == "threads":
            auth = Auth(store, runner, limits=limits)
            end["result"] = lambda: auth.last_result
            auth.sign_out(global_sign_out=True)
        else:
            asynchronous = AsyncAuth(store, runner, limits=limits)
            end["result"] = lambda: asynchronous.last_result
            backend = "trio" if style == "trio" else "asyncio"
            anyio.run(lambda: asynchronous.sign_out(global_sign_out=True), backend=backend)
    except BaseException as error:  # noqa: BLE001 - what goes on its way is what the parent asks for
        end["raised"] = type(error).__name__
    result: SignOutResult | None = end.pop("result")()
    said = {
        "raised": end.get("raised"),
        "result": type(result).__name__,
        "locally": result.signed_out_locally if result else None,
        "state": true_store.load("default").state.value,
        "threads": [t.name for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()],
    }
    print(json.dumps(said), flush=True)  # noqa: T201 - this is a program


class _Stuck:
    """Handlers that never return once it is their turn to be stuck, whatever they are told."""

    def __init__(self, step: str) -> None:
        self._step = step.partition(" ")[0]

    def handler(self, effect: Any, _: Call) -> None:
        if effect.name == self._step:
            self._stand(_SLOW)

    async def async_handler(self, effect: Any, _: Call) -> None:
        if effect.name == self._step:
            self._say()
            await anyio.sleep(_SLOW)

    def clear(self, true: Any) -> object:
        if self._step == "ClearCredentials":
            self._stand(0.3)
        return true()

    def _stand(self, seconds: float) -> None:
        self._say()
        time.sleep(seconds)

    @staticmethod
    def _say() -> None:
        print("stuck", flush=True)  # noqa: T201 - this is a program


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
