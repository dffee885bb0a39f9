"""Agents, their routes and the kill switch: who works, with whose rights, and how far."""

from agents import comparisons
from agents.models import Agent, CategoryAutonomy, HandOffRoute, KillSwitch
from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.words import changed, others, raised, same
from supportagent.tickets.models import Ticket

# Nothing in a prompt is a control, so of an agent that does not work nothing in it loosens one. When a run goes on with
# the cheaper model is a question of its answers: the caps hold either way.
HARMLESS = ("slug", "name", "fallback_at")
CAPS = {
    "max_turns": "more model calls per message",
    "max_tool_calls": "more tool calls per message",
    "max_seconds": "more working time",
    "max_tokens": "more tokens per run",
    "max_cost_micros": "more money per run",
    "max_output_tokens": "longer replies of the model",
    "session_cap_micros": "more money per ticket",
}


LEVELS = Agent.Autonomy.values
# A list that is empty stands for everything.
BREADTH = {"channels": "it answers on more channels", "languages": "it answers in more languages"}


def agent_loosens(before: Values | None, after: Values | None) -> list[str]:
    """An agent that works and did not, with other rights, or with higher caps."""
    if after is None:
        return []
    sentences = []
    if after["status"] == Agent.Status.LIVE and (before is None or before["status"] != Agent.Status.LIVE):
        sentences.append("it is set to work")
    if after["receives_requests"] and (before is None or not before["receives_requests"]):
        sentences.append("it gets the first message of every new ticket")
    if _higher(after["autonomy"], before["autonomy"] if before is not None else LEVELS[0]):
        sentences.append(f"its answers go further by themselves: {_level(after)}")
    if before is None:
        return sentences
    if after["min_confidence"] < before["min_confidence"]:
        sentences.append("people sort fewer of the requests that it is not sure of")
    sentences += [words for name, words in BREADTH.items() if _wider(before[name], after[name])]
    sentences += [words for name, words in CAPS.items() if raised(before, after, name)]
    sentences += _told_otherwise(before, after)
    known = (*CAPS, *BREADTH, *comparisons.TOLD, "status", "receives_requests", "autonomy", "min_confidence")
    return sentences + others(changed(before, after, harmless=HARMLESS), known)


def _told_otherwise(before: Values, after: Values) -> list[str]:
    """A live agent that is told something else or thinks with another model: customers meet it at once.

    It takes a second admin unless the scenarios were played with exactly this version against the one that is live,
    and the newest such comparison says that it does not do worse.
    """
    if not before["status"] == after["status"] == Agent.Status.LIVE:
        return []
    told = [name.replace("_", " ") for name in comparisons.TOLD if not same(before[name], after[name])]
    if not told:
        return []
    comparison = comparisons.newest(before["slug"], before, after)
    what = f"it works with another version ({', '.join(told)})"
    if comparison is None:
        days = comparisons.Comparison.RECENT.days
        return [f"{what}, which no comparison of the last {days} days says does not do worse"]
    return [f"{what}, which does worse: {'; '.join(comparison.because)}"] if comparison.does_worse else []


def autonomy_loosens(before: Values | None, after: Values | None) -> list[str]:
    """Whether answers of a category go further by themselves: where there is no row, the agent's own level holds.

    That level is the one of now. A form that raises it too says so by itself. An agent that is made by the same form
    has none yet: for it every step up from a draft counts.
    """
    row = after or before
    if row is None:
        return []
    if before is not None and after is not None and not _same_place(before, after):
        return autonomy_loosens(before, None) + autonomy_loosens(None, after)
    own = _own_level(row["agent"]["id"])
    old, new = before["level"] if before else own, after["level"] if after else own
    category = Ticket.Category(row["category"]).label
    words = Agent.Autonomy(new).label.partition(":")[0].lower()
    return (
        [f"{row['agent']['name']}’s answers about “{category}” go further by themselves: {words}"]
        if _higher(new, old)
        else []
    )


def _own_level(agent: str) -> str:
    """The level that holds for an agent where no category says otherwise."""
    made = Agent.objects.filter(pk=agent).first() if agent.isdecimal() else None
    return made.autonomy if made is not None else Agent.Autonomy.DRAFT


def _same_place(before: Values, after: Values) -> bool:
    """Whether both rows speak of one category of one agent."""
    return before["agent"]["id"] == after["agent"]["id"] and before["category"] == after["category"]


def route_loosens(before: Values | None, after: Values | None) -> list[str]:
    """A way more for conversations to go. What it says of when is told to the model, and controls nothing."""
    if after is None or (before is not None and not changed(before, after, harmless=("when",))):
        return []
    return [f"{after['from_agent']['name']} may hand conversations off to {after['to_agent']['name']}"]


def _higher(new: str, old: str) -> bool:
    return LEVELS.index(new) > LEVELS.index(old)


def _level(agent: Values) -> str:
    return Agent.Autonomy(agent["autonomy"]).label.partition(":")[0].lower()


def _wider(before: list[str], after: list[str]) -> bool:
    return bool(before) and (not after or not set(after) <= set(before))


def switch_loosens(before: Values | None, after: Values | None) -> list[str]:
    """Releasing it lets agents act again; engaging it never waits for anybody."""
    engaged = before is not None and before["engaged"]
    return ["it is released: agents act again"] if engaged and not (after is not None and after["engaged"]) else []


govern(Agent, agent_loosens)
govern(CategoryAutonomy, autonomy_loosens)
govern(HandOffRoute, route_loosens)
govern(KillSwitch, switch_loosens)
