from supportagent.engineering.mcp_server import server
from supportagent.grants.serving import ServeCommand


class Command(ServeCommand):
    help = "Serve the tools of `engineering` as an MCP server of its own. Every call needs a signed grant."
    domain = server
