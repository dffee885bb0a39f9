"""What of a foreign answer goes on: the part that counts, without what is masked, and the records it names.

This is the one place where an answer is cut, and nothing behind it ever holds the whole: not the row of the call, not
the model, not an approver, not the audit trail. So a mask needs no rule about who may see what it hides: nobody does.
"""

from typing import Any

from agents.mcp.answers import BadAnswer
from supportagent.grants.server import Outcome
from supportagent.tools import paths
from supportagent.tools.models import Tool

MAX_RECORDS = 50
RECORD_LIMIT = 60
WITHHELD = "withheld: parts of this tool's answers are masked, and these are plain words"


def shaped(tool: Tool, data: dict[str, Any]) -> Outcome:
    """The success that an answer means. Raises BadAnswer when it has another shape than the review says."""
    whole: Any = data
    if tool.masks and set(data) <= {"text", "not_shown"}:
        raise BadAnswer("the answer is plain text, in which nothing can be masked")
    if tool.result_path:
        try:
            whole = paths.value(data, tool.result_path)
        except paths.Nowhere:
            raise BadAnswer(f"the answer has no part {tool.result_path}") from None
    kept = paths.without(whole if isinstance(whole, dict) else {"result": whole}, tool.masks)
    return Outcome(ok=True, data=kept, records=_records(tool, kept))


def words(tool: Tool, text: str) -> str:
    """What a server says about its own failure, which may repeat what is masked."""
    return WITHHELD if tool.masks and text else text


def _records(tool: Tool, data: dict[str, Any]) -> list[str]:
    """`kind:id` for the audit trail; what is no short text or number is no id."""
    records = []
    for kind, path in tool.record_paths.items():
        try:
            found = paths.values(data, path)
        except paths.Nowhere:
            continue
        ids = (str(one) for one in found if isinstance(one, str | int) and not isinstance(one, bool))
        records += [f"{kind}:{one}" for one in ids if 0 < len(one) <= RECORD_LIMIT]
    return list(dict.fromkeys(records))[:MAX_RECORDS]
