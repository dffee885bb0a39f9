"""Who ended conversations, and whether they stayed ended."""

from typing import Any

from django.db.models import Count, Q

from agents.costs.conversations import settled
from agents.models import Interaction
from supportagent.metrics.measures.figures import Figure, count, share
from supportagent.metrics.measures.scope import Scope

Resolution = Interaction.Resolution
OF_AGENTS = [Resolution.UNASSISTED, Resolution.ASSISTED, Resolution.ESCALATED, Resolution.ABANDONED]
_OF = "settled conversations on which an agent worked"
_SPLIT = (
    (Resolution.UNASSISTED, "resolution", "Resolved by agents alone", 1),
    (Resolution.ASSISTED, "assisted", "Resolved with help", 0),
    (Resolution.ESCALATED, "escalated", "Ended by people", -1),
    (Resolution.ABANDONED, "abandoned", "Not resolved", -1),
)
_WHAT = {
    Resolution.UNASSISTED: "No person wrote, edited, sent or approved an answer, none was asked to, and it was not "
    "opened again within 72 h",
    Resolution.ASSISTED: "An agent's words were the last, a person helped, and it was not opened again within 72 h",
    Resolution.ESCALATED: "An agent worked on it, a person ended it, and it was not opened again within 72 h",
    Resolution.ABANDONED: "An agent worked on it, nobody solved it, and it was not opened again within 72 h",
}


def by_version(scope: Scope) -> dict[int, dict[str, int]]:
    """By the version of the agent that had them last: how many ended (`n`), how many of them were settled with an agent
    at work (`of`), and were resolved by agents alone (`alone`). One statement.
    """
    of = settled(scope.moment) & Q(resolution__in=OF_AGENTS)
    alone = of & Q(resolution=Resolution.UNASSISTED, reopened_at=None)
    rows: Any = scope.ended().exclude(agent_version=None).values("agent_version")
    counted = rows.annotate(n=Count("pk"), of=Count("pk", filter=of), alone=Count("pk", filter=alone))
    return {row.pop("agent_version"): row for row in counted}


def figures(scope: Scope) -> list[Figure]:
    """One statement."""
    is_settled = settled(scope.moment)
    with_agent = Q(resolution__in=OF_AGENTS)
    of = is_settled & with_agent
    stays = {each.value: Count("pk", filter=of & Q(resolution=each, reopened_at=None)) for each in OF_AGENTS}
    counts = scope.ended().aggregate(
        ended=Count("pk"),
        unsettled=Count("pk", filter=~is_settled),
        with_agent=Count("pk", filter=with_agent),
        of=Count("pk", filter=of),
        reopened=Count("pk", filter=of & Q(reopened_at__isnull=False)),
        handed_over=Count("pk", filter=with_agent & Q(handed_over=True)),
        **stays,
    )
    split = [
        share(key, label, f"{_WHAT[each]} ÷ {_OF}.", counts[each.value], counts["of"], good=good)
        for each, key, label, good in _SPLIT
    ]
    return [
        count("ended", "Conversations ended", "Conversations that ended in the period.", counts["ended"]),
        count("unsettled", "Not settled yet", "Those that may still be opened again within 72 h.", counts["unsettled"]),
        *split,
        share(
            "reopened",
            "Opened again",
            f"The customer came back within 72 h ÷ {_OF}.",
            counts["reopened"],
            counts["of"],
            good=-1,
        ),
        share(
            "handed_over",
            "Handed over to people",
            "Conversations with a hand-over ÷ ended conversations on which an agent worked.",
            counts["handed_over"],
            counts["with_agent"],
            good=-1,
        ),
    ]
