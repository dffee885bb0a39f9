"""The menu entry of what the knowledge base lacks."""

from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission

register(
    NavItem(
        "Knowledge gaps", "knowledge:gaps", "quiz", permission=Permission.VIEW_ARTICLE, section="Insight", order=120
    )
)
