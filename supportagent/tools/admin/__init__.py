from supportagent.tools.admin.server import MCPServerAdmin
from supportagent.tools.admin.tool import ToolAdmin, ToolGrantInline, ToolUserGrantInline

__all__ = ["MCPServerAdmin", "ToolAdmin", "ToolGrantInline", "ToolUserGrantInline"]
