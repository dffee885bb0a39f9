"""The kill switch: one row, one question."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from agents.models import KillSwitch
from supportagent.console.admin import ConsoleModelAdmin
from supportagent.staff.permissions import Permission

THE_ROW = 1
WHAT_IT_DOES = (
    "Engaged, no agent of this installation calls a tool any more: every call, reads and approved ones included, is "
    "refused at the moment before it would be sent. Conversations go on, and what was sent already is not taken back. "
    "Released, agents may act again; nothing that was refused meanwhile is repeated."
)


@admin.register(KillSwitch)
class KillSwitchAdmin(ConsoleModelAdmin):
    fieldsets = [(None, {"description": WHAT_IT_DOES, "fields": ["engaged", "change_reason"]})]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [(None, {"description": WHAT_IT_DOES, "fields": ["engaged", "reason"]})]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: KillSwitch | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) or request.user.has_perm(Permission.PAUSE_AGENT)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever configures agents may stop them all."""
        return super().has_change_permission(request, obj) or request.user.has_perm("agents.change_agent")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one row, so the list is its page. An installation that never had the row gets it now."""
        if not self.has_view_or_change_permission(request):
            return super().changelist_view(request, extra_context)
        KillSwitch.objects.get_or_create(pk=THE_ROW)
        return HttpResponseRedirect(reverse("admin:agents_killswitch_change", args=[THE_ROW]))

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool) -> None:
        """The reason for the change is the reason that everybody reads."""
        assert isinstance(obj, KillSwitch)  # noqa: S101 - the type of this admin's model
        obj.reason = form.cleaned_data["change_reason"]
        super().save_model(request, obj, form, change)
