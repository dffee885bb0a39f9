"""What a model did over all scenarios, in a few figures, each with what it rests on."""

from collections.abc import Sequence

from supportagent.console.money import format_micros
from supportagent.demo.rehearsal.rehearse import Result
from supportagent.demo.rehearsal.triage import UNSORTED, TriageReport


def lines(results: Sequence[Result]) -> list[str]:
    """A short block. A scenario that was played several times counts with every playing.

    Sorting is measured where the scenario says which category is right: by the first time that an agent sorted it.
    Precision and recall are means over the categories.
    """
    played = [(result.scenario, one) for result in results for one in result.performances]
    n = len(played)
    asked = [one.approvals for _, one in played if one.approvals]
    handed = [one.hand_overs for _, one in played if one.hand_overs]
    calls = sum(one.model_calls for _, one in played)
    cost = sum(one.cost_micros for _, one in played)
    return [
        f"Conversations: n = {n}, of {len(results)} scenarios",
        f"Ended as expected: {sum(result.passed for result in results)} of {len(results)} scenarios",
        _sorting([(it.expected.category, one.sorted_as or UNSORTED) for it, one in played if it.expected.category]),
        f"Approvals: {sum(asked)} asked for, in {len(asked)} of {n} conversations",
        f"Hand-overs to people: {sum(handed)}, in {len(handed)} of {n} conversations",
        f"Model calls: {calls}, {calls / n:.2f} per conversation",
        f"Cost of the model: {format_micros(cost)}, {format_micros(cost // n)} per conversation",
    ]


def _sorting(pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return "Sorted right: no scenario says what is right"
    report = TriageReport(pairs)
    scores = [score for score in report.scores() if score.labelled]
    precision = sum(score.precision or 0 for score in scores) / len(scores)
    recall = sum(score.recall or 0 for score in scores) / len(scores)
    return (
        f"Sorted right: {report.right} of {report.n}; precision {precision:.0%}, recall {recall:.0%} "
        f"(means of {len(scores)} categories)"
    )
