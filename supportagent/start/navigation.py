"""The menu entry of the first steps, for those who may take them, until they are taken."""

from django.http import HttpRequest

from supportagent.console.navigation import NavItem, register
from supportagent.start.steps import is_missing, may_take


def is_offered(request: HttpRequest) -> bool:
    return may_take(request.user) and is_missing()


register(NavItem("First steps", "start:page", "flag", permission=is_offered, order=1))
