"""Agents: what they are for, what they may do, what they may cost."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from guardian.shortcuts import assign_perm
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from agents import evidence
from agents.accounts import make_account
from agents.admin.bars import bar
from agents.forms import AgentForm, HandOffRouteForm, NewAgentForm
from agents.models import (
    Agent,
    AgentGroupGrant,
    AgentUserGrant,
    Budget,
    CategoryAutonomy,
    Comparison,
    HandOffRoute,
)
from supportagent.console.admin import REASON_LENGTH, ConsoleModelAdmin
from supportagent.console.columns import NONE, link, micros_column, state_column
from supportagent.console.inlines import GrantInline, LabelledInline
from supportagent.staff.permissions import Permission
from supportagent.tools import access


class StatusForm(BaseDialogForm):
    """Why the agent is paused or set to work again."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        help_text="Kept in the history, beside your name.",
        widget=UnfoldAdminTextInputWidget,
    )


LADDER = (
    "How far its answers go by themselves. An agent begins with drafts and climbs by evidence: answers that people "
    "sent as they were written. The next step is supported from 20 decided answers on, when the lower bound of their "
    "agreement is at least 80 %. A step up waits for a second admin; a step down is in force at once."
)

COMPARING = (
    "While the agent is live, another goal, other instructions or another model take a second admin, unless "
    "“manage.py run_scenarios --against live” was played with exactly these words in the last 7 days and says that "
    "they do not do worse."
)


def _dialog(title: str, description: str, button: str) -> Any:
    return {"title": title, "description": description, "form_class": StatusForm, "form_submit_text": button}


class _AgentGrantInline(GrantInline):
    app_label, codenames = "agents", ("change_agent", "pause_agent", "view_agent")


class AgentGroupGrantInline(_AgentGrantInline):
    model = AgentGroupGrant
    verbose_name_plural = "Grants to roles"


class AgentUserGrantInline(_AgentGrantInline):
    model = AgentUserGrant
    autocomplete_fields = ["user"]
    verbose_name_plural = "Personal grants"


class HandOffRouteInline(LabelledInline):
    model = HandOffRoute
    form = HandOffRouteForm
    fk_name = "from_agent"
    fields = ["to_agent", "when"]
    verbose_name = "hand-off"
    verbose_name_plural = "Hand-offs"


class CategoryAutonomyInline(LabelledInline):
    """The switch of each category, with what speaks for moving it beside it."""

    model = CategoryAutonomy
    fields = ["category", "level", "evidence"]
    readonly_fields = ["evidence"]
    verbose_name = "category with a level of its own"
    verbose_name_plural = "Autonomy by category"

    @display(description="Evidence of 28 days")
    def evidence(self, row: CategoryAutonomy) -> SafeString | str:
        """Of the whole page at once: Django makes an inline for each request, and it keeps what it read."""
        if row.pk is None:
            return NONE
        if not hasattr(self, "_evidence"):
            self._evidence = evidence.of(row.agent)
        found = self._evidence.get(row.category)
        return format_html("{}<br><strong>{}</strong>", found.figures, found.verdict) if found else NONE


