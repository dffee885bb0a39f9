"""Caps per day, and what was counted under them."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.decorators import display

from agents.forms import VelocityCapForm
from agents.models import Tally, VelocityCap
from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.console.columns import money_column
from supportagent.staff.permissions import Permission


@admin.register(VelocityCap)
class VelocityCapAdmin(ConsoleModelAdmin):
    form = VelocityCapForm
    list_display = ["name", "max_count", "most", "enabled"]
    list_filter = ["scope", "enabled"]
    list_select_related = ["tool"]
    fields = ["scope", "tool", "max_count", "max_amount_minor", "currency", "enabled"]
    most = money_column("max_amount_minor", "currency", "money per day")

    @display(description="cap", ordering="scope")
    def name(self, cap: VelocityCap) -> str:
        return str(cap)


@admin.register(Tally)
class TallyAdmin(LedgerAdmin):
    """What was sent per day. It names customers of every team, so those read it who read the audit trail."""

    list_display = ["day", "scope", "key", "tool", "count", "amount"]
    list_filter = ["scope", "day"]
    list_select_related = ["tool"]
    search_fields = ["key"]
    ordering = ["-day", "-pk"]
    fields = readonly_fields = ["day", "scope", "key", "tool", "count", "amount"]
    amount = money_column("amount_minor", "currency", "money")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.VIEW_AUDITENTRY)
