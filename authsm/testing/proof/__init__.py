"""The proof: everything that can happen to a machine, faults included, and what must hold of all of it.

Write down what must hold of your machine, and look whether it does, in every situation that it can come to::

    PROOF = Proof(machine=MACHINE, contexts=contexts, invariants=[*INVARIANTS, MINE], at="mine:PROOF")

    found = PROOF.explore(EVERY_FAULT)
    found.assert_invariants()
    found.assert_terminates()
    assert not PROOF.hunt().survivors

or ``authsm check mine:PROOF``. What goes wrong is told with the shortest run that comes there (`counterexamples`).

Where to look: `faults` is what may go wrong, `worlds` what is around a machine, `moves` what can happen next, one step
at a time, `exploration` the search, `invariants` what must hold, `mutants` whether that says enough, `proof` all of it
together, and `sign_out` the proof of this library's own machine.
"""

from authsm.testing.proof.choice import telling_contexts
from authsm.testing.proof.counterexamples import Counterexample, counterexamples
from authsm.testing.proof.exploration import Exploration, explore
from authsm.testing.proof.faults import ANSWERS, CRASHES, EVERY_FAULT, NO_FAULTS, OTHERS, Faults
from authsm.testing.proof.invariants import INVARIANTS, TERMINATION, Invariant, Seen, Violation
from authsm.testing.proof.mutants import Hunt, Mutant, NotProvedError, Operator, Verdict, hunt, mutants
from authsm.testing.proof.proof import NoSuchMoveError, Proof, Setting
from authsm.testing.proof.situations import Process, Situation, Stage
from authsm.testing.proof.worlds import Outside, Plain, Way, World

__all__ = [
    "ANSWERS",
    "CRASHES",
    "EVERY_FAULT",
    "INVARIANTS",
    "NO_FAULTS",
    "OTHERS",
    "TERMINATION",
    "Counterexample",
    "Exploration",
    "Faults",
    "Hunt",
    "Invariant",
    "Mutant",
    "NoSuchMoveError",
    "NotProvedError",
    "Operator",
    "Outside",
    "Plain",
    "Process",
    "Proof",
    "Seen",
    "Setting",
    "Situation",
    "Stage",
    "Verdict",
    "Violation",
    "Way",
    "World",
    "counterexamples",
    "explore",
    "hunt",
    "mutants",
    "telling_contexts",
]
