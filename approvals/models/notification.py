import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from approvals.models.request import ApprovalRequest
from supportagent.staff.models import Team


class WebhookEndpoint(models.Model):
    """An address of another system that hears of what concerns some teams. Its secret is never in the database."""

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField("address", max_length=500)
    secret = models.CharField(
        max_length=80,
        help_text="Name of the environment variable (NAME or NAME_FILE) that holds the secret: whsec_ and base64.",
    )
    next_secret = models.CharField(
        max_length=80,
        blank=True,
        help_text="While the secret is being changed: the name of the other one. Messages are signed with both.",
    )
    teams = models.ManyToManyField(Team, related_name="+", help_text="It hears of what concerns these teams only.")
    enabled = models.BooleanField(default=True)
    history = HistoricalRecords(m2m_fields=[teams])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """That something is worth telling: once per kind, however many processes find it out.

    About an approval request, or about the `subject` of another `topic`, which an app above this one has registered.
    """

    APPROVAL = "approval"

    class Kind(models.TextChoices):
        PENDING = "pending", "Waits for a decision"
        EXPIRING = "expiring", "Ends soon"
        ESCALATED = "escalated", "Passed on to more people"
        EXPIRED = "expired", "Ended without a decision"
        OPENED = "opened", "Began"

    topic = models.CharField(max_length=20, default=APPROVAL)
    request = models.ForeignKey(
        ApprovalRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="notices"
    )
    subject = models.CharField(max_length=40, blank=True, help_text="What another topic tells of: its key.")
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose subject it is; empty: that of the whole house. A request belongs to the team of its ticket.",
    )
    kind = models.CharField(max_length=10, choices=Kind)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "kind"], name="one_notice_of_each_kind"),
            models.UniqueConstraint(
                fields=["topic", "subject", "kind"], condition=~Q(subject=""), name="one_notice_per_subject"
            ),
            models.CheckConstraint(
                condition=Q(topic="approval", request__isnull=False, subject="")
                | (~Q(topic="approval") & Q(request=None) & ~Q(subject="")),
                name="notice_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.thing} {self.get_kind_display().lower()}"

    @property
    def thing(self) -> str:
        """The key of what it is about, within its topic."""
        return self.subject or str(self.request_id)

    @property
    def its_request(self) -> ApprovalRequest:
        """The request of a notice that is about one."""
        assert self.request is not None  # noqa: S101 - the constraint `notice_of_one_thing`
        return self.request

    @property
    def its_team(self) -> int | None:
        """Whose it is now; None for the whole house's."""
        return self.team_id if self.request is None else self.request.ticket.team_id


class Delivery(models.Model):
    """One notice for one person by e-mail, or for one endpoint by webhook.

    `next_attempt_at` is the lease too: whoever sends moves it into the future, and a process that dies while it
    sends has its message sent by the next one, with the same `key`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "No longer needed"

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="deliveries")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="The same on every attempt.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claim = models.UUIDField(null=True, blank=True, editable=False)
    insisted = models.BooleanField(
        default=False, editable=False, help_text="Somebody sent it again: an endpoint gets it although all is decided."
    )
    problem = models.CharField(max_length=200, blank=True, help_text="Why the last attempt failed.")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"
        permissions = [("resend_delivery", "Can send a notification again")]
        constraints = [
            models.CheckConstraint(
                condition=Q(recipient__isnull=True) ^ Q(endpoint__isnull=True), name="delivery_by_one_channel"
            ),
            models.UniqueConstraint(fields=["notice", "recipient"], name="one_delivery_per_person"),
            models.UniqueConstraint(fields=["notice", "endpoint"], name="one_delivery_per_endpoint"),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(fields=["ended_at"], condition=Q(state="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.notice} to {self.recipient or self.endpoint}"
