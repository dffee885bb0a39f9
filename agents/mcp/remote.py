"""Calls to imported servers, for synchronous callers. `agents/mcp/client.py` is the only user.

A read may be tried again, within one deadline. A write is tried once: whether it may be repeated is decided by whoever
knows its class and its history.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import mcp_types as types

from agents.mcp import answers, late, listing, shaping
from agents.mcp.answers import BadAnswer, shorten
from agents.mcp.attempt import Answer, Attempt, Order
from agents.mcp.background import background
from agents.mcp.endpoint import Endpoint
from agents.mcp.errors import UNAUTHORIZED, NotExecuted, OutcomeUnknown
from supportagent.grants.server import Outcome
from supportagent.tools.models import MCPServer, Tool

Answered = TypeVar("Answered")

READ_TRIES = 3
PAUSE_SECONDS = 0.2  # before the second try; twice as long before the third
GRACE_SECONDS = 30  # for connecting and closing, beyond what the attempt itself allows


def write(tool: Tool, arguments: dict[str, Any], *, key: str) -> Outcome:
    """Make one attempt at a write. Raises NotExecuted, DefinitionChanged or OutcomeUnknown."""
    order = Order(
        tool.name,
        arguments,
        tool.timeout_seconds,
        tool.listen_seconds,
        pin=tool.definition_hash,
        discreet=bool(tool.masks),
    )

    def once(endpoint: Endpoint) -> Outcome:
        attempt = Attempt(
            endpoint,
            order,
            on_late=lambda answer: late.deliver(key, lambda: _certain(tool, endpoint, answer)),
        )
        answer = _wait(attempt, seconds=2 * tool.timeout_seconds + GRACE_SECONDS)
        return _outcome(tool, endpoint, answer)

    return _with_fresh_token(tool.server, once)


def read(tool: Tool, arguments: dict[str, Any]) -> Outcome:
    """Read, up to three times until the tool's timeout. Raises NotExecuted: a read leaves nothing behind."""
    return _with_fresh_token(tool.server, lambda endpoint: _read(tool, endpoint, arguments))


def _read(tool: Tool, endpoint: Endpoint, arguments: dict[str, Any]) -> Outcome:
    until = time.monotonic() + tool.timeout_seconds
    # Arguments that travel in headers as well are named in the listing only.
    pin = tool.definition_hash if "x-mcp-header" in str(tool.input_schema) else ""
    problem: Exception = NotExecuted("no_answer", "the server did not answer in time")
    for number in range(READ_TRIES):
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            order = Order(tool.name, arguments, left, left, pin=pin, discreet=bool(tool.masks))
            attempt = Attempt(endpoint, order)
            answer = _wait(attempt, seconds=left + 5)
            return _read_outcome(tool, endpoint, answer)
        except NotExecuted as refusal:
            if refusal.code != "unreachable":
                raise
            problem = refusal
        except OutcomeUnknown as unknown:
            if attempt.trip.unauthorized:
                raise NotExecuted(UNAUTHORIZED, unknown.message) from None
            if "error" in unknown.evidence:
                return Outcome.refused("tool_error", unknown.message)
            problem = NotExecuted("no_answer", unknown.message)
        if number + 1 < READ_TRIES:
            _pause(number, until)
    raise problem


@dataclass(frozen=True)
class Greeting:
    """Who answered, which protocol it speaks, and what it offers now."""

    name: str
    version: str
    protocol: str
    definitions: list[dict[str, Any]]


def greet(server: MCPServer, *, seconds: float = 20) -> Greeting:
    """Ask a server who it is and what it offers, and call nothing. Raises NotExecuted."""

    def once(endpoint: Endpoint) -> Greeting:
        attempt = _Greeting(endpoint, Order("", {}, seconds, seconds))
        greeting: Greeting = _wait(attempt, seconds=seconds + GRACE_SECONDS)
        return greeting

    try:
        return _with_fresh_token(server, once)
    except OutcomeUnknown as unknown:
        raise NotExecuted("no_answer", unknown.message) from None


def definitions(server: MCPServer, *, seconds: float = 20) -> list[dict[str, Any]]:
    """Every tool that a server offers now. Raises NotExecuted."""
    return greet(server, seconds=seconds).definitions


class _Greeting(Attempt):
    """A conversation that only lists."""

    answer: Future[Any]

    async def _call(self, session: Any) -> Any:
        found = await listing.read(session)
        who = session.server_info
        return Greeting(
            name=shorten(who.name if who else "", secret=self.endpoint.secret)[:80],
            version=shorten(who.version if who else "", secret=self.endpoint.secret)[:40],
            protocol=str(session.protocol_version or "")[:40],
            definitions=found,
        )


def _with_fresh_token(server: MCPServer, work: Callable[[Endpoint], Answered]) -> Answered:
    """Do it, and once more when the server refused the token before anything was done: then it was dropped."""
    endpoint = Endpoint.of(server)
    try:
        return work(endpoint)
    except NotExecuted as refusal:
        if refusal.code != UNAUTHORIZED or endpoint.oauth is None:
            raise
    return work(Endpoint.of(server))


def _wait(attempt: Attempt, *, seconds: float) -> Any:
    background.start(attempt.run())
    try:
        return attempt.answer.result(timeout=seconds)
    except TimeoutError:
        # The loop itself does not come round: then nothing is known, not even whether it was sent.
        raise OutcomeUnknown("the attempt did not come to an end") from None


def _outcome(tool: Tool, endpoint: Endpoint, answer: Answer) -> Outcome:
    """What an answer to a write says. Raises OutcomeUnknown where it says nothing certain."""
    if isinstance(answer, types.InputRequiredResult):
        raise OutcomeUnknown("the server asks for more input, which is not given for a write")
    if answer.is_error:
        words = shaping.words(tool, answers.error_text(answer, secret=endpoint.secret))
        if endpoint.trusted:
            return Outcome.refused("tool_error", words)
        raise OutcomeUnknown("the server reports a failure", evidence={"error": words})
    try:
        outcome = shaping.shaped(tool, answers.data_of(answer, secret=endpoint.secret))
    except BadAnswer as bad:
        raise OutcomeUnknown(str(bad)) from None
    if not _keeps_declared_schema(tool, answer):
        problem = "the result does not keep the schema that the tool declares"
        raise OutcomeUnknown(problem, evidence={"result": outcome.data})
    return outcome


def _read_outcome(tool: Tool, endpoint: Endpoint, answer: Answer) -> Outcome:
    if isinstance(answer, types.CallToolResult) and answer.is_error:
        words = shaping.words(tool, answers.error_text(answer, secret=endpoint.secret))
        return Outcome.refused("tool_error", words)
    try:
        return _outcome(tool, endpoint, answer)
    except OutcomeUnknown as unknown:
        raise NotExecuted("bad_answer", unknown.message) from None


def _certain(tool: Tool, endpoint: Endpoint, answer: Answer) -> Outcome | None:
    """The outcome of a late answer, when it proves one."""
    try:
        return _outcome(tool, endpoint, answer)
    except OutcomeUnknown:
        return None


def _keeps_declared_schema(tool: Tool, answer: types.CallToolResult) -> bool:
    declared = tool.definition.get("outputSchema")
    return not declared or answers.keeps(answer.structured_content, declared)


def _pause(number: int, until: float) -> None:
    wait = PAUSE_SECONDS * 2**number * random.uniform(0.5, 1)  # noqa: S311 - spreads tries, hides nothing
    time.sleep(max(0, min(wait, until - time.monotonic())))
