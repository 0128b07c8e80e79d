"""What other people's parts have to do: suites to plug your own store, ticket store, runner or sign-out into.

With pytest, subclass a suite under a name that begins with ``Test``; with unittest, add ``unittest.TestCase`` as its
second base; with neither, call ``check``. None of them imports pytest. See `ConformanceSuite` for what they share.
"""

from __future__ import annotations

from authsm.testing.conformance.runners import RunnerConformance
from authsm.testing.conformance.services import CognitoService, Service, ServiceSession, Trouble
from authsm.testing.conformance.sessions import session_data
from authsm.testing.conformance.sign_outs import SignOutConformance
from authsm.testing.conformance.stores import StoreConformance
from authsm.testing.conformance.stores.crashes import crash_within, fail_within
from authsm.testing.conformance.stores.outages import during_outage
from authsm.testing.conformance.suite import ConformanceSuite, Report
from authsm.testing.conformance.tickets import TicketStoreConformance

__all__ = [
    "CognitoService",
    "ConformanceSuite",
    "Report",
    "RunnerConformance",
    "Service",
    "ServiceSession",
    "SignOutConformance",
    "StoreConformance",
    "TicketStoreConformance",
    "Trouble",
    "crash_within",
    "during_outage",
    "fail_within",
    "session_data",
]
