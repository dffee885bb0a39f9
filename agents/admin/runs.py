"""Runs and their timelines, to look up: the page of a run in the console explains them."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.models import Run, RunEvent
from supportagent.console.admin import LedgerAdmin
from supportagent.console.columns import json_column, link, micros_column, state_column
from supportagent.staff.permissions import Permission
from supportagent.tickets.admin import OfVisibleTeams
from supportagent.tickets.rendering import escape_hidden


@admin.register(Run)
class RunAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "ticket__team_id"
    view_permission = Permission.VIEW_RUN
    list_display = [
        "short",
        "ticket",
        "agent",
        "caller",
        "state_shown",
        "ended_because",
        "turns",
        "cost",
        "created_at",
        "page",
    ]
    list_filter = ["state", "agent", "ticket__team", "created_at"]
    list_select_related = ["ticket", "agent", "caller"]
    search_fields = ["ticket__number", "customer"]
    date_hierarchy = "created_at"
    fieldsets = [
        (
            None,
            {"fields": [("short", "page"), ("ticket", "agent"), ("caller", "via"), ("state_shown", "ended_because")]},
        ),
        ("Work", {"fields": [("turns", "worked_ms"), ("input_tokens", "output_tokens", "cost"), "fallback_model"]}),
        (
            "Under the hood",
            {
                "fields": [
                    ("fence", "wanted", "crashes"),
                    ("lease_until", "enqueued_at", "finished_at"),
                    ("customer", "assurance"),
                    "in_force",
                ]
            },
        ),
    ]
    readonly_fields = ["short", "page", "state_shown", "cost", "in_force"]
    state_shown = state_column()
    cost = micros_column("cost_micros", "cost")
    in_force = json_column("configuration", "configuration in force (history ids)")

    @display(description="run", ordering="pk")
    def short(self, run: Run) -> str:
        return str(run.pk)[:8]

    @display(description="page")
    def page(self, run: Run) -> SafeString:
        return link(reverse("agents:run", args=[run.pk]), "Open the timeline")


@admin.register(RunEvent)
class RunEventAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "run__ticket__team_id"
    view_permission = Permission.VIEW_RUN
    list_display = ["at", "run_shown", "seq", "kind", "words"]
    list_filter = ["kind", "run__agent", "at"]
    list_select_related = ["run"]
    search_fields = ["run__ticket__number", "title"]
    date_hierarchy = "at"
    body_shown = json_column("body", "details")

    def get_fields(self, request: HttpRequest, obj: RunEvent | None = None) -> list[str]:
        """Details may hold what a customer wrote."""
        fields = ["run_shown", "seq", "kind", "words", "at"]
        return [*fields, "body_shown"] if request.user.has_perm(Permission.VIEW_PII) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: RunEvent | None = None) -> list[str]:
        return self.get_fields(request, obj)

    @display(description="run")
    def run_shown(self, event: RunEvent) -> SafeString:
        return link(f"{reverse('agents:run', args=[event.run_id])}#s{event.seq}", event.run)

    @display(description="title")
    def words(self, event: RunEvent) -> str:
        return escape_hidden(event.title)
