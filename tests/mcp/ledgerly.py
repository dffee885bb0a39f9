"""The billing service as tests use it: started, its ledger read, its tokens revoked. See `ledgerly_server`.

::

    with Ledgerly(tmp_path) as desk:             # Ledgerly(tmp_path, stateless=True, life=1)
        ...                                      # register desk.url with desk.oauth; MCP_LEDGERLY holds SECRET
        assert desk.lines("credit") == []
"""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

SERVER = str(Path(__file__).with_name("ledgerly_server.py"))
SECRET = "s3cret-of-the-desk-app"
CREDENTIAL = "MCP_LEDGERLY"
CARD = "4111111111111111"


class Ledgerly:
    def __init__(self, folder: Path, *, stateless: bool = False, life: int = 3600) -> None:
        self.path = folder / "ledgerly"
        self.options = ["--life", str(life), *(["--stateless"] if stateless else [])]
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v2/mcp"

    @property
    def oauth(self) -> dict[str, str]:
        """What belongs into the row of the server, beside its address."""
        return {
            "credential": CREDENTIAL,
            "oauth_token_url": f"{self.root}/oauth/token",
            "oauth_client_id": "desk-app",
            "oauth_scope": "billing",
            "oauth_resource": self.url,
        }

    def lines(self, what: str) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [entry for line in self.path.read_text().splitlines() if (entry := json.loads(line))["what"] == what]

    def revoke(self) -> None:
        """No token that was given out is worth anything any more."""
        urlopen(Request(f"{self.root}/admin/revoke", method="POST")).close()

    def __enter__(self) -> "Ledgerly":
        command = [sys.executable, "-S", "-E", SERVER, "--ledger", str(self.path), "--secret", SECRET, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
