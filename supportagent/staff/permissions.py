"""Every permission of the product, in one sorted list, and the questions that are asked about them: may he, and why.

A permission that is not in the list cannot be asked for: `require` refuses an unknown name as a mistake in
the code. The models declare the same names in their `Meta.permissions`; a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.contrib.auth import models as auth
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from supportagent.prepared import first, prepared
from supportagent.staff.explanation import Explanation, allowed, nobody_of, refused


class Permission(StrEnum):
    """`app_label.codename`, with what it allows in words ("You may not <label>")."""

    label: str

    def __new__(cls, value: str, label: str) -> Permission:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    @property
    def app_label(self) -> str:
        return self.value.partition(".")[0]

    @property
    def codename(self) -> str:
        return self.value.partition(".")[2]

    PAUSE_AGENT = "agents.pause_agent", "pause an agent"
    RESOLVE_OUTCOME = "agents.resolve_outcome", "settle unknown outcomes"
    VIEW_RUN = "agents.view_run", "view runs"
    DECIDE_APPROVALREQUEST = "approvals.decide_approvalrequest", "decide approval requests"
    RESEND_DELIVERY = "approvals.resend_delivery", "send notifications again"
    VIEW_APPROVALREQUEST = "approvals.view_approvalrequest", "view approval requests"
    EXPORT_AUDITENTRY = "audit.export_auditentry", "export the audit trail"
    VIEW_AUDITENTRY = "audit.view_auditentry", "view the audit trail"
    DECIDE_CHANGE = "changes.decide_change", "put proposed changes in force"
    VIEW_PROPOSEDCHANGE = "changes.view_proposedchange", "see proposed changes of the rules"
    FILE_ISSUE = "engineering.file_issue", "file an engineering issue"
    VIEW_SERVICELOG = "engineering.view_servicelog", "read service logs"
    SETTLE_GAP = "knowledge.settle_gap", "settle knowledge gaps"
    VIEW_ARTICLE = "knowledge.view_article", "read knowledge articles"
    ADD_LABEL = "quality.add_label", "label agents' work"
    DECIDE_FOR_TEAM = "staff.decide_for_team", "decide for a team"
    EXPLAIN_ACCESS = "staff.explain_access", "ask why somebody may or may not do something"
    VIEW_DASHBOARD = "staff.view_dashboard", "see the dashboard"
    VIEW_PII = "staff.view_pii", "see customers' personal data"
    VIEW_TEAM = "staff.view_team", "see a team"
    CANCEL_ORDER = "store.cancel_order", "cancel an order"
    CHANGE_ACCOUNT = "store.change_account", "change a customer's account"
    CHANGE_BILLING = "store.change_billing", "change billing details"
    REFUND_ORDER = "store.refund_order", "refund an order"
    VIEW_ACCOUNT = "store.view_account", "view customer accounts"
    VIEW_INVOICE = "store.view_invoice", "view invoices"
    VIEW_ORDER = "store.view_order", "view orders"
    VIEW_PAYMENT = "store.view_payment", "view payments"
    ADD_NOTE = "tickets.add_note", "add internal notes"
    CATEGORISE_TICKET = "tickets.categorise_ticket", "categorise a ticket"
    CREATE_TICKET = "tickets.create_ticket", "open a ticket"
    DRAFT_REPLY = "tickets.draft_reply", "draft a reply"
    ESCALATE_TICKET = "tickets.escalate_ticket", "hand a ticket over to a person"
    NOTIFY_TEAM = "tickets.notify_team", "notify a team"
    REPLY_TICKET = "tickets.reply_ticket", "reply to a customer"
    TAKE_OVER_TICKET = "tickets.take_over_ticket", "take over a ticket"
    VIEW_TICKET = "tickets.view_ticket", "view tickets"
    APPROVE_TOOL = "tools.approve_tool", "approve calls of a tool"
    USE_TOOL = "tools.use_tool", "use a tool"


_REMEMBERED = "_remembered_permissions"
_NOTHING = ""


def held_by(user: Any, permission: Permission) -> QuerySet[auth.Permission]:
    """The permission's row, if `user` holds it directly or by a role: for `exists()` or as a subquery.

    Whether the account is active is asked of the row: a worker may have loaded `user` when it began.
    """
    return held_by_account(user.pk, permission)


def held_by_account(user_id: int, permission: Permission) -> QuerySet[auth.Permission]:
    """`held_by` of an account's key."""
    return _held(user_id, permission.app_label, permission.codename)


