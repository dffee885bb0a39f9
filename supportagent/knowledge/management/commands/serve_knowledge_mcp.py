from supportagent.grants.serving import ServeCommand
from supportagent.knowledge.mcp_server import server


class Command(ServeCommand):
    help = "Serve the tools of `knowledge` as an MCP server of its own. Every call needs a signed grant."
    domain = server
