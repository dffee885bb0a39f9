"""`hand_off`: a tool that no server has. The model asks for it like for any other; `passing_on` carries it out."""

from collections.abc import Mapping
from typing import Any

from agents.models import ToolCall
from agents.providers.base import ToolSpec
from audit.chain import canonical
from supportagent.grants import strict

NAME = "hand_off"
REASON_LIMIT, SUMMARY_LIMIT = 300, 2_000  # characters


def spec(targets: Mapping[str, str]) -> ToolSpec:
    """The tool as an agent with these targets sees it."""
    return ToolSpec(
        NAME,
        _DESCRIPTION.format(targets="\n".join(f"- {to}: {when}" for to, when in targets.items())),
        _schema(targets),
    )


_DESCRIPTION = """\
Hand this conversation off to another agent, which has the tools and rights for it. It answers the customer next.

Call it alone and say nothing to the customer yourself: your work on this conversation ends with it. To say that you
hand off without calling it does nothing. `reason` is one line; `summary` says what the customer wants, what you found
and did, and what is open. For a person use tickets__escalate_to_human instead. To whom, and when:
{targets}"""


def _schema(targets: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "to": {"type": "string", "enum": sorted(targets)},
            "reason": {"type": "string", "minLength": 3, "maxLength": REASON_LIMIT},
            "summary": {"type": "string", "minLength": 3, "maxLength": SUMMARY_LIMIT},
        },
        "required": ["to", "reason", "summary"],
        "additionalProperties": False,
    }


def fill(call: ToolCall, arguments_as_sent: str) -> None:
    """Take the arguments of a call that the model asked for. Raises strict.InvalidArguments.

    Whom it may be handed to is asked when it happens; a name that does not exist is then refused, not misread.
    """
    arguments = strict.parse(arguments_as_sent)
    arguments.pop("stated_reason", None)  # models that give every call a reason give this one two
    anybody = {**_schema({}), "properties": {**_schema({})["properties"], "to": {"type": "string", "maxLength": 40}}}
    strict.validate(arguments, anybody)
    call.stated_reason = " ".join(arguments["reason"].split())
    call.arguments = call.bound_arguments = canonical(arguments).decode()
