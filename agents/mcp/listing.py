"""The tools that a foreign server offers, read within bounds and judged before any of them is imported."""

from typing import Any

import mcp_types as types
from mcp.client.session import ClientSession

from agents.mcp.errors import NotExecuted

MAX_PAGES = 20
MAX_TOOLS = 200


async def read(session: ClientSession) -> list[dict[str, Any]]:
    """Every declaration, page by page. Raises NotExecuted when there are too many pages or tools."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor) if cursor else None)
        found += [definition_of(tool) for tool in page.tools]
        if len(found) > MAX_TOOLS:
            raise NotExecuted("listing_refused", f"the server offers more than {MAX_TOOLS} tools")
        cursor = page.next_cursor
        if not cursor:
            return found
    raise NotExecuted("listing_refused", f"the server's list of tools has more than {MAX_PAGES} pages")


def definition_of(tool: types.Tool) -> dict[str, Any]:
    """What a server says about a tool, as far as it decides what a call means."""
    hints = tool.annotations.model_dump(by_alias=True, mode="json", exclude_none=True) if tool.annotations else {}
    return {
        "name": tool.name,
        "title": tool.title or "",
        "description": tool.description or "",
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema or {},
        "annotations": hints,
    }
