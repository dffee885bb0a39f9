"""The pages that every look at the whole console visits."""

from typing import Any


def console_pages(facts: dict[str, Any]) -> list[str]:
    """Lists and details of the console; `facts` name a customer's ticket, run and approval request."""
    return [
        "/console/approvals/",
        f"/console/approvals/{facts['approval']}/",
        f"/console/approvals/{facts['approval']}/?edit=again",
        f"/console/approvals/together/?pick={facts['approval']}",
        "/console/approvals/?split=decided",
        "/console/approvals/?q=nothing-matches-this",
        "/console/",
        "/console/?period=90&category=other",
        "/console/agents/",
        "/console/agents/billing/",
        "/console/labels/",
        "/console/labels/results/",
        "/console/runs/",
        f"/console/runs/{facts['run']}/",
        "/console/ratings/",
        "/console/knowledge/gaps/",
        "/console/costs/",
        "/console/costs/?period=today",
        "/console/costs/alerts/",
        "/console/tickets/",
        f"/console/tickets/{facts['ticket']}/",
    ]
