from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def alive(self, audience: str) -> AccessTokenQuerySet:
        """Tokens that this resource believes now: one statement, by the database's clock."""
        return self.filter(revoked_at=None, expires_at__gt=Now(), audience=audience, user__is_active=True)


class AccessToken(models.Model):
    """Lets another program act as an account, over one address, for a while. Of the token itself a digest is kept."""

    class Scope(models.TextChoices):
        READ = "tools:read", "List tools, call those that read"
        WRITE = "tools:write", "Also call those that write"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="access_tokens",
        verbose_name="account",
        help_text="The token may do what this account may, and ends when it is deactivated.",
    )
    name = models.CharField(max_length=80, help_text="Which program it is for.")
    scope = models.CharField(max_length=11, choices=Scope, default=Scope.READ)
    audience = models.CharField(max_length=200, editable=False, help_text="The only address that believes the token.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField("ends in", max_length=4, editable=False)
    created_at = models.DateTimeField("issued", auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    expires_at = models.DateTimeField("expires")
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"
