"""Approving several requests at once: a page that lists every one of them, and the result for each."""

from collections import Counter

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from approvals import services
from approvals.errors import InvalidDecision
from approvals.models import ApprovalRequest
from approvals.page import with_relations
from approvals.queries import Desk
from supportagent.console.money import format_money
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, require

MOST_LOOKED_AT = 200  # far more than may be approved together


@login_required
@require_http_methods(["GET", "POST"])
def together(request: HttpRequest) -> HttpResponse:
    """GET lists what was picked, with the sum; POST approves each of them as it was listed, and tells how it went."""
    require(request.user, Permission.VIEW_APPROVALREQUEST)
    if request.method == "POST":
        return _approved(request)
    picked = _visible(request, request.GET.getlist("pick"))
    return _listed(request, picked, status=200)


def _approved(request: HttpRequest) -> HttpResponse:
    shown = dict(item.partition(":")[::2] for item in request.POST.getlist("picked"))
    picked = _visible(request, shown)
    try:
        rows = services.approve_many(picked=[(each, shown[str(each.pk)]) for each in picked], by=person(request))
    except InvalidDecision as refused:
        return _listed(request, picked, refused=refused, status=refused.status)
    context = {"rows": rows, "done": sum(row.done for row in rows)}
    return render(request, "approvals/together_done.html", context)


def _listed(
    request: HttpRequest, picked: list[ApprovalRequest], *, status: int, refused: InvalidDecision | None = None
) -> HttpResponse:
    mine = Desk(person(request)).decidable.filter(pk__in=[each.pk for each in picked])
    decidable = set(mine.values_list("pk", flat=True))
    ready = [each for each in picked if each.pk in decidable]
    if refused is None:
        try:
            services.check_together(ready)
        except InvalidDecision as problem:
            refused = problem
    totals: Counter[str] = Counter()
    for each in ready:
        if each.amount_minor is not None:
            totals[each.currency] += each.amount_minor
    context = {
        "ready": ready,
        "left_out": [each for each in picked if each.pk not in decidable],
        "totals": [format_money(minor, currency) for currency, minor in sorted(totals.items())],
        "refused": refused,
    }
    return render(request, "approvals/together.html", context, status=status)


def _visible(request: HttpRequest, keys: object) -> list[ApprovalRequest]:
    wanted = [int(key) for key in keys if key.isdecimal() and len(key) < 15][:MOST_LOOKED_AT]  # type: ignore[attr-defined]
    found = ApprovalRequest.objects.visible_to(request.user).filter(pk__in=wanted)
    return list(with_relations(found).order_by("expires_at", "pk"))
