"""An effect that did not happen: why, in honest words."""

from __future__ import annotations

from ..desk import IDENTITY_ERRORS, CannotHelp, LoginNeeded
from ..phrases import phrase
from ..transcript import Call

UNDER_WAY = "already_under_way"
DECIDED_BEFORE = frozenset({"rejected_before"})


def not_done(call: Call, declined: str, language: str) -> str:
    """The reply for a call without effect: `declined` where a person said no or nobody answered.

    Raises LoginNeeded, or CannotHelp where the shop or the gate refused it for a reason that a person should see.
    """
    if call.error in IDENTITY_ERRORS:
        raise LoginNeeded
    decided = call.outcome is not None and call.outcome.state in ("rejected", "expired", "cancelled")
    if decided or call.error in DECIDED_BEFORE:
        return f"{declined} {phrase('offer_person', language)}"
    if call.error == UNDER_WAY and language == "en":
        return "The same request is already with a colleague for approval; I will write here when it is decided."
    why = call.error or (call.outcome.state if call.outcome else "no answer")
    raise CannotHelp("cannot_resolve", f"{call.tool.partition('__')[2].replace('_', ' ')} was not carried out: {why}")
