"""The roles that the code brings, for tests that need no more than them."""

from supportagent.staff.roles import sync_roles
from tests import database


def write_roles() -> None:
    """Written, or copied where nothing was written before them; where they are already, nothing changes."""
    database.write_once(_sync)


def _sync() -> None:
    sync_roles()
