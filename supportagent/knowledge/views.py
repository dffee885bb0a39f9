"""Knowledge gaps: what was asked and found no article, so that somebody writes it."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from supportagent.console.references import references
from supportagent.knowledge import gaps
from supportagent.knowledge.models import Article, Gap, GapSettlement
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has, require

PAGE_SIZE = 30
SETTLED_SHOWN = 20


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Alike questions together, the most frequent first, each with the tickets that this person may see."""
    require(request.user, Permission.VIEW_ARTICLE)
    return _render(request)


@login_required
@require_POST
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which article answers a group of questions, or that none is to. `pk` is the newest that the page showed."""
    require(request.user, Permission.VIEW_ARTICLE)
    gap, said = get_object_or_404(Gap, pk=pk), request.POST
    verdict, slug, text = said.get("verdict", ""), said.get("article", ""), said.get("note", "")
    try:
        gaps.settle(gap=gap, verdict=verdict, by=person(request), article_slug=slug, text=text)
    except gaps.GapError as refused:
        return _render(request, refused)
    return HttpResponseRedirect(reverse("knowledge:gaps"))


def _render(request: HttpRequest, refused: gaps.GapError | None = None) -> HttpResponse:
    user = person(request)
    page: Page[dict[str, object]] = Paginator(gaps.open_groups(), PAGE_SIZE).get_page(request.GET.get("page"))
    groups = gaps.with_examples(list(page.object_list))
    asked = {gap.call_id for group in groups for gap in group.examples}
    tickets = references("ticket_of_call", user, asked)
    for group in groups:
        for gap in group.examples:
            gap.ticket = tickets.get(gap.call_id)  # type: ignore[attr-defined]
    may_settle = has(user, Permission.SETTLE_GAP)
    context = {
        "page": page,
        "groups": groups,
        "may_settle": may_settle,
        "personal_data": has(user, Permission.VIEW_PII),
        "articles": list(Article.objects.published().values_list("slug", "title")) if may_settle and groups else [],
        "settled": GapSettlement.objects.select_related("article", "through")[:SETTLED_SHOWN],
        "note_limit": gaps.NOTE_LIMIT,
        "refused": refused,
    }
    return render(request, "knowledge/gaps.html", context, status=refused.status if refused else 200)
