"""What the tool registry writes into the audit trail."""

from audit.actions import register

register("tools.tool.pinned", "The definition of a tool was imported and pinned")
register("tools.tool.changed", "The definition of an imported tool changed; the tool was switched off")
register("tools.tool.refused", "A tool of an imported server was not taken over, or not any more")
register("tools.tool.gone", "An imported server offers a tool no longer; the tool was switched off")
register("tools.server.circuit_closed", "A person closed the circuit of an imported server by hand")
