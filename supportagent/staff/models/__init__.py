"""Who works here: people, service accounts of agents, and the teams through which they see anything at all."""

from supportagent.staff.models.accounts import BuiltInRole, User
from supportagent.staff.models.hours import OpeningHours, Presence
from supportagent.staff.models.teams import (
    Team,
    TeamGroupGrant,
    TeamQuerySet,
    TeamUserGrant,
    explain_team,
    may_decide,
    may_see,
    teams_decided_ids,
    teams_visible_ids,
)
from supportagent.staff.models.tokens import AccessToken, AccessTokenQuerySet

__all__ = [
    "AccessToken",
    "AccessTokenQuerySet",
    "BuiltInRole",
    "OpeningHours",
    "Presence",
    "Team",
    "TeamGroupGrant",
    "TeamQuerySet",
    "TeamUserGrant",
    "User",
    "explain_team",
    "may_decide",
    "may_see",
    "teams_decided_ids",
    "teams_visible_ids",
]
