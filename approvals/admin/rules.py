"""Approval rules: what somebody writes, and what it says in words."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from approvals.admin.pages import RulePages
from approvals.forms import ApprovalPolicyForm
from approvals.models import ApprovalPolicy, RuleBook
from approvals.wording import EVERY_TOOL, conditions_in_words, rule_in_words
from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.console.columns import NONE, link

OUTCOMES = {"allow": "success", "deny": "danger", "approve": "warning"}


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(RulePages, ConsoleModelAdmin):
    """The first enabled rule, from the top, whose conditions all hold decides."""

    form = ApprovalPolicyForm
    list_display = ["order", "name", "tool_shown", "when", "outcome_shown", "care", "enabled"]
    list_display_links = ["name"]
    list_filter = ["outcome", "tier", "enabled", "tool"]
    list_select_related = ["tool"]
    search_fields = ["name", "tool__qualified_name"]
    readonly_fields = ["says", "version"]
    fieldsets = [
        (None, {"fields": [("name", "order"), "enabled", "says"]}),
        ("When", {"fields": ["tool", "conditions"]}),
        ("Then", {"fields": [("outcome", "tier"), "approvers"]}),
        ("Time", {"fields": ["respond_within", "expires_after", "undo_seconds", "version"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalPolicy]:
        return super().get_queryset(request).prefetch_related("approvers")

    @display(description="in words")
    def says(self, rule: ApprovalPolicy) -> str | SafeString:
        if not rule.pk:
            return NONE
        sentence = rule_in_words(rule, [role.name for role in rule.approvers.all()])
        bench = reverse("admin:approvals_approvalpolicy_bench_page")
        return format_html("{} {}", sentence, link(f"{bench}?rule={rule.pk}", "Try it on the bench"))

    @display(description="tool", ordering="tool__qualified_name")
    def tool_shown(self, rule: ApprovalPolicy) -> str:
        return str(rule.tool) if rule.tool else EVERY_TOOL

    @display(description="when")
    def when(self, rule: ApprovalPolicy) -> str:
        return conditions_in_words(rule.conditions)

    @display(description="outcome", ordering="outcome", label=OUTCOMES)
    def outcome_shown(self, rule: ApprovalPolicy) -> tuple[str, str]:
        return rule.outcome, rule.get_outcome_display()

    @display(description="who decides", ordering="tier")
    def care(self, rule: ApprovalPolicy) -> str:
        if rule.outcome != ApprovalPolicy.Outcome.APPROVE:
            return NONE
        roles = ", ".join(role.name for role in rule.approvers.all())
        return f"{rule.tier} · {roles}" if roles else rule.tier


@admin.register(RuleBook)
class RuleBookAdmin(LedgerAdmin):
    """Which number the rules in force have; requests name the one they were judged by."""

    list_display = fields = readonly_fields = ["version"]
