"""The faulty payment server over stdin and stdout. See `faulty_server`."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from tests.mcp.faulty_desk import NEVER_EXITS, Desk, result_of


class StdioServer:
    """One JSON object per line on stdin and stdout."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def serve(self) -> None:
        if self.desk.fault()["mode"] == "start_fails":
            sys.exit("no licence")
        if self.desk.fault()["mode"] == NEVER_EXITS:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            # A child of its own that outlives it, as `npx` and shells leave them.
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            self.desk.ledger.write("child", pid=child.pid)
        for line in sys.stdin:
            message = json.loads(line)
            if "id" in message:
                self.answer(message)
        while self.desk.fault()["mode"] == NEVER_EXITS:
            time.sleep(0.1)

    def answer(self, message: dict[str, Any]) -> None:
        method, params, identity = message.get("method"), message.get("params") or {}, message["id"]
        if method != "tools/call":
            try:
                self.say({"id": identity, "result": self.desk.plain(str(method), params)})
            except LookupError:
                self.say({"id": identity, "error": {"code": -32601, "message": "Method not found"}})
            return
        self.call(params, identity)

    def call(self, params: dict[str, Any], identity: Any) -> None:
        fault = self.desk.fault_for(params["name"])
        mode = fault["mode"]
        self.desk.arrived(params, fault)
        if mode == "dies_before":
            os._exit(3)
        if mode == "hang_before":
            time.sleep(3600)
        if mode == "slow":
            time.sleep(fault["delay"])
        if mode == "rpc_error":
            self.say({"id": identity, "error": {"code": -32602, "message": "amount is wrong"}})
            return
        try:
            result = result_of(self.desk, params, mode)
        except ValueError as problem:
            self.say({"id": identity, "error": {"code": -32602, "message": str(problem)}})
            return
        self.misbehave(mode)
        if mode == "wrong_id":
            identity = 987_654
        self.say({"id": identity, "result": result})

    def misbehave(self, mode: str) -> None:
        if mode == "dies_after":
            os._exit(3)
        if mode == "hang":
            time.sleep(3600)
        if mode == "stderr_flood":
            for _ in range(20_000):
                os.write(2, b"e" * 1000 + b"\n")
        noise = {"logs_on_stdout": b"INFO refunding\n" * 3, "log_flood": b"INFO refunding\n" * 20_000}
        noise |= {"long_line": b"x" * 8_000_000 + b"\n", "garbage": b"\xff\xfe\n"}
        if mode in noise:
            sys.stdout.buffer.write(noise[mode])
            sys.stdout.buffer.flush()

    def say(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()
