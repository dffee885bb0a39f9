"""Tickets in the admin: to look things up. The work itself is done in the console, through the verbs."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.staff.models import User, teams_visible_ids
from supportagent.staff.permissions import Permission
from supportagent.tickets import services
from supportagent.tickets.models import (
    Customer,
    Draft,
    HandOver,
    Message,
    Rating,
    Skill,
    TeamNotice,
    Ticket,
    Triage,
    TriageLabel,
    WorkPeriod,
)
from supportagent.tickets.rendering import escape_hidden

EXCERPT = 100  # characters


def excerpt(text: str) -> str:
    """The beginning of a text, with hidden characters shown."""
    shown = escape_hidden(text[: EXCERPT + 1])
    return shown if len(text) <= EXCERPT else shown[:EXCERPT] + "…"


class OfVisibleTeams:
    """Rows of the teams that the reader may see, on every page of the admin: list, detail, search."""

    team_path = "ticket__team_id"
    view_permission = Permission.VIEW_TICKET

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)  # type: ignore[misc]
        return rows.filter(**{f"{self.team_path}__in": teams_visible_ids(request.user)})

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may view tickets may view what belongs to them."""
        return request.user.has_perm(self.view_permission)


class MessageInline(TabularInline):
    model = Message
    fields = ["seq", "kind", "author_name", "text", "created_at"]
    readonly_fields = fields
    ordering = ["seq"]
    extra = 0
    per_page = 50
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.VIEW_TICKET)

    @admin.display(description=_("text"))
    def text(self, message: Message) -> str:
        return escape_hidden(message.body)


@admin.register(Ticket)
class TicketAdmin(OfVisibleTeams, ConsoleModelAdmin):
    """Category and priority may be set here, through the verb; everything else has a page in the console."""

    team_path = "team_id"
    list_display = ["number", "subject_shown", "state", "category", "priority", "team", "assignee", "updated_at"]
    list_filter = ["state", "outcome", "category", "priority", "sentiment", "team", "channel", "assurance"]
    list_select_related = ["team", "assignee"]
    search_fields = ["number", "subject", "customer__reference", "customer__name", "customer__email"]
    date_hierarchy = "created_at"
    inlines = [MessageInline]
    fields = [
        ("number", "state", "outcome"),
        ("category", "priority"),
        ("language", "sentiment"),
        ("customer", "assurance", "channel"),
        ("team", "assignee"),
        "subject_shown",
        ("reopens", "merged_into"),
        ("created_at", "updated_at", "resolved_at"),
    ]
    readonly_fields = [
        "number",
        "state",
        "outcome",
        "language",
        "sentiment",
        "reopens",
        "merged_into",
        "customer",
        "assurance",
        "channel",
        "team",
        "assignee",
        "subject_shown",
        "created_at",
        "updated_at",
        "resolved_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        return request.user.has_perm(Permission.CATEGORISE_TICKET)

    def has_delete_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        ticket, user = cast(Ticket, obj), cast(User, request.user)
        services.categorise(ticket=ticket, category=ticket.category, priority=ticket.priority, actor=user)

    @admin.display(description=_("subject"), ordering="subject")
    def subject_shown(self, ticket: Ticket) -> str:
        return escape_hidden(ticket.subject)


@admin.register(Customer)
class CustomerAdmin(LedgerAdmin):
    list_display = ["reference", "name", "email", "ticket_count", "created_at"]
    search_fields = ["reference", "name", "email"]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.VIEW_PII)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """Customers of the teams that the reader may see; how many tickets each has there."""
        theirs = Ticket.objects.visible_to(request.user)
        return (
            super()
            .get_queryset(request)
            .filter(pk__in=theirs.values("customer_id"))
            .annotate(visible_tickets=Count("tickets"))
        )

    @admin.display(description=_("tickets"), ordering="visible_tickets")
    def ticket_count(self, customer: Any) -> int:
        return customer.visible_tickets


@admin.register(Message)
class MessageAdmin(OfVisibleTeams, LedgerAdmin):
    list_display = ["ticket", "seq", "kind", "author_name", "text", "created_at"]
    list_filter = ["kind", "ticket__team"]
    list_select_related = ["ticket"]
    search_fields = ["ticket__number", "body", "author_name"]
    date_hierarchy = "created_at"

    @admin.display(description=_("text"))
    def text(self, message: Message) -> str:
        return excerpt(message.body)


