"""What a store leaves behind when it clears, and what the end of a sign-out says of it."""

import itertools
from collections.abc import Callable
from typing import Any, Final

import pytest

from authsm import Auth, CompleteSignOut, CredentialStoreException, FailedSignOut, MemoryCredentialStore, RevokeToken
from authsm.flows.sign_out.results import Done
from authsm.stores.contract import Cleared, Entry, EntryState, Residue, Unknown, Verified
from tests.auth.test_resume_and_retry import crashed, journal_at
from tests.auth.world import Cast, answering, faulty, raising, session


def _and_says(answer: object) -> Callable[..., Any]:
    """The true operation, and another answer."""
    return lambda true: (true(), answer)[1]


SAYS: Final[dict[str, tuple[Cleared, Verified, str]]] = {
    "nothing": (Cleared(), Cleared(), ""),
    "the clear": (Cleared(("a copy",)), Cleared(), "left to be destroyed: a copy"),
    "the look": (Cleared(), Cleared(("a backup",)), "left to be destroyed: a backup"),
    "the look, of what does not read as a session": (
        Cleared(),
        Residue(("a torn file",), readable=False),
        "left to be destroyed: a torn file",
    ),
    "both": (
        Cleared(("a copy",)),
        Residue(("a torn file",), readable=False),
        "left to be destroyed: a copy, a torn file",
    ),
}


@pytest.mark.parametrize("who", SAYS)
def test_debris_behind_a_tombstone_is_told_and_the_user_is_signed_out(
    who: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    cleared, verified, note = SAYS[who]
    auth = Auth(faulty(store, clear=_and_says(cleared), verify_cleared=_and_says(verified)), cast.runner())
    auth.sign_in(session())
    result = auth.sign_out()
    assert isinstance(result, CompleteSignOut)
    assert result.steps.clear_credentials == Done(note)


NOT_GONE: Final[dict[str, tuple[Callable[..., Any], Verified, bool | None, str]]] = {
    "a session is seen": (answering(Cleared()), Residue(("the row",), readable=True), False, "still there: the row."),
    "a session is seen, and the clear had raised": (
        raising(OSError("disk")),
        Residue(("the row",), readable=True),
        False,
        "still there: the row (OSError: disk).",
    ),
    "nobody could look": (answering(Cleared()), Unknown("locked"), None, "whether the credentials are gone: locked"),
    "nobody could look, and the clear had raised": (
        raising(OSError("disk")),
        Unknown("locked"),
        None,
        "locked (OSError: disk)",
    ),
}


@pytest.mark.parametrize("what", NOT_GONE)
def test_what_is_not_seen_to_be_gone_is_never_told_as_signed_out(
    what: str, store: MemoryCredentialStore, cast: Cast
) -> None:
    clear, verified, gone, says = NOT_GONE[what]
    flaky = faulty(store, clear=clear, verify_cleared=answering(verified))
    auth = Auth(flaky, cast.runner())
    auth.sign_in(session())
    result = auth.sign_out()
    assert isinstance(result, FailedSignOut)
    assert isinstance(result.exception, CredentialStoreException)
    assert result.exception.failure is not None
    assert says in result.exception.failure.message
    assert result.signed_out_locally is gone
    flaky.faults.clear()
    assert isinstance(auth.sign_out(), CompleteSignOut)


def test_a_session_that_turns_unreadable_as_it_is_resumed_is_not_taken_for_ended(cast: Cast) -> None:
    """What is due is tried, and fails if it cannot do without the tokens; it is not left out in silence."""
    store = crashed(journal_at(RevokeToken))
    looks = itertools.chain([store.load("default")], itertools.repeat(Entry(EntryState.CORRUPT, reason="torn")))
    result = Auth(faulty(store, load=lambda _: next(looks)), cast.runner()).resume()
    assert isinstance(result, CompleteSignOut)
    assert cast.names() == ["RevokeToken"]
