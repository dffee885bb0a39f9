"""A payment server that speaks MCP and misbehaves on request, with a ledger of its own outside our database.

It is a process of its own and needs nothing but Python, so that it can be killed, stopped and started again::

    python tests/mcp/faulty_server.py --ledger /tmp/ledger            # prints the port, serves http://127.0.0.1:PORT/mcp
    python tests/mcp/faulty_server.py --ledger /tmp/ledger --stdio    # the same tools over stdin and stdout

In tests use `tests.mcp.bank.Bank`, which starts it, tells it how to misbehave and reads its ledger.

**Ledger** A file with one JSON object per line, fsynced before anything is answered. `what` says which kind:

- ``post``   a ``tools/call`` arrived: ``tool``, ``key``, ``arguments``, ``mode``, ``fault``
- ``effect`` money moved: ``tool``, ``key``, ``payment_id``, ``amount_minor``, ``currency``, ``refund_id``
- ``alarm``  a known key came with other arguments; nothing was done
- ``get``    a client tried to resume a broken stream
- ``start``  the process started, with its ``pid``

What was paid back is the sum of the effects: a server that is killed and started again on the same ledger knows it.

**Tools** ``get_payment(payment_id)`` reads. ``issue_refund(payment_id, amount_minor, currency, idempotency_key)``
remembers its keys: the same key again gets the first answer and moves nothing. ``refund_payment(payment_id,
amount_minor, currency, reference)`` remembers nothing; its ``reference`` only stands in the ledger (as ``key``) and in
``get_payment``. No tool stops at the captured amount: that is for the caller to get right.

**Faults** The file ``LEDGER.fault`` holds ``{"mode", "times", "tool", "delay", "nonce"}`` and is read at each request.
It applies to ``tool`` (or to every write when empty), ``times`` times (0: for ever). MODES and LIST_MODES in
`faulty_desk` name what can be asked for; whether a mode moves money stands beside it.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

if not __package__:  # run as a program
    sys.path[0] = str(Path(__file__).parents[2])

from tests.mcp.faulty_desk import Desk, result_of
from tests.mcp.faulty_stdio import StdioServer


class HttpServer:
    """Streamable HTTP by hand: every byte of an answer, and the lack of it, is ours to choose."""

    def __init__(self, desk: Desk, host: str) -> None:
        self.desk = desk
        self.host = host
        self.port = 0
        self.listener: asyncio.Server | None = None

    async def serve(self, port: int) -> None:
        self.port = port
        await self.open()
        print(self.port, flush=True)  # noqa: T201 - whoever started us reads it
        while True:  # a port that was closed for `refused` opens again with the next fault
            await asyncio.sleep(0.02)
            if self.listener is None and self.desk.fault()["mode"] != "refused":
                await self.open()

    async def open(self) -> None:
        self.listener = await asyncio.start_server(self.connected, self.host, self.port, limit=4 * 1024 * 1024)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request. False ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")
        method, path, _ = line.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if method != "POST":
            if method == "GET":
                self.desk.ledger.write("get", path=path, last_event=headers.get("last-event-id", ""))
            return await self.send(writer, b"", status="405 Method Not Allowed")
        message = json.loads(body)
        if "id" not in message:
            return await self.send(writer, b"", status="202 Accepted")
        if message["method"] == "tools/call":
            return await self.call(writer, message, path=path, headers=headers)
        return await self.other(writer, message)

    async def other(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> bool:
        mode = self.desk.fault()["mode"]
        if message["method"] == "tools/list" and mode == "list_hang":
            await asyncio.sleep(3600)
        if message["method"] == "tools/list" and mode == "list_bad_gateway":
            return await self.send(writer, b"<h1>Bad gateway</h1>", status="502 Bad Gateway", kind="text/html")
        try:
            result = self.desk.plain(message["method"], message.get("params") or {})
        except LookupError:
            return await self.reply(writer, message["id"], error={"code": -32601, "message": "Method not found"})
        if message["method"] == "tools/list" and mode == "refused" and self.listener:
            self.listener.close()
            self.listener = None
        return await self.reply(writer, message["id"], result=result)

    async def call(self, writer: Any, message: dict[str, Any], *, path: str, headers: dict[str, str]) -> bool:
        params, identity = message["params"], message["id"]
        fault = self.desk.fault_for(params["name"])
        mode = fault["mode"] if path == "/mcp" else "ok"
        self.desk.arrived(params, {**fault, "mode": mode})
        match mode:
            case "closed_before":
                return False
            case "bad_gateway_before":
                return await self.send(writer, b"<h1>Bad gateway</h1>", status="502 Bad Gateway", kind="text/html")
            case "not_found":
                return await self.send(writer, b"no such page", status="404 Not Found", kind="text/plain")
            case "unauthorized":
                return await self.send(writer, b"who are you", status="401 Unauthorized", kind="text/plain")
            case "redirect" | "redirect_away":
                where = "/elsewhere" if mode == "redirect" else "http://169.254.169.254/latest"
                return await self.send(writer, b"", status="307 Temporary Redirect", more=f"Location: {where}\r\n")
            case "hang_before":
                await asyncio.sleep(3600)
            case "rpc_error":
                return await self.reply(writer, identity, error={"code": -32602, "message": "amount is wrong"})
            case "slow":
                await asyncio.sleep(fault["delay"])
        try:
            result = result_of(self.desk, params, mode)
        except ValueError as problem:
            return await self.reply(writer, identity, error={"code": -32602, "message": str(problem)})
        if mode == "echo_secret":
            result["content"].append({"type": "text", "text": f"You sent {headers.get('authorization')}"})
            result["structuredContent"] = {**result["structuredContent"], "note": headers.get("authorization")}
        return await self.answer(writer, mode, identity, result)

    async def answer(self, writer: Any, mode: str, identity: Any, result: dict[str, Any]) -> bool:
        """The effect, if any, has happened; what the caller gets to know of it."""
        match mode:
            case "closed_after":
                return False
            case "hang":
                await asyncio.sleep(3600)
            case "bad_gateway":
                return await self.send(writer, b"<h1>Bad gateway</h1>", status="502 Bad Gateway", kind="text/html")
            case "accepted":
                return await self.send(writer, b"", status="202 Accepted")
            case "garbage":
                return await self.send(writer, b"\xff\xfe refunded, have a nice day")
            case "empty_object":
                return await self.send(writer, b"{}")
            case "no_result":
                return await self.send(writer, json.dumps({"jsonrpc": "2.0", "id": identity}).encode())
            case "wrong_id":
                return await self.reply(writer, 987_654, result=result)
            case "id_null":
                return await self.reply(writer, None, result=result)
            case "rpc_error_after":
                return await self.reply(writer, identity, error={"code": -32603, "message": "internal error"})
            case "duplicate_keys":
                body = json.dumps({"jsonrpc": "2.0", "id": identity, "result": result})
                twice = body.replace('"amount_minor": ', '"amount_minor": 1, "amount_minor": ')
                return await self.send(writer, twice.encode())
            case "truncated":
                body = json.dumps({"jsonrpc": "2.0", "id": identity, "result": result}).encode()
                writer.write(_head("200 OK", "application/json", len(body) + 50) + body[:-20])
                await writer.drain()
                return False
            case "drip":
                body = json.dumps({"jsonrpc": "2.0", "id": identity, "result": result}).encode()
                writer.write(_head("200 OK", "application/json", len(body)))
                for byte in body:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.1)
                return True
            case "gzip":
                body = gzip.compress(json.dumps({"jsonrpc": "2.0", "id": identity, "result": result}).encode())
                return await self.send(writer, body, more="Content-Encoding: gzip\r\n")
            case "sse" | "wrong_id_sse" | "cut_sse" | "cut_sse_resumable" | "progress_flood" | "endless_flood":
                return await self.stream(writer, mode, identity, result)
        return await self.reply(writer, identity, result=result)

    async def stream(self, writer: Any, mode: str, identity: Any, result: dict[str, Any]) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
        event = b"event: message\r\n" + (b"id: 7\r\n" if mode == "cut_sse_resumable" else b"")
        event += b"data: " + json.dumps(progress).encode() + b"\r\n\r\n"
        writer.write(event)
        sent = 0
        while mode in ("progress_flood", "endless_flood") and (mode == "endless_flood" or sent < 200):
            writer.write(event * 100)
            await writer.drain()
            await asyncio.sleep(0)
            sent += 1
        if not mode.startswith("cut"):
            answer = {"jsonrpc": "2.0", "id": 987_654 if mode == "wrong_id_sse" else identity, "result": result}
            writer.write(b"event: message\r\ndata: " + json.dumps(answer).encode() + b"\r\n\r\n")
        await writer.drain()
        return False

    async def reply(self, writer: Any, identity: Any, **rest: Any) -> bool:
        return await self.send(writer, json.dumps({"jsonrpc": "2.0", "id": identity, **rest}).encode())

    async def send(
        self, writer: Any, body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = ""
    ) -> bool:
        writer.write(_head(status, kind, len(body), more) + body)
        await writer.drain()
        return True


def _head(status: str, kind: str, length: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def main() -> None:
    parser = argparse.ArgumentParser(description="A payment server that misbehaves on request.")
    parser.add_argument("--ledger", required=True, help="file that outlives the process")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one, printed on the first line")
    parser.add_argument("--stdio", action="store_true", help="serve stdin and stdout instead of a port")
    parser.add_argument("--modern", action="store_true", help="speak the protocol of 2026 (server/discover)")
    given = parser.parse_args()
    desk = Desk(given.ledger, modern=given.modern)
    desk.ledger.write("start", pid=os.getpid(), environment=sorted(os.environ))
    if given.stdio:
        StdioServer(desk).serve()
    else:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(HttpServer(desk, given.host).serve(given.port))


if __name__ == "__main__":
    main()
