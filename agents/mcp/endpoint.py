"""How to reach an imported server: its row and its token, read once in the caller's thread."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from agents.mcp import credentials
from agents.mcp.errors import NotExecuted
from agents.mcp.oauth import OAuthClient, token_of
from supportagent.tools.models import MCPServer

CLIENT: dict[str, Any] = {"name": "supportagent", "version": "1"}


@dataclass(frozen=True)
class Endpoint:
    """What the event loop may know of a server; it never touches the database."""

    server_id: int
    name: str
    transport: str
    url: str
    command: tuple[str, ...]
    credential: str
    trusted: bool
    secret: str = field(repr=False)
    oauth: OAuthClient | None = None

    @classmethod
    def of(cls, server: MCPServer) -> "Endpoint":
        """Raises NotExecuted when there is no token, or when this installation runs no foreign programs.

        With OAuth it may ask the token endpoint, so it is called outside of transactions.
        """
        if server.transport == MCPServer.Transport.STDIO and not settings.MCP_STDIO:
            raise NotExecuted("refused", "SUPPORTAGENT_MCP_STDIO is off: no programs of other servers are run")
        secret, client = credentials.read(server.credential), None
        if server.transport == MCPServer.Transport.HTTP and server.oauth_token_url:
            client = OAuthClient.of(server, secret)
            secret = token_of(client)
        return cls(
            server_id=server.pk,
            name=server.name,
            transport=server.transport,
            url=server.url,
            command=tuple(str(part) for part in server.command),
            credential=server.credential,
            trusted=server.trusted_for_errors,
            secret=secret,
            oauth=client,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """A changed row gets processes of its own."""
        return (self.server_id, self.command, self.credential, hash(self.secret))

    @property
    def secrets(self) -> dict[str, str]:
        """What its own process gets to see."""
        return {self.credential: self.secret} if self.credential else {}
