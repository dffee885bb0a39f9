"""Who acts: people, service accounts of agents, and the roles that the code brings."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Q


class User(AbstractUser):
    """Somebody who acts: a person of the team, or the service account of an agent."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        SERVICE = "service", "Service account"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSON)

    class Meta(AbstractUser.Meta):
        permissions = [
            ("view_pii", "Can see customers' personal data"),
            ("view_dashboard", "Can see the dashboard"),
            ("explain_access", "Can ask why somebody may or may not do something"),
        ]
        constraints = [
            # Django marks an unusable password with a leading "!".
            models.CheckConstraint(
                condition=Q(kind="person") | Q(password__startswith="!"),  # noqa: S106
                name="staff_service_account_has_no_password",
            )
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A service account acts through grants and never logs in: it cannot keep a password."""
        if self.kind == self.Kind.SERVICE and self.has_usable_password():
            self.set_unusable_password()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "password"}
        super().save(*args, **kwargs)

    @property
    def is_service(self) -> bool:
        return self.kind == self.Kind.SERVICE

    @property
    def display_name(self) -> str:
        """What colleagues read: the full name, else the log-in name."""
        return self.get_full_name() or self.username


class BuiltInRole(models.Model):
    """Marks a role as one that belongs to the code. A role of an installation's own has no mark, whatever its name."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="built_in")

    def __str__(self) -> str:
        return self.group.name
