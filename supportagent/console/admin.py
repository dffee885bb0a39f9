"""Base classes of every ModelAdmin in the project: one for what people edit, one for records."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from guardian.admin import GuardedModelAdminMixin
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

REASON_LENGTH = 100  # HistoricalRecords keeps the reason in a CharField of this length by default.
GRANT_PERMISSION = "auth.change_permission"


class ReasonForm(forms.ModelForm):
    """Adds the question "why?" whose answer is kept with the history row of this change."""

    change_reason = forms.CharField(
        label=_("Reason for this change"),
        help_text=_("Kept in the history, beside your name and what changed."),
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget,
    )


class ConsoleModelAdmin(SimpleHistoryAdmin, GuardedModelAdminMixin, ModelAdmin):
    """For configuration: history with differences, who and why; object permissions; Unfold's look.

    A model without `HistoricalRecords` gets Django's own history page and no reason field. With history,
    a reason is required for every change (set `change_reason_required = False` to make it optional).
    """

    change_reason_required = True
    compressed_fields = True
    list_per_page = 50
    show_full_result_count = False

    @property
    def keeps_history(self) -> bool:
        return hasattr(self.model._meta, "simple_history_manager_attribute")

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        if not self._asks_for_reason(request, obj):
            return super().get_form(request, obj, change, **kwargs)
        kwargs.setdefault("form", type(self.form.__name__, (ReasonForm, self.form), {}))
        form = super().get_form(request, obj, change, **kwargs)
        field = forms.CharField(
            label=ReasonForm.declared_fields["change_reason"].label,
            help_text=ReasonForm.declared_fields["change_reason"].help_text,
            max_length=REASON_LENGTH,
            required=self.change_reason_required,
            widget=UnfoldAdminTextInputWidget,
        )
        form.base_fields["change_reason"] = field
        return form

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        if not self._asks_for_reason(request, obj):
            return fieldsets
        named = {name for _title, options in fieldsets for name in options["fields"]}
        return fieldsets if "change_reason" in named else [*fieldsets, (None, {"fields": ["change_reason"]})]

    def save_model(self, request: HttpRequest, obj: models.Model, form: forms.ModelForm, change: bool) -> None:
        if self.keeps_history:
            obj._change_reason = form.cleaned_data.get("change_reason", "")  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.keeps_history:
            return super().history_view(request, object_id, extra_context)
        return admin.ModelAdmin.history_view(self, request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Looking at an old version takes the right to see the row; bringing it back, the right to change it."""
        if request.method != "POST":
            return super().history_form_view(request, object_id, version_id, extra_context)
        if not self.has_change_permission(request, self.get_object(request, object_id)):
            raise PermissionDenied
        with transaction.atomic():
            return super().history_form_view(request, object_id, version_id, extra_context)

    def obj_perms_manage_view(self, request: HttpRequest, object_pk: str) -> HttpResponse:
        self._require_granting(request)
        return super().obj_perms_manage_view(request, object_pk)

    def obj_perms_manage_user_view(self, request: HttpRequest, object_pk: str, user_id: str) -> HttpResponse:
        self._require_granting(request)
        return super().obj_perms_manage_user_view(request, object_pk, user_id)

    def obj_perms_manage_group_view(self, request: HttpRequest, object_pk: str, group_id: str) -> HttpResponse:
        self._require_granting(request)
        return super().obj_perms_manage_group_view(request, object_pk, group_id)

    def _require_granting(self, request: HttpRequest) -> None:
        """Who may edit an object must not thereby be able to grant himself more on it."""
        if not request.user.has_perm(GRANT_PERMISSION):
            raise PermissionDenied

    def _asks_for_reason(self, request: HttpRequest, obj: models.Model | None) -> bool:
        return self.keeps_history and obj is not None and self.has_change_permission(request, obj)


class LedgerAdmin(ModelAdmin):
    """For records: nobody adds, changes or deletes one here, superusers included."""

    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "show_history": False})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise PermissionDenied
