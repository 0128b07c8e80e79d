"""The twin of `LoopbackHostedUI` for event loops."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from authsm.runners.hosted_ui.async_listener import AsyncListener
from authsm.runners.hosted_ui.base import BaseLoopbackHostedUI

if TYPE_CHECKING:
    from authsm.flows.sign_out.effects import ShowHostedUISignOut
    from authsm.runners.handlers import Call


class AsyncLoopbackHostedUI(BaseLoopbackHostedUI):
    """Signs the browser out of the hosted UI, and waits in the event loop, asyncio's or trio's, until it comes back.

    It is for `AsyncAuth` what `LoopbackHostedUI` is for `Auth`, and has the same arguments, attributes, errors and
    outcomes. No thread waits: only the browser is opened in one. Cancelling the task frees the port at once.
    ``show_url`` is called in the event loop.

    `AsyncAuth` takes `LoopbackHostedUI` as well, and has it wait in a thread; `Auth` takes only that.
    """

    async def __call__(self, effect: ShowHostedUISignOut, call: Call) -> None:
        """Sign the browser out, and wait until it comes back; see `LoopbackHostedUI.__call__`."""
        del effect  # the browser knows whom it signs out
        with ExitStack() as held:
            flight, sockets = self._begin(held, call)
            self._show(flight)
            async with AsyncListener(sockets, flight.answer, flight.linger_seconds) as listener:
                while seconds := flight.seconds_to_wait():
                    await listener.turn(seconds)
        flight.end()
