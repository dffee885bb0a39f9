"""Who sits in front of a page."""

from django.http import HttpRequest

from supportagent.staff.models import User


def person(request: HttpRequest) -> User:
    """Who is logged in. Pages that let nobody else in ask it: by `login_required`, or as pages of the admin."""
    assert isinstance(request.user, User)  # noqa: S101 - the project has one user model
    return request.user
