"""How long the long runs are: `make soak SOAK=10` makes them ten times as long."""

import os
from typing import Final

SOAK: Final = int(os.environ.get("AUTHSM_SOAK", "1")) * 5
"""How many times as many examples as in the ordinary run."""
