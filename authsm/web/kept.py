"""What is kept of a suspended sign-out: the machine's own JSON, and what its result has to tell. It holds no token."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads it
from typing import TYPE_CHECKING

import msgspec

from authsm._version import __version__
from authsm.core.machine import SnapshotError
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.effects import ShowHostedUISignOut

if TYPE_CHECKING:
    from authsm.auth.sign_out import Standing
    from authsm.core.machine import Snapshot
    from authsm.flows.sign_out.context import SignOutContext


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a suspended sign-out.

    Attributes:
        version: The version of authsm that suspended it.
        run: Which run it is.
        begun: Since when its browser is waited for, in seconds since 1970.
        username: Whose session it was.
        tokens_valid_until: When the last of the session's tokens ends.
        snapshot: Where the machine stands, as `Machine.to_json` wrote it.
    """

    version: str
    run: str
    begun: float
    username: str
    tokens_valid_until: datetime | None
    snapshot: str


def to_text(standing: Standing, begun: float) -> str:
    """Turn a sign-out that stands at the hosted UI into JSON text.

    Args:
        standing: Where it stands.
        begun: Since when its browser is waited for, in seconds since 1970.

    Returns:
        The text.
    """
    snapshot = SIGN_OUT.to_json(standing.snapshot)
    kept = Kept(__version__, standing.run, begun, standing.username, standing.tokens_valid_until, snapshot)
    return msgspec.json.encode(kept).decode()


def from_text(text: str) -> tuple[Kept, Snapshot[SignOutContext]]:
    """Read back what `to_text` wrote.

    Args:
        text: The text.

    Returns:
        What was kept, and where the machine stands.

    Raises:
        SnapshotError: It is something else, or was written by a version with another chart.
    """
    try:
        kept = msgspec.json.decode(text, type=Kept)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SnapshotError(f"This is no suspended sign-out: {error}") from None
    snapshot = SIGN_OUT.from_json(kept.snapshot)
    if not isinstance(SIGN_OUT.pending(snapshot), ShowHostedUISignOut):
        raise SnapshotError(f"A sign-out that stands at {snapshot.state} does not wait for a browser.")
    return kept, snapshot
