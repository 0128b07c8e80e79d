"""What may go wrong while the runs of a machine are explored."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What may go wrong; nothing, unless it is said. `EVERY_FAULT` is all of it.

    Not among it: a caller that interrupts, and a deadline for the whole run. What `drive` makes of these does not
    depend on the machine, and is tested beside it.

    Attributes:
        lost: Answers are lost, and requests: no answer comes within the time allowed.
        late: What was given up goes on all the same, and answers later. One effect at a time does: whoever gives up a
            second one hears of the first no more.
        repeated: Each answer comes a second time.
        torn: Effects that have several steps fail between two of them.
        crashes: The process ends between any two steps, as often as you like; what was written down is resumed. What
            was under way ends with it: that the work was done, and its answer died with the process, is another run.
        others: Somebody else does something in the same world, as `World.others` says.
    """

    lost: bool = False
    late: bool = False
    repeated: bool = False
    torn: bool = False
    crashes: bool = False
    others: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what may go wrong."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name))


NO_FAULTS = Faults()
"""Nothing goes wrong but what the effects themselves say."""

EVERY_FAULT = Faults(lost=True, late=True, repeated=True, torn=True, crashes=True, others=True)
"""Everything that may go wrong does."""

ANSWERS = Faults(lost=True, late=True, repeated=True, torn=True)
"""What becomes of effects is not what is said of them."""

CRASHES = Faults(lost=True, torn=True, crashes=True)
"""The process ends anywhere, and answers are lost."""

OTHERS = Faults(crashes=True, others=True)
"""Somebody else is there, too, and the process ends anywhere."""
