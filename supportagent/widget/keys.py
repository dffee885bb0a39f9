"""Issue and retire the keys with which a shop's server signs its customers in."""

import secrets
from dataclasses import dataclass

from django.utils import timezone

import audit.log as audit_log
from audit.context import Actor
from supportagent.widget.models import WidgetApp, WidgetKey
from supportagent.widget.vault import seal


@dataclass(frozen=True)
class IssuedKey:
    """The only moment at which the secret is in the clear: show it, do not keep it."""

    key: WidgetKey
    secret: str


def issue_key(*, app: WidgetApp, actor: Actor) -> IssuedKey:
    """A further key for the app; older ones stay valid until they are retired."""
    secret = secrets.token_urlsafe(32)
    with audit_log.transaction():
        key = WidgetKey.objects.create(app=app, kid=f"k{secrets.token_hex(4)}", sealed_secret=seal(secret))
        audit_log.record("widget.key.issued", target=("widget_app", app.app_id), actor=actor, data={"kid": key.kid})
    return IssuedKey(key, secret)


def retire_key(*, key: WidgetKey, actor: Actor) -> None:
    """From now on nothing signed with this key is believed. Retiring twice is the same as once."""
    with audit_log.transaction():
        if not WidgetKey.objects.in_use().filter(pk=key.pk).update(retired_at=timezone.now()):
            return
        audit_log.record(
            "widget.key.retired", target=("widget_app", key.app.app_id), actor=actor, data={"kid": key.kid}
        )
