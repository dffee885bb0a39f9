"""The Chat Completions API as OpenAI and the many servers that imitate it speak it.

Imitations leave out usage, call ids, indices and finish reasons, and add fields of their own; what
can be understood is taken, and what cannot is an error with a name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from agents.providers.base import (
    Finish,
    HostNote,
    Item,
    ModelReply,
    ModelRequest,
    ModelTurn,
    ProviderGarbage,
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
from agents.providers.openai_client import post, post_stream, speaks_to_openai

PATH = "/chat/completions"
FINISHES: dict[str, Finish] = {"length": "length", "content_filter": "refusal"}


class OpenAIChat:
    """Provider for any server with an OpenAI-compatible API at OPENAI_BASE_URL."""

    name = "openai_chat"
    demo = False

    def complete(self, request: ModelRequest) -> ModelReply:
        """Ask once. Raises a ProviderError."""
        body = self._body(request)
        if not request.stream:
            answer, request_id = post(PATH, body, deadline=request.deadline)
            return _reply(_read(answer), request_id, request.model)
        with post_stream(PATH, body, deadline=request.deadline) as (chunks, request_id):
            return _reply(_assemble(chunks, request.on_text), request_id, request.model)

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        at_openai = speaks_to_openai()
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [
                {"role": "system", "content": request.instructions},
                *(self._message(item) for item in paired(request.items)),
            ],
            # OpenAI's reasoning models refuse the old name; most imitations ignore the new one.
            "max_completion_tokens" if at_openai else "max_tokens": request.max_output_tokens,
            "stream": request.stream,
        }
        if request.stream:
            body["stream_options"] = {"include_usage": True}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.reasoning:
            body["reasoning_effort"] = request.reasoning
        if at_openai:
            body["store"] = False
        return body

    def _message(self, item: Item) -> dict[str, Any]:
        match item:
            case Said():
                role, text = spoken(item)
                return {"role": role, "content": text}
            case HostNote(text):
                return {"role": "system", "content": text}
            case ToolResult(call_id, _, content):
                return {"role": "tool", "tool_call_id": call_id, "content": content}
            case ModelTurn(_, _, raw, provider) if raw and provider == self.name:
                return raw[0]
            case ModelTurn(text, calls):
                message: dict[str, Any] = {"role": "assistant", "content": text or None}
                return {**message, "tool_calls": [_wire_call(call) for call in calls]} if calls else message


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": check_name(tool), "description": tool.description}
    function["parameters"] = tool.parameters
    if allows_strict(tool.parameters):
        function["strict"] = True
    return {"type": "function", "function": function}


def _wire_call(call: RequestedCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


@dataclass
class _Slot:
    """One call while its pieces arrive. `extra` are fields that the server wants to see again."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Answer:
    """What both ways of answering, whole or in chunks, come down to."""

    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    slots: list[_Slot] = field(default_factory=list)
    finish: str = ""
    usage: Usage | None = None
    id: str = ""
    model: str = ""
    size: Size = field(default_factory=Size)
    by_index: dict[object, _Slot] = field(default_factory=dict)

    def add_envelope(self, envelope: dict[str, Any]) -> None:
        self.id = self.id or text_of(envelope.get("id"))
        self.model = self.model or text_of(envelope.get("model"))
        self.usage = _usage(dict_of(envelope.get("usage"))) or self.usage

    def add_message(self, message: dict[str, Any]) -> str:
        """Take in a whole message or a piece of one; returns its visible text."""
        text = self.size.take(text_of(message.get("content")))
        self.text.append(text)
        self.refusal.append(self.size.take(text_of(message.get("refusal"))))
        thought = text_of(message.get("reasoning_content")) or text_of(message.get("reasoning"))
        self.reasoning.append(self.size.take(thought))
        for piece in dicts_of(message.get("tool_calls")):
            self._add_call(piece)
        return text

    def _add_call(self, piece: dict[str, Any]) -> None:
        slot, function = self._slot(piece), dict_of(piece.get("function"))
        slot.id = slot.id or text_of(piece.get("id"))
        slot.name = slot.name or text_of(function.get("name"))
        arguments = function.get("arguments")
        if arguments:
            whole = isinstance(arguments, dict)
            slot.arguments.append(self.size.take(arguments_of(arguments) if whole else text_of(arguments)))
        known = {"id", "type", "index", "function"}
        slot.extra.update({key: value for key, value in piece.items() if key not in known})

    def _slot(self, piece: dict[str, Any]) -> _Slot:
        """The call that a piece belongs to: by index, else the last one. A new id opens a new call, as some
        servers give every call the same index; so does a name, where there is neither index nor id."""
        index, call_id = piece.get("index"), text_of(piece.get("id"))
        indexed = isinstance(index, int)
        found = self.by_index.get(index) if indexed else self.slots[-1] if self.slots else None
        if found and call_id and found.id and found.id != call_id:
            found = None
        if found and not indexed and not call_id and found.name and dict_of(piece.get("function")).get("name"):
            found = None
        if found is None:
            found = _Slot()
            self.slots.append(found)
        if indexed:
            self.by_index[index] = found
        return found


