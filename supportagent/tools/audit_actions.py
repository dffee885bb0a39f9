"""What the tool registry writes into the audit trail."""

from audit.actions import register

register("tools.tool.pinned", "The definition of a tool was imported and pinned")
