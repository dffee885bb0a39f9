"""OpenAI's Responses API, stateless: nothing is stored at the vendor, every item travels both ways."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from agents.providers.base import (
    Finish,
    HostNote,
    Item,
    ModelReply,
    ModelRequest,
    ModelTurn,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderUnavailable,
    RequestedCall,
    Said,
    ToolResult,
    ToolSpec,
    Usage,
)
from agents.providers.conversation import (
    MAX_ID_LENGTH,
    MAX_MODEL_LENGTH,
    Size,
    allows_strict,
    arguments_of,
    check_name,
    dict_of,
    dicts_of,
    paired,
    spoken,
    storable,
    text_of,
    usable_calls,
    usage_of,
)
from agents.providers.openai_client import post, post_stream

PATH = "/responses"
MIN_OUTPUT_TOKENS = 16  # the API refuses less
# These reason without being asked to; others refuse the very parameter.
REASONING_MODELS = re.compile(r"(?:o\d|gpt-[5-9](?!.*-chat)|codex)")
LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})
RETRYABLE_FAILURES = frozenset({"server_error", "rate_limit_exceeded"})
SUMMARY_PARAM = "reasoning.summary"


class OpenAIResponses:
    """Provider for OpenAI itself and for servers that speak the same API at OPENAI_BASE_URL."""

    name = "openai_responses"
    demo = False

    def __init__(self) -> None:
        # Summaries need a verified organisation. A refusal is remembered per model, so that it costs
        # one extra round trip per process and not one per call.
        self._without_summary: set[str] = set()

    def complete(self, request: ModelRequest) -> ModelReply:
        """Ask once. Raises a ProviderError."""
        body = self._body(request)
        try:
            return self._ask(body, request)
        except ProviderMisconfigured as refused:
            if refused.param != SUMMARY_PARAM or request.model in self._without_summary:
                raise
        self._without_summary.add(request.model)
        return self._ask(self._body(request), request)

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "instructions": request.instructions,
            "input": [part for item in paired(request.items) for part in self._input(item)],
            "max_output_tokens": max(request.max_output_tokens, MIN_OUTPUT_TOKENS),
            "store": False,
            "stream": request.stream,
        }
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.reasoning or REASONING_MODELS.match(request.model):
            body["include"] = ["reasoning.encrypted_content"]
            body["reasoning"] = self._reasoning(request)
        return body

    def _reasoning(self, request: ModelRequest) -> dict[str, str]:
        wanted = {"effort": request.reasoning} if request.reasoning else {}
        return wanted if request.model in self._without_summary else {**wanted, "summary": "auto"}

    def _input(self, item: Item) -> Iterator[dict[str, Any]]:
        match item:
            case Said():
                role, text = spoken(item)
                yield {"role": role, "content": text}
            case HostNote(text):
                yield {"role": "developer", "content": text}
            case ToolResult(call_id, _, content):
                yield {"type": "function_call_output", "call_id": call_id, "output": content}
            case ModelTurn(_, _, raw, provider) if raw and provider == self.name:
                yield from raw
            case ModelTurn(text, calls):
                if text:
                    yield {"role": "assistant", "content": text}
                for call in calls:
                    yield {
                        "type": "function_call",
                        "call_id": call.id,
                        "name": call.name,
                        "arguments": call.arguments,
                    }

    def _ask(self, body: dict[str, Any], request: ModelRequest) -> ModelReply:
        if not request.stream:
            answer, request_id = post(PATH, body, deadline=request.deadline)
            return _reply(answer, request_id, request.model)
        with post_stream(PATH, body, deadline=request.deadline) as (events, request_id):
            return _reply(_last_response(events, request.on_text), request_id, request.model)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    # `strict` is said either way: left out, this API rewrites the schema to make it strict.
    return {
        "type": "function",
        "name": check_name(tool),
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": allows_strict(tool.parameters),
    }


def _last_response(events: Iterable[dict[str, Any]], on_text: Callable[[str], None] | None) -> dict[str, Any]:
    """The whole response that ends the stream; finished items stand in where it comes without output."""
    size, items = Size(), []
    for event in events:
        kind = event.get("type")
        if kind == "response.output_text.delta":
            text = size.take(text_of(event.get("delta")))
            if on_text and text:
                on_text(text)
        elif kind == "response.function_call_arguments.delta":
            size.take(text_of(event.get("delta")))
        elif kind == "response.output_item.done":
            items.append(dict_of(event.get("item")))
        elif kind == "error":
            raise ProviderUnavailable("The model server reported an error in the stream.", sent=True)
        elif kind in LAST_EVENTS:
            response = dict_of(event.get("response"))
            return response if response.get("output") else {**response, "output": items}
    raise ProviderUnavailable("The stream ended before the reply was complete.", sent=True)


def _reply(answer: dict[str, Any], request_id: str, model: str) -> ModelReply:
    usage, output = _usage(dict_of(answer.get("usage"))), storable(dicts_of(answer.get("output")))
    finish = _finish(answer, usage)
    said = [part for item in output if item.get("type") == "message" for part in dicts_of(item.get("content"))]
    text = "".join(text_of(part.get("text")) for part in said if part.get("type") == "output_text")
    refusal = "".join(text_of(part.get("refusal")) for part in said if part.get("type") == "refusal")
    requested = [_call(item) for item in output if item.get("type") == "function_call"]
    calls = usable_calls(call for call in requested if call.name)
    reasoning = _summary(output)
    Size().take(text + refusal + reasoning + "".join(call.arguments for call in calls))
    if refusal or finish != "stop":
        calls, raw = [], None
    else:
        raw = _replayable(output) if calls == requested else None
    if not text and not refusal and not calls and finish == "stop":
        raise ProviderGarbage("The model answered with nothing.", usage=usage)
    return ModelReply(
        text=text or refusal,
        tool_calls=tuple(calls),
        usage=usage,
        reasoning=reasoning,
        raw=raw,
        finish="refusal" if refusal else "tool_calls" if calls else finish,
        request_id=(request_id or text_of(answer.get("id")))[:MAX_ID_LENGTH],
        model=(text_of(answer.get("model")) or model)[:MAX_MODEL_LENGTH],
    )


def _finish(answer: dict[str, Any], usage: Usage | None) -> Finish:
    status = answer.get("status", "completed")
    if status == "completed":
        return "stop"
    if status == "incomplete":
        reason = dict_of(answer.get("incomplete_details")).get("reason")
        return "refusal" if reason == "content_filter" else "length"
    if status == "failed" and dict_of(answer.get("error")).get("code") in RETRYABLE_FAILURES:
        raise ProviderUnavailable("The model server failed while it worked on the reply.", sent=True)
    raise ProviderGarbage("The model server gave up on the reply.", usage=usage)


def _call(item: dict[str, Any]) -> RequestedCall:
    call_id, name = text_of(item.get("call_id")), text_of(item.get("name"))
    return RequestedCall(call_id, name, arguments_of(item.get("arguments")))


def _summary(output: list[dict[str, Any]]) -> str:
    parts = [
        part
        for item in output
        if item.get("type") == "reasoning"
        for part in dicts_of(item.get("summary")) or dicts_of(item.get("content"))
    ]
    return "\n\n".join(filter(None, (text_of(part.get("text")) for part in parts)))


def _replayable(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as they were. Reasoning that came without its encrypted content cannot be sent back, as
    nothing is stored at the vendor; then the other items lose the ids that tie them to it."""
    kept = [item for item in output if item.get("type") != "reasoning" or item.get("encrypted_content")]
    if len(kept) == len(output):
        return output
    return [{key: value for key, value in item.items() if key != "id"} for item in kept]


def _usage(usage: dict[str, Any]) -> Usage | None:
    return usage_of(
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        dict_of(usage.get("input_tokens_details")).get("cached_tokens"),
        dict_of(usage.get("output_tokens_details")).get("reasoning_tokens"),
    )
