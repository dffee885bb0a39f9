"""What customers thought of conversations that ended."""

from typing import Any

from django.db.models import Count, Q, Sum

from agents.models import Interaction
from supportagent.metrics.measures.figures import FEWEST, Figure, share
from supportagent.metrics.measures.scope import Scope

Resolution = Interaction.Resolution
GOOD = 4  # of 5
HANDLED = (
    ("", "", Q()),
    ("agents_", ", by agents", Q(resolution__in=[Resolution.UNASSISTED, Resolution.ASSISTED])),
    ("people_", ", by people", Q(resolution__in=[Resolution.ESCALATED, Resolution.BY_PERSON])),
)
_WHOSE = {
    "": "",
    "agents_": " of conversations that agents resolved, alone or with help",
    "people_": " of conversations that people ended",
}


def figures(scope: Scope) -> list[Figure]:
    """One statement."""
    asked: dict[str, Any] = {}
    for key, _, chosen in HANDLED:
        rated = chosen & Q(score__isnull=False)
        asked |= {
            f"{key}n": Count("pk", filter=rated),
            f"{key}total": Sum("score", filter=rated, default=0),
            f"{key}good": Count("pk", filter=chosen & Q(score__gte=GOOD)),
        }
    found = scope.ended().aggregate(all=Count("pk"), **asked)
    response = share(
        "response_rate", "Ratings given", "Rated conversations ÷ conversations ended.", found["n"], found["all"], good=1
    )
    figures = [response]
    for key, words, _ in HANDLED:
        n = found[f"{key}n"]
        mean = found[f"{key}total"] / n if n else None
        formula = f"Mean of the ratings, 1 to 5,{_WHOSE[key]}.".replace(",.", ".")
        figures += [
            Figure(f"{key}satisfaction", f"Satisfaction{words}", formula, "score", n, mean, 1, FEWEST),
            share(
                f"{key}satisfied",
                f"Rated 4 or 5{words}",
                f"Ratings of 4 or 5 ÷ ratings{_WHOSE[key]}.",
                found[f"{key}good"],
                n,
                good=1,
            ),
        ]
    return figures
