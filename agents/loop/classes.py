"""What may be done when nobody knows whether a call to an imported server was carried out, by the class of its tool."""

from supportagent.tools.models import Tool


def is_repeatable(tool: Tool) -> bool:
    """Whether the same call may be sent again: it harms nobody, or the server knows it by the key it was given."""
    if tool.tool_class == Tool.Repeat.KEYED:
        return "call" in tool.bound_arguments.values()
    return not tool.writes or tool.tool_class == Tool.Repeat.READ


def is_reconcilable(tool: Tool) -> bool:
    """Whether a read before and a read after show what a call did."""
    return bool(tool.tool_class == Tool.Repeat.RECONCILABLE and tool.reconcile_tool and tool.reconcile_when)
