"""Model calls and tool calls, to look up. What was said or sent is for those who may see personal data."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.admin.priced import price_in_words
from agents.models import EffectSubject, ModelCall, Resolution, ToolCall
from supportagent.console.admin import LedgerAdmin
from supportagent.console.columns import NONE, json_column, link, micros_column, money_column, state_column
from supportagent.staff.permissions import Permission
from supportagent.tickets.admin import OfVisibleTeams
from supportagent.tickets.rendering import escape_hidden

FATES = {"open": "info", "tools": "info", "sent": "success", "unsent": "warning", "withheld": "danger"}


class CallAdmin(OfVisibleTeams, LedgerAdmin):
    """What the two kinds of calls have in common."""

    team_path = "run__ticket__team_id"
    view_permission = Permission.VIEW_RUN
    date_hierarchy = "created_at"
    facts: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*self.facts, *(self.personal if request.user.has_perm(Permission.VIEW_PII) else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.get_fields(request, obj)

    @display(description="run")
    def run_shown(self, call: ModelCall | ToolCall) -> SafeString:
        return link(reverse("agents:run", args=[call.run_id]), call.run)


@admin.register(ModelCall)
class ModelCallAdmin(CallAdmin):
    list_display = ["created_at", "run_shown", "turn", "model", "fate_shown", "tokens", "cost", "latency_ms"]
    list_filter = ["fate", "finish", "provider", "model", "created_at"]
    list_select_related = ["run"]
    search_fields = ["run__ticket__number", "request_id"]
    facts = (
        "run_shown",
        "turn",
        "provider",
        "model",
        "request_id",
        "fate_shown",
        "finish",
        "tokens",
        "cached_tokens",
        "reasoning_tokens",
        "cost",
        "price_id",
        "price_in_words",
        "latency_ms",
        "created_at",
    )
    personal = ("said", "calls_shown", "thoughts")
    cost = micros_column("cost_micros", "cost")
    price_in_words = price_in_words
    calls_shown = json_column("tool_calls")

    @display(description="fate", ordering="fate", label=FATES)
    def fate_shown(self, call: ModelCall) -> tuple[str, str]:
        return call.fate, call.get_fate_display()

    @display(description="tokens in → out", ordering="input_tokens")
    def tokens(self, call: ModelCall) -> str:
        return f"{call.input_tokens:,} → {call.output_tokens:,}"

    @display(description="text")
    def said(self, call: ModelCall) -> str:
        return escape_hidden(call.text) or NONE

    @display(description="reasoning, the model's claim")
    def thoughts(self, call: ModelCall) -> str:
        return escape_hidden(call.reasoning) or NONE


@admin.register(ToolCall)
class ToolCallAdmin(CallAdmin):
    list_display = ["created_at", "run_shown", "called", "state_shown", "code", "subject", "amount", "approval"]
    list_filter = ["state", "tool", "code", "created_at"]
    list_select_related = ["run"]
    search_fields = ["run__ticket__number", "subject", "name"]
    facts = (
        "run_shown",
        "called",
        "turn",
        "index",
        "state_shown",
        "code",
        "attempt",
        "approval",
        "subject",
        "amount",
        "effect_key",
        "price",
        "definition_hash",
        "created_at",
        "sent_at",
        "finished_at",
        "settled",
    )
    personal = (
        "claim",
        "arguments_shown",
        "bound_shown",
        "result_shown",
        "evidence_shown",
        "reconciliation_shown",
        "records",
    )
    state_shown = state_column()
    amount = money_column("amount_minor", "currency", "amount")
    price = micros_column("price_micros", "price of the call")
    arguments_shown = json_column("arguments", "arguments, as the model sent them")
    bound_shown = json_column("bound_arguments", "arguments, with those of the host")
    result_shown = json_column("result")
    evidence_shown = json_column("evidence", "read back after the write")
    reconciliation_shown = json_column("reconciliation", "reads, errors and late answers of an imported call")

    @display(description="tool", ordering="name")
    def called(self, call: ToolCall) -> str:
        """The model wrote this name: it may be anything."""
        return escape_hidden(call.name)

    @display(description="approval", ordering="approval_id")
    def approval(self, call: ToolCall) -> SafeString | str:
        if call.approval_id is None:
            return NONE
        return link(reverse("approvals:request", args=[call.approval_id]), f"R-{call.approval_id}")

    @display(description="unknown outcome settled")
    def settled(self, call: ToolCall) -> str:
        settled = Resolution.objects.select_related("resolved_by").filter(call=call).first()
        if settled is None:
            return NONE
        by = settled.resolved_by.display_name if settled.resolved_by else "a read or a late answer"
        return f"{settled.get_verdict_display()}, by {by}: {escape_hidden(settled.evidence)}"

    @display(description="the model's claim why")
    def claim(self, call: ToolCall) -> str:
        return escape_hidden(call.stated_reason) or NONE


@admin.register(EffectSubject)
class EffectSubjectAdmin(LedgerAdmin):
    """What money is counted on. It belongs to no team, so those read it who read the audit trail."""

    list_display = ["key", "captured"]
    list_filter = ["currency"]
    search_fields = ["key"]
    ordering = ["-pk"]
    fields = readonly_fields = ["key", "captured"]
    captured = money_column("captured_minor", "currency", "captured")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.VIEW_AUDITENTRY)
