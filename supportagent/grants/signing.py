"""The signed grant: who may call which tool with exactly which arguments, for which customer, until when.

The gate issues it, the domain server verifies it. It says who is asking, never whether they may: the server
still checks the actor's own permission.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from supportagent.grants import strict


class GrantRefused(Exception):
    """The call carries no grant that covers it. `code` says why, without saying what would have been right."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Grant:
    """One permission to make one call once. The idempotency key is inside the signature, not beside it."""

    key: str
    server: str
    tool: str
    arguments_digest: str
    customer: str
    actor: int
    approval: str
    expires_at: int


def issue(
    *,
    key: str,
    server: str,
    tool: str,
    arguments: Mapping[str, Any],
    customer: str,
    actor: int,
    approval: str = "",
) -> str:
    """Sign a grant over the raw arguments after host binding; valid for settings.GRANT_SECONDS."""
    grant = Grant(
        key=key,
        server=server,
        tool=tool,
        arguments_digest=strict.digest(arguments),
        customer=customer,
        actor=actor,
        approval=approval,
        expires_at=int(time.time()) + settings.GRANT_SECONDS,
    )
    body = json.dumps(asdict(grant), sort_keys=True, separators=(",", ":")).encode()
    return f"{_encode(body)}.{_encode(_sign(body))}"


def verify(token: str, *, server: str, tool: str, arguments: Mapping[str, Any]) -> Grant:
    """Return the grant if it is ours, unexpired and covers exactly this call; raises GrantRefused otherwise."""
    if not token:
        raise GrantRefused("grant_missing")
    grant = _open(token)
    if (grant.server, grant.tool) != (server, tool):
        raise GrantRefused("grant_for_another_tool")
    if grant.arguments_digest != strict.digest(arguments):
        raise GrantRefused("grant_for_other_arguments")
    if grant.expires_at < time.time():
        raise GrantRefused("grant_expired")
    return grant


def _open(token: str) -> Grant:
    try:
        body, signature = (base64.urlsafe_b64decode(part) for part in token.split("."))
    except ValueError as error:
        raise GrantRefused("grant_malformed") from error
    if not hmac.compare_digest(signature, _sign(body)):
        raise GrantRefused("grant_signature")
    return Grant(**json.loads(body))


def _sign(body: bytes) -> bytes:
    return hmac.new(settings.GRANT_KEY.encode(), b"supportagent.grant.v1\0" + body, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
