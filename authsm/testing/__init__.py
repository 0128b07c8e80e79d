"""The test kit, for other people's suites too. It needs no test framework, and imports none.

- **Prove your own machine.** `Proof` says what must hold of it, `explore` finds everything that can happen to it,
  faults included, `hunt` tells whether what must hold says enough: `authsm.testing.proof`.
- **Prove your own store, ticket store, runner or sign-out.** `StoreConformance`, `TicketStoreConformance`,
  `RunnerConformance` and `SignOutConformance` are what each has to pass, in ten lines: `authsm.testing.conformance`.
- **Hold your own implementation against a machine** with `as_state_machine`, and draw what it is told with
  `authsm.testing.strategies`. These two need Hypothesis: ``pip install 'authsm[testing]'``.
- **Parts for your own tests.** `FakeCognito`: a small Amazon Cognito over real HTTP, with faults on demand.
  `ScriptedRunner`: handlers that answer by script (`Succeed`, `Fail`, `Refuse`, `Cancel`, `Raise`, `Hang`, `Gate`).
  `sample_session` and `sample_tokens`: a session to sign out of. `FakeClock`: time limits that run out at once.
"""

from authsm.testing.conformance import (
    RunnerConformance,
    SignOutConformance,
    StoreConformance,
    TicketStoreConformance,
)
from authsm.testing.fake_cognito import FakeClient, FakeCognito, FakeTokens, FakeUser, Fault
from authsm.testing.proof import (
    EVERY_FAULT,
    INVARIANTS,
    NO_FAULTS,
    Faults,
    Invariant,
    Plain,
    Proof,
    Way,
    World,
    counterexamples,
    explore,
    hunt,
    mutants,
)
from authsm.testing.scripted.answers import Cancel, Fail, Gate, Hang, Raise, Refuse, Succeed
from authsm.testing.scripted.clock import FakeClock
from authsm.testing.scripted.runner import ScriptedCall, ScriptedRunner, UnexpectedCallError
from authsm.testing.scripted.samples import sample_session, sample_tokens
from authsm.testing.scripted.schedules import AnswerFault, Fate, FaultSchedule, Moment, StoreCrash
from authsm.testing.stateful.machine import System, as_state_machine

__all__ = [
    "EVERY_FAULT",
    "INVARIANTS",
    "NO_FAULTS",
    "AnswerFault",
    "Cancel",
    "Fail",
    "FakeClient",
    "FakeClock",
    "FakeCognito",
    "FakeTokens",
    "FakeUser",
    "Fate",
    "Fault",
    "FaultSchedule",
    "Faults",
    "Gate",
    "Hang",
    "Invariant",
    "Moment",
    "Plain",
    "Proof",
    "Raise",
    "Refuse",
    "RunnerConformance",
    "ScriptedCall",
    "ScriptedRunner",
    "SignOutConformance",
    "StoreConformance",
    "StoreCrash",
    "Succeed",
    "System",
    "TicketStoreConformance",
    "UnexpectedCallError",
    "Way",
    "World",
    "as_state_machine",
    "counterexamples",
    "explore",
    "hunt",
    "mutants",
    "sample_session",
    "sample_tokens",
]
