"""Access tokens in the admin: issued and revoked, never changed. A token is shown once, when it is issued."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, ManyToManyField, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from supportagent.console.admin import LedgerAdmin
from supportagent.staff.models import AccessToken, User
from supportagent.staff.tokens import ADMINISTER_PEOPLE, MAX_LIFETIME, issue_token, may_issue_for, revoke_token


class IssueForm(forms.ModelForm):
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=1,
        max_value=MAX_LIFETIME.days,
        initial=90,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = AccessToken
        fields = ("user", "name", "scope")


@admin.register(AccessToken)
class AccessTokenAdmin(LedgerAdmin):
    """Everybody of the admin sees and issues his own; who administers people does so for others too."""

    form = IssueForm
    list_display = ["name", "user", "scope", "show_state", "hint", "last_used_at", "expires_at"]
    list_filter = ["scope"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]
    add_fieldsets = [(None, {"fields": ["user", "name", "scope", "days"]})]
    fields = ["user", "name", "scope", "audience", "hint", "created_at", "created_by"]
    fields += ["expires_at", "revoked_at", "last_used_at"]
    actions = ("revoke",)  # type: ignore[assignment]  # a ledger has none

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessToken]:
        tokens = super().get_queryset(request)
        if request.user.has_perm(ADMINISTER_PEOPLE):
            return tokens
        return tokens.filter(user=request.user.pk)

    def get_fieldsets(self, request: HttpRequest, obj: AccessToken | None = None) -> Any:
        return self.add_fieldsets if obj is None else super().get_fieldsets(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _of_the_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _of_the_staff(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _of_the_staff(request)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey | ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "user":
            kwargs["queryset"] = _accounts(request)
            kwargs["initial"] = request.user.pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: AccessToken, form: forms.ModelForm, change: bool) -> None:
        """The verb writes the row; the admin goes on with it. The token itself lives until the answer is rendered."""
        issued = issue_token(
            user=obj.user,
            by=request.user,  # type: ignore[arg-type]  # nobody else gets here
            name=obj.name,
            scope=obj.scope,
            lifetime=timedelta(days=form.cleaned_data["days"]),
        )
        obj.__dict__.update(issued.row.__dict__)
        request.issued = issued  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: AccessToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The token is in this one answer and nowhere else."""
        issued = request.issued  # type: ignore[attr-defined]
        context = {**self.admin_site.each_context(request), "title": "New access token", "issued": issued}
        return render(request, "staff/token_issued.html", context)  # the admin never lets an answer be stored

    @admin.action(description="Revoke", permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        by: Any = request.user
        mine = [token for token in queryset.select_related("user") if may_issue_for(by, token.user)]
        revoked = sum(revoke_token(token=token, by=by) for token in mine)
        self.message_user(request, f"{revoked} tokens revoked.")

    @display(description="state", label={"in use": "success", "revoked": "danger", "expired": "warning"})
    def show_state(self, token: AccessToken) -> str:
        if token.revoked_at:
            return "revoked"
        if not token.user.is_active:
            return "account not active"
        return "expired" if token.expires_at <= timezone.now() else "in use"


def _of_the_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)  # type: ignore[union-attr]


def _accounts(request: HttpRequest) -> QuerySet[User]:
    """The accounts that `may_issue_for` says yes to."""
    by: Any = request.user
    accounts = User.objects.filter(is_active=True).order_by("username")
    if by.is_superuser:
        return accounts
    others = Q(is_superuser=False) if by.has_perm(ADMINISTER_PEOPLE) else Q(pk__in=[])
    return accounts.filter(Q(pk=by.pk) | others)
