"""A local stand-in for OpenAI: /v1/chat/completions and /v1/responses, streaming and not.

    python -m tests.fake_openai --port 8900 [--latency-ms 1000] [--script FILE]

The conversation alone decides the answer, so a repeated request gets the same one: by default the
story of a refund (look the order up, refund what can be refunded, tell the customer), or the turns
of a script: {"vars": {"order": "(ORD-\\d+)"}, "turns": [{"text": ...} | {"calls": [{"name", "arguments"}]}]}.
A model named `fake+MODE` misbehaves in one of the ways of MODES. In tests:

    with FakeOpenAI() as server:
        settings.OPENAI_BASE_URL = server.base_url
        server.requests      # every request: {"path", "headers", "body"}
"""

import argparse
import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

USAGE = (1000, 100)
STATUSES = {"400": 400, "401": 401, "404": 404, "429": 429, "quota": 429, "500": 500, "529": 529, "302": 302}
CODES = {"quota": "insufficient_quota", "429": "rate_limit_exceeded", "401": "invalid_api_key"}
MODES = {
    **{name: f"answers {status}" for name, status in STATUSES.items()},
    "hang": "takes the request and never answers",
    "slow": "answers one byte at a time, ten a second",
    "cut": "closes the connection in the middle of a tool call's JSON",
    "short": "ends the stream early, without an error",
    "html": "answers 200 with a page",
    "broken": "answers 200 with half a JSON object",
    "list": "answers 200 with a JSON list",
    "garbage-args": "asks for a call whose arguments are no JSON",
    "same-call-twice": "asks for one call twice, word for word",
    "clashing-ids": "asks for two calls under one id",
    "no-ids": "gives calls no id, and chunks no index",
    "40-calls": "asks for 40 calls",
    "no-usage": "counts no tokens",
    "empty": "answers with nothing",
    "refusal": "refuses",
    "filtered": "has its answer stopped by a content filter",
    "length": "stops at the token limit within a tool call",
    "huge": "answers with 2 MB of text",
    "control-characters": "puts NUL and lone surrogates into text and arguments",
    "thinking": "shows its reasoning",
    "stream-error": "reports an error within the stream",
    "no-summary": "refuses to give reasoning summaries",
}
NO_SUMMARY = {"message": "verify first", "param": "reasoning.summary", "code": "unsupported_value"}


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Turn:
    """One answer, before it takes a wire format."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    finish: str = ""
    usage: tuple[int, int] | None = USAGE


@dataclass(frozen=True)
class Line:
    """One line of the conversation: who is "user", "model", "result" or "host"."""

    who: str
    text: str


Story = Callable[[list[Line], str], Turn]


def refund_story(lines: list[Line], uid: str) -> Turn:
    """Look the order up, refund what can be refunded, and tell the customer how it stands."""
    last_user = max((n for n, line in enumerate(lines) if line.who == "user"), default=0)
    results = [line.text for line in lines[last_user:] if line.who in ("result", "host")]
    order = re.search(r"ORD-\d+", lines[last_user].text if lines else "")
    if not order:
        return Turn("Which order is it about?")
    looked_up = next((text for text in results if "refundable_minor" in text), "")
    if not looked_up and not results:
        return _asks(uid, "store__get_order", order_id=order[0])
    amount = re.search(r'"refundable_minor":\s*([1-9]\d*)', looked_up)
    currency = re.search(r'"currency":\s*"([A-Z]{3})"', looked_up)
    if amount and currency and results[-1] == looked_up:
        money = {"amount_minor": int(amount[1]), "currency": currency[1]}
        return _asks(uid, "store__issue_refund", order_id=order[0], **money)
    if "waiting_for_approval" in results[-1]:
        return Turn("A colleague is looking at your refund.")
    if "refund_id" in results[-1] or "succeeded" in results[-1].lower():
        return Turn(f"Your refund for {order[0]} has been issued.")
    return Turn(f"I could not refund {order[0]}.")


def _asks(uid: str, name: str, **arguments: Any) -> Turn:
    arguments["stated_reason"] = "The customer asked for a refund"
    return Turn(calls=(Call(f"call_{uid}", name, json.dumps(arguments)),))


def script_story(script: dict[str, Any]) -> Story:
    """The turns of a script, numbered by the model's turns since the customer's last words."""
    variables = {name: re.compile(pattern) for name, pattern in script.get("vars", {}).items()}

    def story(lines: list[Line], uid: str) -> Turn:
        last_user = max((n for n, line in enumerate(lines) if line.who == "user"), default=0)
        since = lines[last_user:]
        number = sum(line.who == "model" for line in since)
        turn = script["turns"][min(number, len(script["turns"]) - 1)]
        filled = _fill(turn, variables, "\n".join(line.text for line in since))
        calls = (
            Call(f"call_{uid}_{n}", call["name"], json.dumps(call["arguments"]))
            for n, call in enumerate(filled.get("calls", ()))
        )
        return Turn(filled.get("text", ""), tuple(calls))

    return story


def _fill(value: Any, variables: dict[str, re.Pattern[str]], text: str) -> Any:
    if isinstance(value, dict):
        return {key: _fill(part, variables, text) for key, part in value.items()}
    if isinstance(value, list):
        return [_fill(part, variables, text) for part in value]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"#(\w+)", value)  # "#amount" is a number, "$order" is text
    if whole and (match := variables[whole[1]].search(text)):
        return int(match[1])
    for name, pattern in variables.items():
        if f"${name}" in value and (match := pattern.search(text)):
            value = value.replace(f"${name}", match[1])
    return value


def read_chat(body: dict[str, Any]) -> list[Line]:
    roles = {"user": "user", "assistant": "model", "tool": "result", "system": "host", "developer": "host"}
    return [Line(roles[m["role"]], str(m.get("content") or "")) for m in body["messages"]]


def read_responses(body: dict[str, Any]) -> list[Line]:
    """As `read_chat`; the several items of one model turn are one line."""
    lines: list[Line] = []
    for item in body["input"]:
        if item.get("type") == "function_call_output":
            lines.append(Line("result", item["output"]))
        elif item.get("role") in ("user", "developer", "system"):
            lines.append(Line("user" if item["role"] == "user" else "host", str(item["content"])))
        elif not lines or lines[-1].who != "model":
            lines.append(Line("model", ""))
    return lines


def bent(turn: Turn, mode: str, uid: str) -> Turn:
    """The turn as a misbehaving model would give it."""
    call = Call(f"call_{uid}", "store__get_order", '{"order_id": "ORD-1042", "stated_reason": "look"}')
    other = replace(call, arguments='{"order_id": "ORD-7"}')
    turns = {
        "garbage-args": Turn(calls=(replace(call, arguments='{"order_id": ORD-10'),)),
        "same-call-twice": Turn(calls=(call, call)),
        "clashing-ids": Turn(calls=(call, other)),
        "no-ids": Turn(calls=(replace(call, id=""), replace(other, id=""))),
        "40-calls": Turn(calls=tuple(replace(call, id=f"call_{uid}_{n}") for n in range(40))),
        "no-usage": replace(turn, usage=None),
        "empty": Turn(),
        "refusal": Turn(refusal="I cannot help with that."),
        "filtered": Turn(text="Well, ", finish="content_filter"),
        "length": Turn("I will", (replace(call, arguments='{"order_id": "OR'),), finish="length"),
        "huge": Turn("x" * 2_000_000),
        "control-characters": Turn("a\x00b\ud800c", (replace(call, arguments='{"order_id": "\ud800"}'),)),
        "thinking": Turn(calls=(call,), reasoning="The order comes first."),
        "cut": Turn(calls=(call,)),
    }
    return turns.get(mode, turn)


def chat_answer(turn: Turn, model: str, uid: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.reasoning:
        message["reasoning_content"] = turn.reasoning
    if turn.refusal:
        message["refusal"] = turn.refusal
    if turn.calls:
        message["tool_calls"] = [_chat_call(call) for call in turn.calls]
    finish = turn.finish or ("tool_calls" if turn.calls else "stop")
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {**_chat_envelope("chat.completion", model, uid), "choices": [choice], **_chat_usage(turn)}


def chat_chunks(turn: Turn, model: str, uid: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    envelope = _chat_envelope("chat.completion.chunk", model, uid)

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    if turn.reasoning:
        yield chunk({"reasoning_content": turn.reasoning})
    if turn.refusal:
        yield chunk({"refusal": turn.refusal})
    for part in pieces(turn.text, 4000 if len(turn.text) > 10_000 else 8):
        yield chunk({"content": part})
    for index, call in enumerate(turn.calls):
        place = {"index": index} if call.id else {}
        if not call.id:  # a server that gives neither id nor index sends each call whole
            yield chunk({"tool_calls": [_chat_call(call)]})
            continue
        yield chunk({"tool_calls": [{**place, **_chat_call(replace(call, arguments=""))}]})
        for part in pieces(call.arguments, 12):
            yield chunk({"tool_calls": [{**place, "function": {"arguments": part}}]})
    yield chunk({}, turn.finish or ("tool_calls" if turn.calls else "stop"))
    if turn.usage and body.get("stream_options", {}).get("include_usage"):
        yield {**envelope, "choices": [], **_chat_usage(turn)}


def _chat_call(call: Call) -> dict[str, Any]:
    named = {"id": call.id} if call.id else {}
    return {**named, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _chat_envelope(kind: str, model: str, uid: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uid}", "object": kind, "created": 1, "model": model}


def _chat_usage(turn: Turn) -> dict[str, Any]:
    if not turn.usage:
        return {}
    tokens_in, tokens_out = turn.usage
    counts = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": sum(turn.usage)}
    return {"usage": {**counts, "prompt_tokens_details": {"cached_tokens": 200}}}


def response(turn: Turn, model: str, uid: str) -> dict[str, Any]:
    cut = {"length": "max_output_tokens"}.get(turn.finish, turn.finish)
    return {
        "id": f"resp_{uid}",
        "object": "response",
        "model": model,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "output": list(_items(turn, uid)),
        "usage": _usage(turn),
    }


def response_events(turn: Turn, model: str, uid: str) -> Iterator[dict[str, Any]]:
    whole = response(turn, model, uid)
    started = {**whole, "output": [], "usage": None, "status": "in_progress"}
    yield {"type": "response.created", "response": started}
    for index, item in enumerate(whole["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": {"type": item["type"]}}
        if item["type"] == "function_call":
            for part in pieces(item["arguments"], 12):
                yield {"type": "response.function_call_arguments.delta", "output_index": index, "delta": part}
        if item["type"] == "message":
            for part in pieces(turn.text, 4000 if len(turn.text) > 10_000 else 8):
                yield {"type": "response.output_text.delta", "output_index": index, "delta": part}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{whole['status']}", "response": whole}


def _items(turn: Turn, uid: str) -> Iterator[dict[str, Any]]:
    if turn.reasoning:
        summary = [{"type": "summary_text", "text": turn.reasoning}]
        yield {"type": "reasoning", "id": f"rs_{uid}", "summary": summary, "encrypted_content": "c2VjcmV0"}
    if turn.text or turn.refusal:
        said = {"type": "output_text", "text": turn.text, "annotations": []}
        content = [{"type": "refusal", "refusal": turn.refusal}] if turn.refusal else [said]
        yield {"type": "message", "id": f"msg_{uid}", "role": "assistant", "content": content}
    for n, call in enumerate(turn.calls):
        named = {"call_id": call.id} if call.id else {}
        item = {"type": "function_call", "id": f"fc_{uid}_{n}", "name": call.name}
        yield {**item, **named, "arguments": call.arguments}


def _usage(turn: Turn) -> dict[str, Any] | None:
    if not turn.usage:
        return None
    return {
        "input_tokens": turn.usage[0],
        "output_tokens": turn.usage[1],
        "input_tokens_details": {"cached_tokens": 200},
        "output_tokens_details": {"reasoning_tokens": 40},
    }


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@dataclass
class FakeOpenAI:
    """The server, in a thread of this process. `latency` is in seconds, before the first byte."""

    story: Story = refund_story
    latency: float = 0.0
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    keep_requests: bool = True
    connections: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        if not started.wait(5):
            raise TimeoutError("the fake server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.listen())
        started.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._server.close()
        self._loop.close()

    async def listen(self) -> asyncio.Server:
        self._served = 0
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self._server

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the other side is gone, or the server stops
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        if self.keep_requests:
            self.requests.append({"path": path, "headers": headers, "body": body})
        self._served += 1
        if self.latency:
            await asyncio.sleep(self.latency)
        return await self._answer(path, body, f"{self._served:x}", writer)

    async def _answer(self, path: str, body: dict[str, Any], uid: str, writer: asyncio.StreamWriter) -> bool:
        model = body.get("model", "")
        mode = model.partition("+")[2]
        if mode in STATUSES or (mode == "no-summary" and body.get("reasoning", {}).get("summary")):
            return self._refuse(mode, headers_of(mode), writer)
        if mode == "hang":
            await asyncio.sleep(3600)
        if mode in ("html", "broken", "list"):
            pages = {"html": b"<html>maintenance</html>", "broken": b'{"choices": [', "list": b"[1, 2]"}
            return self._whole(pages[mode], writer)
        chat = path.endswith("/chat/completions")
        turn = bent(self.story(read_chat(body) if chat else read_responses(body), uid), mode, uid)
        if not body.get("stream"):
            answer = chat_answer(turn, model, uid) if chat else response(turn, model, uid)
            data = json.dumps(answer).encode()
            if mode == "slow":
                return await self._slowly(http_head(200, len(data)) + data, writer)
            if mode in ("cut", "short"):
                writer.write(http_head(200, len(data)) + data[: len(data) // 2])
                return False
            return self._whole(data, writer)
        events = list(chat_chunks(turn, model, uid, body) if chat else response_events(turn, model, uid))
        return await self._stream(events, mode, chat, writer)

    def _refuse(self, mode: str, extra: str, writer: asyncio.StreamWriter) -> bool:
        key = "sk-fake-secret"
        error = {"message": f"Wrong key {key} for this text", "type": "error", "code": CODES.get(mode)}
        if mode == "no-summary":
            error = NO_SUMMARY
        data = json.dumps({"error": error}).encode()
        writer.write(http_head(STATUSES.get(mode, 400), len(data), extra) + data)
        return True

    def _whole(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(http_head(200, len(data)) + data)
        return True

    async def _slowly(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        for n in range(len(data)):
            writer.write(data[n : n + 1])
            await writer.drain()
            await asyncio.sleep(0.1)
        return False

    async def _stream(self, events: list[dict[str, Any]], mode: str, chat: bool, writer: asyncio.StreamWriter) -> bool:
        if mode in ("cut", "short"):
            events = events[: len(events) // 2]
        if mode == "stream-error":
            failure = {"error": {"message": "overloaded", "code": "server_error"}}
            events = [*events[:1], failure if chat else {"type": "error", "code": "server_error"}]
        frames = [b"data: %s\n\n" % json.dumps(event).encode() for event in events]
        if chat and mode not in ("cut", "short"):
            frames.append(b"data: [DONE]\n\n")
        data = b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        head += b"x-request-id: req_fake\r\n\r\n"
        if mode == "slow":
            return await self._slowly(head + data, writer)
        writer.write(head + data + (b"" if mode == "cut" else b"0\r\n\r\n"))
        await writer.drain()
        return mode != "cut"


def headers_of(mode: str) -> str:
    return {"429": "retry-after: 7\r\n", "302": "location: http://127.0.0.1:1/\r\n"}.get(mode, "")


def http_head(status: int, length: int, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{extra}"
    return f"{head}x-request-id: req_fake\r\n\r\n".encode()


async def serve(server: FakeOpenAI) -> None:
    listening = await server.listen()
    print(f"fake OpenAI at {server.base_url}", flush=True)  # noqa: T201 - who started it waits for this line
    async with listening:
        await listening.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--script", type=Path)
    options = parser.parse_args()
    story = script_story(json.loads(options.script.read_text())) if options.script else refund_story
    server = FakeOpenAI(story, options.latency_ms / 1000, options.port, keep_requests=False)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(server))


if __name__ == "__main__":
    main()
