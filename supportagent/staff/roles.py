"""Which role may do what. Agents hold the same roles through their service accounts, so the same limits bind them.

The roles of this file belong to the code: `sync_roles` makes the database equal to it. Roles that an installation
adds are never touched, not even when a later version brings a role of the same name.
"""

import itertools

from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as PermissionRow
from django.db import models, transaction
from guardian.models import GroupObjectPermissionBase

from supportagent.staff.models import BuiltInRole
from supportagent.staff.permissions import Permission as P

_TICKET_WORK = (
    P.VIEW_ARTICLE,
    P.VIEW_PII,
    P.ADD_NOTE,
    P.CATEGORISE_TICKET,
    P.CREATE_TICKET,
    P.DRAFT_REPLY,
    P.ESCALATE_TICKET,
    P.NOTIFY_TEAM,
    P.REPLY_TICKET,
    P.TAKE_OVER_TICKET,
    P.VIEW_TICKET,
)
_REP = (*_TICKET_WORK, P.VIEW_ACCOUNT, P.VIEW_ORDER)

ROLES: dict[str, tuple[P, ...]] = {
    # Of an agent that sorts requests and drafts answers: it looks up and hands over, and holds no ticket itself.
    "Front desk": (
        P.VIEW_ARTICLE,
        P.VIEW_PII,
        P.ADD_NOTE,
        P.CATEGORISE_TICKET,
        P.DRAFT_REPLY,
        P.ESCALATE_TICKET,
        P.REPLY_TICKET,
        P.VIEW_TICKET,
        P.VIEW_ACCOUNT,
        P.VIEW_ORDER,
    ),
    "Support rep": _REP,
    "Orders specialist": (*_REP, P.CANCEL_ORDER, P.CHANGE_ACCOUNT),
    "Billing specialist": (
        *_REP,
        P.CANCEL_ORDER,
        P.CHANGE_ACCOUNT,
        P.CHANGE_BILLING,
        P.REFUND_ORDER,
        P.VIEW_INVOICE,
        P.VIEW_PAYMENT,
    ),
    # An order or an account shows amounts, so a technical specialist reads neither.
    "Technical specialist": (*_TICKET_WORK, P.FILE_ISSUE, P.VIEW_SERVICELOG),
    "Supervisor": (
        *_REP,
        P.ADD_LABEL,
        P.DECIDE_APPROVALREQUEST,
        P.EXPLAIN_ACCESS,
        P.PAUSE_AGENT,
        P.RESOLVE_OUTCOME,
        P.SETTLE_GAP,
        P.VIEW_APPROVALREQUEST,
        P.VIEW_DASHBOARD,
        P.VIEW_PROPOSEDCHANGE,
        P.VIEW_RUN,
    ),
    "Finance lead": (
        P.DECIDE_APPROVALREQUEST,
        P.RESOLVE_OUTCOME,
        P.VIEW_ACCOUNT,
        P.VIEW_APPROVALREQUEST,
        P.VIEW_DASHBOARD,
        P.VIEW_INVOICE,
        P.VIEW_ORDER,
        P.VIEW_PAYMENT,
        P.VIEW_PII,
        P.VIEW_TICKET,
    ),
    "Ops admin": (
        P.DECIDE_CHANGE,
        P.EXPLAIN_ACCESS,
        P.PAUSE_AGENT,
        P.RESEND_DELIVERY,
        P.VIEW_DASHBOARD,
        P.VIEW_PROPOSEDCHANGE,
        P.VIEW_RUN,
        P.VIEW_TEAM,
    ),
    # An auditor sees every team, and changes nothing anywhere.
    "Auditor": (
        P.EXPLAIN_ACCESS,
        P.EXPORT_AUDITENTRY,
        P.VIEW_APPROVALREQUEST,
        P.VIEW_AUDITENTRY,
        P.VIEW_PROPOSEDCHANGE,
        P.VIEW_RUN,
        P.VIEW_TEAM,
        P.VIEW_TICKET,
    ),
}

