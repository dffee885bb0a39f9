"""Agents and the kill switch: who works, with whose rights, and how far."""

from agents.models import Agent, KillSwitch
from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.words import changed, others, raised

# Nothing in a prompt is a control, so nothing in a prompt loosens one.
HARMLESS = ("slug", "name", "goal", "success_criteria", "instructions", "reasoning_effort")
CAPS = {
    "max_turns": "more model calls per message",
    "max_tool_calls": "more tool calls per message",
    "max_seconds": "more working time",
    "max_output_tokens": "longer replies of the model",
    "session_cap_micros": "more money per ticket",
}


def agent_loosens(before: Values | None, after: Values | None) -> list[str]:
    """An agent that works and did not, with other rights, or with higher caps."""
    if after is None:
        return []
    sentences = []
    if after["status"] == Agent.Status.LIVE and (before is None or before["status"] != Agent.Status.LIVE):
        sentences.append("it is set to work")
    if after["receives_requests"] and (before is None or not before["receives_requests"]):
        sentences.append("it gets the first message of every new ticket")
    if before is None:
        return sentences
    sentences += [words for name, words in CAPS.items() if raised(before, after, name)]
    known = (*CAPS, "status", "receives_requests")
    return sentences + others(changed(before, after, harmless=HARMLESS), known)


def switch_loosens(before: Values | None, after: Values | None) -> list[str]:
    """Releasing it lets agents act again; engaging it never waits for anybody."""
    engaged = before is not None and before["engaged"]
    return ["it is released: agents act again"] if engaged and not (after is not None and after["engaged"]) else []


govern(Agent, agent_loosens)
govern(KillSwitch, switch_loosens)
