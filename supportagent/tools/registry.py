"""The built-in domain servers, by name. The dotted paths stand in settings, never in a row an admin edits."""

import functools

from django.conf import settings
from django.utils.module_loading import import_string

from supportagent.grants.server import DomainServer


class UnknownServer(LookupError):
    """No server of that name is configured."""


@functools.cache
def get_server(name: str) -> DomainServer:
    """Return the built-in server; raises UnknownServer."""
    try:
        path = settings.MCP_SERVERS[name]
    except KeyError:
        raise UnknownServer(name) from None
    return import_string(path)
