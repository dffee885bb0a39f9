"""Widgets, their keys and sessions in the admin. A secret is shown once, when its key is issued."""

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import display

from audit.context import Actor
from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.widget.keys import issue_key, retire_key
from supportagent.widget.models import WidgetApp, WidgetKey, WidgetSession


class WidgetKeyInline(TabularInline):
    """Which keys there are. They are issued and retired by actions only, so every change is audited."""

    model = WidgetKey
    fields = readonly_fields = ["kid", "created_at", "retired_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: WidgetApp | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WidgetApp | None = None) -> bool:
        return False


@admin.register(WidgetApp)
class WidgetAppAdmin(ConsoleModelAdmin):
    list_display = ["name", "app_id", "team", "show_active", "show_origins"]
    list_filter = ["active", "team"]
    list_select_related = ["team"]
    search_fields = ["name", "app_id"]
    autocomplete_fields = ["team"]
    inlines = [WidgetKeyInline]
    actions = ["issue_signing_key", "retire_older_keys"]
    readonly_fields = ["show_snippet"]
    fieldsets = [
        (None, {"fields": ["name", "app_id", "team", "active", "allowed_origins"]}),
        ("What customers see", {"fields": ["greeting", "expectation", "suggestions", "accent"]}),
        ("Embedding", {"fields": ["show_snippet"]}),
    ]

    @display(description="active", boolean=True)
    def show_active(self, app: WidgetApp) -> bool:
        return app.active

    @display(description="allowed origins")
    def show_origins(self, app: WidgetApp) -> str:
        return ", ".join(app.allowed_origins) or "none: nobody can embed it"

    @display(description="snippet")
    def show_snippet(self, app: WidgetApp) -> str:
        if not app.pk:
            return "Save first."
        address = f"{settings.PUBLIC_URL}{reverse('widget:loader')}"
        return format_html(
            '<code>&lt;script async src="{}" data-app-id="{}"&gt;&lt;/script&gt;</code>', address, app.app_id
        )

    @admin.action(description="Issue a signing key (shows its secret once)", permissions=["change"])
    def issue_signing_key(self, request: HttpRequest, queryset: QuerySet[WidgetApp]) -> HttpResponse:
        """An action, so a POST with the CSRF check; the secret is in this one answer and nowhere else."""
        issued = [issue_key(app=app, actor=Actor.of(request.user)) for app in queryset]
        context = {**self.admin_site.each_context(request), "title": "New signing keys", "issued": issued}
        response = render(request, "widget/keys_issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Retire all signing keys but the newest", permissions=["change"])
    def retire_older_keys(self, request: HttpRequest, queryset: QuerySet[WidgetApp]) -> None:
        older = [key for app in queryset.prefetch_related("keys") for key in list(app.keys.in_use())[1:]]
        for key in older:
            retire_key(key=key, actor=Actor.of(request.user))
        self.message_user(request, f"{len(older)} keys retired.")


@admin.register(WidgetSession)
class WidgetSessionAdmin(LedgerAdmin):
    list_display = ["id", "app", "customer", "assurance", "created_at", "expires_at", "revoked_at"]
    list_filter = ["app", "assurance"]
    list_select_related = ["app", "customer"]
    search_fields = ["customer__reference"]
    fields = ["app", "customer", "assurance", "created_at", "expires_at", "revoked_at"]
