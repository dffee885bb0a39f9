"""Who may embed the chat, which keys sign the shop's customers in, and the visitors' sessions."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from supportagent.staff.models import Team
from supportagent.tickets.models import Customer
from supportagent.widget.origins import validate_origins


class WidgetApp(models.Model):
    """One website (or several origins of it) with a chat of its own."""

    app_id = models.SlugField("app id", max_length=40, unique=True, help_text="Stands in the embed snippet.")
    name = models.CharField(max_length=80, help_text="The name that customers read at the top of the chat.")
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="widget_apps", help_text="Gets the conversations."
    )
    allowed_origins = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_origins],
        help_text='The only pages that may show this chat: ["https://shop.example"]',
    )
    greeting = models.CharField(max_length=200, default="Hello! How can we help?")
    expectation = models.CharField(
        max_length=80, default="Replies in a minute", help_text="Below the name; keep it true."
    )
    suggestions = models.JSONField(
        default=list, blank=True, help_text="First messages offered with one click, at most four."
    )
    accent = models.CharField(
        max_length=7,
        default="#1f5f5b",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "Use a colour like #1f5f5b.")],
    )
    active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name = "widget"

    def __str__(self) -> str:
        return self.name


class WidgetKeyQuerySet(models.QuerySet["WidgetKey"]):
    def in_use(self) -> "WidgetKeyQuerySet":
        return self.filter(retired_at=None)


class WidgetKey(models.Model):
    """A secret shared with the shop's server. Several may be in use, so that rotation needs no downtime."""

    app = models.ForeignKey(WidgetApp, on_delete=models.CASCADE, related_name="keys")
    kid = models.SlugField("key id", max_length=40)
    sealed_secret = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = WidgetKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["app", "kid"], name="widget_key_id_unique_per_app")]

    def __str__(self) -> str:
        return f"{self.app.app_id}/{self.kid}"


class WidgetSessionQuerySet(models.QuerySet["WidgetSession"]):
    def alive(self) -> "WidgetSessionQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), app__active=True)


class WidgetSession(models.Model):
    """One browser that may read and continue one customer's conversation. The token itself is not kept."""

    class Assurance(models.TextChoices):
        ANONYMOUS = "anonymous", "Anonymous"
        VERIFIED = "verified", "Verified by the shop"

    app = models.ForeignKey(WidgetApp, on_delete=models.CASCADE, related_name="sessions")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="widget_sessions")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    assurance = models.CharField(max_length=10, choices=Assurance)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = WidgetSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Session {self.pk} of {self.customer}"

    @property
    def is_verified(self) -> bool:
        return self.assurance == self.Assurance.VERIFIED
