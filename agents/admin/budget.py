"""Caps and what was spent under them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.admin.bars import bar
from agents.admin.priced import price_in_words
from agents.costs.spending import amount, use_of
from agents.forms import BudgetForm
from agents.models import Agent, Budget, Spend
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


class AgentFilter(admin.SimpleListFilter):
    """By the agent's slug in the row itself: the names come from the few agents, not from the many rows."""

    title = "agent"
    parameter_name = "agent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Agent.objects.values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Spend]) -> QuerySet[Spend]:
        return queryset.filter(agent=self.value()) if self.value() else queryset


@admin.register(Spend)
class SpendAdmin(OfVisibleTeams, LedgerAdmin):
    """The ledger of what models and priced tools cost: one row per attempt."""

    team_path = "run__ticket__team_id"
    view_permission = Permission.VIEW_RUN
    list_display = [
        "created_at",
        "run_shown",
        "turn",
        "agent",
        "model",
        "state_shown",
        "tokens",
        "reserved_shown",
        "charged_shown",
    ]
    list_filter = [AgentFilter, "kind", "model", "state", "category", "created_at"]
    list_select_related = ["run"]
    search_fields = ["ticket", "request_id"]
    date_hierarchy = "created_at"
    facts = (
        "kind",
        "call",
        "run_shown",
        "turn",
        "ticket",
        "agent",
        "category",
        "channel",
        "provider",
        "model",
        "request_id",
        "state_shown",
        "tokens",
        "cached_tokens",
        "reasoning_tokens",
        "reserved_shown",
        "charged_shown",
        "price_id",
        "price_in_words",
        "note",
        "created_at",
        "expires_at",
    )
    state_shown = state_column()
    reserved_shown = micros_column("reserved", "reserved")
    charged_shown = micros_column("charged", "charged")
    price_in_words = price_in_words

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*self.facts, *(["customer"] if request.user.has_perm(Permission.VIEW_PII) else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.get_fields(request, obj)

    @display(description="run")
    def run_shown(self, spend: Spend) -> SafeString:
        return link(reverse("agents:run", args=[spend.run_id]), spend.run)

    @display(description="tokens in → out", ordering="input_tokens")
    def tokens(self, spend: Spend) -> str:
        return f"{spend.input_tokens:,} → {spend.output_tokens:,}"
