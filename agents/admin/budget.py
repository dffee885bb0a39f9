"""Caps and what was spent under them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.admin.bars import bar
from agents.forms import BudgetForm
from agents.models import Budget, Spend
from agents.spending import amount, use_of
from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.console.columns import link, micros_column, state_column
from supportagent.staff.permissions import Permission
from supportagent.tickets.admin import OfVisibleTeams


@admin.register(Budget)
class BudgetAdmin(ConsoleModelAdmin):
    form = BudgetForm
    list_display = ["name", "period", "used", "left"]
    list_filter = ["scope", "period"]
    search_fields = ["subject"]
    actions = None

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        reason = ["change_reason"] if obj and self.has_change_permission(request, obj) else []
        used = ["used", "left"] if obj else []
        return [(None, {"fields": [("scope", "subject", "period"), ("cap", "warn_at"), *used, *reason]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Budget | None = None) -> list[str]:
        """What a budget is for stays: its counters belong to it."""
        return ["scope", "subject", "period", "used", "left"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Budget | None = None) -> bool:
        """Not while calls are in flight: they settle their reservation in this row."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.reserved == 0)

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool) -> None:
        """Race: model calls move the counters while the form is open. Of a budget that exists, only what an
        admin sets is written.
        """
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj._change_reason = form.cleaned_data.get("change_reason", "")  # type: ignore[attr-defined]
        obj.save(update_fields=["cap", "warn_at"])

    @display(description="budget", ordering="scope")
    def name(self, budget: Budget) -> str:
        return f"{budget.get_scope_display()} {budget.subject}".strip()

    @display(description="spent and reserved of the cap")
    def used(self, budget: Budget) -> SafeString:
        return bar(budget)

    @display(description="left")
    def left(self, budget: Budget) -> str:
        return amount(use_of(budget).left)


@admin.register(Spend)
class SpendAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "run__ticket__team_id"
    view_permission = Permission.VIEW_RUN
    list_display = ["created_at", "run_shown", "turn", "state_shown", "reserved_shown", "charged_shown", "price_id"]
    list_filter = ["state", "run__agent", "created_at"]
    list_select_related = ["run"]
    search_fields = ["run__ticket__number"]
    date_hierarchy = "created_at"
    fields = readonly_fields = [
        "run_shown",
        "turn",
        "state_shown",
        "reserved_shown",
        "charged_shown",
        "price_id",
        "note",
        "created_at",
        "expires_at",
    ]
    state_shown = state_column()
    reserved_shown = micros_column("reserved", "reserved")
    charged_shown = micros_column("charged", "charged")

    @display(description="run")
    def run_shown(self, spend: Spend) -> SafeString:
        return link(reverse("agents:run", args=[spend.run_id]), spend.run)
