from django.db import models


class Service(models.TextChoices):
    """The shop's own services, as customers meet them."""

    CHECKOUT = "checkout-api", "Checkout API"
    BREW_SYNC = "brew-sync", "Brew app sync"
    NOTIFICATIONS = "notifications", "E-mail and push notifications"


class ServiceLog(models.Model):
    """One line of a service's log, already free of personal data when it arrives here."""

    class Level(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    at = models.DateTimeField(db_index=True)
    service = models.CharField(max_length=40, choices=Service)
    level = models.CharField(max_length=10, choices=Level)
    message = models.CharField(max_length=500)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["service", "-at"], name="engineering_log_service_at")]

    def __str__(self) -> str:
        return f"{self.service} {self.level}: {self.message[:60]}"


FIRST_ISSUE = 101  # ENG-101: a number people can say on the phone from the first one on


class EngineeringIssue(models.Model):
    """A fault that support handed to the engineers."""

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    class Status(models.TextChoices):
        FILED = "filed", "Filed"
        FIXED = "fixed", "Fixed"

    title = models.CharField(max_length=160)
    summary = models.TextField()
    severity = models.CharField(max_length=10, choices=Severity)
    service = models.CharField(max_length=40, choices=Service, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.FILED, db_index=True)
    filed_at = models.DateTimeField()
    filed_by_type = models.CharField(max_length=20)
    filed_by_id = models.CharField(max_length=64)

    class Meta:
        ordering = ["-filed_at", "-pk"]
        permissions = [("file_issue", "Can file an issue with the engineers")]

    def __str__(self) -> str:
        return f"{self.issue_id}: {self.title}"

    @property
    def issue_id(self) -> str:
        return f"ENG-{self.pk + FIRST_ISSUE - 1}"
