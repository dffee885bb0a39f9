"""Agents in the admin: what a person configures, and the ledgers that a person reads."""

from agents.admin import agent, budget, calls, hand_offs, human_rates, kill_switch, prices, runs, servers, velocity

__all__ = [
    "agent",
    "budget",
    "calls",
    "hand_offs",
    "human_rates",
    "kill_switch",
    "prices",
    "runs",
    "servers",
    "velocity",
]
