"""Tools in the admin: what may be called, what an imported one may do to whom, and which role may call or approve it.

A definition comes from its server and is pinned; here it is read, switched off, and granted. What is known about the
risk of a built-in tool stands in our code; of an imported one an admin says it.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from supportagent.console.admin import ConsoleModelAdmin, ReasonForm
from supportagent.console.columns import NONE, json_column, preformatted
from supportagent.console.inlines import GrantInline
from supportagent.console.money import format_micros
from supportagent.tools import suggestions
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.forms import ToolGrantForm
from supportagent.tools.models import Tool, ToolGrant, ToolUserGrant
from supportagent.tools.review_page import STEPS, page_of
from supportagent.tools.reviewing import REVIEWED, ReviewForm

IMPACTS = {"none": "default", "customer-visible": "info", "money": "danger", "account": "warning"}


class _ToolGrantInline(GrantInline):
    app_label, codenames = "tools", (USE, APPROVE)


class ToolGrantInline(_ToolGrantInline):
    model = ToolGrant
    form = ToolGrantForm
    verbose_name_plural = "Grants to roles"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolGrant]:
        return super().get_queryset(request).select_related("group", "permission", "content_object")


class ToolUserGrantInline(_ToolGrantInline):
    model = ToolUserGrant
    autocomplete_fields = ["user"]
    verbose_name_plural = "Personal grants"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolUserGrant]:
        return super().get_queryset(request).select_related("user", "permission", "content_object")


@admin.register(Tool)
class ToolAdmin(ConsoleModelAdmin):
    list_display = ["qualified_name", "does", "impact_shown", "reversible", "roles", "price", "offered"]
    list_filter = ["server", "effect", "impact", "enabled", "host_only", "requires_verified"]
    list_select_related = ["server"]
    search_fields = ["qualified_name"]
    inlines = [ToolGrantInline, ToolUserGrantInline]
    change_form_template = "tools/review.html"
    fieldsets = [
        (None, {"fields": ["enabled", "contract", ("qualified_name", "server")]}),
        (
            "Risk",
            {
                "classes": ["tab"],
                "fields": [
                    ("effect", "impact"),
                    ("reversible", "requires_verified"),
                    "host_only",
                    ("subject_argument", "amount_argument"),
                    "currency_argument",
                    "destination_arguments",
                    "bound_arguments",
                ],
            },
        ),
        ("Proof", {"classes": ["tab"], "fields": [("facts_tool", "check_tool"), "check_fields"]}),
        ("Definition", {"classes": ["tab"], "fields": ["schema", "definition_hash"]}),
    ]

    schema = json_column("input_schema", "input schema")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tool]:
        using = Count("grants", filter=Q(grants__permission__codename=USE), distinct=True)
        approving = Count("grants", filter=Q(grants__permission__codename=APPROVE), distinct=True)
        return super().get_queryset(request).annotate(using=using, approving=approving)

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        if isinstance(obj, Tool) and obj.imported:
            kwargs["form"] = type("ReviewForm", (ReasonForm, ReviewForm), {})
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Tool | None = None) -> list[str]:
        editable = {"id", "enabled", *(REVIEWED if obj is not None and obj.imported else ())}
        pinned = [field.name for field in Tool._meta.fields if field.name not in editable]
        return [*pinned, "contract", "schema"]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """The steps of a review; of a built-in tool what our code declares."""
        if not isinstance(obj, Tool) or not obj.imported:
            return super().get_fieldsets(request, obj)
        reason = ["change_reason"] if self._asks_for_reason(request, obj) else []
        return [
            *((step.title, {"fields": step.fields, "description": step.question}) for step in STEPS),
            ("Switch it on", {"fields": ["enabled", *reason]}),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Tool | None = None, **kwargs: Any
    ) -> Any:
        if obj is not None and obj.imported:
            context["review"] = page_of(obj, context["adminform"].form)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tools are imported from their server, so that what was reviewed is what is called."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Tool | None = None) -> bool:
        """A tool that is not wanted is switched off; calls and approvals keep pointing to it."""
        return False

    @display(description="what the model reads")
    def contract(self, tool: Tool) -> SafeString:
        return preformatted(tool.description)

    @display(description="effect", ordering="effect", label={"READ": "info", "WRITE": "warning"})
    def does(self, tool: Tool) -> tuple[str, str]:
        return tool.effect, tool.get_effect_display()

    @display(description="impact", ordering="impact", label=IMPACTS)
    def impact_shown(self, tool: Tool) -> tuple[str, str]:
        return tool.impact, tool.get_impact_display()

    @display(description="price per call", ordering="price_micros")
    def price(self, tool: Tool) -> str:
        return format_micros(tool.price_micros) if tool.price_micros else NONE

    @display(description="offered", ordering="enabled", label={"yes": "success", "no": "default", "new": "warning"})
    def offered(self, tool: Tool) -> tuple[str, str]:
        """Nobody calls what is switched off, and no model sees it: so a server's own control tools stay hidden."""
        if tool.enabled:
            return "yes", "Host only" if tool.host_only else "Switched on"
        if tool.imported and not suggestions.is_reviewed(tool):
            return "new", "Off, hidden: not reviewed"
        return "no", "Off, hidden from every model"

    @display(description="roles", ordering="using")
    def roles(self, tool: Any) -> str:
        approving = f", {tool.approving} approve" if tool.approving else ""
        return f"{tool.using} use{approving}"
