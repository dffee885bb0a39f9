"""The token of an imported server: a reference in the row, the secret itself in the environment only.

A row names a variable; an admin could otherwise name any variable of ours and have its value sent to a server of his
own. So only names that begin with MCP_ are looked at.
"""

import os
from pathlib import Path

from agents.mcp.errors import NotExecuted
from supportagent.tools.models import CREDENTIAL

MAX_BYTES = 8192


def read(name: str) -> str:
    """The token behind a reference: of NAME, or of the file that NAME_FILE points to. Empty without a reference.

    Raises NotExecuted; its message names the variable, never what it holds.
    """
    if not name:
        return ""
    if not CREDENTIAL.fullmatch(name):
        raise NotExecuted("credential_refused", f"{name[:80]}: a credential's name begins with MCP_")
    token = os.environ.get(name, "") or _from_file(name)
    token = token.strip()
    if not token:
        raise NotExecuted("credential_missing", f"neither {name} nor {name}_FILE is set")
    if not token.isascii() or not token.isprintable() or " " in token or len(token) > MAX_BYTES:
        raise NotExecuted("credential_refused", f"{name} holds characters that no token has")
    return token


def _from_file(name: str) -> str:
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return ""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise NotExecuted("credential_missing", f"{name}_FILE cannot be read: {type(error).__name__}") from None
