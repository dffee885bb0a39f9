"""Receipts in the admin: the proof of what a built-in server did under which key."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.decorators import display

from supportagent.console.admin import LedgerAdmin
from supportagent.console.columns import json_column
from supportagent.grants.models import Receipt
from supportagent.staff.permissions import Permission


@admin.register(Receipt)
class ReceiptAdmin(LedgerAdmin):
    """A receipt belongs to no team, so those read it who read the audit trail."""

    list_display = ["key", "server", "tool", "kind", "created_at"]
    list_filter = ["void", "server", "created_at"]
    search_fields = ["key__startswith"]
    search_help_text = "The id of the tool call"
    ordering = ["-pk"]
    result_shown = json_column("result", "result")

    def get_fields(self, request: HttpRequest, obj: Receipt | None = None) -> list[str]:
        fields = ["key", "server", "tool", "kind", "arguments_digest", "created_at"]
        return [*fields, "result_shown"] if request.user.has_perm(Permission.VIEW_PII) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Receipt | None = None) -> list[str]:
        return self.get_fields(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.VIEW_AUDITENTRY)

    @display(description="kind", ordering="void", label={"done": "success", "closed": "warning"})
    def kind(self, receipt: Receipt) -> tuple[str, str]:
        return ("closed", "Closed without effect") if receipt.void else ("done", "Done")
