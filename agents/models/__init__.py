"""Agents, their runs, what they asked for, and what it cost."""

from agents.models.agent import Agent, AgentGroupGrant, AgentUserGrant, CategoryAutonomy, KillSwitch
from agents.models.budget import Budget, Spend
from agents.models.comparison import Comparison
from agents.models.cost_alert import CostAlert
from agents.models.hand_off import HandOff, HandOffRoute
from agents.models.human_rate import HumanBaseline, HumanRate
from agents.models.interaction import Interaction, RollupMark
from agents.models.model_call import ModelCall
from agents.models.price import InfrastructureCost, Price
from agents.models.run import Run, RunEvent
from agents.models.spend_hour import SpendHour
from agents.models.tool_call import EffectSubject, Resolution, Tally, ToolCall, VelocityCap

__all__ = [
    "Agent",
    "AgentGroupGrant",
    "AgentUserGrant",
    "Budget",
    "CategoryAutonomy",
    "Comparison",
    "CostAlert",
    "EffectSubject",
    "HandOff",
    "HandOffRoute",
    "HumanBaseline",
    "HumanRate",
    "InfrastructureCost",
    "Interaction",
    "KillSwitch",
    "ModelCall",
    "Price",
    "Resolution",
    "RollupMark",
    "Run",
    "RunEvent",
    "Spend",
    "SpendHour",
    "Tally",
    "ToolCall",
    "VelocityCap",
]
