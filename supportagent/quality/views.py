"""Where people judge what agents did, one item after the other, and where they see what came of it."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from supportagent.quality import queue as waiting
from supportagent.quality import services
from supportagent.quality.case import case_of
from supportagent.quality.errors import AlreadyLabelled, InvalidLabel, LabelRefused, NotForYou
from supportagent.quality.models import Label, SampledItem
from supportagent.quality.results import PERIODS, USUAL, results_for
from supportagent.staff.logged_in import person
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has, require

SKIPPED = "labels_skipped"  # in the session: ids, the first skipped first
MOST_SKIPPED = 200


@login_required
@never_cache
@require_GET
def queue(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The next item that this person is asked to judge, or the one that they name."""
    user = _labeller(request)
    return _show(request, _visible(user, pk) if pk else waiting.next_for(user, _skipped(request)))


@login_required
@require_POST
def label(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the verdict and go on to the next item."""
    user = _labeller(request)
    item = _visible(user, pk)
    try:
        services.label(
            item=item,
            by=user,
            verdict=request.POST.get("verdict", ""),
            reason=request.POST.get("reason", ""),
            words=request.POST.get("words", ""),
        )
    except NotForYou as refused:
        raise Http404 from refused
    except LabelRefused as refused:
        # What was judged before is done with; what was filled in wrongly stays before the labeller.
        shown = waiting.next_for(user, _skipped(request)) if isinstance(refused, AlreadyLabelled) else item
        return _show(request, shown, refused)
    return HttpResponseRedirect(reverse("quality:queue"))


@login_required
@require_POST
def skip(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave an item for later: it comes back after the others."""
    item = _visible(_labeller(request), pk)
    kept = [each for each in _skipped(request) if each != item.pk]
    request.session[SKIPPED] = [*kept, item.pk][-MOST_SKIPPED:]
    return HttpResponseRedirect(reverse("quality:queue"))


@login_required
@never_cache
@require_GET
def results(request: HttpRequest) -> HttpResponse:
    """Accuracy with what it rests on, per tool and version of an agent."""
    require(request.user, Permission.VIEW_DASHBOARD)
    days = request.GET.get("days", USUAL)
    days = days if days in PERIODS else USUAL
    found = results_for(person(request), days, timezone.now())
    return render(request, "quality/results.html", {"found": found, "days": days, "periods": PERIODS.items()})


def _show(request: HttpRequest, item: SampledItem | None, refused: LabelRefused | None = None) -> HttpResponse:
    user = person(request)
    context = {
        "case": case_of(item) if item else None,
        "left": waiting.waiting_for(user).count(),
        "may": {"personal_data": has(user, Permission.VIEW_PII)},
        "reasons": Label.Reason.choices,
        "refused": refused,
        "refused_field": refused.field if isinstance(refused, InvalidLabel) else "",
        "entered": request.POST if refused else {},
        "results": has(user, Permission.VIEW_DASHBOARD),
        "fetched": "HX-Request" in request.headers,
    }
    return render(request, "quality/queue.html", context, status=refused.status if refused else 200)


def _visible(user: User, pk: int) -> SampledItem:
    """404 for what is of another team, and for what this person had a hand in."""
    return get_object_or_404(waiting.open_to(user).select_related("stratum", "run__ticket__team", "run__agent"), pk=pk)


def _labeller(request: HttpRequest) -> User:
    user = person(request)
    if user.is_service:
        raise PermissionDenied("Only people judge what agents did.")
    require(user, Permission.ADD_LABEL)
    return user


def _skipped(request: HttpRequest) -> list[int]:
    kept: list[int] = request.session.get(SKIPPED, [])
    return kept
