"""Privileged acts: every change of configuration, grant or role has its entry, whoever makes it and wherever.

What changed in which field stays in the history tables and in the rows themselves; the chain proves that it
changed, when and by whom. Entries share the transaction of the change: the admin's forms are atomic.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.signals import post_create_historical_record

from audit import log
from audit.context import Actor, NoActor, current_actor

CONFIGURATION, GRANT, ROLE = "audit.configuration.changed", "audit.grant.changed", "audit.role.changed"
_KINDS = {"+": "created", "~": "changed", "-": "deleted"}
_LINKS = {"post_add": "added", "post_remove": "removed", "post_clear": "cleared"}


def listen() -> None:
    """Connect the receivers. Called once, when the apps are ready."""
    post_create_historical_record.connect(_configuration_changed, dispatch_uid=CONFIGURATION)
    post_save.connect(_grant_saved, dispatch_uid=GRANT)
    post_delete.connect(_grant_deleted, dispatch_uid=GRANT)
    m2m_changed.connect(_role_given, sender=get_user_model().groups.through, dispatch_uid=ROLE)
    m2m_changed.connect(_role_changed, sender=Group.permissions.through, dispatch_uid=ROLE)


def _configuration_changed(sender: Any, instance: Model, history_instance: Any, **_: Any) -> None:
    by = history_instance.history_user
    _record(
        CONFIGURATION,
        (instance._meta.label_lower, str(instance.pk)),
        {"change": _KINDS[history_instance.history_type], "history": history_instance.history_id},
        actor=Actor.of(by) if by is not None else None,
    )


def _grant_saved(sender: type, instance: Model, **_: Any) -> None:
    _record_grant(instance, "given")


def _grant_deleted(sender: type, instance: Model, **_: Any) -> None:
    _record_grant(instance, "withdrawn")


def _record_grant(row: Any, change: str) -> None:
    if not isinstance(row, GroupObjectPermissionBase | UserObjectPermissionBase):
        return
    grant: Any = row  # guardian's bases leave the field that names the object to their subclasses
    holder = ("role", str(grant.group_id)) if hasattr(grant, "group_id") else ("user", str(grant.user_id))
    _record(
        GRANT,
        _object_of(grant),
        {"change": change, "permission": grant.permission.codename},
        refs=[holder],
    )


def _object_of(grant: Any) -> tuple[str, str]:
    """What the right is on: most models have a table of their own for it, the others share one by content type."""
    if hasattr(grant, "object_pk"):
        return f"{grant.content_type.app_label}.{grant.content_type.model}", str(grant.object_pk)
    table: Any = type(grant)
    return table.content_object.field.related_model._meta.label_lower, str(grant.content_object_id)


def _role_given(sender: Any, instance: Model, action: str, pk_set: set[int] | None, reverse: bool, **_: Any) -> None:
    _record_link("role" if reverse else "user", "users" if reverse else "roles", instance, action, pk_set)


def _role_changed(sender: Any, instance: Model, action: str, pk_set: set[int] | None, reverse: bool, **_: Any) -> None:
    _record_link("permission" if reverse else "role", "roles" if reverse else "permissions", instance, action, pk_set)


def _record_link(kind: str, others: str, instance: Model, action: str, pk_set: set[int] | None) -> None:
    if action in _LINKS and (pk_set or action == "post_clear"):
        _record(ROLE, (kind, str(instance.pk)), {"change": _LINKS[action], others: sorted(pk_set or ())})


def _record(
    action: str,
    target: tuple[str, str],
    data: dict[str, Any],
    *,
    actor: Actor | None = None,
    refs: list[tuple[str, str]] | None = None,
) -> None:
    with log.transaction():
        log.record(action, target=target, actor=actor or _somebody(), data=data, refs=refs or [])


def _somebody() -> Actor:
    """Who acts; a shell or a command that says nothing is named as just that."""
    try:
        return current_actor()
    except NoActor:
        return Actor.system("command")
