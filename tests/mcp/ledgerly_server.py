"""A billing service that speaks MCP, as unlike the faulty bank as can be: for the flow from registering to the effect.

A process of its own that needs nothing but Python::

    python tests/mcp/ledgerly_server.py --ledger /tmp/l     # prints the port; MCP at /v2/mcp, tokens at /oauth/token

- **OAuth client credentials**: client `desk-app` with the secret of `--secret`, scope `billing`, resource = its own
  address. Tokens live for `--life` seconds. `POST /admin/revoke` (a test's back door) makes all of them worthless.
- **camelCase names**, results in a wrapper (`{"data": {...}, "meta": {...}}`), amounts as decimals of the major unit.
- `fetchInvoice(invoiceNo, tenant)`: nested, with the customer's number and a card; `listInvoices(customerNo, tenant)`;
  `createCreditNote(invoiceNo, total, currencyCode, memo, clientToken, tenant)`: idempotent by clientToken;
  `sendReminder(invoice, tenant)`: names the invoice otherwise than the read does; `resetSandbox()`: a control tool.
- The **older protocol with a session** by default, `--stateless` the current one.

The ledger is a file with one JSON object per line: `token`, `call`, `credit`, `reminder`, `reset`, `unauthorized`.
"""

import argparse
import base64
import json
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

CLIENT, SCOPE = "desk-app", "billing"
INVOICES = {
    "INV-9001": {"customerNo": "CUS-1001", "total": 84.0, "status": "paid"},
    "INV-9002": {"customerNo": "CUS-1002", "total": 12.5, "status": "open"},
}
TEXT = {"type": "string"}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


TOOLS: list[dict[str, Any]] = [
    {
        "name": "fetchInvoice",
        "title": "Fetch an invoice",
        "description": "One invoice with its buyer, lines, credits and the card it was paid with.",
        "inputSchema": _object({"invoiceNo": TEXT, "tenant": TEXT}, ["invoiceNo", "tenant"]),
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "listInvoices",
        "description": "All invoices of a customer.",
        "inputSchema": _object({"customerNo": TEXT, "tenant": TEXT}, ["customerNo", "tenant"]),
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "createCreditNote",
        "title": "Create a credit note",
        "description": "Give money back on a paid invoice. The same clientToken never credits twice.",
        "inputSchema": _object(
            {
                "invoiceNo": {"type": "string", "description": "For example INV-9001."},
                "total": {"type": "number", "exclusiveMinimum": 0, "description": "What to give back."},
                "currencyCode": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "memo": {"type": "string", "maxLength": 200},
                "clientToken": TEXT,
                "tenant": TEXT,
            },
            ["invoiceNo", "total", "currencyCode", "clientToken", "tenant"],
        ),
        "annotations": {"idempotentHint": True, "destructiveHint": False},
    },
    {
        "name": "sendReminder",
        "description": "Remind the buyer of an open invoice by mail.",
        "inputSchema": _object({"invoice": TEXT, "tenant": TEXT}, ["invoice", "tenant"]),
    },
    {
        "name": "resetSandbox",
        "description": "Forget everything. For tests.",
        "inputSchema": _object({}, []),
    },
]


