"""The one way to build a domain's MCP server.

Every call is verified in the same order, whatever transport brought it: the signed grant over the raw arguments,
the strict schema, the actor's own permission. A write then runs together with its receipt and its audit
entry in one durable transaction. A handler that is reached has nothing left to check but its business.
"""

import inspect
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import QuerySet
from mcp.server import Server

from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.grants import receipts, signing, strict
from supportagent.grants.masking import masked
from supportagent.prepared import first, prepared
from supportagent.staff.permissions import remember, require

logger = logging.getLogger(__name__)

GRANT_META = "supportagent/grant"
RECORDS_META = "supportagent/records"
RESULT_LIMIT = 256 * 1024  # bytes of JSON


class ToolRefusal(Exception):
    """The domain declines: definitely not executed, and the model is told why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Result:
    """What a handler gives back: data for the model, and which records it touched (`order:ORD-1042`)."""

    data: dict[str, Any]
    records: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CallContext:
    """Who calls, for whom, under which key. Identity comes from the grant, never from an argument."""

    grant: signing.Grant
    actor: Any

    @property
    def customer(self) -> str:
        return self.grant.customer

    @property
    def key(self) -> str:
        return self.grant.key


@dataclass(frozen=True)
class ServerTool:
    """A tool as its server declares it: schema, effect, risk, and which reads belong to it."""

    name: str
    description: str
    schema: dict[str, Any]
    handler: Callable[..., Result]
    effect: str
    permission: str
    bound: Mapping[str, str]
    impact: str
    reversible: str
    requires_verified: bool
    facts: str
    subject: str
    amount: str
    currency: str
    check: str
    check_fields: tuple[str, ...]
    destination: tuple[str, ...]
    host_only: bool


@dataclass(frozen=True)
class Outcome:
    """The answer of a server. `ok` false means: refused, and nothing was executed."""

    ok: bool
    data: dict[str, Any]
    records: list[str] = field(default_factory=list)

    @classmethod
    def refused(cls, code: str, message: str) -> "Outcome":
        return cls(ok=False, data={"error": {"code": code, "message": message}})

    @property
    def code(self) -> str:
        return "" if self.ok else str(self.data["error"]["code"])


class DomainServer:
    """A domain's tools behind the gate's grant. Runs in process (`call`) or as an MCP server (`as_mcp`)."""

    def __init__(self, name: str, *, title: str) -> None:
        self.name = name
        self.title = title
        self.tools: dict[str, ServerTool] = {}

    def tool(
        self,
        *,
        effect: str,
        permission: str,
        schema: dict[str, Any],
        bound: Mapping[str, str] | None = None,
        impact: str | None = None,
        reversible: str | None = None,
        requires_verified: bool = False,
        facts: str = "",
        subject: str = "",
        amount: str = "",
        currency: str = "",
        check: str = "",
        check_fields: tuple[str, ...] = (),
        destination: tuple[str, ...] = (),
        host_only: bool = False,
    ) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
        """Declare a handler as a tool; its docstring is the contract that the model reads.

        A write says its `impact` and whether it is `reversible`; where it does not, a person decides on each call and
        a system check names it. `destination` names the arguments that say where something goes: the words of a model
        never decide these alone.
        """

        def register(handler: Callable[..., Result]) -> Callable[..., Result]:
            if schema.get("additionalProperties") is not False:
                raise ValueError(f"{handler.__name__}: the schema must forbid additional properties")
            if not set(destination) <= set(schema.get("properties", {})):
                raise ValueError(f"{handler.__name__}: a destination must be an argument")
            self.tools[handler.__name__] = ServerTool(
                name=handler.__name__,
                description=inspect.getdoc(handler) or "",
                schema=schema,
                handler=handler,
                effect=effect,
                permission=permission,
                bound=bound or {},
                impact=_declared(impact, effect, otherwise="none"),
                reversible=_declared(reversible, effect, otherwise="yes"),
                requires_verified=requires_verified,
                facts=facts,
                subject=subject,
                amount=amount,
                currency=currency,
                check=check,
                check_fields=check_fields,
                destination=destination,
                host_only=host_only,
            )
            return handler

        return register

    def call(self, name: str, arguments: dict[str, Any], *, grant_token: str) -> Outcome:
        """Verify and run one call. Refusals come back as an Outcome; any exception means "not known"."""
        tool = self.tools.get(name)
        if tool is None:
            return Outcome.refused("unknown_tool", f"{self.name} has no tool of that name")
        try:
            context = self._admit(tool, arguments, grant_token)
            with acting(Actor.of(context.actor)):
                return self._run(tool, context, arguments)
        except signing.GrantRefused as refusal:
            logger.warning("%s.%s refused: %s", self.name, name, refusal.code)
            return Outcome.refused(refusal.code, "this call is not covered by a grant")
        except strict.InvalidArguments as error:
            return Outcome.refused("invalid_arguments", str(error))
        except PermissionDenied as error:
            return Outcome.refused("permission_denied", str(error))
        except ToolRefusal as refusal:
            return Outcome.refused(refusal.code, refusal.message)
        except receipts.KeyClosed:
            return Outcome.refused("key_closed", "this call was given up before it arrived")

    def _admit(self, tool: ServerTool, arguments: dict[str, Any], token: str) -> CallContext:
        grant = signing.verify(token, server=self.name, tool=tool.name, arguments=arguments)
        strict.validate(arguments, tool.schema)
        actor = first(_active_account(grant.actor))
        if actor is None:
            raise PermissionDenied("the account behind this call is not active")
        if tool.effect == "READ":
            remember(actor)
        require(actor, tool.permission)
        if tool.requires_verified and not grant.customer:
            raise ToolRefusal("identity_required", "the customer is not verified, so no account may be read")
        return CallContext(grant=grant, actor=actor)

    def _run(self, tool: ServerTool, context: CallContext, arguments: dict[str, Any]) -> Outcome:
        if tool.effect == "READ":
            return _outcome(tool.handler(context, **arguments))
        with audit_log.transaction():
            claimed = receipts.claim(
                key=context.key,
                server=self.name,
                tool=tool.name,
                arguments_digest=context.grant.arguments_digest,
            )
            if claimed.result is not None:
                return Outcome(ok=True, data=claimed.result["data"], records=claimed.result["records"])
            outcome = _outcome(tool.handler(context, **arguments))
            receipts.finish(claimed, {"data": outcome.data, "records": outcome.records})
            return outcome

    def as_mcp(self) -> Server:
        """The same tools as a protocol server, for a transport: nothing is checked differently there."""

        async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
            return types.ListToolsResult(
                tools=[
                    types.Tool(name=tool.name, description=tool.description, input_schema=tool.schema)
                    for tool in self.tools.values()
                    if not tool.host_only
                ]
            )

        async def call_tool(context: Any, params: Any) -> types.CallToolResult:
            token = str((context.meta or {}).get(GRANT_META, ""))
            outcome = await sync_to_async(self._call_in_thread, thread_sensitive=False)(
                params.name, params.arguments or {}, token
            )
            return types.CallToolResult(
                content=[types.TextContent(type="text", text=json.dumps(outcome.data))],
                structured_content=outcome.data,
                is_error=not outcome.ok,
                _meta={RECORDS_META: outcome.records},
            )

        return Server(self.name, on_list_tools=masked(list_tools), on_call_tool=masked(call_tool))

    def _call_in_thread(self, name: str, arguments: dict[str, Any], token: str) -> Outcome:
        try:
            return self.call(name, arguments, grant_token=token)
        except receipts.KeyReused as reused:
            logger.critical("%s.%s: the key %s was used for another call", self.name, name, reused)
            return Outcome.refused("key_reused", "this key was used for another call; nothing was executed")
        finally:
            connections.close_all()  # pool threads of the event loop never close their connections themselves


@prepared
def _active_account(pk: int) -> "QuerySet[Any]":
    return get_user_model().objects.filter(pk=pk, is_active=True)


def _declared(given: str | None, effect: str, *, otherwise: str) -> str:
    return given or (otherwise if effect == "READ" else "")


def _outcome(result: Result) -> Outcome:
    if len(json.dumps(result.data)) > RESULT_LIMIT:
        raise ToolRefusal("result_too_large", "the result is larger than 256 KB; ask for less")
    return Outcome(ok=True, data=result.data, records=result.records)
