"""The rule book rises with every change of a rule, whichever way it comes, before the change and in its transaction.

Once the change is committed, what waits under the older rules is judged again: a few requests at once, the rest by the
scheduler.
"""

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.signals import m2m_changed, pre_delete, pre_save
from django.dispatch import receiver

from approvals.models import ApprovalPolicy, RuleBook
from approvals.requeue import requeue_outdated

_CHANGES = ("pre_add", "pre_remove", "pre_clear")
AT_ONCE = 20  # requests that whoever changes a rule waits for


@receiver(pre_save, sender=ApprovalPolicy)
def rise_with_save(raw: bool, **_: Any) -> None:
    """`ApprovalPolicy.save` lets it rise by itself; a fixture is written past that."""
    if raw:
        RuleBook.rise()
    _judge_waiting_again()


@receiver(pre_delete, sender=ApprovalPolicy)
def rise_with_deletion(**_: Any) -> None:
    """Also when a whole queryset is deleted, or the tool of the rule."""
    RuleBook.rise()
    _judge_waiting_again()


@receiver(m2m_changed, sender=ApprovalPolicy.approvers.through)
def rise_with_approvers(instance: ApprovalPolicy, action: str, pk_set: set[int] | None, **_: Any) -> None:
    """Who decides is part of the rule: other approvers make a new version of it."""
    if action in _CHANGES and (pk_set or action == "pre_clear"):
        instance.note_new_approvers()
        _judge_waiting_again()


@receiver(pre_save, sender=Group)
def rise_with_role(instance: Group, **_: Any) -> None:
    """Rules know their approvers by the name of the role, which may be another one now."""
    if instance.pk and ApprovalPolicy.objects.filter(approvers=instance.pk).exists():
        RuleBook.rise()
        _judge_waiting_again()


@receiver(pre_delete, sender=Group)
def keep_named_role(instance: Group, **_: Any) -> None:
    """A rule whose only approvers are gone would let every role decide, which nobody asked for."""
    rule = ApprovalPolicy.objects.filter(approvers=instance.pk).first()
    if rule is not None:
        raise PermissionDenied(f"The rule “{rule}” names this role as its approver. Name another there first.")


def _judge_waiting_again() -> None:
    # robust: the change itself is done, and the scheduler tries again what fails here.
    transaction.on_commit(lambda: requeue_outdated(limit=AT_ONCE), robust=True)
