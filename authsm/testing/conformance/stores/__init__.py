"""What every credential store has to do: a suite for your own.

::

    class TestMyStore(StoreConformance):
        def make(self):
            return MyStore(...)          # a new one, empty

        def reopen(self, store):
            return MyStore(...)          # the same credentials, as another process would see them

A store's methods are plain functions, which are called from threads, and so is ``make``. What a store does not promise
it says in its own `Capabilities`, where `Auth` and its users see it. What of that can be looked at is looked at:

- neither ``durable_clear`` nor ``cross_process``, and a ``reopen`` that gives the same object: nothing outlives the
  object, so nothing is asked about crashes. Declared by either of the two, another object has to be given.
- ``atomic_cas=False``: no race is asked for; but where ``on_write`` is given, a save is brought between another's look
  and its write, and must go unnoticed. Without it, nothing is concluded from races that were not lost.
- ``durable_clear``, ``cross_process`` and ``sweeps_residue`` denied: power cuts, other processes and killed writers
  cannot be brought about here, so nothing is looked at.

Three hooks are optional, and each lets more be asked: ``on_write`` (crashes, failures and other saves in the middle of
an operation), ``break_it`` (outages), ``written`` (what a clear leaves on the medium). What is not asked is left out by
name.
"""

from __future__ import annotations

from authsm.testing.conformance.stores.crashes import Crashes
from authsm.testing.conformance.stores.outages import Outages
from authsm.testing.conformance.stores.races import Races
from authsm.testing.conformance.stores.rules import Rules
from authsm.testing.conformance.stores.sign_outs import CrashedSignOuts

__all__ = ["StoreConformance"]


class StoreConformance(Rules, Races, Crashes, CrashedSignOuts, Outages):
    """The tests of `CredentialStore`, each a method whose name begins with ``test``, and none needs another."""