# Configuration that a role manages in the admin, as "app_label.model": add, change, delete and view.
MANAGED_MODELS: dict[str, tuple[str, ...]] = {
    "Ops admin": (
        "agents.agent",
        "agents.agentgroupgrant",
        "agents.agentusergrant",
        "agents.budget",
        "agents.categoryautonomy",
        "agents.handoffroute",
        "agents.infrastructurecost",
        "agents.price",
        "agents.velocitycap",
        "approvals.approvalpolicy",
        "approvals.webhookendpoint",
        "auth.group",
        "staff.team",
        "staff.teamgroupgrant",
        "staff.teamusergrant",
        "staff.user",
        "tickets.skill",
        "tools.mcpserver",
        "tools.tool",
        "tools.toolgrant",
        "tools.toolusergrant",
    ),
}


class MissingPermissions(LookupError):
    """A role names permissions that the database does not have: a model does not declare them."""


class NameTaken(LookupError):
    """A role of the installation's own has the name of one that the code brings."""


def wanted_permissions(role: str) -> set[str]:
    """Every permission of the role as "app_label.codename", managed configuration included."""
    names = {str(permission) for permission in ROLES[role]}
    for label in MANAGED_MODELS.get(role, ()):
        app_label, _, model = label.partition(".")
        names |= {f"{app_label}.{verb}_{model}" for verb in ("add", "change", "delete", "view")}
    return names


def sync_roles() -> dict[str, int]:
    """Make the roles in the database equal to ROLES; returns permissions per role. Safe to repeat.

    Raises MissingPermissions when a model does not declare what a role names, and NameTaken when a role that somebody
    made in the admin has the name of a built-in one. Nothing is changed then.
    """
    known = _known_permissions()
    wanted = {role: wanted_permissions(role) for role in ROLES}
    missing = sorted(set().union(*wanted.values()) - known.keys())
    if missing:
        raise MissingPermissions(f"No model declares: {', '.join(missing)}. Run `migrate` first.")
    with transaction.atomic():
        if taken := sorted(Group.objects.filter(name__in=ROLES, built_in=None).values_list("name", flat=True)):
            raise NameTaken(
                f"Roles of your own have the names of built-in ones: {', '.join(taken)}. "
                "Rename them in the admin and run `sync_roles` again; nothing was changed."
            )
        for role, names in wanted.items():
            group, new = Group.objects.get_or_create(name=role)
            if new:
                BuiltInRole.objects.create(group=group)
            group.permissions.set([known[name] for name in names])
        # What the code no longer brings is the installation's own from now on, to keep or to delete.
        BuiltInRole.objects.exclude(group__name__in=ROLES).delete()
    return {role: len(names) for role, names in wanted.items()}


@transaction.atomic
def copy_role(role: Group) -> Group:
    """A role of the installation's own with the permissions of `role` and its grants on tools, teams and agents."""
    taken = set(Group.objects.filter(name__startswith=f"{role.name} (copy").values_list("name", flat=True))
    names = (f"{role.name} (copy{f' {number}' if number > 1 else ''})" for number in itertools.count(1))
    copy = Group.objects.create(name=next(name for name in names if name not in taken))
    copy.permissions.set(role.permissions.all())
    for table in apps.get_models():
        if issubclass(table, GroupObjectPermissionBase):
            for grant in table._default_manager.filter(group=role):
                grant.pk, grant.group, grant._state.adding = None, copy, True
                grant.save()
    return copy


def _known_permissions() -> dict[str, int]:
    rows = PermissionRow.objects.values_list("content_type__app_label", "codename", "pk")
    return {f"{app_label}.{codename}": pk for app_label, codename, pk in rows}


def declared_permissions() -> set[str]:
    """Every permission that the installed models declare, without asking the database."""
    return {f"{model._meta.app_label}.{codename}" for model in apps.get_models() for codename in _codenames(model)}


def _codenames(model: type[models.Model]) -> set[str]:
    options = model._meta
    return {f"{verb}_{options.model_name}" for verb in options.default_permissions} | {
        codename for codename, _ in options.permissions
    }