@admin.register(Agent)
class AgentAdmin(ConsoleModelAdmin):
    form = AgentForm
    list_display = ["name", "status_shown", "autonomy_shown", "receives_requests", "team", "runs_on", "cap", "account"]
    list_filter = ["status", "team"]
    list_select_related = ["team", "service_user"]
    search_fields = ["name", "slug"]
    inlines = [CategoryAutonomyInline, HandOffRouteInline, AgentGroupGrantInline, AgentUserGrantInline]
    actions_detail = ["pause", "resume"]
    status_shown = state_column("status")
    cap = micros_column("session_cap_micros", "cap per ticket")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs.setdefault("form", NewAgentForm)
        return super().get_form(request, obj, change, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        """A new agent has no answers to judge, and nobody to hand off to, before it is there."""
        return self.inlines if obj else [AgentGroupGrantInline, AgentUserGrantInline]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        rights = ["account", "roles_shown", "tools_shown"] if obj else ["roles"]
        reason = ["change_reason"] if obj and self.has_change_permission(request, obj) else []
        return [
            (None, {"fields": [("name", "slug"), ("status", "team"), "receives_requests", *reason]}),
            (
                "Prompt",
                {
                    "classes": ["tab"],
                    "fields": ["goal", "success_criteria", "instructions", *(["comparisons_shown"] if obj else [])],
                },
            ),
            (
                "Answers",
                {
                    "classes": ["tab"],
                    "fields": [
                        ("autonomy", "min_confidence"),
                        ("channels", "languages"),
                        *(["evidence_shown"] if obj else []),
                    ],
                },
            ),
            (
                "Model and caps",
                {
                    "classes": ["tab"],
                    "fields": [
                        ("provider", "model"),
                        "reasoning_effort",
                        ("max_turns", "max_tool_calls"),
                        ("max_seconds", "max_output_tokens"),
                        ("max_tokens", "max_cost_micros"),
                        "session_cap_micros",
                        ("fallback_model", "fallback_at"),
                        ("input_price_micros", "output_price_micros"),
                        *(["budgets_shown"] if obj else []),
                    ],
                },
            ),
            ("Rights", {"classes": ["tab"], "fields": rights}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> list[str]:
        # Budgets and the account are named after the slug.
        figures = ["budgets_shown", "evidence_shown", "comparisons_shown"]
        shown = ["slug", "account", "roles_shown", "tools_shown", *figures]
        return shown if obj else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A new agent brings a new account."""
        return super().has_add_permission(request) and request.user.has_perm("staff.add_user")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may pause an agent sees what it is set up to do."""
        return super().has_view_permission(request, obj) or request.user.has_perm(Permission.PAUSE_AGENT)

    def has_pause_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(Permission.PAUSE_AGENT)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """A new agent and its account are made together: Django's form view wraps both in one transaction."""
        assert isinstance(obj, Agent)  # noqa: S101 - the type of this admin's model
        if not change:
            obj.service_user = make_account(slug=obj.slug, name=obj.name, roles=form.cleaned_data["roles"])
        super().save_model(request, obj, form, change)
        if "team" in form.changed_data:
            assign_perm("staff.view_team", obj.service_user, obj.team)

    @action(
        description="Pause",
        icon="pause",
        permissions=["pause"],
        dialog=_dialog("Pause this agent", "From now on it sends nothing and starts nothing.", "Pause"),
    )
    def pause(self, request: HttpRequest, form: StatusForm, object_id: str) -> HttpResponse:
        return self._set_status(request, object_id, Agent.Status.PAUSED, form.cleaned_data["reason"])

    @action(
        description="Resume",
        icon="play_arrow",
        permissions=["pause"],
        dialog=_dialog("Set this agent to work", "It receives requests again and goes on with open runs.", "Resume"),
    )
    def resume(self, request: HttpRequest, form: StatusForm, object_id: str) -> HttpResponse:
        return self._set_status(request, object_id, Agent.Status.LIVE, form.cleaned_data["reason"])

    def _set_status(self, request: HttpRequest, object_id: str, status: str, reason: str) -> HttpResponse:
        with transaction.atomic():
            agent = get_object_or_404(Agent.objects.select_for_update(), pk=object_id)
            agent.status = status
            agent._change_reason = reason  # type: ignore[attr-defined]
            agent.save(update_fields=["status"])
        self.message_user(request, f"{agent} is now {agent.get_status_display().lower()}.")
        address = reverse("admin:agents_agent_change", args=[agent.pk])
        if "HX-Request" in request.headers:
            # The dialog is sent by htmx, which loads the whole page that this header names.
            return HttpResponse(headers={"HX-Redirect": address})
        return HttpResponseRedirect(address)

    @display(description="answers", ordering="autonomy")
    def autonomy_shown(self, agent: Agent) -> str:
        return str(agent.get_autonomy_display()).partition(":")[0]

    @display(description="runs on", ordering="provider")
    def runs_on(self, agent: Agent) -> str:
        return " · ".join(filter(None, [agent.provider, agent.model])) or "the default"

    @display(description="account", ordering="service_user__username")
    def account(self, agent: Agent) -> SafeString:
        return link(reverse("admin:staff_user_change", args=[agent.service_user_id]), agent.service_user.username)

    @display(description="roles")
    def roles_shown(self, agent: Agent) -> str:
        return ", ".join(agent.service_user.groups.values_list("name", flat=True)) or "none: it may call nothing"

    @display(description="tools that follow")
    def tools_shown(self, agent: Agent) -> SafeString | str:
        granted = access.granted(agent.service_user).values()
        rows = [(self._tool_link(each), self._risk(each)) for each in granted]
        return format_html_join("", "<div>{} <span>{}</span></div>", rows) or NONE

    def _tool_link(self, granted: access.GrantedTool) -> SafeString:
        return link(reverse("admin:tools_tool_change", args=[granted.tool.pk]), granted.tool.qualified_name)

    def _risk(self, granted: access.GrantedTool) -> str:
        limits = " · with argument rules" if granted.rules else ""
        return f"{granted.tool.get_effect_display().lower()} · {granted.tool.get_impact_display().lower()}{limits}"

    @display(description="evidence of 28 days")
    def evidence_shown(self, agent: Agent) -> SafeString | str:
        """Every category in which it did something, whether it has a level of its own or the agent's."""
        found = [each for each in evidence.of(agent).values() if each.decided or each.answered]
        rows = format_html_join(
            "",
            '<tr><th scope="row" style="text-align: start; padding: 6px 16px 6px 0; vertical-align: top">{}</th>'
            '<td style="padding: 6px 16px 6px 0; vertical-align: top">{}</td>'
            '<td style="padding: 6px 0">{}<br><strong>{}</strong></td></tr>',
            ((e.label, Agent.Autonomy(e.level).label.partition(":")[0], e.figures, e.verdict) for e in found),
        )
        if not found:
            nothing = "Nothing yet: it answered nobody, and no answer of it was decided about."
            return format_html("<p>{}</p><p>{}</p>", nothing, LADDER)
        return format_html(
            '<p style="padding-bottom: 8px">{}</p>'
            '<table><thead><tr><th scope="col" style="text-align: start">Category</th>'
            '<th scope="col" style="text-align: start">Level</th>'
            '<th scope="col" style="text-align: start">Evidence</th>'
            "</tr></thead><tbody>{}</tbody></table>",
            LADDER,
            rows,
        )

    @display(description="compared by scenarios")
    def comparisons_shown(self, agent: Agent) -> SafeString:
        """The last five. What of a live agent is told otherwise takes a second admin, or one that says "not worse"."""
        rows = format_html_join(
            "",
            '<p style="padding-bottom: 8px">{} {} <span>{}</span></p>',
            (
                (
                    f"{date_format(each.compared_at, 'j M Y, H:i')},",
                    f"C-{each.change_id} on {each.runs_on}:" if each.change_id else f"on {each.runs_on}:",
                    each.words,
                )
                for each in Comparison.objects.filter(agent=agent)[:5]
            ),
        )
        return format_html("<p>{}</p>{}", COMPARING, rows)

    @display(description="budgets")
    def budgets_shown(self, agent: Agent) -> SafeString | str:
        budgets = Budget.objects.filter(scope=Budget.Scope.AGENT, subject=agent.slug)
        return (
            format_html_join(
                "", '<div style="margin-bottom: 8px"><div>{}</div>{}</div>', ((b, bar(b)) for b in budgets)
            )
            or "No budget: the agent does not run until it has one."
        )
