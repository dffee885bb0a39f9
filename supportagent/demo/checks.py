"""What production refuses: every part of the demo, each with one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from supportagent.demo.logins import LOGINS, PASSWORD


def demo_parts() -> list[str]:
    """One line per demo part that the settings switch on in production; empty elsewhere."""
    if not settings.PRODUCTION:
        return []
    lines = []
    if settings.DEFAULT_MODEL_PROVIDER in settings.DEMO_PROVIDERS:
        lines.append(
            f"SUPPORTAGENT_ENV=production refuses the {settings.DEFAULT_MODEL_PROVIDER} model: "
            "set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own"
        )
    if settings.DEMO_PAGES:
        lines.append("SUPPORTAGENT_ENV=production refuses the demo pages: unset SUPPORTAGENT_DEMO_PAGES")
    return lines


def refuse_demo_parts() -> None:
    """Called where a process starts to serve; ends it with the lines of `demo_parts`."""
    if lines := demo_parts():
        raise SystemExit("\n".join(lines))


@register
def check_no_demo_parts(app_configs: Sequence[AppConfig] | None, **_: Any) -> Iterable[CheckMessage]:
    return [Error(line, id="supportagent.E001") for line in demo_parts()]


@register(Tags.database)
def check_no_demo_logins(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> Iterable[CheckMessage]:
    """A database that was seeded for a demo: the log-ins are refused anyway, but should not be there."""
    if not settings.PRODUCTION or "default" not in (databases or ()):
        return []
    names = [login.username for login in LOGINS]
    try:
        users = list(get_user_model().objects.filter(username__in=names, is_active=True))
    except DatabaseError:  # not migrated yet
        return []
    found = ", ".join(sorted(user.get_username() for user in users if user.check_password(PASSWORD)))
    message = f"SUPPORTAGENT_ENV=production refuses the demo log-ins that this database holds: {found}"
    return [Warning(message, hint="Delete them or change their passwords.", id="supportagent.W001")] if found else []
