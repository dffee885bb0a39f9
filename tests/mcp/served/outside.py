"""Outside clients of `/mcp`: the library's own and one of plain HTTP, each in both eras of the protocol."""

import asyncio
import http.client
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

MODERN, LEGACY = "2026-07-28", "2025-11-25"
KEY = "supportagent/idempotency-key"


class Unknown(Exception):
    """The protocol's error for a tool that there is not; the code and the message as they came."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)


@dataclass(frozen=True)
class Told:
    """The answer to a call."""

    is_error: bool
    data: dict[str, Any]
    text: str

    @property
    def status(self) -> str:
        return str(self.data.get("status"))

    @property
    def code(self) -> str:
        return str(self.data["error"]["code"])


@dataclass
class LibraryClient:
    """The `mcp` package as an editor would use it."""

    url: str
    token: str
    era: str

    def tools(self) -> dict[str, dict[str, Any]]:
        async def listing(client: Client) -> Any:
            return (await client.list_tools()).tools

        return {tool.name: tool.model_dump(by_alias=True) for tool in asyncio.run(self._with(listing))}

    def call(self, name: str, arguments: dict[str, Any], key: str = "") -> Told:
        async def calling(client: Client) -> Any:
            try:
                return await client.call_tool(name, arguments, meta={KEY: key} if key else None)
            except MCPError as error:
                return Unknown(error.error.code, error.error.message)

        answer = asyncio.run(self._with(calling))
        if isinstance(answer, Unknown):
            raise answer
        return Told(bool(answer.is_error), answer.structured_content, answer.content[0].text)

    async def _with(self, use: Any) -> Any:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {self.token}"}, timeout=30) as web:
            mode = "legacy" if self.era == LEGACY else "auto"
            async with Client(streamable_http_client(self.url, http_client=web), mode=mode) as client:
                assert client.protocol_version == self.era
                return await use(client)


@dataclass
class Reply:
    """An answer over HTTP; `json` is None where there is no body."""

    status: int
    headers: dict[str, str]
    json: Any


@dataclass
class PlainClient:
    """Nothing but http.client and json."""

    url: str
    token: str
    era: str = MODERN
    numbers: int = field(default=0)

    def tools(self) -> dict[str, dict[str, Any]]:
        return {tool["name"]: tool for tool in self._result("tools/list")["tools"]}

    def call(self, name: str, arguments: dict[str, Any], key: str = "") -> Told:
        result = self._result("tools/call", {"name": name, "arguments": arguments}, {KEY: key} if key else {})
        return Told(bool(result.get("isError")), result["structuredContent"], result["content"][0]["text"])

    def shake_hands(self) -> None:
        """What the era of sessions begins with."""
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "plain", "version": "1"}}
        result = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}).json["result"]
        assert result["protocolVersion"] == LEGACY
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert self.post(ready, {"MCP-Protocol-Version": LEGACY}).status == 202

    def ask(self, method: str, params: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Reply:
        """A request as the modern era wants it, with `headers` changed (None leaves one out)."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            **((params or {}).get("_meta") or {}),
        }
        usual = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if params and "name" in params:
            usual["Mcp-Name"] = params["name"]
        return self.post(self.request(method, {**(params or {}), "_meta": meta}), usual | (headers or {}))

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self.numbers += 1
        return {"jsonrpc": "2.0", "id": self.numbers, "method": method, "params": params or {}}

    def post(self, body: Any, headers: dict[str, str] | None = None, *, method: str = "POST", path: str = "") -> Reply:
        """One exchange; a body that is not bytes is sent as JSON."""
        address = urlsplit(self.url)
        usual = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self.token}",
        }
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {name: value for name, value in (usual | (headers or {})).items() if value is not None}
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.request(method, path or address.path, data, fields)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        lines = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, lines, json.loads(text) if text.startswith((b"{", b"[")) else None)

    def _result(self, method: str, params: dict[str, Any] | None = None, meta: dict[str, Any] | None = None) -> Any:
        if self.era == MODERN:
            reply = self.ask(method, {**(params or {}), "_meta": meta or {}})
        else:
            self.shake_hands()
            body = self.request(method, {**(params or {}), **({"_meta": meta} if meta else {})})
            reply = self.post(body, {"MCP-Protocol-Version": LEGACY})
        if "error" in reply.json:
            raise Unknown(reply.json["error"]["code"], reply.json["error"]["message"])
        return reply.json["result"]
