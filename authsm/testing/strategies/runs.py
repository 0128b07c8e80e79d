"""Runs of a machine in a world with faults: what a search tries all of, drawn at random where there are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from hypothesis import strategies as st

from authsm.core.vocabulary import Context
from authsm.testing.proof.faults import EVERY_FAULT, Faults

if TYPE_CHECKING:
    from authsm.testing.proof.proof import Proof

C = TypeVar("C", bound=Context)

_LONGEST: Final = 60


def runs(
    proof: Proof[C], faults: Faults = EVERY_FAULT, *, longest: int = _LONGEST
) -> st.SearchStrategy[tuple[C, tuple[str, ...], Faults]]:
    """Draw runs, faults included, for machines with too much to explore; what is drawn can be replayed.

    >>> from hypothesis import given
    >>> from authsm.testing.proof.sign_out import SIGN_OUT_PROOF
    >>> @given(run=runs(SIGN_OUT_PROOF))
    ... def test_everything_holds_in_every_run(run):
    ...     SIGN_OUT_PROOF.replay(*run)
    >>> test_everything_holds_in_every_run()

    `Counterexample.example` writes one down as an explicit example for such a test.

    Args:
        proof: The machine, its contexts and its world.
        faults: What may go wrong; everything, if not given.
        longest: How many moves a run has at the most.

    Returns:
        The strategy: the context that a run begins with, the names of its moves, up to an end or the longest, and what
        may go wrong in it.
    """
    return _runs(proof, faults, longest)


@st.composite
def _runs(draw: st.DrawFn, proof: Proof[Any], faults: Faults, longest: int) -> tuple[Any, tuple[str, ...], Faults]:
    context = draw(st.sampled_from(tuple(proof.contexts())))
    possible = proof.moves(faults)
    situation = possible.begin((context,))
    names: list[str] = []
    while len(names) < longest:
        following = dict(possible.after(situation))
        if not following:
            break
        names.append(draw(st.sampled_from(tuple(following))))
        situation = following[names[-1]]
    return context, tuple(names), faults