@admin.register(Draft)
class DraftAdmin(OfVisibleTeams, LedgerAdmin):
    list_display = [
        "ticket",
        "author",
        "kind",
        "category",
        "state",
        "text",
        "edit_distance",
        "decided_by",
        "created_at",
    ]
    list_filter = ["state", "kind", "category", "ticket__team"]
    list_select_related = ["ticket", "author", "decided_by"]
    search_fields = ["ticket__number", "body"]

    @admin.display(description=_("proposed"))
    def text(self, draft: Draft) -> str:
        return excerpt(draft.body)


@admin.register(HandOver)
class HandOverAdmin(OfVisibleTeams, LedgerAdmin):
    list_display = [
        "ticket",
        "reason_code",
        "text",
        "created_at",
        "due_at",
        "answered_at",
        "suggested_for",
        "closed_at",
    ]
    list_filter = [
        "reason_code",
        ("closed_at", admin.EmptyFieldListFilter),
        ("overdue_since", admin.EmptyFieldListFilter),
        "ticket__team",
    ]
    list_select_related = ["ticket", "suggested_for"]
    search_fields = ["ticket__number", "summary"]

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A customer's address is personal data."""
        return [] if request.user.has_perm(Permission.VIEW_PII) else ["contact"]

    @admin.display(description=_("summary"))
    def text(self, hand_over: HandOver) -> str:
        return excerpt(hand_over.summary)


@admin.register(Skill)
class SkillAdmin(ConsoleModelAdmin):
    """Who is good at what. It suggests whom to ask, and gives nobody a right."""

    list_display = ["user", "category_shown", "language_shown"]
    list_filter = ["category", "language"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__first_name", "user__last_name"]
    autocomplete_fields = ["user"]

    @admin.display(description=_("category"), ordering="category")
    def category_shown(self, skill: Skill) -> str:
        return skill.get_category_display() or str(_("any"))

    @admin.display(description=_("language"), ordering="language")
    def language_shown(self, skill: Skill) -> str:
        return skill.language or str(_("any"))


@admin.register(TeamNotice)
class TeamNoticeAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "team_id"
    list_display = ["team", "ticket", "text", "author", "created_at"]
    list_filter = ["team"]
    list_select_related = ["team", "ticket", "author"]
    search_fields = ["ticket__number", "body"]

    @admin.display(description=_("message"))
    def text(self, notice: TeamNotice) -> str:
        return excerpt(notice.body)


@admin.register(Rating)
class RatingAdmin(OfVisibleTeams, LedgerAdmin):
    list_display = ["ticket", "score", "text", "created_at"]
    list_filter = ["score", "ticket__team"]
    list_select_related = ["ticket"]
    search_fields = ["ticket__number", "comment"]

    @admin.display(description=_("comment"))
    def text(self, rating: Rating) -> str:
        return excerpt(rating.comment)


@admin.register(Triage)
class TriageAdmin(OfVisibleTeams, LedgerAdmin):
    list_display = ["ticket", "category", "priority", "language", "sentiment", "team", "sure", "author", "created_at"]
    list_filter = ["category", "priority", "sentiment", "language", "team"]
    list_select_related = ["ticket", "team", "author"]
    search_fields = ["ticket__number", "reason"]
    date_hierarchy = "created_at"

    @admin.display(description=_("confidence"), ordering="confidence")
    def sure(self, triage: Triage) -> str:
        return f"{triage.confidence} %" if triage.is_sure else f"{triage.confidence} % (below {triage.threshold} %)"


@admin.register(TriageLabel)
class TriageLabelAdmin(OfVisibleTeams, LedgerAdmin):
    team_path = "triage__ticket__team_id"
    list_display = ["ticket", "said", "category", "priority", "language", "sentiment", "team", "by", "updated_at"]
    list_filter = ["category", "triage__category", "team"]
    list_select_related = ["triage__ticket", "team", "by"]
    search_fields = ["triage__ticket__number"]
    date_hierarchy = "updated_at"

    @admin.display(description=_("ticket"), ordering="triage__ticket")
    def ticket(self, label: TriageLabel) -> str:
        return label.triage.ticket.number

    @admin.display(description=_("triage said"), ordering="triage__category")
    def said(self, label: TriageLabel) -> str:
        return label.triage.get_category_display()


@admin.register(WorkPeriod)
class WorkPeriodAdmin(OfVisibleTeams, LedgerAdmin):
    list_display = ["ticket", "user", "started_at", "ended_at", "minutes"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "ticket__team"]
    list_select_related = ["ticket", "user"]
    search_fields = ["ticket__number", "user__username"]
    date_hierarchy = "started_at"

    @admin.display(description=_("worked"), ordering="seconds")
    def minutes(self, period: WorkPeriod) -> str:
        return f"{period.seconds // 60} min {period.seconds % 60:02} s"
