"""Calls to imported servers, for synchronous callers. `agents/mcp/client.py` is the only user.

A read may be tried again, within one deadline. A write is tried once: whether it may be repeated is decided by whoever
knows its class and its history.
"""

import random
import time
from concurrent.futures import Future
from typing import Any

import mcp_types as types

from agents.mcp import answers, late, listing
from agents.mcp.answers import BadAnswer
from agents.mcp.attempt import Answer, Attempt, Order
from agents.mcp.background import background
from agents.mcp.endpoint import Endpoint
from agents.mcp.errors import NotExecuted, OutcomeUnknown
from supportagent.grants.server import Outcome
from supportagent.tools.models import Tool

READ_TRIES = 3
PAUSE_SECONDS = 0.2  # before the second try; twice as long before the third
GRACE_SECONDS = 30  # for connecting and closing, beyond what the attempt itself allows


def write(tool: Tool, arguments: dict[str, Any], *, key: str) -> Outcome:
    """Make one attempt at a write. Raises NotExecuted, DefinitionChanged or OutcomeUnknown."""
    endpoint = Endpoint.of(tool.server)
    order = Order(tool.name, arguments, tool.timeout_seconds, tool.listen_seconds, pin=tool.definition_hash)
    attempt = Attempt(
        endpoint,
        order,
        on_late=lambda answer: late.deliver(key, lambda: _certain(tool, endpoint, answer)),
    )
    answer = _wait(attempt, seconds=2 * tool.timeout_seconds + GRACE_SECONDS)
    return _outcome(tool, endpoint, answer)


def read(tool: Tool, arguments: dict[str, Any]) -> Outcome:
    """Read, up to three times until the tool's timeout. Raises NotExecuted: a read leaves nothing behind."""
    endpoint = Endpoint.of(tool.server)
    until = time.monotonic() + tool.timeout_seconds
    # Arguments that travel in headers as well are named in the listing only.
    pin = tool.definition_hash if "x-mcp-header" in str(tool.input_schema) else ""
    problem: Exception = NotExecuted("no_answer", "the server did not answer in time")
    for number in range(READ_TRIES):
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            answer = _wait(Attempt(endpoint, Order(tool.name, arguments, left, left, pin=pin)), seconds=left + 5)
            return _read_outcome(tool, endpoint, answer)
        except NotExecuted as refusal:
            if refusal.code != "unreachable":
                raise
            problem = refusal
        except OutcomeUnknown as unknown:
            if "error" in unknown.evidence:
                return Outcome.refused("tool_error", unknown.message)
            problem = NotExecuted("no_answer", unknown.message)
        _pause(number, until)
    raise problem


def definitions(endpoint: Endpoint, *, seconds: float = 30) -> list[dict[str, Any]]:
    """Every tool that a server offers now. Raises NotExecuted."""
    attempt = _Listing(endpoint, Order("", {}, seconds, seconds))
    return _wait(attempt, seconds=seconds + GRACE_SECONDS)


class _Listing(Attempt):
    """A conversation that only lists."""

    answer: Future[Any]

    async def _call(self, session: Any) -> Any:
        return await listing.read(session)


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
        words = answers.error_text(answer, secret=endpoint.secret)
        if endpoint.trusted:
            return Outcome.refused("tool_error", words)
        raise OutcomeUnknown("the server reports a failure", evidence={"error": words})
    try:
        data = answers.data_of(answer, secret=endpoint.secret)
    except BadAnswer as bad:
        raise OutcomeUnknown(str(bad)) from None
    if not _keeps_declared_schema(tool, answer):
        raise OutcomeUnknown("the result does not keep the schema that the tool declares", evidence={"result": data})
    return Outcome(ok=True, data=data)


def _read_outcome(tool: Tool, endpoint: Endpoint, answer: Answer) -> Outcome:
    if isinstance(answer, types.CallToolResult) and answer.is_error:
        return Outcome.refused("tool_error", answers.error_text(answer, secret=endpoint.secret))
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
