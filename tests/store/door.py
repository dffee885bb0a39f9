"""The server door as the gate uses it: a signed grant over the raw arguments, then the call."""

import itertools
from typing import Any

from django.contrib.auth.models import Group

from supportagent.grants import signing
from supportagent.grants.server import DomainServer, Outcome
from supportagent.staff.models import User
from tests.roles import write_roles

_calls = itertools.count(1)


def call(
    server: DomainServer,
    tool: str,
    arguments: dict[str, Any] | None = None,
    *,
    actor: User,
    customer: str = "CUS-1001",
    key: str = "",
) -> Outcome:
    """Call a tool with exactly these arguments; a new key each time unless one is given."""
    arguments = arguments or {}
    token = signing.issue(
        key=key or f"call-{next(_calls)}.1",
        server=server.name,
        tool=tool,
        arguments=arguments,
        customer=customer,
        actor=actor.pk,
    )
    return server.call(tool, arguments, grant_token=token)


def agent(role: str) -> User:
    """The service account of an agent in one role."""
    write_roles()
    user = User(username=f"agent-{role.lower().replace(' ', '-')}", kind=User.Kind.SERVICE)
    user.set_unusable_password()
    user.save()
    user.groups.add(Group.objects.get(name=role))
    return user
