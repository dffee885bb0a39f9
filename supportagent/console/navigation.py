"""The one menu of both zones: every app registers its entries, the console and the admin draw them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from django.core import checks
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

SECTIONS = ("Operations", "Insight", "Configuration", "Records", "System")


@dataclass(frozen=True)
class NavItem:
    """One menu entry.

    `permission` is an "app.codename" (empty: everybody logged in) or a function of the request, for
    entries that hang on object permissions. `badge` gives the text of the small counter, "" for none.
    `icon` is the name of a Material Symbol. `section` is one of `SECTIONS`. Entries whose route starts
    with "admin:" are offered to staff only, since the admin lets nobody else in.
    """

    label: str
    url_name: str
    icon: str
    permission: str | Callable[[HttpRequest], bool] = ""
    badge: Callable[[HttpRequest], str] | None = None
    order: int = 100
    section: str = "Operations"

    def is_offered_to(self, request: HttpRequest) -> bool:
        user = request.user
        if not user.is_active or (self.url_name.startswith("admin:") and not user.is_staff):
            return False
        if callable(self.permission):
            return self.permission(request)
        return not self.permission or user.has_perm(self.permission)


@dataclass(frozen=True)
class NavLink:
    """A menu entry as one request sees it."""

    label: str
    url: str
    icon: str
    badge: str
    active: bool


@dataclass(frozen=True)
class NavSection:
    label: str
    links: list[NavLink]


_items: dict[str, NavItem] = {}


def register(item: NavItem) -> None:
    """Add a menu entry; the same route registered again replaces the earlier entry.

    Raises ValueError for a section that does not exist.
    """
    if item.section not in SECTIONS:
        raise ValueError(f"unknown menu section {item.section!r}; one of {', '.join(SECTIONS)}")
    _items[item.url_name] = item


def menu_for(request: HttpRequest) -> list[NavSection]:
    """The entries that this person may open, by section, with the current one marked."""
    offered = [(item, url) for item in _sorted() if item.is_offered_to(request) and (url := _url(item))]
    current = _current(request.path, [url for _, url in offered])
    sections = []
    for label, group in groupby(offered, key=lambda pair: pair[0].section):
        links = [
            NavLink(
                label=item.label,
                url=url,
                icon=item.icon,
                badge=item.badge(request) if item.badge else "",
                active=url == current,
            )
            for item, url in group
        ]
        sections.append(NavSection(label=label, links=links))
    return sections


def _sorted() -> list[NavItem]:
    return sorted(_items.values(), key=lambda item: (SECTIONS.index(item.section), item.order, item.label))


def _url(item: NavItem) -> str:
    """The address, "" for an entry without a route: the system check below reports those."""
    try:
        return reverse(item.url_name)
    except NoReverseMatch:
        return ""


def _current(path: str, urls: list[str]) -> str:
    """The longest entry address that `path` lies under: `/console/runs/7` marks Runs, not the start page."""
    return max((url for url in urls if path == url or _is_below(path, url)), key=len, default="")


def _is_below(path: str, url: str) -> bool:
    # A section's start page is a prefix of everything in the section, so it is marked by itself alone.
    return url.count("/") > 2 and path.startswith(url if url.endswith("/") else f"{url}/")


@checks.register(checks.Tags.urls)
def check_entries_have_routes(**kwargs: object) -> list[checks.CheckMessage]:
    return [
        checks.Warning(f"The menu entry {item.label!r} names the unknown route {item.url_name!r}.", id="console.W001")
        for item in _sorted()
        if not _url(item)
    ]