def _read(answer: dict[str, Any]) -> _Answer:
    choices = dicts_of(answer.get("choices"))
    if not choices:
        raise ProviderGarbage("The answer holds no reply.", usage=_usage(dict_of(answer.get("usage"))))
    read = _Answer(finish=text_of(choices[0].get("finish_reason")) or "stop")
    read.add_envelope(answer)
    message = dict_of(choices[0].get("message"))
    calls = dicts_of(message.get("tool_calls"))
    read.add_message({**message, "tool_calls": [{**call, "index": n} for n, call in enumerate(calls)]})
    return read


def _assemble(chunks: Iterable[dict[str, Any]], on_text: Callable[[str], None] | None) -> _Answer:
    answer = _Answer()
    for chunk in chunks:
        answer.add_envelope(chunk)
        for choice in dicts_of(chunk.get("choices"))[:1]:
            text = answer.add_message(dict_of(choice.get("delta")))
            answer.finish = text_of(choice.get("finish_reason")) or answer.finish
            if on_text and text:
                on_text(text)
    if not answer.finish:
        raise ProviderUnavailable("The stream ended before the reply was complete.", sent=True)
    return answer


def _reply(answer: _Answer, request_id: str, model: str) -> ModelReply:
    text, refusal = "".join(answer.text), "".join(answer.refusal)
    finish: Finish = "refusal" if refusal else FINISHES.get(answer.finish, "stop")
    slots = [slot for slot in answer.slots if slot.name] if finish == "stop" else []
    requested = [RequestedCall(slot.id, slot.name, arguments_of("".join(slot.arguments))) for slot in slots]
    calls = usable_calls(requested)
    if not text and not refusal and not calls and finish == "stop":
        raise ProviderGarbage("The model answered with nothing.", usage=answer.usage)
    return ModelReply(
        text=text or refusal,
        tool_calls=tuple(calls),
        usage=answer.usage,
        reasoning="".join(answer.reasoning),
        raw=_raw(text, calls, slots) if calls == requested and calls else None,
        finish="tool_calls" if calls else finish,
        request_id=(request_id or answer.id)[:MAX_ID_LENGTH],
        model=(answer.model or model)[:MAX_MODEL_LENGTH],
    )


def _raw(text: str, calls: list[RequestedCall], slots: list[_Slot]) -> list[dict[str, Any]] | None:
    """The message to replay, only where the server put something into a call that we do not know."""
    if not any(slot.extra for slot in slots):
        return None
    wire = [{**storable(slot.extra), **_wire_call(call)} for call, slot in zip(calls, slots, strict=True)]
    return [{"role": "assistant", "content": text or None, "tool_calls": wire}]


def _usage(usage: dict[str, Any]) -> Usage | None:
    cached = dict_of(usage.get("prompt_tokens_details")).get("cached_tokens")
    return usage_of(
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        usage.get("prompt_cache_hit_tokens") if cached is None else cached,
        dict_of(usage.get("completion_tokens_details")).get("reasoning_tokens"),
    )
