"""What customers thought of conversations that ended."""

from supportagent.metrics.measures.figures import FEWEST, Figure, share
from supportagent.metrics.measures.tally import Resolution, Tally

HANDLED = (
    ("", "", tuple(Resolution)),
    ("agents_", ", by agents", (Resolution.UNASSISTED, Resolution.ASSISTED)),
    ("people_", ", by people", (Resolution.ESCALATED, Resolution.BY_PERSON)),
)
_WHOSE = {
    "": "",
    "agents_": " of conversations that agents resolved, alone or with help",
    "people_": " of conversations that people ended",
}


def figures(tally: Tally) -> list[Figure]:
    """Of the conversations that ended."""
    formula = "Rated conversations ÷ conversations ended."
    figures = [share("response_rate", "Ratings given", formula, tally.count("rated"), tally.n, good=1)]
    for key, words, how in HANDLED:
        n = tally.count("rated", how)
        mean = tally.count("scores", how) / n if n else None
        formula = f"Mean of the ratings, 1 to 5,{_WHOSE[key]}.".replace(",.", ".")
        figures += [
            Figure(f"{key}satisfaction", f"Satisfaction{words}", formula, "score", n, mean, 1, FEWEST),
            share(
                f"{key}satisfied",
                f"Rated 4 or 5{words}",
                f"Ratings of 4 or 5 ÷ ratings{_WHOSE[key]}.",
                tally.count("rated_good", how),
                n,
                good=1,
            ),
        ]
    return figures
