"""The log in the admin: to read and search, for superusers too."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit import actions
from audit.models import AuditEntry, AuditEntryQuerySet
from supportagent.console.admin import LedgerAdmin


class ActionFilter(admin.SimpleListFilter):
    """The registered vocabulary, so that the list costs no query over all entries."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(action.name, action.name) for action in actions.registered()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class ActorTypeFilter(admin.SimpleListFilter):
    """Who acted, by kind."""

    title = _("actor")
    parameter_name = "actor_type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        kinds = {"user": _("Person"), "agent": _("Agent"), "customer": _("Customer"), "system": _("System")}
        return [(kind, str(label)) for kind, label in kinds.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(actor_type=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(LedgerAdmin):
    list_display = ["seq", "at", "action", "actor", "target", "ticket", "outcome"]
    list_filter = [ActionFilter, ActorTypeFilter, "at"]
    fields = [
        "seq", "at", "action", "meaning", "actor", "target", "ticket", "run", "outcome",
        "content", "link", "erasure",
    ]  # fmt: skip
    readonly_fields = fields
    search_fields = ["seq"]  # shows the search box; get_search_results does the searching
    search_help_text = _("A target, ticket, run or actor: its id, or type:id such as order:ORD-1042")
    ordering = ["-seq"]

    def get_search_results(
        self, request: HttpRequest, queryset: AuditEntryQuerySet, search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Every term must match, by exact id: that has an index, a part of an id has none."""
        for term in search_term.split():
            kind, separator, identity = term.partition(":")
            queryset = queryset.about(kind, identity) if separator else queryset.matching(term)
        return queryset, False

    @admin.display(description=_("actor"))
    def actor(self, entry: AuditEntry) -> str:
        return f"{entry.actor_type}:{entry.actor_id}"

    @admin.display(description=_("target"))
    def target(self, entry: AuditEntry) -> str:
        return f"{entry.target_type}:{entry.target_id}"

    @admin.display(description=_("meaning"))
    def meaning(self, entry: AuditEntry) -> str:
        return self._action(entry).description

    @admin.display(description=_("how personal data is erased"))
    def erasure(self, entry: AuditEntry) -> str:
        return self._action(entry).erasure

    @admin.display(description=_("content"))
    def content(self, entry: AuditEntry) -> SafeString:
        leaf = json.loads(bytes(entry.leaf))
        return format_html("<pre>{}</pre>", json.dumps(leaf, indent=2, ensure_ascii=False))

    @admin.display(description=_("link"))
    def link(self, entry: AuditEntry) -> SafeString:
        return format_html("<pre>prev {}\nhash {}</pre>", bytes(entry.prev).hex(), bytes(entry.hash).hex())

    def _action(self, entry: AuditEntry) -> actions.Action:
        """An entry outlives the vocabulary of the release that wrote it."""
        try:
            return actions.get(entry.action)
        except actions.UnknownAction:
            return actions.Action(entry.action, str(_("Not an action of this release")), actions.BY_SUBJECT_KEY)
