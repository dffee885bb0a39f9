"""Level 1: a fixed list of attacks. Nothing in them depends on what we answer."""

from tests.hostile.fixed import approvals, claims, identity, money, replies, tools
from tests.hostile.stage import Scenario

CATALOGUE: tuple[Scenario, ...] = (
    *money.ATTACKS,
    *identity.ATTACKS,
    *tools.ATTACKS,
    *approvals.ATTACKS,
    *replies.ATTACKS,
    *claims.ATTACKS,
)
