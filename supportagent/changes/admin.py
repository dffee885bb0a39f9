"""Proposed changes in the admin: what waits, before and after side by side, and the second admin's decision."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from agents import comparisons
from agents.models import Agent, Comparison
from supportagent.changes import services
from supportagent.changes.access import deciders, may_decide, may_see
from supportagent.changes.difference import Difference
from supportagent.changes.errors import ChangeError
from supportagent.changes.models import ProposedChange
from supportagent.changes.pages import shown
from supportagent.console.admin import LedgerAdmin
from supportagent.console.columns import state_column
from supportagent.console.gate import ungated

DONE = {
    "put-in-force": "{} is in force.",
    "decline": "{} is declined.",
    "withdraw": "{} is withdrawn.",
}


@admin.register(ProposedChange)
class ProposedChangeAdmin(LedgerAdmin):
    list_display = ["reference", "title", "state_shown", "proposed_by", "proposed_at", "decided_by"]
    list_display_links = ["reference", "title"]
    list_filter = ["state", "model", "proposed_at"]
    list_select_related = ["proposed_by", "decided_by"]
    search_fields = ["title", "reason"]
    date_hierarchy = "proposed_at"
    state_shown = state_column()

    def get_urls(self) -> list[URLPattern]:
        """The decisions are POSTs of their own. They judge themselves, so they pass the gate."""
        verbs = [
            path(f"<int:pk>/{verb}/", self.admin_site.admin_view(ungated(view)), name=f"changes_proposedchange_{name}")
            for verb, name, view in (
                ("put-in-force", "put_in_force", _verb(self, "put-in-force")),
                ("decline", "decline", _verb(self, "decline")),
                ("withdraw", "withdraw", _verb(self, "withdraw")),
            )
        ]
        return [*verbs, *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_see(request.user)  # type: ignore[arg-type]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProposedChange]:
        return super().get_queryset(request).select_related("proposed_by", "decided_by")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A page of our own for an existing change; everything else is what a ledger answers."""
        change = self.get_object(request, object_id or "") if request.method == "GET" else None
        if change is None or not self.has_view_permission(request, change):
            return super().changeform_view(request, object_id, form_url, extra_context)
        return self._page(request, change)

    def decide(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """One click of an admin. Answers 403, 409 or 422 with the page and what stands against it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        change = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, change):
            raise PermissionDenied
        by: Any = request.user
        digest, reason = request.POST.get("digest", ""), request.POST.get("reason", "")
        try:
            if verb == "withdraw":
                services.withdraw(change=change, by=by)
            elif verb == "decline":
                services.decline(change=change, by=by, shown_digest=digest, reason=reason)
            else:
                services.put_in_force(change=change, by=by, shown_digest=digest, reason=reason)
        except ChangeError as error:
            change.refresh_from_db()
            return self._page(request, change, error)
        messages.success(request, DONE[verb].format(change))
        return HttpResponseRedirect(reverse("admin:changes_proposedchange_change", args=[pk]))

    def _page(self, request: HttpRequest, change: ProposedChange, error: ChangeError | None = None) -> HttpResponse:
        by: Any = request.user
        moved = services.moved_since(change) if change.is_open else Difference.parse(change.moved or "[]").rows
        right = may_decide(by, change)
        context = {
            **self.admin_site.each_context(request),
            "title": change.title,
            "subtitle": change.reference,
            "opts": self.model._meta,
            "change": change,
            "rows": [shown(row) for row in Difference.parse(change.rows).changed()],
            "moved": [shown(row) for row in moved],
            "retold": _retold(change),
            "error": error,
            "right": right,
            "is_own": by.pk == change.proposed_by_id,
            "deciders": list(deciders(change)[:20]) if change.is_open else [],
        }
        return render(request, "changes/change.html", context, status=error.status if error else 200)

    @display(description="change", ordering="pk")
    def reference(self, change: ProposedChange) -> str:
        return change.reference


def _retold(change: ProposedChange) -> list[tuple[str, Comparison | None]]:
    """The agents that the change tells something else, each with what the scenarios last said of exactly that."""
    found = []
    for row in Difference.parse(change.rows).changed():
        before, after = row.before, row.after
        if row.model != Agent._meta.label_lower or before is None or after is None:
            continue
        if any(before[name] != after[name] for name in comparisons.TOLD):
            found.append((before["slug"], comparisons.last(before["slug"], before, after)))
    return found


def _verb(model_admin: ProposedChangeAdmin, verb: str) -> Any:
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        return model_admin.decide(request, pk, verb)

    return view
