"""Agents, their runs, what they asked for, and what it cost."""

from agents.models.agent import Agent, AgentGroupGrant, AgentUserGrant, KillSwitch
from agents.models.budget import Budget, Spend
from agents.models.model_call import ModelCall
from agents.models.run import Run, RunEvent
from agents.models.tool_call import EffectSubject, Resolution, Tally, ToolCall, VelocityCap

__all__ = [
    "Agent",
    "AgentGroupGrant",
    "AgentUserGrant",
    "Budget",
    "EffectSubject",
    "KillSwitch",
    "ModelCall",
    "Resolution",
    "Run",
    "RunEvent",
    "Spend",
    "Tally",
    "ToolCall",
    "VelocityCap",
]
