from typing import Any

from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

from supportagent.console import gate, navigation
from supportagent.console.csp import ADMIN_CSP


class ConsoleSite(UnfoldAdminSite):
    """The admin site: the one zone with the relaxed policy, and the same menu as the console."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        if view == self.logout:
            # Both zones log out here, and Django would not let somebody who may not see the admin do so.
            return csp_replace(ADMIN_CSP)(view)
        return csp_replace(ADMIN_CSP)(super().admin_view(gate.guarded(view), cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Django routes the log-in page past `admin_view`, so it needs the policy of its own.
        log_in: Any = csp_replace(ADMIN_CSP)(super().login)  # Typed there for views that take a request alone.
        return log_in(request, extra_context)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return [
            {
                "title": section.label,
                "separator": index > 0,
                "items": [
                    {
                        "title": link.label,
                        "icon": link.icon,
                        "link": link.url,
                        "badge": link.badge,
                        "badge_variant": "primary",
                        "active": link.active,
                        "has_permission": True,
                    }
                    for link in section.links
                ],
            }
            for index, section in enumerate(navigation.menu_for(request))
        ]
