"""The service accounts in whose names agents act: their roles are all that an agent may do."""

from collections.abc import Iterable

from django.contrib.auth.models import Group

from supportagent.staff.models import User


def account_name(slug: str) -> str:
    """The service account of the agent with this slug."""
    return f"agent-{slug}"


def make_account(*, slug: str, name: str, roles: Iterable[Group]) -> User:
    """The account of a new agent, in these roles. Nobody logs in with it."""
    account = User(username=account_name(slug), first_name=name, kind=User.Kind.SERVICE)
    account.set_unusable_password()
    account.save()
    account.groups.set(roles)
    return account
