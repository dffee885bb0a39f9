"""Accounts, roles and teams in the admin, and the log-in form of the whole console."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as PermissionRow
from django.db.models import Count, ForeignKey, ManyToManyField, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm

from supportagent.console.admin import ConsoleModelAdmin
from supportagent.staff import token_admin  # noqa: F401
from supportagent.staff.forms import AccountChangeForm, AccountCreationForm, LoginForm
from supportagent.staff.models import OpeningHours, Team, TeamGroupGrant, TeamUserGrant, User
from supportagent.staff.roles import copy_role

admin.site.login_form = LoginForm
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, ConsoleModelAdmin):  # type: ignore[misc]  # both untyped above
    """Only a superuser makes superusers or hands out single permissions; everybody else works with roles."""

    form = AccountChangeForm
    add_form = AccountCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "display_name", "kind", "role_names", "is_active", "last_login"]
    list_filter = ["kind", "is_active", "is_superuser", "groups"]
    search_fields = ["username", "first_name", "last_name", "email"]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["username", "kind", "usable_password", "password1", "password2"]})
    ]
    fieldsets = [
        (None, {"fields": ["username", "password", "kind"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("What it may do"), {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields = [*super().get_readonly_fields(request, obj)]
        if obj is not None:
            fields.append("kind")
        if not request.user.is_superuser:
            fields += ["is_superuser", "user_permissions"]
        return fields

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whoever is not a superuser changes neither a superuser nor himself: both would raise his own rights."""
        allowed = super().has_change_permission(request, obj)
        if obj is None or request.user.is_superuser:
            return allowed
        return allowed and not obj.is_superuser and obj.pk != request.user.pk

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or self.has_change_permission(request, obj))

    @admin.display(description=_("name"))
    def display_name(self, user: User) -> str:
        return user.display_name

    @admin.display(description=_("roles"))
    def role_names(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())


@admin.register(Group)
class RoleAdmin(auth_admin.GroupAdmin, ConsoleModelAdmin):  # type: ignore[misc]  # both untyped above
    """Roles. Those that the product brings are shown and kept by `sync_roles`; others are an installation's own."""

    list_display = ["name", "members", "is_built_in"]
    actions = ["copy_as_new_role"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).select_related("built_in").annotate(member_count=Count("user"))

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """A role holds permissions of any kind, so only a superuser changes one; no one changes the built-in."""
        return _superuser_and_own(request, obj) and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _superuser_and_own(request, None) and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _superuser_and_own(request, obj) and super().has_delete_permission(request, obj)

    @admin.action(description=_("Copy as a new role"), permissions=["add"])
    def copy_as_new_role(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        """How one changes what a built-in role may do: the copy is one's own, and no update touches it."""
        copies = [copy_role(role) for role in queryset]
        self.message_user(request, f"Made: {', '.join(role.name for role in copies)}. Rename and change as needed.")

    @admin.display(description=_("members"), ordering="member_count")
    def members(self, group: Any) -> int:
        return group.member_count

    @admin.display(description=_("built in"), boolean=True)
    def is_built_in(self, group: Group) -> bool:
        return hasattr(group, "built_in")


def _superuser_and_own(request: HttpRequest, role: Group | None) -> bool:
    return bool(request.user.is_superuser) and (role is None or not hasattr(role, "built_in"))


class _GrantInline(TabularInline):
    """Who may see the team and decide for it; only the two permissions that mean something on a team."""

    extra = 0

    def formfield_for_foreignkey(
        self, db_field: ForeignKey | ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "permission":
            kwargs["queryset"] = PermissionRow.objects.filter(
                content_type__app_label="staff", codename__in=["view_team", "decide_for_team"]
            ).select_related("content_type")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class TeamUserGrantInline(_GrantInline):
    model = TeamUserGrant
    autocomplete_fields = ["user"]


class TeamGroupGrantInline(_GrantInline):
    model = TeamGroupGrant


class OpeningHoursInline(TabularInline):
    """Hours decide what customers are promised, never what anybody may do: whoever changes the team changes them."""

    model = OpeningHours
    extra = 0
    verbose_name = "opening"
    verbose_name_plural = "Opening hours (none: the team always answers; closing at 23:59 means midnight)"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("staff.view_team")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("staff.change_team")

    has_add_permission = has_delete_permission = has_change_permission


@admin.register(Team)
class TeamAdmin(ConsoleModelAdmin):
    list_display = ["name", "slug", "grant_count"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (None, {"fields": [("name", "slug")]}),
        (_("When people answer"), {"fields": [("time_zone", "answer_within_minutes"), "when_away"]}),
    ]
    inlines = [OpeningHoursInline, TeamUserGrantInline, TeamGroupGrantInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        teams = super().get_queryset(request)
        return teams.annotate(
            to_users=Count("teamusergrant", distinct=True), to_groups=Count("teamgroupgrant", distinct=True)
        )

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, Any]:
        return {} if obj is not None else super().get_prepopulated_fields(request, obj)

    @admin.display(description=_("grants"))
    def grant_count(self, team: Any) -> int:
        return team.to_users + team.to_groups
