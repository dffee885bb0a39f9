"""The rule book rises with every change of a rule, whichever way it comes, before the change and in its transaction."""

from typing import Any

from django.contrib.auth.models import Group
from django.db.models.signals import m2m_changed, pre_delete, pre_save
from django.dispatch import receiver

from approvals.models import ApprovalPolicy, RuleBook

_CHANGES = ("pre_add", "pre_remove", "pre_clear")


@receiver(pre_save, sender=ApprovalPolicy)
def rise_with_fixture(raw: bool, **_: Any) -> None:
    """A fixture is written past `ApprovalPolicy.save`."""
    if raw:
        RuleBook.rise()


@receiver(pre_delete, sender=ApprovalPolicy)
def rise_with_deletion(**_: Any) -> None:
    """Also when a whole queryset is deleted, or the tool of the rule."""
    RuleBook.rise()


@receiver(m2m_changed, sender=ApprovalPolicy.approvers.through)
def rise_with_approvers(
    instance: ApprovalPolicy | Group, action: str, reverse: bool, pk_set: set[int] | None, **_: Any
) -> None:
    """Who decides is part of the rule: other approvers make a new version of it."""
    if action not in _CHANGES or (action != "pre_clear" and not pk_set):
        return
    if reverse:
        raise TypeError("Set the approvers of each rule, so that its version and its history follow.")
    assert isinstance(instance, ApprovalPolicy)  # noqa: S101 - the other side was refused above
    instance.note_new_approvers()


@receiver(pre_save, sender=Group)
@receiver(pre_delete, sender=Group)
def rise_with_role(instance: Group, **_: Any) -> None:
    """Rules know their approvers by the name of the role: a new name, or a role that is gone, changes them."""
    if instance.pk and ApprovalPolicy.objects.filter(approvers=instance.pk).exists():
        RuleBook.rise()
