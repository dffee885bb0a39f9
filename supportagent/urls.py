"""The front doors: console and admin for staff, the widget for visitors, probes for the platform."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from supportagent.console.health import healthz, readyz


def pages_of(*modules: str) -> list[URLResolver]:
    """The pages of these apps; each module spells its full path."""
    return [path("", include(name)) for name in modules]


handler500 = "supportagent.console.outage.broken"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
    *pages_of(
        "approvals.urls",
        "agents.urls",
        "supportagent.staff.urls",
        "supportagent.workspace.urls",
        "supportagent.knowledge.urls",
        "supportagent.quality.urls",
        "supportagent.metrics.urls",
        "supportagent.explain.urls",
        "supportagent.start.urls",
    ),
    path("widget/", include("supportagent.widget.urls")),
]
if settings.DEMO_PAGES:
    urlpatterns += pages_of("supportagent.demo.urls")
