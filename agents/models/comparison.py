from datetime import timedelta

from django.db import models
from django.utils import timezone

from agents.models.agent import Agent
from supportagent.console.money import format_micros


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    def that_count(self) -> "ComparisonQuerySet":
        """Of all scenarios, played as the agent is configured, and not long ago."""
        return self.filter(counts=True, compared_at__gte=timezone.now() - Comparison.RECENT)


class Comparison(models.Model):
    """Two versions of an agent on the same scenarios: what the played scenarios said, for exactly these two.

    A version is known by the digest of what a run keeps of it, so a comparison speaks for no other words and no other
    model. Written once, never changed.
    """

    RECENT = timedelta(days=7)

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="comparisons")
    before_digest = models.CharField(max_length=64, help_text="Of the version that was compared against.")
    after_digest = models.CharField(max_length=64, help_text="Of the candidate.")
    before_version = models.BigIntegerField(null=True, help_text="History id of the version compared against.")
    change_id = models.BigIntegerField(null=True, help_text="The proposed change that was played; empty: as it was.")
    runs_on = models.CharField(max_length=145, help_text="Provider and model that played the candidate.")
    scenarios = models.PositiveIntegerField()
    repeats = models.PositiveIntegerField(default=1)
    counts = models.BooleanField(help_text="All scenarios were played, on the models that both versions name.")
    does_worse = models.BooleanField()
    because = models.JSONField(default=list, help_text="In sentences, why it does worse.")
    figures = models.JSONField(help_text="Sums of both, the scenarios that changed, and p of the exact McNemar test.")
    compared_at = models.DateTimeField(auto_now_add=True)

    objects = ComparisonQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["agent", "after_digest", "before_digest"], name="comparison_of_versions")]

    def __str__(self) -> str:
        return f"{self.agent}: {'does worse' if self.does_worse else 'does not do worse'}"

    @property
    def words(self) -> str:
        """What came of it, on one line."""
        old, new = self.figures["before"], self.figures["after"]
        verdict = f"does worse: {'; '.join(self.because)}" if self.does_worse else "does not do worse"
        limits = "" if self.counts else " It decides nothing: scenarios or models were chosen by hand."
        return (
            f"Of {self.scenarios} scenarios {new['passed']} pass (before {old['passed']}; better "
            f"{len(self.figures['better'])}, worse {len(self.figures['worse'])}, p {self.figures['p']:.2f}), approvals "
            f"{new['approvals']} ({old['approvals']}), hand-overs {new['hand_overs']} ({old['hand_overs']}), cost "
            f"{format_micros(new['cost_micros'])} ({format_micros(old['cost_micros'])}): it {verdict}.{limits}"
        )
