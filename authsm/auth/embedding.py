"""`sign_out`: for SDKs that keep tokens their own way, and want a sign-out in three lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsm.auth.blocking import start, wait
from authsm.auth.flights import Flight
from authsm.auth.functions import refuse_coroutine_functions
from authsm.auth.holders import ForeignHolder
from authsm.auth.session import refuse_unknown_method
from authsm.auth.sign_out import SignOutRun, sign_out_request
from authsm.core.drive import Limits
from authsm.credentials import SignedInData, SignInMethod, UserPoolTokens
from authsm.flows.sign_out.policy import SignOutPolicy
from authsm.runners.handlers import as_runner, refuse_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authsm.flows.sign_out.results import SignOutResult
    from authsm.observe import Observer
    from authsm.runners.handlers import RunnerLike


def sign_out(
    tokens: SignedInData | UserPoolTokens,
    *,
    runner: RunnerLike,
    clear: Callable[[], object],
    is_cleared: Callable[[], bool] | None = None,
    global_sign_out: bool = False,
    policy: SignOutPolicy | None = None,
    observers: Iterable[Observer] = (),
    limits: Limits | None = None,
    key: str = "default",
) -> SignOutResult:
    """Sign out a session whose tokens another SDK keeps, through the same machine as `Auth.sign_out`.

    What this cannot promise, because the tokens live elsewhere:

    - A token refresh of the other SDK that began before may write after the clear: nothing fences it off.
    - After a crash there is no journal, and nothing to resume.
    - The tokens are those given, not the freshest stored ones; and what is refreshed for a global sign-out does not
      reach the other SDK, which is left with dead tokens where its clear then fails.
    - Without ``is_cleared``, a ``clear`` that returns is believed; the result says so in a note.
    - Calls at the same time do not become one.

    Args:
        tokens: The tokens of the session; `SignedInData` where it is known how the user signed in.
        runner: Who carries out the remote effects.
        clear: Makes the other SDK forget its tokens. Called once, whatever the remote steps did, unless the result is
            `FailedSignOut` because of a cancel or a session that cannot be signed out this way.
        is_cleared: Tells whether it has forgotten them.
        global_sign_out: Whether every session of the user is to end, on all devices.
        policy: How to do it.
        observers: Who is told of every step.
        limits: How long things may take, in seconds.
        key: A name of the session, for the log.

    Returns:
        What it ended in. Failures of the service, the network, a handler or the clear are in it; none is raised.

    Raises:
        ConfigurationException: The runner is none; a handler or ``clear`` has to be awaited; the runner can show the
            hosted UI, and it is not known whether the user signed in there; or the policy clears locally only, and a
            global sign-out was asked for.
    """
    data = (
        tokens if isinstance(tokens, SignedInData) else SignedInData(tokens=tokens, sign_in_method=SignInMethod.UNKNOWN)
    )
    carries = as_runner(runner)
    refuse_async(carries)
    policy = policy or SignOutPolicy()
    request = sign_out_request(policy, global_sign_out=global_sign_out)
    refuse_unknown_method(data, carries, policy)
    refuse_coroutine_functions(clear=clear, is_cleared=is_cleared)
    run = SignOutRun(
        ForeignHolder(data, clear, is_cleared, key),
        carries,
        request,
        limits=limits or Limits(),
        observers=observers,
    )
    return wait(start(Flight(run)))
