"""What an approval is bound to: one digest over everything that the approver was shown."""

import hashlib
import json
from typing import Any

from approvals.models import ApprovalRequest
from audit.chain import canonical

# 1: without the roles to whom the rule leaves the decision.
DIGEST_VERSION = 2


def digest_of(
    request: ApprovalRequest,
    *,
    facts: dict[str, Any] | None = None,
    definition_hash: str = "",
    version: int = DIGEST_VERSION,
) -> str:
    """SHA-256 of the canonical form of a request; pass fresh facts or definition to see whether they drifted."""
    bound = {
        "version": version,
        "call": str(request.call_id),
        "server": request.tool.server.name,
        "tool": request.tool.qualified_name,
        "definition": definition_hash or request.definition_hash,
        "arguments": request.arguments,
        "bound_arguments": request.bound_arguments,
        "facts": request.facts if facts is None else facts,
        "policy": [request.rule_id or 0, request.rule_version],
        "tier": request.tier,
        "expires_at": request.expires_at.isoformat(),
        "nonce": request.nonce,
    }
    if version >= 2:
        bound["approver_roles"] = sorted(request.approver_roles)
    return hashlib.sha256(canonical(bound)).hexdigest()


def is_of_earlier_version(request: ApprovalRequest) -> bool:
    """Whether the request was bound before an update of this product, and is intact as it was bound then."""
    return any(digest_of(request, version=version) == request.digest for version in range(1, DIGEST_VERSION))


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs between two snapshots of facts, in the words of the facts themselves."""
    return [
        {"field": name, "was": before.get(name), "now": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def changes_of_arguments(before: str, after: str) -> list[dict[str, Any]]:
    """What differs between two sets of canonical arguments; what was altered beyond reading counts as empty."""
    return changes(_readable(before), json.loads(after)) if before != after else []


def _readable(arguments: str) -> dict[str, Any]:
    try:
        read = json.loads(arguments)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def action_key(*, server: str, tool: str, arguments: str, bound_arguments: str, subject: str) -> str:
    """The same action on the same subject, whoever proposes it again."""
    return hashlib.sha256(canonical([server, tool, arguments, bound_arguments, subject])).hexdigest()
