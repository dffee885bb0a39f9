"""Two pages beside the list of rules: the test bench and the coverage."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from unfold.decorators import action

from approvals import bench, bench_form, coverage
from approvals.models import ApprovalPolicy, ApprovalRequest
from approvals.policy import rules_in_force
from approvals.wording import because, duration_in_words
from supportagent.staff.models import Team
from supportagent.staff.permissions import Permission
from supportagent.tools.models import Tool


class RulePages:
    """What the admin of the rules offers beside its list. Both pages need the right to see rules."""

    actions_list = ["bench_page", "coverage_page"]

    @action(description="Test bench", url_path="bench", permissions=["view"], icon="science")
    def bench_page(self: Any, request: HttpRequest) -> HttpResponse:
        """Try a call: nothing is kept, so a POST only keeps what was typed out of addresses and logs."""
        loaded, rule = _loaded(request), _rule(request)
        tools = _tools()
        tool = _tool(request, tools, loaded, rule)
        form = findings = None
        if tool is not None:
            initial = bench_form.usual_values(tool) | {
                "team": Team.objects.order_by("pk").values_list("pk", flat=True).first()
            }
            initial |= bench_form.values_of_request(loaded) if loaded else {}
            initial |= bench_form.values_of_rule(rule) if rule else {}
            form = bench_form.BenchForm(request.POST or None, tool=tool, initial=initial)
            if request.method == "POST" and form.is_valid():
                findings = bench.try_out(form.trial(), form.draft())
        context = {
            **self.admin_site.each_context(request),
            "title": "Test bench",
            "tools": tools,
            "tool": tool,
            "loaded": loaded,
            "form": form,
            "findings": findings,
            "asked": [(asked, because(asked)) for asked in findings.asked] if findings else [],
            "times": _times(findings) if findings else {},
            "sources": bench_form.SOURCES,
            "may_load": _may_load(request),
        }
        status = 422 if form is not None and form.is_bound and not form.is_valid() else 200
        return render(request, "approvals/bench.html", context, status=status)

    @action(description="Coverage", url_path="coverage", permissions=["view"], icon="fact_check")
    def coverage_page(self: Any, request: HttpRequest) -> HttpResponse:
        """Which rules hold for which tool, and what no rule holds."""
        context = {
            **self.admin_site.each_context(request),
            "title": "What the rules cover",
            "report": coverage.report(),
            "book": rules_in_force(),
        }
        return render(request, "approvals/coverage.html", context)


def _tools() -> list[Tool]:
    """Every tool that a rule may be asked about: those that write, and reads that a rule names."""
    named = ApprovalPolicy.objects.filter(tool__isnull=False).values("tool")
    found = Tool.objects.filter(Q(effect=Tool.Effect.WRITE) | Q(pk__in=named), host_only=False)
    return list(found.select_related("server").order_by("qualified_name"))


def _tool(
    request: HttpRequest, tools: list[Tool], loaded: ApprovalRequest | None, rule: ApprovalPolicy | None
) -> Tool | None:
    if loaded:
        return loaded.tool
    wanted = request.GET.get("tool", "") or (str(rule.tool_id) if rule and rule.tool_id else "")
    return next((tool for tool in tools if str(tool.pk) == wanted), None)


def _may_load(request: HttpRequest) -> bool:
    user = request.user
    return user.has_perm(Permission.VIEW_APPROVALREQUEST) and user.has_perm(Permission.VIEW_PII)


def _loaded(request: HttpRequest) -> ApprovalRequest | None:
    """The request whose values are to be tried: its facts are personal data of a customer."""
    reference = request.GET.get("request", "").strip().upper().removeprefix("R-")
    if not reference:
        return None
    if not _may_load(request):
        raise PermissionDenied("You may not see approval requests with customers' personal data.")
    if not reference.isdecimal() or len(reference) > 15:
        raise Http404
    seen = ApprovalRequest.objects.visible_to(request.user).select_related("tool__server", "ticket")
    return get_object_or_404(seen, pk=int(reference))


def _rule(request: HttpRequest) -> ApprovalPolicy | None:
    wanted = request.GET.get("rule", "")
    return ApprovalPolicy.objects.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 15 else None


def _times(findings: bench.Findings) -> dict[str, str]:
    ruling = findings.ruling
    times = {
        "goes on to more people after": duration_in_words(ruling.respond_within),
        "is refused after": duration_in_words(ruling.expires_after),
    }
    return times | ({"can be undone for": f"{ruling.undo_seconds} s"} if ruling.tier == "T1" else {})
