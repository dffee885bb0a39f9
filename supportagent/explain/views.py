"""The page that says why: it asks the functions of the gate and changes nothing."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.models import ApprovalRequest
from supportagent.explain import answers
from supportagent.explain.forms import CALL, DECIDE, QuestionForm
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has

OFFERED = 200  # names in the list that helps typing


@login_required
@require_GET
def explain(request: HttpRequest) -> HttpResponse:
    """Everybody may ask about himself; about others, whoever may ask why."""
    asker = request.user
    assert isinstance(asker, User)  # noqa: S101 - login_required, and the project has one user model
    people = _askable(asker)
    asked = request.GET if "may" in request.GET else None
    form = QuestionForm(asked, asker=asker, people=people, initial={"who": asker.username})
    verdict = _verdict(form.cleaned_data) if asked is not None and form.is_valid() else None
    context = {
        "form": form,
        "verdict": verdict,
        "who": form.cleaned_data["who"] if verdict else None,
        "question": dict(form.fields["may"].choices).get(form.cleaned_data["may"]) if verdict else "",  # type: ignore[attr-defined]
        "about": _about(form.cleaned_data) if verdict else "",
        "people": people.order_by("username").values_list("username", flat=True)[:OFFERED],
    }
    return render(request, "explain/page.html", context, status=422 if form.is_bound and verdict is None else 200)


def _askable(asker: User) -> "QuerySet[User]":
    everybody = User.objects.all()
    return everybody if has(asker, Permission.EXPLAIN_ACCESS) else everybody.filter(pk=asker.pk)


def _verdict(asked: dict[str, Any]) -> answers.Verdict:
    if asked["may"] == CALL:
        return answers.about_call(asked["who"], asked["tool"], _call(asked))
    if asked["may"] == DECIDE:
        return answers.about_decision(
            asked["who"], asked["tool"], _call(asked), team=asked["team"], request=asked["request"]
        )
    permission = Permission(asked["permission"])  # type: ignore[call-arg]  # see Permission
    return answers.about_permission(asked["who"], permission, team=asked["team"])


def _call(asked: dict[str, Any]) -> answers.Call:
    """The call of the request that was named, or what was typed."""
    request: ApprovalRequest | None = asked["request"]
    if request is None:
        return answers.Call(arguments=asked["arguments"], assurance=asked["assurance"])
    return answers.Call(
        arguments=asked["arguments"] or json.loads(request.bound_arguments),
        assurance=asked["assurance"],
        facts=request.facts,
        sums=request.sums,
        provenance=request.provenance,
    )


def _about(asked: dict[str, Any]) -> str:
    if asked["may"] in (CALL, DECIDE):
        return str(asked["tool"])
    return str(asked["permission"])
