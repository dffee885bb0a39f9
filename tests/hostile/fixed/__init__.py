"""Level 1: a fixed list of attacks. Nothing in them depends on what we answer."""

from tests.hostile.fixed import approvals, claims, identity, money, replies, tools
from tests.hostile.stage import Scenario

FAMILIES: dict[str, tuple[Scenario, ...]] = {
    "money": money.ATTACKS,
    "identity": identity.ATTACKS,
    "tools": tools.ATTACKS,
    "approvals": approvals.ATTACKS,
    "replies": replies.ATTACKS,
    "claims": claims.ATTACKS,
}
CATALOGUE = tuple(scenario for attacks in FAMILIES.values() for scenario in attacks)
