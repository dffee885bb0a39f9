from django.db import models
from simple_history.models import HistoricalRecords


class ArticleQuerySet(models.QuerySet["Article"]):
    def published(self) -> "ArticleQuerySet":
        return self.filter(published=True)


class Article(models.Model):
    """Reviewed knowledge, written by staff. What customers write never becomes an article by itself."""

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=160)
    body = models.TextField(help_text="Markdown")
    tags = models.CharField(max_length=200, blank=True, help_text="Search words, separated by commas")
    language = models.CharField(max_length=8, default="en")
    published = models.BooleanField(default=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ArticleQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Gap(models.Model):
    """A question to which the knowledge base had no article, or only a poor one. Written once, by the search.

    The words are a model's or a colleague's, without addresses and numbers; whose conversation it was is not kept
    here. `call_key` is that of the tool call, by which the layers above find the run and its ticket.
    """

    query = models.CharField(max_length=200)
    wording = models.CharField(max_length=200, help_text="Its telling words without endings, sorted: alike questions.")
    found = models.PositiveSmallIntegerField(help_text="How many articles came up nevertheless.")
    matched = models.PositiveSmallIntegerField(help_text="How many of its telling words the best of them holds.")
    call_key = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        permissions = [("settle_gap", "Can settle knowledge gaps")]
        indexes = [models.Index(fields=["wording", "-id"], name="knowledge_gaps_by_wording")]

    def __str__(self) -> str:
        return self.query

    @property
    def call_id(self) -> str:
        """The id of the tool call: the key is `id.attempt`."""
        return self.call_key.partition(".")[0]


class GapSettlement(models.Model):
    """What a person did about a question, for every time it had been asked up to `through`. Asked again, it is open."""

    class Verdict(models.TextChoices):
        ANSWERED = "answered", "Answered by an article"
        DISMISSED = "dismissed", "Not for the knowledge base"

    wording = models.CharField(max_length=200)
    through = models.ForeignKey(Gap, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict)
    article = models.ForeignKey(Article, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(max_length=300, blank=True)
    by_id = models.CharField(max_length=64, help_text="The account; no key crosses the door of the domain.")
    by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["wording", "through"], name="knowledge_one_settlement_per_gap")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.wording}"
