"""Endpoints to configure, and what became of every message."""

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from approvals.models import Delivery, WebhookEndpoint
from approvals.notifications import services
from approvals.notifications.forms import WebhookEndpointForm
from approvals.notifications.topics import topic_of
from approvals.notifications.webhook import key_named
from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.console.columns import NONE, link
from supportagent.staff.models import teams_visible_ids
from supportagent.staff.permissions import Permission, has

STATES = {"waiting": "info", "sent": "success", "failed": "danger", "dropped": "default"}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ConsoleModelAdmin):
    """Another system that hears of requests and alerts, by messages signed as Standard Webhooks describes."""

    form = WebhookEndpointForm
    list_display = ["name", "url", "hears_of", "signs", "enabled"]
    list_filter = ["enabled", "teams"]
    search_fields = ["name", "url"]
    filter_horizontal = ["teams"]
    fieldsets = [
        (None, {"fields": [("name", "enabled"), "url", "teams"]}),
        ("Signature", {"fields": [("secret", "next_secret")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).prefetch_related("teams")

    @display(description="hears of")
    def hears_of(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(team.name for team in endpoint.teams.all()) or "nothing: no team is chosen"

    @display(description="signs with")
    def signs(self, endpoint: WebhookEndpoint) -> str:
        names = [name for name in (endpoint.secret, endpoint.next_secret) if name]
        return ", ".join(name if _is_set(name) else f"{name} (not usable in this process)" for name in names)


def _is_set(name: str) -> bool:
    try:
        return bool(key_named(name))
    except LookupError:
        return False


@admin.register(Delivery)
class DeliveryAdmin(LedgerAdmin):
    """Every message about a request or an alert: to whom, how it went, and why it did not."""

    list_display = ["created_at", "reference", "what", "to", "state_shown", "attempts", "ended_at", "why"]
    list_filter = ["state", "notice__kind", "endpoint", "notice__request__ticket__team", "created_at"]
    list_select_related = ["notice__request", "recipient", "endpoint"]
    search_fields = ["notice__request__ticket__number", "recipient__username", "endpoint__name"]
    date_hierarchy = "created_at"
    actions = ["send_again"]  # type: ignore[assignment]
    fields = readonly_fields = [
        "reference",
        "what",
        "to",
        "state_shown",
        "why",
        "created_at",
        "ended_at",
        "attempts",
        "next_attempt_at",
        "key",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Of the teams that the reader may see; those about the whole house for who sees every team."""
        visible = teams_visible_ids(request.user)
        seen = Q(notice__request__ticket__team_id__in=visible) | Q(notice__team_id__in=visible)
        if has(request.user, Permission.VIEW_TEAM):
            seen |= Q(notice__request=None, notice__team=None)
        return super().get_queryset(request).filter(seen)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(Permission.RESEND_DELIVERY)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Permission.RESEND_DELIVERY)

    @admin.action(description="Send again", permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        rows = queryset.select_related("notice__request__ticket")
        again = sum(services.resend(delivery=row, by=request.user) for row in rows)  # type: ignore[arg-type]
        self.message_user(request, f"{again} messages will be sent again; {len(rows) - again} are waiting anyway.")

    @display(description="about", ordering="notice__request_id")
    def reference(self, delivery: Delivery) -> SafeString:
        words, path = topic_of(delivery.notice).reference(delivery.notice)
        return link(path, words)

    @display(description="what", ordering="notice__kind")
    def what(self, delivery: Delivery) -> str:
        return delivery.notice.get_kind_display()

    @display(description="to")
    def to(self, delivery: Delivery) -> str:
        return delivery.recipient.display_name if delivery.recipient else f"{delivery.endpoint} (webhook)"

    @display(description="state", ordering="state", label=STATES)
    def state_shown(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description="why")
    def why(self, delivery: Delivery) -> str:
        return delivery.problem or NONE
