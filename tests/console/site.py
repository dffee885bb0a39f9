"""A small site on the real settings: the admin, one console page, one fragment, one page that fails."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import path

PAGE = """{% extends "console/base.html" %}{% load console %}
{% block title %}Queue{% endblock %}{% block heading %}Queue{% endblock %}
{% block content %}<div data-live-url="/ws/queue/" hidden></div>
<div id="queue" hx-get="/console/queue/fragment/" hx-trigger="live:changed from:body" hx-swap="innerMorph"></div>
<button class="btn btn--primary" id="approve" type="button" data-needs-live>Approve</button>
{% endblock %}"""
FRAGMENT = """<p id="count">{{ count }}</p><ul><li>New request</li></ul>
<label>Reason <input class="input" id="reason"></label><details id="more"><summary>More</summary>Text</details>"""
visits = 0


@login_required
def queue(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(PAGE).render({}, request))


def fragment(request: HttpRequest) -> HttpResponse:
    global visits
    visits += 1
    return HttpResponse(engines["django"].from_string(FRAGMENT).render({"count": visits}, request))


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("ana may not see the secret rule R7")


def failing(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("password=hunter2")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("console/", queue, name="start"),
    path("console/queue/", queue, name="queue"),
    path("console/queue/fragment/", fragment),
    path("console/forbidden/", forbidden),
    path("console/failing/", failing),
    path("console/locked/", lambda request: render(request, "429.html", status=429)),
]
