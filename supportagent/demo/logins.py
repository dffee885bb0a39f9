"""The people one can log in as in the demo, and the guard that keeps their password out of production."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

logger = logging.getLogger(__name__)

PASSWORD = "demo"  # noqa: S105 - published in the README on purpose


@dataclass(frozen=True)
class DemoLogin:
    """A log-in of the demo: `teams` are the slugs of the teams whose work the person sees and decides."""

    username: str
    first_name: str
    last_name: str
    role: str
    teams: tuple[str, ...]
    shows: str


LOGINS = (
    DemoLogin("supervisor", "Ana", "Ruiz", "Supervisor", ("orders", "billing", "technical"), "approves the refund"),
    DemoLogin("finance", "Femi", "Adeyemi", "Finance lead", ("billing",), "approves what costs a lot"),
    DemoLogin("rep", "Rosa", "Lind", "Support rep", ("orders",), "answers customers, decides nothing"),
    DemoLogin("admin", "Amir", "Haddad", "Ops admin", (), "configures agents, tools and policies"),
    DemoLogin("deputy", "Dora", "Klein", "Ops admin", (), "puts in force what another admin proposes"),
    DemoLogin("auditor", "Aiko", "Tanaka", "Auditor", (), "reads and exports the audit trail"),
    DemoLogin("partner", "Piet", "de Vries", "Supervisor", ("partners",), "sees another team's work only"),
)


class RefuseDemoPassword:
    """In production nobody gets in with the published password, whoever the account belongs to.

    Not a full back end: one with `get_user` could be asked who is logged in, and this one does not know.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> None:
        if settings.PRODUCTION and password == PASSWORD:
            logger.warning("Production refused a log-in with the demo password")
            raise PermissionDenied("Production refuses the demo log-ins.")