class Ledgerly:
    """The business, its tokens and its ledger."""

    def __init__(self, ledger: Path, *, secret: str, life: int, stateless: bool) -> None:
        self.ledger, self.secret, self.life, self.stateless = ledger, secret, life, stateless
        self.tokens: dict[str, float] = {}
        self.credits: dict[str, dict[str, Any]] = {}
        self.sessions: set[str] = set()
        self.port = 0

    def note(self, what: str, **more: Any) -> None:
        with self.ledger.open("a") as file:
            file.write(json.dumps({"what": what, **more}) + "\n")

    # -- tokens --------------------------------------------------------------------------------------------------

    def token(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            both = base64.b64decode(authorization[6:]).decode()
            client, _, secret = (unquote_plus(part) for part in both.partition(":"))
        self.note("token", client=client, scope=form.get("scope", ""), resource=form.get("resource", ""))
        if form.get("grant_type") != "client_credentials" or (client, secret) != (CLIENT, self.secret):
            return 401, {"error": "invalid_client", "error_description": f"not {secret}"}
        if form.get("scope", SCOPE) != SCOPE:
            return 400, {"error": "invalid_scope"}
        token = uuid.uuid4().hex
        self.tokens[token] = time.monotonic() + self.life
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.life}

    def knows(self, authorization: str) -> bool:
        return self.tokens.get(authorization.removeprefix("Bearer "), 0) > time.monotonic()

    # -- tools ---------------------------------------------------------------------------------------------------

    def call(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Raises LookupError, in words, for what there is not."""
        self.note("call", tool=name, arguments=given)
        if name == "resetSandbox":
            self.note("reset")
            self.credits.clear()
            return {"done": True}
        if given.get("tenant") != "shop-7":
            raise LookupError("Unknown tenant")
        if name == "fetchInvoice":
            return self.invoice(given["invoiceNo"])
        if name == "listInvoices":
            mine = [number for number, row in INVOICES.items() if row["customerNo"] == given["customerNo"]]
            return {"invoices": [self.invoice(number) for number in mine]}
        if name == "createCreditNote":
            return self.credit(given)
        self.invoice(given["invoice"])
        self.note("reminder", invoice=given["invoice"])
        return {"reminded": True}

    def invoice(self, number: str) -> dict[str, Any]:
        if number not in INVOICES:
            raise LookupError(f"No invoice {number}")
        row = INVOICES[number]
        given = [each for each in self.credits.values() if each["invoiceNo"] == number]
        return {
            "invoice": {
                "number": number,
                "state": row["status"],
                "totals": {"gross": row["total"], "credited": sum(float(each["total"]) for each in given)},
                "currency": "EUR",
                "lines": [{"text": "Pour-over set", "net": row["total"]}],
            },
            "buyer": {"customerNo": row["customerNo"], "card": {"number": "4111111111111111", "last4": "1111"}},
        }

    def credit(self, given: dict[str, Any]) -> dict[str, Any]:
        self.invoice(given["invoiceNo"])
        known = self.credits.get(given["clientToken"])
        if known is None:
            known = {
                "creditNo": f"CN-{len(self.credits) + 1}",
                "invoiceNo": given["invoiceNo"],
                "total": given["total"],
            }
            self.credits[given["clientToken"]] = known
            self.note("credit", **known, clientToken=given["clientToken"])
        return {"creditNote": known, "buyer": {"card": {"number": "4111111111111111"}}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk: Ledgerly

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(405, b"", "text/plain")

    def do_DELETE(self) -> None:
        self.desk.sessions.discard(self.headers.get("mcp-session-id", ""))
        self.answer(200, b"", "text/plain")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        authorization = self.headers.get("authorization", "")
        if self.path == "/oauth/token":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            status, answer = self.desk.token(authorization, form)
            return self.answer(status, json.dumps(answer).encode())
        if self.path == "/oauth/elsewhere":
            return self.answer(307, b"", more={"Location": "/oauth/token"})
        if self.path == "/admin/revoke":
            self.desk.tokens.clear()
            return self.answer(200, b"{}")
        if not self.desk.knows(authorization):
            self.desk.note("unauthorized")
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return self.answer(401, b'{"error": "invalid_token"}', more=challenge)
        return self.speak(json.loads(body))

    def speak(self, message: dict[str, Any]) -> None:
        """One message of the protocol."""
        method, params, identity = message["method"], message.get("params") or {}, message.get("id")
        if identity is None:
            return self.answer(202, b"")
        if method == "initialize" and not self.desk.stateless:
            session = uuid.uuid4().hex
            self.desk.sessions.add(session)
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "ledgerly", "version": "2.4"},
            }
            return self.reply(identity, {"result": result}, more={"Mcp-Session-Id": session})
        if method == "server/discover" and self.desk.stateless:
            return self.reply(
                identity,
                {
                    "result": {
                        "resultType": "complete",
                        "supportedVersions": ["2026-07-28"],
                        "capabilities": {"tools": {}},
                        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "ledgerly", "version": "2.4"}},
                        "ttlMs": 0,
                        "cacheScope": "private",
                    }
                },
            )
        if not self.desk.stateless and self.headers.get("mcp-session-id") not in self.desk.sessions:
            return self.reply(identity, {"error": {"code": -32600, "message": "No session"}})
        if method == "tools/list":
            more = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if self.desk.stateless else {}
            return self.reply(identity, {"result": {"tools": TOOLS, **more}})
        if method != "tools/call":
            return self.reply(identity, {"error": {"code": -32601, "message": "Method not found"}})
        return self.reply(identity, {"result": self.result(params["name"], params.get("arguments") or {})})

    def result(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """The data as JSON in a text, as many servers write it."""
        more = {"resultType": "complete"} if self.desk.stateless else {}
        try:
            answer = {"data": self.desk.call(name, given), "meta": {"requestId": uuid.uuid4().hex}}
        except LookupError as problem:
            return {"content": [{"type": "text", "text": str(problem.args[0])}], "isError": True, **more}
        return {"content": [{"type": "text", "text": json.dumps(answer)}], "isError": False, **more}

    def reply(self, identity: Any, rest: dict[str, Any], more: dict[str, str] | None = None) -> None:
        self.answer(200, json.dumps({"jsonrpc": "2.0", "id": identity, **rest}).encode(), more=more)

    def answer(
        self, status: int, body: bytes, kind: str = "application/json", more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description="A billing service with MCP and OAuth.")
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--secret", default="s3cret-of-the-desk-app")
    parser.add_argument("--life", type=int, default=3600, help="of a token, in seconds")
    parser.add_argument("--stateless", action="store_true", help="speak the protocol of 2026, without sessions")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    desk = Ledgerly(Path(given.ledger), secret=given.secret, life=given.life, stateless=given.stateless)
    server = ThreadingHTTPServer(("127.0.0.1", given.port), type("Bound", (Handler,), {"desk": desk}))
    print(server.server_address[1], flush=True)  # noqa: T201 - whoever started us reads it
    server.serve_forever()


if __name__ == "__main__":
    main()
