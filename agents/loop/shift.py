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

    def worked_ms(self, run: Run) -> int:
        """How long the run was worked on, this stretch included."""
        return run.worked_ms + int((time.monotonic() - self.started) * 1000)
