"""What the parts of the kit say that need more than authsm itself."""

from __future__ import annotations

from typing import Final

HYPOTHESIS_IS_MISSING: Final = "This part of authsm.testing draws with Hypothesis: pip install 'authsm[testing]'"
"""Where `as_state_machine` or the strategies are used without it."""
