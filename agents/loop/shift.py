"""One worker's stretch of work on one run, from its claim to the moment it leaves."""

import time
from dataclasses import dataclass, field

from agents.lease import Claim
from agents.loop.capability import Capability
from agents.models import Run


@dataclass
class Shift:
    """The claim on the run, what the run may do, and since when this worker is at it."""

    held: Claim
    capability: Capability
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, held: Claim) -> "Shift":
        """Start work with the rights of this moment."""
        return cls(held, Capability.mint(held.run))

    def keep_rights_fresh(self) -> None:
        """Rights age while a run works: what is older than the setting says is minted anew."""
        if self.capability.expired:
            self.capability = Capability.mint(self.held.run)

    def worked_ms(self, run: Run) -> int:
        """How long the run was worked on, this stretch included."""
        return run.worked_ms + int((time.monotonic() - self.started) * 1000)