def _held(user_id: int, app_label: str, codename: str) -> QuerySet[auth.Permission]:
    return auth.Permission.objects.filter(
        Q(user=user_id, user__is_active=True) | Q(group__user=user_id, group__user__is_active=True),
        content_type__app_label=app_label,
        codename=codename,
    )


def has(user: Any, permission: str, *, strict: bool = False) -> bool:
    """May `user` do this? At most one query, never cached: a role that was taken away counts at once. (Only a read
    in the middle of its answer asks an account whose rights were remembered when it was admitted.)

    Inactive and anonymous users may do nothing. `strict` ignores the superuser flag: use it where being an
    administrator must not be enough (deciding, moving money). Raises ValueError for an unknown permission.
    """
    return _source(user, _wanted(permission), strict=strict) != _NOTHING


def explain(user: Any, permission: str, *, strict: bool = False) -> Explanation:
    """`has` with its reason: what gives the right, or who lacks it. A refusal costs one query more."""
    wanted = _wanted(permission)
    source = _source(user, wanted, strict=strict)
    if source != _NOTHING:
        return allowed(f"{source} may {wanted.label}")
    if not user.is_active:
        return refused("the account is not active")
    roles = auth.Group.objects.filter(user=user.pk).order_by("name").values_list("name", flat=True)
    alone = "; being a superuser alone is not enough" if user.is_superuser else ""
    return refused(f"{nobody_of(roles)} may {wanted.label} ({wanted}){alone}")


def remember(user: Any) -> None:
    """Read all rights of this very object once, for one read that asks about field after field. Never for a write."""
    user.__dict__[_REMEMBERED] = frozenset(".".join(row) for row in _all_held(user.pk))


def require(user: Any, permission: str, *, strict: bool = False) -> None:
    """Raise PermissionDenied, naming what `user` may not do and why, unless `has` says yes."""
    if not has(user, permission, strict=strict):
        because = explain(user, permission, strict=strict).because
        raise PermissionDenied(f"You may not {_wanted(permission).label}: {because}.")


def _wanted(permission: str) -> Permission:
    return Permission(permission)  # type: ignore[call-arg]  # the enum's __new__ confuses the value look-up


def _source(user: Any, wanted: Permission, *, strict: bool) -> str:
    """What gives `user` the right, in words, `_NOTHING` where nothing does. At most one query."""
    if not user.is_active:
        return _NOTHING
    if user.is_superuser and not strict:
        return "a superuser"
    remembered: frozenset[str] | None = user.__dict__.get(_REMEMBERED)
    if remembered is not None:
        return "the account, by itself or by a role," if wanted in remembered else _NOTHING
    row = first(_sources(user.pk, wanted.app_label, wanted.codename))
    return _NOTHING if row is None else "the account itself" if row[0] == user.pk else f"the role {row[1]}"


@prepared
def _sources(user_id: int, app_label: str, codename: str) -> QuerySet[auth.Permission, tuple[int | None, str]]:
    held = _held(user_id, app_label, codename).order_by()
    return held.values_list("user", "group__name")[:1]


@prepared
def _all_held(user_id: int) -> QuerySet[auth.Permission, tuple[str, str]]:
    rows = auth.Permission.objects.filter(Q(user=user_id) | Q(group__user=user_id)).order_by()
    return rows.values_list("content_type__app_label", "codename")
