"""What one run may do."""

from functools import cached_property

from agents.models import Run
from agents.providers.base import ToolSpec
from supportagent.tools import access, schema
from supportagent.tools.access import GrantedTool


class Capability:
    """What one run may do, minted by code when it is claimed: customer, assurance, granted tools and their rules.

    It decides what is offered and what is refused at once; a right on a write is asked again when it is sent.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def tools(self) -> dict[str, GrantedTool]:
        """Granted tools by the name that the model uses; those for proved identities only when it is proved."""
        return {
            name: granted
            for name, granted in access.granted(self.run.agent.service_user).items()
            if self.run.customer or not granted.tool.requires_verified
        }

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(
            ToolSpec(name, granted.tool.description, schema.offered_schema(granted.tool))
            for name, granted in self.tools.items()
        )
