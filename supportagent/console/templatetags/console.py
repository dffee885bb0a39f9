import datetime as dt
from typing import Any

from django import template
from django.conf import settings
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from supportagent.console import navigation
from supportagent.console.money import format_micros

register = template.Library()


@register.simple_tag(takes_context=True)
def console_menu(context: dict[str, Any]) -> list[navigation.NavSection]:
    """The menu of the person looking, for `{% console_menu as menu %}`; empty when nobody is logged in."""
    request = context.get("request")
    if request is None or not getattr(request, "user", None) or not request.user.is_authenticated:
        return []
    return navigation.menu_for(request)


@register.simple_tag
def uses_demo_model() -> bool:
    """Whether agents answer with a demo model unless they name another: nobody should take it for a real one."""
    return settings.DEFAULT_MODEL_PROVIDER in settings.DEMO_PROVIDERS


@register.simple_tag
def one_admin_alone() -> bool:
    """Whether what loosens the rules is in force without a second admin: everybody should know that."""
    return not settings.SECOND_ADMIN


@register.filter
def micros(amount: int) -> str:
    """What a model cost, in micro-units of a dollar: `USD 0.0012`."""
    return format_micros(amount)


@register.filter
def plain(number: float) -> str:
    """A length in a drawing: `7.5`, with a point in every language."""
    return f"{number:g}"


@register.filter
def unlocalised(number: float | None) -> str:
    """A value as machines read it, whole: `0.38095238095238093`."""
    return repr(number)


@register.filter
def in_minutes(duration: dt.timedelta) -> int:
    return -(-int(duration.total_seconds()) // 60)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A Material Symbol; decoration only, so always beside words or inside a named control."""
    return format_html('<span class="icon" aria-hidden="true">{}</span>', name)


# State -> colour, for the states of runs, tool calls, approvals, tickets and agents. The words are always
# written out; the colour only repeats them.
STATUS_KINDS = {
    "info": {"RUNNING", "QUEUED", "READY", "SENDING", "PROPOSED", "OPEN", "DRAFT"},
    "success": {"COMPLETED", "SUCCEEDED", "APPROVED", "RESOLVED", "LIVE", "ACTIVE", "SENT"},
    "warning": {
        "AWAITING_APPROVAL",
        "PENDING",
        "WAITING_APPROVAL",
        "WAITING_PERSON",
        "HANDED_OVER",
        "PARKED",
        "PAUSED",
        "OUTCOME_UNKNOWN",
    },
    "danger": {"FAILED", "REFUSED", "REJECTED"},
}


@register.simple_tag
def status(state: str, label: str = "") -> SafeString:
    """A badge for a state such as "AWAITING_APPROVAL"; an unlisted state is drawn in grey."""
    kind = next((kind for kind, states in STATUS_KINDS.items() if state.upper() in states), "neutral")
    words = label or state.replace("_", " ").capitalize()
    return format_html('<span class="badge badge--{}"><span class="dot"></span>{}</span>', kind, words)


@register.simple_tag
def countdown(deadline: dt.datetime, over: str = "expired") -> SafeString:
    """The time left until `deadline`, which console.js keeps ticking against the server's clock, then `over`."""
    now = timezone.now()
    return format_html(
        '<time class="countdown" datetime="{0}" data-deadline="{0}" data-now="{1}" data-over="{3}">{2}</time>',
        deadline.isoformat(),
        now.isoformat(),
        _time_left(deadline - now) if deadline > now else over,
        over,
    )


@register.simple_tag
def ago(moment: dt.datetime) -> SafeString:
    """ "4 min ago", with the full time as a tooltip."""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        formats.date_format(local, "DATETIME_FORMAT"),
        _time_since(timezone.now() - moment),
    )


def _time_left(left: dt.timedelta) -> str:
    """The same words as live.js writes: "expired", "0:42", "14:05", "3 h 20 min", "2 d 4 h"."""
    seconds = int(left.total_seconds())
    if seconds <= 0:
        return "expired"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def _time_since(passed: dt.timedelta) -> str:
    seconds = int(passed.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"
