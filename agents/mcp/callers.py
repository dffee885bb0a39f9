"""Who calls `/mcp`: the account behind a token, how often, and what the token's scope covers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections

from supportagent.staff.models import AccessToken, User
from supportagent.staff.permissions import Permission, has
from supportagent.staff.tokens import find_token, note_use
from supportagent.throttle import Limit, throttle
from supportagent.tools.access import GrantedTool, granted
from supportagent.tools.schema import offered_schema

TICKET = "ticket"
T = TypeVar("T")


@dataclass(frozen=True)
class Caller:
    """An account and the token that acts in its name."""

    user: User
    token: AccessToken

    @property
    def may_write(self) -> bool:
        return self.token.scope == AccessToken.Scope.WRITE


@dataclass(frozen=True)
class TooMany:
    """The token was used too often; seconds after which it may be used again."""

    retry_after: int


def admit(bearer: str) -> Caller | TooMany | None:
    """The caller behind a token; None for whatever is not believed here and now."""
    token = find_token(bearer)
    if token is None:
        return None
    verdict = throttle.hit(Limit("mcp.token", settings.MCP_REQUESTS_PER_MINUTE), str(token.pk))
    return Caller(token.user, token) if verdict.allowed else TooMany(verdict.retry_after)


def left(caller: Caller) -> None:
    """After the answer: what need not keep anybody waiting."""
    note_use(caller.token)


def callable_tools(caller: Caller) -> Mapping[str, GrantedTool]:
    """The domain tools of a caller, by qualified name: those that the account may call on a ticket.

    A foreign tool with an argument of the name that we add ourselves would hide one of the two: it is not offered.
    """
    if not has(caller.user, Permission.VIEW_TICKET):
        return {}
    tools = granted(caller.user)
    return {name: each for name, each in tools.items() if TICKET not in offered_schema(each.tool)["properties"]}


def missing_scope(caller: Caller, tool: object) -> str:
    """The scope that a call of this tool would need and the token lacks, "" where it is enough.

    Only of a tool that the caller could call otherwise: of any other nobody learns what it does.
    """
    if caller.may_write:
        return ""
    known = callable_tools(caller).get(tool) if isinstance(tool, str) else None
    return AccessToken.Scope.WRITE if known and known.tool.effect != "READ" else ""


async def in_database(function: Callable[..., T], *arguments: Any) -> T:
    """Run database work of a request on the request's own thread, which keeps no connection afterwards."""
    return await sync_to_async(_closing)(function, *arguments)


def _closing(function: Callable[..., T], *arguments: Any) -> T:
    try:
        return function(*arguments)
    finally:
        connections.close_all()
