"""Hand-offs that happened, to look up: the page of a run shows them in their tree."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.models import HandOff
from supportagent.console.admin import LedgerAdmin
from supportagent.console.columns import json_column, link
from supportagent.staff.permissions import Permission
from supportagent.tickets.admin import OfVisibleTeams
from supportagent.tickets.rendering import escape_hidden


@admin.register(HandOff)
class HandOffAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "from_run__ticket__team_id"
    view_permission = Permission.VIEW_RUN
    list_display = ["created_at", "ticket", "source", "target", "page"]
    list_filter = ["from_run__agent", "to_run__agent", "created_at"]
    list_select_related = ["from_run__ticket", "from_run__agent", "to_run__agent"]
    search_fields = ["from_run__ticket__number"]
    date_hierarchy = "created_at"
    brief_shown = json_column("brief")

    def get_fields(self, request: HttpRequest, obj: HandOff | None = None) -> list[str]:
        """A summary may hold what a customer wrote."""
        fields = ["ticket", "source", "target", "page", "after_seq", "created_at"]
        words = ["reason_shown", "summary_shown", "brief_shown"]
        return [*fields, *words] if request.user.has_perm(Permission.VIEW_PII) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: HandOff | None = None) -> list[str]:
        return self.get_fields(request, obj)

    @display(description="ticket")
    def ticket(self, hand_off: HandOff) -> str:
        return hand_off.from_run.ticket.number

    @display(description="from")
    def source(self, hand_off: HandOff) -> str:
        return hand_off.from_run.actor_name

    @display(description="to")
    def target(self, hand_off: HandOff) -> str:
        return hand_off.to_run.actor_name

    @display(description="page")
    def page(self, hand_off: HandOff) -> SafeString:
        return link(reverse("agents:run", args=[hand_off.to_run_id]), "Open the run that went on")

    @display(description="reason")
    def reason_shown(self, hand_off: HandOff) -> str:
        return escape_hidden(hand_off.reason)

    @display(description="summary")
    def summary_shown(self, hand_off: HandOff) -> str:
        return escape_hidden(hand_off.summary)
