"""Who ended conversations, and whether they stayed ended."""

from supportagent.metrics.measures.figures import Figure, count, share
from supportagent.metrics.measures.tally import OF_AGENTS, Resolution, Tally

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


def figures(tally: Tally) -> list[Figure]:
    """Of the conversations that ended."""
    of = tally.count("settled", OF_AGENTS)
    unsettled = tally.n - tally.count("settled")
    split = [
        share(key, label, f"{_WHAT[each]} ÷ {_OF}.", tally.count("stayed", [each]), of, good=good)
        for each, key, label, good in _SPLIT
    ]
    return [
        count("ended", "Conversations ended", "Conversations that ended in the period.", tally.n),
        count("unsettled", "Not settled yet", "Those that may still be opened again within 72 h.", unsettled),
        *split,
        share(
            "reopened",
            "Opened again",
            f"The customer came back within 72 h ÷ {_OF}.",
            of - tally.count("stayed", OF_AGENTS),
            of,
            good=-1,
        ),
        share(
            "handed_over",
            "Handed over to people",
            "Conversations with a hand-over ÷ ended conversations on which an agent worked.",
            tally.count("handed_over", OF_AGENTS),
            tally.of(*OF_AGENTS),
            good=-1,
        ),
    ]
