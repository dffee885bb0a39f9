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
