"""Requests, decisions and questions, to look up."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from approvals.models import ApprovalDecision, ApprovalQuestion, ApprovalRequest
from supportagent.console.admin import LedgerAdmin
from supportagent.console.columns import NONE, json_column, link, state_column
from supportagent.staff.permissions import Permission
from supportagent.tickets.admin import OfVisibleTeams
from supportagent.tickets.rendering import escape_hidden


class DecisionInline(TabularInline):
    model = ApprovalDecision
    fields = readonly_fields = ["verdict", "decided_by", "reason_code", "note", "decided_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.VIEW_APPROVALREQUEST)

    @display(description="reason")
    def note(self, decision: ApprovalDecision) -> str:
        return escape_hidden(decision.reason) or NONE


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(OfVisibleTeams, LedgerAdmin):
    """Decisions are made in the console; its page of the request is linked."""

    team_path = "ticket__team_id"
    view_permission = Permission.VIEW_APPROVALREQUEST
    list_display = ["reference", "title", "state_shown", "care", "tool", "ticket", "created_at", "decided_at", "page"]
    list_filter = ["state", "tier", "tool", "ticket__team", "created_at"]
    list_select_related = ["tool", "ticket"]
    search_fields = ["ticket__number", "title", "subject"]
    date_hierarchy = "created_at"
    inlines = [DecisionInline]
    state_shown = state_column()
    arguments_shown = json_column("arguments", "arguments, as the model sent them")
    bound_shown = json_column("bound_arguments", "arguments, as they will be sent")
    facts_shown = json_column("facts")
    changed_shown = json_column("what_changed")

    def get_fields(self, request: HttpRequest, obj: ApprovalRequest | None = None) -> list[str | tuple[str, ...]]:
        fields: list[str | tuple[str, ...]] = [
            ("reference", "state_shown", "tier"),
            ("title", "page"),
            ("tool", "ticket", "requested_by_name"),
            ("rule_name", "rule_version"),
            ("created_at", "expires_at", "decided_at"),
        ]
        if request.user.has_perm(Permission.VIEW_PII):
            fields += ["arguments_shown", "bound_shown", "facts_shown", "words", "claim", "changed_shown"]
        return [*fields, "supersedes", ("digest", "definition_hash")]

    def get_readonly_fields(self, request: HttpRequest, obj: ApprovalRequest | None = None) -> list[str]:
        fields = self.get_fields(request, obj)
        return [name for line in fields for name in ([line] if isinstance(line, str) else line)]

    @display(description="tier", ordering="tier")
    def care(self, request: ApprovalRequest) -> str:
        return request.tier

    @display(description="reference", ordering="pk")
    def reference(self, request: ApprovalRequest) -> str:
        return request.reference

    @display(description="page")
    def page(self, request: ApprovalRequest) -> SafeString:
        return link(reverse("approvals:request", args=[request.pk]), "Open in the console")

    @display(description="customer's words")
    def words(self, request: ApprovalRequest) -> str:
        return escape_hidden(request.customer_words) or NONE

    @display(description="the model's claim")
    def claim(self, request: ApprovalRequest) -> str:
        return escape_hidden(request.stated_reason) or NONE


@admin.register(ApprovalDecision)
class ApprovalDecisionAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "request__ticket__team_id"
    view_permission = Permission.VIEW_APPROVALREQUEST
    list_display = ["decided_at", "verdict_shown", "reference", "title", "decided_by", "reason_code"]
    list_filter = ["verdict", "reason_code", "request__tool", "request__ticket__team", "decided_at"]
    list_select_related = ["request", "decided_by"]
    search_fields = ["request__ticket__number", "request__title", "decided_by__username"]
    date_hierarchy = "decided_at"
    fields = readonly_fields = [
        "reference",
        "title",
        "verdict_shown",
        "decided_by",
        "decided_at",
        "reason_code",
        "note",
        "told",
        "digest",
    ]

    @display(description="verdict", ordering="verdict", label={"approve": "success", "reject": "danger"})
    def verdict_shown(self, decision: ApprovalDecision) -> tuple[str, str]:
        return decision.verdict, decision.get_verdict_display()

    @display(description="request", ordering="request_id")
    def reference(self, decision: ApprovalDecision) -> SafeString:
        return link(reverse("approvals:request", args=[decision.request_id]), decision.request.reference)

    @display(description="what was asked")
    def title(self, decision: ApprovalDecision) -> str:
        return decision.request.title

    @display(description="reason")
    def note(self, decision: ApprovalDecision) -> str:
        return escape_hidden(decision.reason) or NONE

    @display(description="said to the customer")
    def told(self, decision: ApprovalDecision) -> str:
        return escape_hidden(decision.customer_text) or NONE


@admin.register(ApprovalQuestion)
class ApprovalQuestionAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "request__ticket__team_id"
    view_permission = Permission.VIEW_APPROVALREQUEST
    list_display = ["asked_at", "reference", "asked_by", "asked", "answered_by", "answered_at"]
    list_filter = ["request__tool", "request__ticket__team", "asked_at"]
    list_select_related = ["request", "asked_by", "answered_by"]
    search_fields = ["request__ticket__number", "request__title", "asked_by__username"]
    date_hierarchy = "asked_at"
    fields = readonly_fields = ["reference", "asked_by", "asked_at", "asked", "answered_by", "answered_at", "answered"]

    @display(description="request", ordering="request_id")
    def reference(self, question: ApprovalQuestion) -> SafeString:
        return link(reverse("approvals:request", args=[question.request_id]), question.request.reference)

    @display(description="question")
    def asked(self, question: ApprovalQuestion) -> str:
        return escape_hidden(question.question)

    @display(description="answer")
    def answered(self, question: ApprovalQuestion) -> str:
        return escape_hidden(question.answer) or NONE
